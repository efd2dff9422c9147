"""
The section of an evaluation's page on accuracy under shift: what is kept of the clean accuracy, and what takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hemline.report.charts import Row, Scale, band, chart, dot, legend, ring, span
from hemline.report.html import Markup, element, join, section, table

UNIT = Scale(0, 1)
# a cell is shaded by how many points of the clean accuracy are gone: more than this, and how strong the shade is,
# as page.css has it for heat1 to heat4
SHADES = ((0.02, 0.08), (0.10, 0.18), (0.25, 0.30), (0.45, 0.44))


def shift_section(report: Mapping[str, Any]) -> Markup | None:
    """Return the section of a report that `evaluate --shifts --json` writes, None for one without shifts."""
    rows = [row for row in report["artifacts"] if "shifts" in row]
    if not rows:
        return None
    found = rows[0]["shifts"]
    strengths = len(next(iter(found["kinds"].values())))
    what = (
        f"The same pictures under {len(found['kinds'])} kinds of shift at {strengths} strengths each "
        f"(suite {found['suite']}): 1 is mild, {strengths} is hard though a person can still tell. "
        "The mean counts every kind and strength once."
    )
    first, *others = (_kinds(row["artifact"], row["shifts"]) for row in rows)
    count = f"{len(others)} more artifact{'s' if len(others) > 1 else ''}"
    more = [element("details", element("summary", count), *others)] if others else []
    return section("shifts", "Under shift", element("p", what), *_means(rows), first, _shades(), *more)


def _means(rows: list[Mapping[str, Any]]) -> list[Markup]:
    """Return clean accuracy and mean of each artifact on one scale from 0."""
    lines = []
    for row in rows:
        clean, mean = row["shifts"]["clean"], row["shifts"]["mean"]
        marks = join((span(UNIT, mean, clean), ring(UNIT, clean), dot(UNIT, mean)))
        lines.append(Row(row["artifact"], marks, [f"{clean:.4f}", f"{mean:.4f}"]))
    return [
        chart(lines, UNIT, ("clean", "mean"), label="Accuracy clean and under shift", show=lambda tick: f"{tick:g}"),
        legend((ring(UNIT, 0.5), "clean"), (dot(UNIT, 0.5), "mean under shift")),
    ]


def _kinds(artifact: str, found: Mapping[str, Any]) -> Markup:
    """Return the accuracy of an artifact under each kind at each strength, shaded by what is lost."""
    clean = found["clean"]
    lines = [
        [
            kind.replace("_", " "),
            *(_cell(value, clean) for value in values),
            element("td", f"{sum(values) / len(values):.3f}", class_="sum"),
        ]
        for kind, values in found["kinds"].items()
    ]
    strengths = len(lines[0]) - 2
    header = ["strength", *(str(strength) for strength in range(1, strengths + 1)), "mean"]
    heading = element("h3", element("code", artifact), " by kind and strength")
    return join((heading, table(header, lines, label=f"Accuracy of {artifact} under shift")))


def _cell(value: float, clean: float) -> Markup:
    level = sum(clean - value > lost for lost, _ in SHADES)
    return element("td", f"{value:.3f}", class_=f"heat{level}" if level else None)


def _shades() -> Markup:
    return legend(
        *((band(UNIT, 0, 1, strength=strength), f"more than {100 * lost:.0f} points lost") for lost, strength in SHADES)
    )
