"""
The page of `hemline evaluate`: accuracy with its interval, each class, and what is taken for what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hemline.report.charts import Row, Scale, chart, dot, legend, span
from hemline.report.confidence_charts import confidence
from hemline.report.defect_section import defect_section
from hemline.report.digits import duration, or_dash
from hemline.report.html import Markup, element, facts, heat, join, page, section, table
from hemline.report.shift_chart import shift_section
from hemline.report.table import size

Report = Mapping[str, Any]
UNIT = Scale(0, 1)  # for the marks in a legend
ECE = (
    "ece is the expected calibration error over 15 bins of confidence: how far the confidence is from the share "
    "that is right, at the artifact's own temperature."
)


def evaluation_page(report: Report) -> str:
    """Return the page of a report that `evaluate --json` writes."""
    rows = report["artifacts"]
    head = element(
        "header",
        element("p", "Evaluation", class_="kind"),
        element("h1", report["bundle"]),
        element("p", f"{report['n']:,} pictures of {report['data']}, {len(report['labels'])} classes"),
    )
    wide = [
        ("classes", join((element("bdi", label) for label in report["labels"]), ", ")),
        ("class lock", element("code", report["class_lock"])),
    ]
    return page(
        f"{report['bundle']}: evaluation",
        head,
        section("accuracy", "Accuracy", *_accuracy(rows)),
        *([section("confidence", "Confidence", *worth)] if (worth := confidence(rows)) else []),
        defect_section(report),
        shift_section(report),
        *(section(f"classes{number}", row["artifact"], *_classes(row, report)) for number, row in enumerate(rows)),
        section("facts", "What was evaluated", facts([], wide)),
    )


def _accuracy(rows: list[Report]) -> list[Markup]:
    scale = Scale.over([value for row in rows for value in row["accuracy_ci95"]])
    lines = [
        Row(
            row["artifact"],
            join((span(scale, *row["accuracy_ci95"]), dot(scale, row["accuracy"]))),
            [f"{row['accuracy']:.4f}"],
        )
        for row in rows
    ]
    header = ["artifact", "accuracy", "95 % interval", "loss", "ece", "macro F1", "agreement", "size", "p50", "p99"]
    cells = [
        [
            element("code", row["artifact"]),
            f"{row['accuracy']:.4f}",
            f"{row['accuracy_ci95'][0]:.4f} to {row['accuracy_ci95'][1]:.4f}",
            f"{row['loss']:.4f}",
            f"{row['ece']:.4f}",
            f"{row['macro_f1']:.4f}",
            or_dash(row["agreement"], ".4f"),
            size(row["bytes"]),
            duration(row["latency_p50_ms"]),
            duration(row["latency_p99_ms"]),
        ]
        for row in rows
    ]
    return [
        chart(lines, scale, ("accuracy",), label="Accuracy of each artifact", show=lambda tick: f"{tick:.4g}", most=6),
        legend((join((span(UNIT, 0, 1), dot(UNIT, 0.5))), "accuracy with its 95 % interval")),
        table(header, cells, label="Figures of each artifact"),
        element("p", ECE, class_="note"),
    ]


def _classes(row: Report, report: Report) -> list[Markup]:
    """Return precision, recall and F1 of each class, and the confusion matrix."""
    scores = [
        [
            element("bdi", entry["label"]),
            *(f"{entry[name]:.4f}" for name in ("precision", "recall", "f1")),
            f"{entry['support']:,}",
        ]
        for entry in row["per_class"]
    ]
    matrix = row["confusion"]
    wrong = [count for truth, line in enumerate(matrix) for guess, count in enumerate(line) if truth != guess]
    most = max([*wrong, 1])
    # what is right is plain: shading it would hide the mistakes
    lines = [
        [element("bdi", label), *(heat(count, most, plain=truth == guess) for guess, count in enumerate(line))]
        for truth, (label, line) in enumerate(zip(report["labels"], matrix, strict=True))
    ]
    return [
        table(["class", "precision", "recall", "F1", "pictures"], scores, label=f"Classes of {row['artifact']}"),
        element("h3", "What is taken for what"),
        table(["true ↓ answer →", *report["labels"]], lines, label=f"Confusion of {row['artifact']}"),
    ]
