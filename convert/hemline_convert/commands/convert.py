"""hemline convert: turn a run, or a model trained elsewhere, into a bundle of measured artifacts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemline_convert.foreign import Asked
    from hemline_convert.pipeline import Outcome


# options that a run answers itself
FOREIGN = ("labels", "fit", "interpolation", "pad", "mirror", "scale", "offset", "bgr", "license")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "run", metavar="RUN|MODEL", help="run directory that 'hemline train' left, a .keras file, or a SavedModel"
    )
    parser.add_argument("--out", metavar="BUNDLE", help="bundle directory to write (default: bundles/<recipe>)")
    parser.add_argument(
        "--formats",
        default="litert:float32,litert:int8",
        metavar="E:P,...",
        help="artifacts to make, or all (default: litert:float32,litert:int8)",
    )
    parser.add_argument("--data", metavar="PATH", help="the data set the run was trained on, or a folder that holds it")
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="PP",
        help="try every precision and calibration; keep of each engine the smallest that loses at most PP points",
    )
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="override a bar of the recipe; may be repeated",
    )
    parser.add_argument(
        "--min-accuracy",
        type=_share,
        metavar="SHARE",
        help="least accuracy of the float model itself, 0 to 1; when it fails, the likeliest mistake is named",
    )
    parser.add_argument("--junit", metavar="F", help="write JUnit XML, a case for each artifact and gate; - is stdout")
    parser.add_argument("--timings", action="store_true", help="print the seconds of each stage")
    parser.add_argument("--force", action="store_true", help="write the bundle even when a gate failed")

    other = parser.add_argument_group(
        "a model trained elsewhere",
        "needs --data with its labelled pictures; the size and the channels are those of the model",
    )
    other.add_argument("--labels", metavar="F", help="labels in the order of the outputs (default: that of the data)")
    other.add_argument("--fit", metavar="HOW", help="pad, crop or stretch (default: stretch, as Keras' own loaders do)")
    other.add_argument("--interpolation", metavar="HOW", help="area, linear or cubic (default: linear, as Keras' own)")
    other.add_argument("--pad", type=int, metavar="VALUE", help="pixel value outside the picture (default: 0)")
    other.add_argument(
        "--mirror",
        metavar="HOW",
        help="horizontal, vertical or both: ask about mirror images too and answer with the mean (default: none)",
    )
    other.add_argument(
        "--scale", type=_number, metavar="NUMBER", help="it takes pixels times this, such as 1/255 (default: 0..255)"
    )
    other.add_argument("--offset", type=_number, metavar="NUMBER", help="and plus this, such as -1 (default: 0)")
    other.add_argument("--bgr", action="store_true", default=None, help="it takes blue first, as OpenCV reads pictures")
    other.add_argument("--license", metavar="ID", help="SPDX identifier of its weights (default: NOASSERTION)")


def run(options: argparse.Namespace) -> int:
    """Convert, measure, write; 1 when a gate failed."""
    import os

    # TensorFlow prints its greetings at import; the user's own setting wins
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from hemline import datasets
    from hemline.commands.output import require_writable
    from hemline.errors import UsageError
    from hemline_convert import foreign, pipeline

    require_writable({"--junit": options.junit})
    path, foreign_given = Path(options.run), _given(options)
    names = pipeline.formats(options.formats)
    if not foreign.is_foreign(path):
        if foreign_given:
            raise UsageError(f"--{next(iter(foreign_given))} is for a model trained elsewhere; a run says its own")
        return _convert(options, path, names, options.data)
    if options.data is None:
        raise UsageError(f"{path}: a model trained elsewhere needs --data PATH, a folder of its labelled pictures")
    data = datasets.locate(options.data)
    with foreign.adopted(path, data, _asked(foreign_given)) as directory:
        # a folder that has a class of its own name would be taken for one that holds the set
        named_alike = data.is_dir() and (data / data.resolve().name).is_dir()
        return _convert(options, directory, names, str(data.resolve().parent if named_alike else data))


def _given(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in FOREIGN if getattr(options, name) is not None}


def _asked(given: dict[str, Any]) -> Asked:
    from hemline.preprocess import Preprocess
    from hemline_convert.foreign import Asked

    contract = {"fit": "stretch", "interpolation": "linear"} | _of(given, ("fit", "interpolation", "pad", "mirror"))
    Preprocess(1, 1, **contract)  # names what is wrong before a model is opened
    return Asked(
        labels=Path(given["labels"]) if "labels" in given else None,
        preprocess=contract,
        input=_of(given, ("scale", "offset", "bgr")),
        licence=given.get("license", "NOASSERTION"),
    )


def _of(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _convert(options: argparse.Namespace, directory: Path, names: tuple[str, ...], data: str | None) -> int:
    import sys

    from hemline.report.table import table
    from hemline_convert import pipeline
    from hemline_convert import run as runs

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    source = runs.read(directory)
    out = Path(options.out) if options.out else pipeline.default_out(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    log_path = out.with_name(f"{out.name}.convert.log")
    order = pipeline.Order(
        names,
        out.name,
        data,
        source.gates.override(options.gate),
        max_drop_pp=options.max_drop,
        least_accuracy=options.min_accuracy,
    )
    with log_path.open("wb") as log:
        outcome = pipeline.convert(source, order, log=log, say=say)
    if options.junit:
        _write_junit(options.junit, outcome)
    if options.timings:
        rows = [[stage, f"{seconds:.2f}"] for stage, seconds in outcome.seconds.items()]
        say(table(["stage", "seconds"], [*rows, ["all", f"{sum(outcome.seconds.values()):.2f}"]]))
    failed = [gate for gate in outcome.gates if not gate.passed]
    for gate in failed:
        say(str(gate))
    for cause in outcome.causes:
        say(f"likely cause: {cause}")
    if failed and not options.force:
        say(f"{len(failed)} of {len(outcome.gates)} gates failed; {out} was not written (--force writes it)")
        return 1
    outcome.bundle.write(out, outcome.contents)
    say(f"{len(outcome.gates) - len(failed)} of {len(outcome.gates)} gates passed; converters' log: {log_path}")
    print(out)
    return 1 if failed else 0


def _write_junit(where: str, outcome: Outcome) -> None:
    from hemline.commands.output import write
    from hemline.report.junit import Case, document

    cases = []
    for gate in outcome.gates:
        failure = None if gate.passed else f"{gate.value:.6g}, at {gate.bound} {gate.bar:g}"
        cases.append(Case(gate.artifact, gate.gate, failure=failure, output="\n".join([str(gate), *outcome.causes])))
    facts = {"bundle": outcome.bundle.title, "class_lock": outcome.bundle.class_lock, "reference": "keras:float32"}
    write(where, document(f"{outcome.bundle.title} converted", cases, facts, timestamp=outcome.bundle.created))


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: a share is 0 to 1, such as 0.9")
    return value


def _number(text: str) -> float:
    import math
    from fractions import Fraction

    try:
        value = float(Fraction(text))  # 1/255 as people write it
    except (ValueError, ZeroDivisionError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r}: write a number such as 0.5, or a fraction such as 1/255")
    return value
