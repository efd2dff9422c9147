"""hemline parity: compare each artifact with the float reference, and gate it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemline.bundle import Bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="bundle directory or name (default: fashion-mnist)")
    parser.add_argument("--data", metavar="PATH", help="labelled pictures (default: the golden inputs in the bundle)")
    parser.add_argument(
        "--artifact", default="all", metavar="E:P", help="engine:precision, or all that can run (default)"
    )
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Compare, print, and return 1 when a gate failed."""
    import sys

    from hemline import parity
    from hemline.bundle import Bundle
    from hemline.commands.output import write_json
    from hemline.errors import MissingError
    from hemline.select import find_bundle

    bundle = Bundle.load(find_bundle(options.bundle))
    bundle.verify()
    names = parity.runnable(bundle, options.artifact)
    if not names:
        raise MissingError(f"no engine here runs {bundle.name}; see: hemline doctor")
    figures = _figures(bundle, names, options.data)
    gates = [gate for name, row in figures.items() for gate in parity.gates(name, row)]
    if options.json:
        rows = [{"artifact": name, **row} for name, row in figures.items()]
        write_json(options.json, {"schema": 1, "bundle": bundle.title, "artifacts": rows})
    if options.json != "-":
        _print(figures)
    failed = [gate for gate in gates if not gate.passed]
    for gate in failed:
        print(gate, file=sys.stderr)
    print(f"{len(gates) - len(failed)} of {len(gates)} gates passed", file=sys.stderr)
    return 1 if failed else 0


def _figures(bundle: Bundle, names: list[str], data: str | None) -> dict[str, dict[str, Any]]:
    from hemline import datasets, parity
    from hemline.errors import DataError

    if data is None:
        return dict(parity.check_golden(bundle, names))
    dataset = datasets.read(datasets.locate(data))
    reference = parity.reference_of(parity.runnable(bundle))
    if reference is None:
        raise DataError(f"{bundle.title}: no float artifact runs here to compare with; leave out --data")
    pixels, targets = dataset.pixels(bundle.preprocess), parity.targets_for(bundle, dataset)
    logits = parity.answers(bundle, pixels, list(dict.fromkeys([reference, *names])))
    return {name: parity.compare(logits[name], logits[reference], targets) for name in names}


def _print(figures: dict[str, dict[str, Any]]) -> None:
    from hemline.report.table import table

    header = ["artifact", "pictures", "agreement", "|dp| p50", "|dp| p95", "|dp| max", "accuracy", "drop pp"]
    rows = [
        [
            name,
            str(row["n"]),
            f"{row['agreement']:.4f}",
            f"{row['dp_p50']:.4f}",
            f"{row['dp_p95']:.4f}",
            f"{row['dp_max']:.4f}",
            f"{row['accuracy']:.4f}" if "accuracy" in row else "-",
            f"{row['accuracy_drop_pp']:.2f}" if "accuracy_drop_pp" in row else "-",
        ]
        for name, row in figures.items()
    ]
    print(table(header, rows))
