"""
reproduction.html: the report as a page that carries everything it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from hemline.report.charts import LINE, Row, Scale, chart, dot, legend, ring, span, upright
from hemline.report.html import Markup, element, heat, join, page, section, table
from hemline_train.published.report import GRID, JUDGED
from hemline_train.published.text import CLASSES, differences, figures

Report = Mapping[str, Any]
UNIT = Scale(0, 1)  # for the marks in a legend
CURVES = Scale(0.8, 1.0)  # accuracy, bottom to top
TALL = 200  # pixels of a panel of curves
WORDS = {"reproduced": "yes", "above": "above it", "below": "below it"}


def reproduction_page(report: Report) -> str:
    """Return the page of a report of hemline_train.published.report."""
    rows = report["rows"]
    head = element(
        "header",
        element("p", "Reproduction", class_="kind"),
        element("h1", "The published networks, rebuilt"),
        element("p", f"{len(rows)} recipes, {sum(len(row['seeds']) for row in rows)} trainings on Fashion-MNIST"),
    )
    parts = [head, _verdict(rows), section("accuracy", "Test accuracy", *_accuracy(rows))]
    if report["cv"] is not None:
        parts.append(section("grid", "The grid search", _grid(report)))
    parts.append(section("overfitting", "Over-fitting, without and with dropout", *_pairs(rows)))
    parts.append(section("cost", "Size and cost", _cost(rows)))
    detailed = next((row for row in rows if row["recipe"] == "codered-dropout"), None)
    if detailed is not None:
        parts.append(section("classes", f"{detailed['recipe']}, class by class", *_classes(detailed)))
    return page("The published networks, rebuilt", *parts)


def _verdict(rows: Sequence[Report]) -> Markup:
    reproduced = sum(row["verdict"] != "below" for row in rows)
    below = [row for row in rows if row["verdict"] == "below"]
    return element(
        "div",
        element("strong", f"{reproduced} of {len(rows)} test accuracies reached"),
        element("ul", *(element("li", element("code", row["recipe"]), f": {said}") for row, said in differences(rows))),
        class_="verdict failed" if below else "verdict passed",
    )


def _accuracy(rows: Sequence[Report]) -> list[Markup]:
    values = [value for row in rows for value in (*row["interval"], *row["published"]["test_accuracy"])]
    scale = Scale.over([*values, *(value for row in rows for value in row["test_accuracy"])])
    lines = [
        Row(
            row["recipe"],
            join(
                (
                    *(_theirs(scale, value) for value in row["published"]["test_accuracy"]),
                    *(ring(scale, value) for value in row["test_accuracy"]),
                    span(scale, *row["interval"]),
                    dot(scale, row["mean"]),
                )
            ),
            [f"{row['mean']:.4f}", *_ends(row["published"]["test_accuracy"])],
            failed=row["verdict"] == "below",
        )
        for row in rows
    ]
    header = ["recipe", "published", "ours", "95 % interval", "spread", "reproduced", "loss", "published", "seeds"]
    cells = [
        [
            element("code", row["recipe"]),
            figures(row["published"]["test_accuracy"]),
            f"{row['mean']:.4f}",
            f"{row['interval'][0]:.4f} to {row['interval'][1]:.4f}",
            _or(row["spread"], ".4f"),
            WORDS[row["verdict"]],
            f"{row['test_loss']:.4f}",
            _or(row["published"]["test_loss"], ".4f"),
            str(len(row["seeds"])),
        ]
        for row in rows
    ]
    return [
        chart(lines, scale, ("ours", "published", "to"), label="Test accuracy of each recipe", show=_tick, most=6),
        legend(
            (join((span(UNIT, 0, 1), dot(UNIT, 0.5))), "ours: mean over the seeds, and its 95 % interval"),
            (ring(UNIT, 0.5), "one seed"),
            (_theirs(UNIT, 0.5), "published"),
        ),
        table(header, cells, label="Test accuracies"),
        element("p", JUDGED, " spread: standard deviation over the seeds.", class_="note"),
    ]


def _theirs(scale: Scale, value: float) -> Markup:
    return upright(scale, value, "limit", tall=20)


def _grid(report: Report) -> Markup:
    cv = report["cv"]
    theirs = next((row["published"]["cv_accuracy"] for row in report["rows"] if row["published"]["cv_accuracy"]), None)
    low, high = cv["accuracy_ci95"]
    best = ", ".join(f"{name.rpartition('.')[2]} {value:g}" for name, value in cv["parameters"].items())
    return element(
        "p",
        element("code", f"hemline sweep {GRID}"),
        f": {cv['jobs']} jobs. Best configuration: {best}; accuracy {cv['accuracy']:.4f} over {cv['folds']} folds "
        f"({low:.4f} to {high:.4f}); published {_or(theirs, '.4f')}. {cv['job_seconds'] / 60:.0f} min of training in "
        f"{cv['wall_seconds'] / 60:.0f} min, {cv['where']}.",
    )


def _pairs(rows: Sequence[Report]) -> list[Markup]:
    by_name = {row["recipe"]: row for row in rows}
    parts: list[Markup] = []
    for row in rows:
        if not row["against"]:
            continue
        pair = (by_name[row["against"]], row)
        longest = max(len(history) for one in pair for history in one["history"])
        parts.append(element("div", *(_curves(one, longest) for one in pair), class_="pair"))
    parts.append(
        legend(
            (element("line", x1=0, x2=34, y1=14, y2=14, stroke="currentColor", class_="curve"), "training"),
            (element("line", x1=0, x2=34, y1=14, y2=14, stroke="currentColor", class_="curve held"), "validation"),
        )
    )
    header = ["recipe", "training", "validation", "gap, points", "training as shown", "published, as shown"]
    cells = [
        [
            element("code", row["recipe"]),
            f"{row['train_accuracy']:.4f}",
            f"{row['validation_accuracy']:.4f}",
            f"{100 * row['gap']:.2f}",
            f"{row['train_shown']:.4f}",
            _or(row["published"]["train_accuracy"], ".4f"),
        ]
        for row in rows
    ]
    note = (
        "Curves: each seed, training with dropout on. training, validation: of the kept weights, without dropout. "
        '"as shown": the mean over the kept epoch while the weights changed and dropout was on.'
    )
    return [*parts, table(header, cells, label="Over-fitting"), element("p", note, class_="note")]


def _curves(row: Report, longest: int) -> Markup:
    """Return one panel: accuracy over the epochs of every seed, 0.8 to 1."""

    def x(epoch: int) -> str:
        return f"{9 + 88 * (epoch - 1) / max(1, longest - 1):.2f}%"

    def y(value: float) -> str:
        return f"{LINE + TALL * (1 - CURVES.at(value) / 100):.1f}"

    marks = []
    for tick in CURVES.ticks(5):
        marks.append(element("line", x1="9%", x2="97%", y1=y(tick), y2=y(tick), stroke="currentColor", class_="grid"))
        marks.append(element("text", f"{tick:.2f}", x="8%", y=y(tick), dy=4, text_anchor="end", class_="tick"))
    marks += [
        element("text", word, x=place, y=TALL + 2 * LINE, text_anchor="middle", class_="tick")
        for word, place in (("1", x(1)), ("epoch", "53%"), (str(longest), x(longest)))
    ]
    for history in row["history"]:
        for before, after in pairwise(history):
            for name, class_ in (("train", "curve"), ("validation", "curve held")):
                ends = {"x1": x(before["epoch"]), "x2": x(after["epoch"])}
                heights = {"y1": y(before[name]), "y2": y(after[name])}
                marks.append(element("line", **ends, **heights, stroke="currentColor", class_=class_))
    title = element("p", element("code", row["recipe"]), f"  gap {100 * row['gap']:.1f} points")
    drawing = element("svg", *marks, width="100%", height=TALL + 2 * LINE + 6, class_="strip", aria_hidden="true")
    said = f"training {row['train_accuracy']:.4f}, validation {row['validation_accuracy']:.4f}"
    return element("div", title, element("div", drawing, role="img", aria_label=f"{row['recipe']}: {said}"))


def _cost(rows: Sequence[Report]) -> Markup:
    header = ["recipe", "parameters", "published", "batch", "epochs", "s an epoch", "published"]
    cells = [
        [
            element("code", row["recipe"]),
            f"{row['parameters']:,}",
            _or(row["published"]["parameters"], ","),
            str(row["batch"]),
            ", ".join(map(str, row["epochs"])),
            f"{row['seconds_per_epoch']:.1f}",
            figures(row["published"]["seconds_per_epoch"], "g"),
        ]
        for row in rows
    ]
    return table(header, cells, label="Size and cost")


def _classes(row: Report) -> list[Markup]:
    scores = [
        [
            element("bdi", entry["label"]),
            *(f"{entry[name]:.4f}" for name in ("precision", "recall", "f1")),
            f"{entry['support']:,}",
        ]
        for entry in row["per_class"]
    ]
    rounded = [[round(count) for count in line] for line in row["confusion"]]
    wrong = [count for truth, line in enumerate(rounded) for guess, count in enumerate(line) if truth != guess]
    most = max([*wrong, 1])
    lines = [
        [element("bdi", label), *(heat(count, most, plain=truth == guess) for guess, count in enumerate(line))]
        for truth, (label, line) in enumerate(zip(row["labels"], rounded, strict=True))
    ]
    return [
        element("p", CLASSES),
        table(["class", "precision", "recall", "F1", "pictures"], scores, label="Scores of each class"),
        element("h3", "What is taken for what"),
        table(["true ↓ answer →", *row["labels"]], lines, label="Confusion, mean over the seeds"),
    ]


def _ends(values: Sequence[float]) -> list[str]:
    low, high = min(values), max(values)
    return [f"{low:.4f}", "" if low == high else f"{high:.4f}"]


def _or(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _tick(value: float) -> str:
    return f"{value:.4g}"
