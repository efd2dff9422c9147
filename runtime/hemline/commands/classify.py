"""hemline classify: name what is in pictures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemline.prediction import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="IMAGE|FOLDER|GLOB|-",
        help="picture files, folders (and what is below them), quoted globs, or - for one picture on stdin",
    )
    parser.add_argument("--bundle", metavar="B", help="bundle directory or name (default: fashion-mnist)")
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the best that runs here)")
    parser.add_argument("--device", metavar="NAME|PATH", help="device profile: orders the artifacts, sets the threads")
    parser.add_argument("--top", type=int, default=3, metavar="K", help="how many labels to give (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Classify; 4 when a picture could not be read."""
    import json

    from hemline.classifier import Classifier
    from hemline.sources import connect

    # ASCII: a file name need not be valid UTF-8, a line of JSON must
    encode = json.JSONEncoder().encode
    failed = False
    with (
        connect("files", options.pictures) as source,
        Classifier.open(
            options.bundle, artifact=options.artifact, device=options.device, top=options.top
        ) as classifier,
    ):
        width = max(len(label) for label in classifier.bundle.labels)
        for item in source:
            result = classifier.classify_item(item)
            failed |= result.quality == "bad"
            if options.json:
                print(encode(result.as_dict()))
            else:
                print(_row(result, width))
    return 4 if failed else 0


def _row(result: Result, width: int) -> str:
    """Return one line of the table: label, confidence, quality, the picture, the runners-up."""
    from hemline.image import shown

    if result.label is None:
        return f"{'-':<{width}}  {'-':>5}  {result.quality:<9}  {result.reason}"
    others = ", ".join(f"{label} {share:.2f}" for label, share in result.top[1:])
    also = f"  (then {others})" if others else ""
    return f"{result.label:<{width}}  {result.confidence:5.3f}  {result.quality:<9}  {shown(result.source)}{also}"
