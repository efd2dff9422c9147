"""
The search under a budget, as a section of a page: what `hemline convert --max-drop` tried, and what it kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report.digits import signed
from hemline.report.html import Markup, element, table
from hemline.report.table import size


def described(options: Mapping[str, Any] | None) -> str:
    """Return how a candidate was calibrated, in words; None is a format that is not."""
    if options is None:
        return "none"
    count = options["calibration"]
    pictures = "all pictures" if count is None else f"{count} pictures"
    return f"{pictures}, {options['method']}, {'per channel' if options['per_channel'] else 'per tensor'}"


def section_of(candidates: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """Return the Pareto table of the candidates that a bundle's provenance lists, engine by engine."""
    rows = sorted(candidates, key=lambda row: (row["artifact"].partition(":")[0], row["bytes"]))
    cells = [
        [
            element("code", row["artifact"]),
            described(row["options"]),
            size(row["bytes"]),
            signed(row["accuracy_drop_pp"]),
            f"{row['agreement']:.4f}",
            "yes" if row["within"] else "no",
            "kept" if row["kept"] else "on the front" if row["pareto"] else "",
        ]
        for row in rows
    ]
    header = ["artifact", "calibration", "size", "drop pp", "agreement", "within", ""]
    note = (
        "Measured on validation pictures when the bundle was made. Within: keeps the budget and the other gates. "
        "On the front: no other of its engine is both no larger and no worse."
    )
    return [element("p", note, class_="note"), table(header, cells, label="Search under a budget")]
