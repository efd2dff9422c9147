"""hemline parity: compare each artifact with the float reference, and gate it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hemline.commands import DEVICE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemline.bundle import Bundle
    from hemline.datasets import Dataset
    from hemline.parity import Reference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="bundle directory or name (default: fashion-base)")
    parser.add_argument("--data", metavar="PATH", help="labelled pictures (default: the golden inputs in the bundle)")
    parser.add_argument(
        "--reference",
        metavar="RUN|BUNDLE",
        help="whose float answers to compare with: a run's Keras model, or another bundle (default: this bundle's own)",
    )
    parser.add_argument(
        "--artifact", default="all", metavar="E:P", help="engine:precision, or all that can run (default)"
    )
    parser.add_argument("--device", metavar="NAME|PATH", help=f"{DEVICE}: only what it runs, as it runs it")
    parser.add_argument(
        "--gate", action="append", default=[], metavar="NAME=NUMBER", help="override a bar; may be repeated"
    )
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")
    parser.add_argument("--junit", metavar="F", help="write JUnit XML, a case for each artifact and gate; - is stdout")
    parser.add_argument("--html", metavar="F", help="write one self-contained page with plots; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Compare, write, print, and return 1 when a gate failed."""
    import sys
    from datetime import datetime, timezone

    from hemline import datasets, parity
    from hemline.bundle import Bundle
    from hemline.commands.output import STDOUT, require_writable, write, write_json
    from hemline.errors import MissingError
    from hemline.report import junit, machine
    from hemline.report.parity_page import parity_page
    from hemline.report.verdicts import verdicts
    from hemline.select import find_bundle, opener

    require_writable({"--json": options.json, "--junit": options.junit, "--html": options.html})
    bundle = Bundle.load(find_bundle(options.bundle, device=options.device))
    bundle.verify()
    names = parity.runnable(bundle, options.artifact, options.device)
    if not names:
        raise MissingError(f"no engine here runs {bundle.name}; see: hemline doctor")
    bars = bundle.gates.override(options.gate)
    dataset = datasets.read(datasets.locate(options.data)) if options.data else None
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    whole = options.artifact == "all" and options.device is None
    every = [artifact.name for artifact in bundle.artifacts] if whole else []
    reference = _reference(bundle, options.reference)
    report = {
        **parity.check(bundle, names, bars, dataset, reference=reference, opening=opener(options.device)),
        "not_run": [name for name in every if name not in names],
        "created": created,
        "search": bundle.provenance.get("search", []),
        "machine": machine.facts(),
    }
    if options.json:
        write_json(options.json, report)
    if options.junit:
        write(options.junit, junit.of_parity(report))
    if options.html:
        write(options.html, parity_page(report, _pictures(bundle, dataset)))
    if STDOUT not in (options.json, options.junit, options.html):
        _print(report)
    if report["not_run"]:
        print(f"not compared, the engine is not here: {', '.join(report['not_run'])}", file=sys.stderr)
    judged = verdicts(report).values()
    failed = [verdict for verdict in judged if not verdict.passed]
    for verdict in failed:
        print(verdict, file=sys.stderr)
    print(f"{len(judged) - len(failed)} of {len(judged)} gates passed", file=sys.stderr)
    return 1 if failed else 0


def _reference(bundle: Bundle, asked: str | None) -> Reference | None:
    """Return the reference that was asked for, None when none was."""
    import importlib
    import json
    from pathlib import Path

    from hemline.bundle import Bundle
    from hemline.errors import UsageError
    from hemline.parity import Reference, reference_in
    from hemline.select import find_bundle

    if asked is None:
        return None
    facts = Path(asked) / "run.json"
    if facts.is_file():
        if json.loads(facts.read_bytes()).get("class_lock") != bundle.class_lock:
            raise UsageError(f"--reference {asked}: its labels are not those of {bundle.title}")
        # by name: the runtime knows that training exists, not what it is made of
        evaluate = importlib.import_module("hemline_train.evaluate")
        return Reference("keras:float32", lambda pixels: evaluate.reference_outputs(asked, pixels)[0])
    other = Bundle.load(find_bundle(asked))
    if other.class_lock != bundle.class_lock:
        raise UsageError(f"--reference {asked}: its labels are not those of {bundle.title}")
    if other.preprocess != bundle.preprocess:
        raise UsageError(f"--reference {asked}: its preprocessing is not that of {bundle.title}")
    found = reference_in(other)
    if found is None:
        raise UsageError(f"--reference {asked}: has no float artifact that runs here")
    return found


def _pictures(bundle: Bundle, dataset: Dataset | None) -> Callable[[int], NDArray[np.uint8]]:
    """Return index -> the picture as the artifacts saw it."""
    import numpy as np

    from hemline import golden

    if dataset is not None:
        return lambda index: dataset.subset(np.array([index])).pixels(bundle.preprocess)[0]
    inputs = golden.load(bundle)
    assert inputs is not None  # parity.check refuses a bundle without
    return lambda index: inputs.pictures[index]


def _print(report: dict[str, Any]) -> None:
    from hemline.report.table import size, table

    header = ["artifact", "size", "agreement", "|dp| p50", "|dp| p95", "|dp| max", "2nd engine"]
    measured = "accuracy" in report["artifacts"][0]
    header += ["accuracy", "drop pp", "McNemar p", "ece"] if measured else []
    rows = [_row(row, measured, size) for row in report["artifacts"]]
    on = "golden inputs" if report["data"] == "golden" else f"pictures of {report['data']}"
    print(f"{report['bundle']} against {report['reference']} on {report['n']:,} {on}")
    print(table([*header, "p50 us", "p99 us", "x float"], rows))
    if len(rows) > 1:
        every = "both" if len(rows) == 2 else f"all {len(rows)}"
        print(f"{every} give the same label: {report['unanimous']:.4f} of the pictures")


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
