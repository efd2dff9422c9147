"""
The drawing on the page of a comparison: how every file stands to the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report.bench_charts import row_name
from hemline.report.charts import Row, Rule, Scale, chart, dot, off, ring, span
from hemline.report.digits import duration
from hemline.report.html import Markup, join

Report = Mapping[str, Any]


def ratios(rows: Sequence[Report], margin: float, statistic: str) -> list[Markup]:
    """Return how every file stands to the first, with intervals; rows as Compared.as_dict() gives them."""
    ends = [end for row in rows if row["ratio"] for end in (row["ratio"]["low"], row["ratio"]["high"])]
    near = [min(max(end, 0.1), 10.0) for end in ends]
    scale = Scale.over([*near, 1.0, 1 + margin, 1 / (1 + margin)])
    lines, before = [], None
    for row in rows:
        ratio, name = row["ratio"], row_name(row)
        if ratio is None:
            lines.append(Row(name, ring(scale, 1.0), [duration(row["latency_ms"]), "1", row["file"]]))
            before = name
            continue
        marks = [span(scale, ratio["low"], ratio["high"]), dot(scale, ratio["value"]), off(scale, ratio["value"])]
        words = [duration(row["latency_ms"]), f"{ratio['value']:.3f}", row["file"]]
        lines.append(Row("" if before == name else name, join(marks), words, failed=row["verdict"] == "slower"))
    rules = [Rule(1.0, "as the first"), Rule(1 + margin, f"{100 * margin:g} % slower", "bar")]
    heads = (statistic, "ratio", "file")
    return [
        chart(lines, scale, heads, label="Latency against the first file", show=lambda t: f"{t:g}", most=6, rules=rules)
    ]
