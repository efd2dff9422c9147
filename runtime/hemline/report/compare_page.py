"""
The page of a comparison of benchmarks: what became slower, then how every file stands to the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report import bench_charts as charts
from hemline.report.compare_charts import ratios
from hemline.report.digits import duration
from hemline.report.html import Markup, element, facts, page, section, table

Report = Mapping[str, Any]
MEANS = (
    "The ratio is that of the latencies, with its 95 % interval; the noise is what rounds of one artifact differ by. "
    "Slower is what lies beyond the margin with its whole interval; unclear is what lies beyond it and may be noise, "
    "and what the machine itself explains, by a computation that no model changes."
)


def compare_page(report: Report) -> str:
    """Return the page of a comparison, as `hemline bench compare --json` writes it."""
    rows, slower = report["rows"], report["regressions"]
    title = " / ".join(file["name"] for file in report["files"])
    head = element(
        "header",
        element("p", "Comparison of benchmarks", class_="kind"),
        element("h1", report["bundle"]),
        _verdict(report, slower),
    )
    chart = ratios(rows, report["margin"], report["statistic"])
    parts = [
        section("ratios", "Against the first file", element("p", MEANS, class_="note"), *chart),
        section("figures", "All figures", table(_HEAD, [_row(row) for row in rows], label="All figures")),
        section("files", "Files", *(part for file in report["files"] for part in _file(file))),
    ]
    return page(f"{report['bundle']}: {title}", head, *parts, looks=charts.LOOKS)


_HEAD = ["artifact", "file", "latency", "ratio", "95 % interval", "verdict"]


def _verdict(report: Report, slower: Sequence[Report]) -> Markup:
    marked = [file for file in report["files"] if file["marks"]]
    lines = [element("li", f"{file['name']} is marked {mark}") for file in marked for mark in file["marks"]]
    rest = element("ul", *lines) if marked else None
    if slower:
        found = [
            element("li", f"{row['artifact']} in {row['file']}: {row['ratio']['value']:.3g} times the latency")
            for row in slower
        ]
        strong = element("strong", f"✗ {len(slower)} slower by more than {100 * report['margin']:g} %")
        return element("div", strong, element("ul", *found), rest, class_="verdict failed")
    nothing = f"Nothing slower by more than {100 * report['margin']:g} %"
    if marked:  # what was measured on a busy or hot machine acquits nobody
        doubt = f"{nothing} was seen, but {len(marked)} of {len(report['files'])} files are marked invalid"
        return element("div", element("strong", doubt), rest, class_="verdict doubtful")
    return element("div", element("strong", f"✓ {nothing}"), class_="verdict passed")


def _row(row: Report) -> list[object]:
    ratio = row["ratio"]
    name = element("code", charts.row_name(row))
    shown = ["1", "–"] if ratio is None else [f"{ratio['value']:.3f}", f"{ratio['low']:.3f} to {ratio['high']:.3f}"]
    verdict = row["verdict"] or "the first"
    if row["verdict"] == "slower" and not row["same_machine"]:
        verdict = "slower, another machine"
    if row["yardstick"] is not None:
        verdict += f": the machine itself took {row['yardstick']['value']:.3g} times as long"
    if row["marks"]:
        verdict += " (invalid)"
    cell = element("td", verdict, class_="failed" if row["verdict"] == "slower" else None)
    return [name, row["file"], duration(row["latency_ms"]), *shown, cell]


def _file(file: Report) -> list[Markup]:
    pairs = [("measured", f"{file['created'][:10]} {file['created'][11:16]} UTC"), *file["machine"].items()]
    return [element("h3", file["name"]), facts(pairs)]
