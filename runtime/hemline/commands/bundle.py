"""hemline bundle: show, verify or compare bundles and artifacts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemline.bundle import Bundle
    from hemline.describe import Description
    from hemline.preprocess import Preprocess

_WHERE = "bundle directory or name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser(
        "show", help="what is in a bundle, or what an artifact says of itself", allow_abbrev=False
    )
    show.add_argument(
        "bundle",
        nargs="?",
        metavar="BUNDLE|FILE",
        help=f"{_WHERE} (default: fashion-base), or a .tflite, .onnx or .xml file",
    )
    show.add_argument("--json", nargs="?", const="-", metavar="F", help="write it as JSON; - is stdout")
    verify = actions.add_parser(
        "verify",
        help="check every file, what the artifacts say of themselves, and the answers on the golden inputs",
        allow_abbrev=False,
    )
    verify.add_argument("bundle", nargs="?", metavar="BUNDLE", help=f"{_WHERE} (default: fashion-base)")
    diff = actions.add_parser(
        "diff",
        help="name what differs between two bundles or two artifacts",
        description="Name what differs between two bundles or two artifact files: labels, preprocessing, artifacts, "
        "bytes, temperatures, thresholds, figures. When they were made is not compared.",
        epilog="exit status: 0 the same, 1 different, 4 one of them cannot be read",
        allow_abbrev=False,
    )
    for side in ("a", "b"):
        diff.add_argument(side, metavar=side.upper(), help=f"{_WHERE}, or a .tflite, .onnx or .xml file")
    diff.add_argument("--json", nargs="?", const="-", metavar="F", help="write the differences as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Show, verify or compare."""
    if options.action == "diff":
        return _diff(options.a, options.b, options.json)
    if options.action == "show" and _is_file(options.bundle):
        from hemline.describe import read

        return _show_file(read(options.bundle), options.json)
    bundle = _load(options.bundle)
    return _show(bundle, options.json) if options.action == "show" else _verify(bundle)


def _load(name: str | None) -> Bundle:
    from hemline.bundle import Bundle
    from hemline.select import find_bundle

    return Bundle.load(find_bundle(name))


def _is_file(name: str | None) -> bool:
    from pathlib import Path

    from hemline.describe import describable

    return name is not None and not Path(name).is_dir() and (describable(name) or Path(name).is_file())


def _show(bundle: Bundle, json: str | None) -> int:
    from hemline.commands.output import write_json
    from hemline.report.table import size, table

    if json:
        write_json(json, bundle.manifest())
    if json == "-":
        return 0
    print(f"{bundle.title}  made {bundle.created}  class lock {bundle.class_lock[:12]}")
    print(f"labels: {', '.join(bundle.labels)}")
    print(f"input: {_contract(bundle.preprocess)}")
    rows = [
        [
            artifact.name,
            size(artifact.bytes),
            f"{artifact.temperature:.3f}",
            f"{artifact.thresholds['good']:.2f}" if "good" in artifact.thresholds else "-",
            f"{artifact.thresholds['known']:.2f}" if artifact.unknown else "-",
            artifact.min_runtime or "-",
            " ".join(entry.path for entry in artifact.files),
        ]
        for artifact in bundle.artifacts
    ]
    print(table(["artifact", "size", "temperature", "good from", "known from", "oldest runtime", "files"], rows))
    return 0


def _show_file(description: Description, json: str | None) -> int:
    from hemline.commands.output import write_json

    if json:
        write_json(json, description.as_dict())
    if json == "-":
        return 0
    print(f"{description.title}  {description.artifact}  class lock {description.class_lock[:12]}")
    print(f"labels: {', '.join(description.labels)}")
    print(f"input: {_contract(description.preprocess)}")
    print(f"outputs: {', '.join(description.outputs)}")
    print(f"licence: {description.licence}, written by hemline {description.hemline}")
    return 0


def _contract(contract: Preprocess) -> str:
    return (
        f"{contract.height}x{contract.width}x{contract.channels}, fit {contract.fit}, "
        f"interpolation {contract.interpolation}, pad {contract.pad}, isolation {contract.isolation}, "
        f"mirror {contract.mirror}"
    )


def _verify(bundle: Bundle) -> int:
    import sys

    from hemline import describe, parity
    from hemline.gates import judge

    bundle.verify()
    print(f"{bundle.title}: {len(bundle.files())} files are whole")
    described = sum(describe.check(bundle.contents(row), bundle, row) for row in bundle.artifacts)
    print(f"{described} of {len(bundle.artifacts)} artifacts describe themselves, as the manifest does")
    failed = 0
    for name, figures in parity.check_golden(bundle, parity.runnable(bundle)):
        for gate in judge(name, figures, bundle.gates):
            print(gate, file=sys.stdout if gate.passed else sys.stderr)
            failed += not gate.passed
    return 1 if failed else 0


def _diff(a: str, b: str, json: str | None) -> int:
    from hemline.commands.output import write_json
    from hemline.errors import UsageError
    from hemline.report.difference import brief, differences
    from hemline.report.table import table

    if _is_file(a) != _is_file(b):
        raise UsageError(f"{a} and {b}: one is a bundle, the other a file; give two bundles or two files")
    found = differences(_facts(a), _facts(b))
    if json:
        rows = [{"what": row.what, "a": row.a, "b": row.b} for row in found]
        write_json(json, {"schema": 1, "a": a, "b": b, "same": not found, "differences": rows})
    if json != "-":
        print(table(["", a, b], [[row.what, brief(row.a), brief(row.b)] for row in found]) if found else "the same")
    return 1 if found else 0


def _facts(name: str) -> dict[str, Any]:
    """Return what is compared: a bundle's manifest, or a file's description with its size and sha256."""
    if not _is_file(name):
        return _load(name).manifest()
    from hemline.bundle import File
    from hemline.describe import load, read

    entry = File.of(name, load(name))
    return {"bytes": entry.bytes, "sha256": entry.sha256, **read(name).as_dict()}
