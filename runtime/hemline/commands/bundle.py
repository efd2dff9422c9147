"""hemline bundle: show or verify a bundle."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemline.bundle import Bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what is in a bundle", allow_abbrev=False)
    verify = actions.add_parser(
        "verify", help="check every file, then the answers on the golden inputs", allow_abbrev=False
    )
    for action in (show, verify):
        action.add_argument(
            "bundle", nargs="?", metavar="BUNDLE", help="bundle directory or name (default: fashion-mnist)"
        )
    show.add_argument("--json", nargs="?", const="-", metavar="F", help="write the manifest as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Show or verify."""
    from hemline.bundle import Bundle
    from hemline.select import find_bundle

    bundle = Bundle.load(find_bundle(options.bundle))
    return _show(bundle, options.json) if options.action == "show" else _verify(bundle)


def _show(bundle: Bundle, json: str | None) -> int:
    from hemline.commands.output import write_json
    from hemline.report.table import size, table

    if json:
        write_json(json, bundle.manifest())
    if json == "-":
        return 0
    contract = bundle.preprocess
    print(f"{bundle.title}  made {bundle.created}  class lock {bundle.class_lock[:12]}")
    print(f"labels: {', '.join(bundle.labels)}")
    print(
        f"input: {contract.height}x{contract.width}x{contract.channels}, fit {contract.fit}, "
        f"interpolation {contract.interpolation}, pad {contract.pad}, isolation {contract.isolation}"
    )
    rows = [
        [
            artifact.name,
            size(artifact.bytes),
            f"{artifact.temperature:.3f}",
            f"{artifact.thresholds['good']:.2f}" if "good" in artifact.thresholds else "-",
            artifact.min_runtime or "-",
            " ".join(entry.path for entry in artifact.files),
        ]
        for artifact in bundle.artifacts
    ]
    print(table(["artifact", "size", "temperature", "good from", "oldest runtime", "files"], rows))
    return 0


def _verify(bundle: Bundle) -> int:
    import sys

    from hemline import parity
    from hemline.gates import judge

    bundle.verify()
    print(f"{bundle.title}: {len(bundle.files())} files are whole")
    failed = 0
    for name, figures in parity.check_golden(bundle, parity.runnable(bundle)):
        for gate in judge(name, figures, bundle.gates):
            print(gate, file=sys.stdout if gate.passed else sys.stderr)
            failed += not gate.passed
    return 1 if failed else 0
