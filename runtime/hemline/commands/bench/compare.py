"""hemline bench compare: results of hemline bench against each other."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemline.bench.compare import Compared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "files", nargs="+", metavar="F.json", help="results of hemline bench --json; F:HOST for one host of several"
    )
    parser.add_argument("--margin", default="5%", metavar="M", help="how much slower is still the same (default: 5%%)")
    parser.add_argument("--statistic", default="p50", metavar="NAME", help="p50 (default), p90 or p99")
    parser.add_argument("--force", action="store_true", help="other bundles and artifacts too; judge other machines")
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the comparison as JSON; - is stdout")
    parser.add_argument("--html", metavar="F", help="write one self-contained page with a plot; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Compare, write, print; 1 when an artifact is slower beyond the margin and beyond what the noise explains."""
    import sys

    from hemline.bench import document, merged
    from hemline.bench.compare import STATISTICS, compare, regressions
    from hemline.commands.output import STDOUT, require_writable, write, write_json
    from hemline.errors import UsageError, unknown
    from hemline.report.compare_page import compare_page

    require_writable({"--json": options.json, "--html": options.html})
    if options.statistic not in STATISTICS:
        raise UsageError(f"--statistic: {unknown('statistic', options.statistic, STATISTICS)}")
    margin = _margin(options.margin)
    entries = [
        (name, host, one)
        for name, path in zip(_names(options.files), options.files, strict=True)
        for host, one in merged.read(path)
    ]
    if len(entries) < 2:
        raise UsageError(f"{options.files[0]}: give a second file to compare with it")
    found = [one for _, _, one in entries]
    # of one file of several hosts the hosts' names say it all
    names = [
        host if host and len(options.files) == 1 else ":".join(filter(None, (name, host))) for name, host, _ in entries
    ]
    rows = compare(
        list(zip(names, found, strict=True)), margin=margin, statistic=options.statistic, force=options.force
    )
    slower = [row for row in rows if row.verdict == "slower"] if options.force else regressions(rows)
    report = {
        "schema": 1,
        "kind": "bench-compare",
        "bundle": found[0]["bundle"],
        "margin": margin,
        "statistic": options.statistic,
        "files": [
            {"name": name, "created": one["created"], "machine": one["machine"], "marks": document.marks(one)}
            for name, one in zip(names, found, strict=True)
        ],
        "rows": [row.as_dict() for row in rows],
        "regressions": [row.as_dict() for row in slower],
    }
    if options.json:
        write_json(options.json, report)
    if options.html:
        write(options.html, compare_page(report))
    if STDOUT not in (options.json, options.html):
        print(_table(rows, options.statistic))
    for file in report["files"]:
        for mark in file["marks"]:
            print(f"{file['name']} is marked {mark}", file=sys.stderr)
    _explain(rows, slower, names[0], margin)
    return 1 if slower else 0


def _explain(rows: Sequence[Compared], slower: Sequence[Compared], first: str, margin: float) -> None:
    """Say on stderr what is unclear, and what became slower than in the first file."""
    import sys

    for row in rows:
        if row.verdict != "unclear":
            continue
        why = "measure again, with more --rounds"
        if row.yardstick is not None:
            much = row.yardstick.value
            why = f"the machine itself took {much:.3g} times as long for a computation that no model changes; {why}"
        print(f"{row.artifact} in {row.file}: unclear; {why}", file=sys.stderr)
    for row in slower:
        assert row.ratio is not None
        print(
            f"{row.artifact}: {row.ratio.value:.3g} times the latency in {row.file} that it has in {first}, "
            f"at least {row.ratio.low:.3g}; a margin of {100 * margin:g} % is allowed",
            file=sys.stderr,
        )


def _table(rows: Sequence[Compared], statistic: str) -> str:
    from hemline.report.table import table

    cells = []
    for row in rows:
        ratio = row.ratio
        verdict = row.verdict + (", another machine" if row.verdict and not row.same_machine else "")
        cells.append(
            [
                row.artifact if row.threads == 1 else f"{row.artifact} x{row.threads}",
                row.file,
                f"{1000 * row.latency_ms:.1f}",
                "1" if ratio is None else f"{ratio.value:.3f}",
                "-" if ratio is None else f"{ratio.low:.3f}..{ratio.high:.3f}",
                verdict or "-",
            ]
        )
    return table(["artifact", "file", f"{statistic} us", "ratio", "95 %", "verdict"], cells)


def _margin(text: str) -> float:
    """Return the margin as a share: "5%" and "0.05" are the same."""
    from hemline.errors import UsageError

    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10:
        raise UsageError(f"--margin {text}; a share such as 5% or 0.05")
    return value


def _names(paths: list[str]) -> list[str]:
    """Return file names where they tell the files apart, else the paths."""
    from pathlib import Path

    short = [Path(path).stem for path in paths]
    return short if len(set(short)) == len(short) else paths
