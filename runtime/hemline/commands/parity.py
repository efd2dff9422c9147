"""hemline parity: compare each artifact with the float reference, and gate it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="bundle directory or name (default: fashion-mnist)")
    parser.add_argument("--data", metavar="PATH", help="labelled pictures (default: the golden inputs in the bundle)")
    parser.add_argument(
        "--artifact", default="all", metavar="E:P", help="engine:precision, or all that can run (default)"
    )
    parser.add_argument(
        "--gate", action="append", default=[], metavar="NAME=NUMBER", help="override a bar; may be repeated"
    )
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Compare, print, and return 1 when a gate failed."""
    import sys

    from hemline import datasets, parity
    from hemline.bundle import Bundle
    from hemline.commands.output import write_json
    from hemline.errors import MissingError
    from hemline.select import find_bundle

    bundle = Bundle.load(find_bundle(options.bundle))
    bundle.verify()
    names = parity.runnable(bundle, options.artifact)
    if not names:
        raise MissingError(f"no engine here runs {bundle.name}; see: hemline doctor")
    bars = bundle.gates.override(options.gate)
    dataset = datasets.read(datasets.locate(options.data)) if options.data else None
    report = parity.check(bundle, names, bars, dataset)
    if options.json:
        write_json(options.json, report)
    if options.json != "-":
        _print(report)
    failed = [gate for gate in report["gates"] if not gate["passed"]]
    for gate in failed:
        print(
            f"{gate['artifact']} {gate['gate']} {gate['value']:.4f}, at {gate['bound']} {gate['bar']:g}: FAILED",
            file=sys.stderr,
        )
    print(f"{len(report['gates']) - len(failed)} of {len(report['gates'])} gates passed", file=sys.stderr)
    return 1 if failed else 0


def _print(report: dict[str, Any]) -> None:
    from hemline.report.table import size, table

    header = ["artifact", "size", "agreement", "|dp| p50", "|dp| p95", "|dp| max", "2nd engine"]
    measured = "accuracy" in report["artifacts"][0]
    header += ["accuracy", "drop pp", "McNemar p", "ece"] if measured else []
    rows = [_row(row, measured, size) for row in report["artifacts"]]
    on = "golden inputs" if report["data"] == "golden" else f"pictures of {report['data']}"
    print(f"{report['bundle']} against {report['reference']} on {report['n']:,} {on}")
    print(table([*header, "p50 us", "p99 us", "x float"], rows))


def _row(row: dict[str, Any], measured: bool, size: Callable[[int], str]) -> list[str]:
    second = row["engines_agreement"]
    cells = [
        row["artifact"],
        size(row["bytes"]),
        f"{row['agreement']:.4f}",
        f"{row['dp_p50']:.4f}",
        f"{row['dp_p95']:.4f}",
        f"{row['dp_max']:.4f}",
        "-" if second is None else f"{second:.4f}",
    ]
    if measured:
        cells += [
            f"{row['accuracy']:.4f}",
            f"{row['accuracy_drop_pp']:+.2f}",
            f"{row['mcnemar_p']:.3f}",
            f"{row['ece']:.4f}",
        ]
    ratio = row.get("latency_ratio")
    return [
        *cells,
        f"{1000 * row['latency_p50_ms']:.1f}",
        f"{1000 * row['latency_p99_ms']:.1f}",
        "-" if ratio is None else f"{ratio:.2f}",
    ]
