"""
The charts of a parity page: accuracy, differences in probability, size and latency, an artifact a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hemline.gates import Verdict
from hemline.report.charts import Row, Rule, Scale, band, chart, dot, legend, off, ring, span, upright
from hemline.report.digits import chance, duration, or_dash, power, share, signed
from hemline.report.html import Markup, element, join
from hemline.report.table import size

Report = Mapping[str, Any]
Judged = Mapping[tuple[str, str], Verdict]
FAR_PP = 5.0  # an artifact that lost more is broken; drawn to scale it would squeeze the others into a point
FLOAT_STEP = 1e-7  # near 1 a float32 cannot tell probabilities apart that are closer
WIDE = 30  # slowest over fastest, from which latencies stand on a logarithmic scale
UNIT = Scale(0, 1)  # for the marks in a legend


def accuracy(report: Report, judged: Judged) -> list[Markup]:
    """Return the accuracy of each artifact with its interval, the reference and the least that is allowed."""
    rows = report["artifacts"]
    reference = rows[0]["accuracy"] + rows[0]["accuracy_drop_pp"] / 100
    bars = {verdict.bar for (_, gate), verdict in judged.items() if gate == "accuracy_drop_pp"}
    rules = [Rule(reference, f"{report['reference']} {reference:.4f}")]
    rules += [Rule(reference - bar / 100, f"least {reference - bar / 100:.4f}", "bar") for bar in bars]
    near = [row for row in rows if abs(row["accuracy_drop_pp"]) < FAR_PP] or rows
    scale = Scale.over([value for row in near for value in row["accuracy_ci95"]] + [rule.value for rule in rules])
    lines = []
    for row in rows:
        marks = join((span(scale, *row["accuracy_ci95"]), dot(scale, row["accuracy"])))
        lines.append(
            Row(
                row["artifact"],
                marks if row in near else off(scale, row["accuracy"]),
                [f"{row['accuracy']:.4f}", signed(-row["accuracy_drop_pp"]), chance(row["mcnemar_p"])],
                failed=not _passed(judged, row, "accuracy_drop_pp"),
            )
        )
    return [
        element(
            "p",
            "Points are the difference to the reference in percentage points; p is that of McNemar's exact test: "
            "how likely a difference as large is when both are equally good. The intervals are of each accuracy "
            "alone; the difference is more certain than they look, because both answered the same pictures.",
            class_="note",
        ),
        chart(
            lines,
            scale,
            ("accuracy", "points", "p"),
            label="Accuracy of each artifact",
            show=lambda tick: f"{tick:.4g}",
            most=6,
            rules=rules,
        ),
        legend((join((span(UNIT, 0, 1), dot(UNIT, 0.5))), "accuracy with its 95 % interval")),
    ]


def probability(report: Report, judged: Judged) -> list[Markup]:
    """Return how |dp| is distributed in each artifact, with its bar."""
    rows = report["artifacts"]
    bars = {row["artifact"]: judged[row["artifact"], "dp_p95"].bar for row in rows}
    moved = [row for row in rows if row["dp_max"] > 0]
    ends = [value for row in moved for value in (row["dp_quantiles"][25], row["dp_max"])]
    scale = Scale.decades([*ends, *bars.values()], floor=FLOAT_STEP, ceiling=1.0)
    lines = []
    for row in rows:
        at = row["dp_quantiles"]
        box = (
            span(scale, at[1], at[99], "span faint"),
            band(scale, at[5], at[95], thick=12, strength=0.35),
            band(scale, at[25], at[75], thick=12),
            upright(scale, at[50], "median", tall=12),
            ring(scale, at[100]),
        )
        lines.append(
            Row(
                row["artifact"],
                join((*(box if row in moved else ()), upright(scale, bars[row["artifact"]], "limit", tall=20))),
                [share(row[name]) for name in ("dp_p50", "dp_p95", "dp_max")],
                failed=not _passed(judged, row, "dp_p95"),
            )
        )
    return [
        element(
            "p",
            "|dp| of a picture is the largest change of any class's probability between the reference and the "
            "artifact. The bar is for p95, the end of the light box: 95 of 100 pictures change less.",
            class_="note",
        ),
        chart(
            lines,
            scale,
            ("p50", "p95", "max"),
            label="|dp| of each artifact, on a logarithmic scale",
            show=lambda tick: f"{'≤ ' if tick == scale.low else ''}{power(round(math.log10(tick)))}",
        ),
        legend(
            (band(UNIT, 0, 1, thick=12), "p25 to p75, p50 marked"),
            (band(UNIT, 0, 1, thick=12, strength=0.35), "p5 to p95"),
            (span(UNIT, 0, 1, "span faint"), "p1 to p99"),
            (ring(UNIT, 0.5), "largest"),
            (upright(UNIT, 0.5, "limit", tall=20), "bar for p95"),
        ),
    ]


def cost(report: Report) -> list[Markup]:
    """Return the size of each artifact and, where it was measured, its latency."""
    rows = report["artifacts"]
    sizes = Scale.over((row["bytes"] for row in rows), zero=True)
    lines = [Row(row["artifact"], band(sizes, 0, row["bytes"], thick=10), [size(row["bytes"])]) for row in rows]
    parts = [
        element("h3", "Size of the files"),
        chart(lines, sizes, ("size",), label="Size of each artifact", show=lambda tick: size(round(tick)), most=6),
    ]
    timed = [row for row in rows if "latency_p50_ms" in row]
    if not timed:
        return parts
    fast, slow = min(row["latency_p50_ms"] for row in timed), max(row["latency_p99_ms"] for row in timed)
    wide = slow > WIDE * fast
    times = Scale.decades([fast, slow], floor=1e-4, ceiling=1e5) if wide else Scale.over([slow], zero=True)
    lines = []
    for row in timed:
        p50, p99 = row["latency_p50_ms"], row["latency_p99_ms"]
        words = [duration(p50), duration(p99), or_dash(row.get("latency_ratio"), ".2f")]
        lines.append(Row(row["artifact"], join((span(times, p50, p99), dot(times, p50))), words))
    return [
        *parts,
        element("h3", "Latency of one picture, one thread"),
        chart(lines, times, ("p50", "p99", "× float"), label="Latency of each artifact", show=duration, most=6),
        legend((join((span(UNIT, 0.2, 1), dot(UNIT, 0.2))), "p50 to p99; × float: p50 over the float artifact's p50")),
    ]


def _passed(judged: Judged, row: Mapping[str, Any], gate: str) -> bool:
    verdict = judged.get((row["artifact"], gate))
    return verdict is None or verdict.passed
