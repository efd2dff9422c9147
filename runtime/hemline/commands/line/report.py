"""hemline line report: a shift on one page: verdicts, control limits, drift, faults, what escaped, pictures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hemline.commands.line import options as shared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hemline.line.reader import LineReader
    from hemline.line.reporting import Asked
    from hemline.report.line_gallery import Shot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    shared.add_period(parser)
    line = parser.add_argument_group("which line")
    shared.add_line(line, "name", "folder", "bundle", "decision")
    charts = parser.add_argument_group("charts")
    charts.add_argument(
        "--subgroup",
        metavar="N|TIME",
        help="parts of one point, such as 100, or a time, such as 15min (default: about 40 points)",
    )
    charts.add_argument(
        "--expect",
        default="own",
        metavar="SHARE",
        help="of rejects: own, the mean of these parts (default); decision, what the decision file promises; or 0.02",
    )
    charts.add_argument("--seed", type=int, default=0, metavar="N", help="of the comparison of looks (default: 0)")
    parser.add_argument("--html", metavar="F", help="write one self-contained page; - is stdout")
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Report, and write what was asked for."""
    from hemline.commands.output import STDOUT, require_writable, write, write_json
    from hemline.line.reader import LineReader
    from hemline.line.reporting import line_report
    from hemline.report.line_page import line_page

    require_writable({"--json": options.json, "--html": options.html})
    period, config = shared.period_of(options), shared.line_of(options)
    with LineReader.open(config.folder) as reader:
        report = line_report(reader, period, _asked(options, config.decision, config.bundle))
        if options.json:
            write_json(options.json, report)
        if options.html:
            write(options.html, line_page(report, _shots(reader, report)))
    if STDOUT not in (options.json, options.html):
        _print(report)
    return 0


def _asked(options: argparse.Namespace, configured: Path | None, bundle: str) -> Asked:
    from hemline.errors import UsageError
    from hemline.line.reporting import DECISION, OWN, Asked
    from hemline.line.tally import Subgroups

    expect: str | float = options.expect
    if expect not in (OWN, DECISION):
        try:
            expect = float(options.expect)
        except ValueError:
            expect = -1.0
        if not 0 < expect < 1:
            raise UsageError(f"--expect {options.expect}; {OWN}, {DECISION}, or a share above 0 and below 1")
    named = getattr(options, shared.DECISION) is not None
    return Asked(
        expect=expect,
        subgroups=Subgroups.parse(options.subgroup) if options.subgroup else None,
        decision=configured if named else None,
        files=() if configured is None else (configured,),
        bundles=(bundle,),
        seed=options.seed,
    )


def _shots(reader: LineReader, report: Mapping[str, Any]) -> dict[str, list[Shot]]:
    """Return the parts to show, with their pictures."""
    from hemline.report.line_gallery import Shot

    found: dict[str, list[Shot]] = {}
    for name, gallery in report["pictures"].items():
        for sequence in gallery["sequences"]:
            row = reader.decision(sequence)
            said = row.decision
            shot = Shot(
                sequence, said.part, row.decided_utc, said.label, said.confidence, said.score, said.reason,
                reader.picture(sequence),
            )  # fmt: skip
            found.setdefault(name, []).append(shot)
    return found


def _print(report: Mapping[str, Any]) -> None:
    from hemline.report.clock import between, local
    from hemline.report.digits import duration
    from hemline.report.table import table

    since, until = local(report["since_utc"]), local(report["until_utc"])
    print(f"{report['line']}, {between(since, until)}: {report['parts']:,} parts")
    if report["parts"]:
        rows = [
            [verdict, f"{row['parts']:,}", f"{100 * row['share']:.2f} %",
             f"{100 * row['ci95'][0]:.2f} to {100 * row['ci95'][1]:.2f} %"]
            for verdict, row in report["verdicts"].items()
        ]  # fmt: skip
        print(table(["verdict", "parts", "share", "95 % interval"], rows))
    if (found := report["latency"]) is not None:
        times = ", ".join(f"{name} {duration(found[f'latency_{name}_ms'])}" for name in ("p50", "p90", "p99", "max"))
        print(f"from trigger to decision: {times}; {report['budget_missed']:,} budgets missed")
    print(report["embeddings"]["says"])
    for audit in report["audits"]:
        print(f"audit {audit['id']}: {audit['says']}")
    print("to look at:" if report["notable"] else "nothing stands out")
    for sentence in report["notable"]:
        print(f"  {sentence}")
