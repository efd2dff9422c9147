"""
The section of an evaluation's page on good and defective: what passes, at how many good pictures thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report.charts import Row, Scale, chart, dot, span
from hemline.report.html import Markup, element, join, section, table

ESCAPES = (
    "Escapes are the share of defective pictures that pass at the least threshold that rejects no more than that share "
    "of good ones."
)


def defect_section(report: Mapping[str, Any]) -> Markup | None:
    """Return the section of a report whose bundle says which class is good, None for another."""
    rows = [row for row in report["artifacts"] if "escape_at_false_reject" in row]
    if not rows:
        return None
    good, parts = rows[0]["good_label"], rows[0]["parts"]
    over = f"whole parts, {parts:,} of them" if parts else "pictures, each taken for a part of its own"
    what = join(
        (
            "A picture's defect score is the probability of every class but ",
            element("bdi", good),
            f". {ESCAPES} The 95 % intervals are of a bootstrap over {over}.",
        )
    )
    per_defect = (part for row in rows for part in (element("h3", row["artifact"]), _per_defect(row)))
    return section("defects", "Good or defective", element("p", what), *_areas(rows), _escapes(rows), *per_defect)


def _areas(rows: Sequence[Mapping[str, Any]]) -> list[Markup]:
    scale = Scale.over([value for row in rows for value in row["auroc_ci95"]])
    lines = [
        Row(
            row["artifact"],
            join((span(scale, *row["auroc_ci95"]), dot(scale, row["auroc"]))),
            [f"{row['auroc']:.4f}"],
        )
        for row in rows
    ]
    label = "Area under the ROC curve, good against defective"
    return [chart(lines, scale, ("AUROC",), label=label, show=lambda tick: f"{tick:.4g}", most=6)]


def _escapes(rows: Sequence[Mapping[str, Any]]) -> Markup:
    header = ["artifact", "AUROC", *_headings(rows[0])]
    cells = [
        [element("code", row["artifact"]), _with_interval(row["auroc"], row["auroc_ci95"]), *_shares(row)]
        for row in rows
    ]
    return table(header, cells, label="Escapes of each artifact")


def _per_defect(row: Mapping[str, Any]) -> Markup:
    header = ["defect", "pictures", "parts", "recall", *_headings(row)]
    cells = [
        [
            element("bdi", entry["label"]),
            f"{entry['pictures']:,}",
            f"{entry['parts']:,}",
            _with_interval(entry["recall"], entry["recall_ci95"]),
            *_shares(entry),
        ]
        for entry in row["per_defect"]
    ]
    return table(header, cells, label=f"Defects of {row['artifact']}")


def _headings(row: Mapping[str, Any]) -> list[str]:
    return [f"escapes at {100 * float(rate):g} %" for rate in row["escape_at_false_reject"]]


def _shares(row: Mapping[str, Any]) -> list[Markup]:
    intervals = row["escape_at_false_reject_ci95"]
    return [_with_interval(share, intervals[rate]) for rate, share in row["escape_at_false_reject"].items()]


def _with_interval(value: float, interval: Sequence[float]) -> Markup:
    # below each other: five figures with their intervals do not fit side by side
    return element("td", f"{value:.3f}", element("small", f"{interval[0]:.3f} to {interval[1]:.3f}"))
