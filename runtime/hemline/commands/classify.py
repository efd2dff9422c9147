"""hemline classify: name what is in pictures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands import DEVICE

if TYPE_CHECKING:
    from hemline.classifier import Classifier
    from hemline.prediction import Result
    from hemline.report.contact_sheet import Sheets
    from hemline.sources import Item

UNKNOWN = "unknown"  # in the column of labels; in JSON the label is null


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "pictures",
        nargs="*",
        metavar="IMAGE|FOLDER|GLOB|-",
        help="picture files, folders (and what is below them), quoted globs, or - for one picture on stdin",
    )
    parser.add_argument(
        "--bundle", metavar="B", help="bundle directory or name (default: the tier that fits the device)"
    )
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the best that runs here)")
    parser.add_argument(
        "--device", metavar="NAME|PATH", help=f"{DEVICE}: chooses the tier, orders the artifacts, sets the threads"
    )
    parser.add_argument("--top", type=int, default=3, metavar="K", help="how many labels to give (default: 3)")
    parser.add_argument(
        "--max-risk",
        type=float,
        metavar="R",
        help="call an answer good only where at most this share of good ones is wrong, such as 0.01",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--explain", metavar="DIR", help="write contact sheets: each picture, its garment, and what the model sees"
    )
    bulk = parser.add_argument_group("a whole collection on Apache Spark")
    bulk.add_argument("--spark", metavar="MASTER_URL", help="such as spark://host:7077, or local[4]")
    bulk.add_argument("--input", metavar="PATH", help="a folder or glob of pictures, or a table: PATH.parquet")
    bulk.add_argument("--output", metavar="PATH.parquet", help="table of answers; an unfinished one is gone on with")
    bulk.add_argument("--part", type=int, metavar="N", help="pictures whose answers are committed together")


def run(options: argparse.Namespace) -> int:
    """Classify; 4 when a picture could not be read."""
    from hemline.errors import UsageError

    if options.spark is not None and options.explain is not None:
        raise UsageError("--explain DIR goes with pictures on this machine, not with --spark")
    alone = {"--input": options.input, "--output": options.output, "--part": options.part}
    if options.spark is not None:
        return _bulk(options)
    for name, value in alone.items():
        if value is not None:
            raise UsageError(f"{name} goes with --spark MASTER_URL")
    if not options.pictures:
        raise UsageError("which pictures? give files, folders, globs, or - for standard input")
    return _classify(options)


def _classify(options: argparse.Namespace) -> int:
    import json
    from contextlib import nullcontext
    from pathlib import Path

    from hemline.classifier import Classifier
    from hemline.report.contact_sheet import Sheets
    from hemline.sources import connect

    # ASCII: a file name need not be valid UTF-8, a line of JSON must
    encode = json.JSONEncoder().encode
    failed = False
    with (
        Sheets(Path(options.explain)) if options.explain else nullcontext() as sheets,
        connect("files", options.pictures) as source,
        Classifier.open(
            options.bundle,
            artifact=options.artifact,
            device=options.device,
            top=options.top,
            max_risk=options.max_risk,
        ) as classifier,
    ):
        width = max(len(label) for label in (*classifier.bundle.labels, UNKNOWN))
        for item in source:
            result = classifier.classify_item(item) if sheets is None else _explained(classifier, item, sheets)
            failed |= result.quality == "bad"
            if options.json:
                print(encode(result.as_dict()))
            else:
                print(_row(result, width))
    return 4 if failed else 0


def _explained(classifier: Classifier, item: Item, sheets: Sheets) -> Result:
    """Classify an item, and put it on the contact sheet."""
    from hemline.errors import PictureError

    try:
        picture, seen = classifier.look_at_item(item)
    except PictureError as error:
        return classifier.refuse(item.source, str(error))
    sheets.add(picture, seen)
    return seen.result


def _row(result: Result, width: int) -> str:
    """Return one line of the table: label, confidence, quality, the picture, the runners-up."""
    from hemline.image import shown

    if result.quality == "bad":
        return f"{'-':<{width}}  {'-':>5}  {result.quality:<9}  {result.reason}"
    if result.label is None:
        return f"{UNKNOWN:<{width}}  {'-':>5}  {result.quality:<9}  {shown(result.source)}  ({result.reason})"
    others = ", ".join(f"{label} {share:.2f}" for label, share in result.top[1:])
    also = f"  (then {others})" if others else ""
    return f"{result.label:<{width}}  {result.confidence:5.3f}  {result.quality:<9}  {shown(result.source)}{also}"


def _bulk(options: argparse.Namespace) -> int:
    """Classify on a cluster; 4 when a picture could not be read."""
    import json
    import sys
    from pathlib import Path

    from hemline.bundle import Bundle
    from hemline.cluster import bulk
    from hemline.errors import UsageError
    from hemline.select import choose, find_bundle

    if options.pictures or options.device:
        raise UsageError("--spark takes its pictures from --input, and no --device: it runs one thread a core")
    if options.input is None or options.output is None:
        raise UsageError("--spark needs --input PATH and --output PATH.parquet")
    if "://" in options.output:
        raise UsageError(f"--output {options.output}: give a path, on a disk that every machine sees; no URL")
    if options.top < 1 or (options.part is not None and options.part < 1):
        raise UsageError("--top and --part are 1 or more")
    bundle = Bundle.load(find_bundle(options.bundle))
    done = bulk.classify(
        options.spark,
        options.input,
        Path(options.output),
        bundle,
        bulk.Answering(choose(bundle, artifact=options.artifact).artifact, options.top, options.max_risk),
        part=options.part or bulk.PART,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if options.json:
        print(json.dumps({"schema": 1, "output": options.output, **vars(done)}))
    else:
        rate = (done.pictures - done.before) / done.seconds if done.seconds else 0.0
        print(f"{options.output}: {done.pictures:,} rows, {done.bad:,} of them bad; {rate:,.0f} pictures/s")
    return 4 if done.bad else 0
