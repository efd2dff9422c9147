"""
results.html: which configuration is best, by how much, and what each parameter has to do with it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report.charts import LINE, Row, Scale, chart, dot, legend, ring, span
from hemline.report.html import Markup, element, facts, join, page, section, table

Report = Mapping[str, Any]
UNIT = Scale(0, 1)  # for the marks in a legend
TALL = 300  # pixels from the top of an axis to its foot
MOST_ROWS = 40  # configurations in the chart; the table has them all
JUDGED = (
    "A configuration counts as good as the best where a 95 % interval of the difference, taken fold by fold on "
    "the same pictures, holds zero. The interval is a t interval with the correction of Nadeau and Bengio for folds "
    "that share training pictures; with few folds it is wide, and honestly so."
)


def results_page(report: Report) -> str:
    """Return the page of a report of hemline_train.sweep.results."""
    rows = report["configurations"]
    complete = [row for row in rows if row["complete"]]
    head = element(
        "header",
        element("p", "Sweep", class_="kind"),
        element("h1", report["sweep"]),
        element("p", _summary(report)),
    )
    parts = [head, _verdict(report, complete)]
    if complete:
        parts.append(section("ranking", "Best first", *_ranking(complete)))
        varying = [name for name in report["parameters"] if len(_values(rows, name)) > 1]
        if len(complete) > 1 and varying:
            parts.append(section("paths", "Every configuration", *_paths(complete, varying)))
            parts.append(section("effects", "One parameter at a time", *_effects(complete, varying)))
    failed = [(row, fold) for row in rows for fold in row["folds"] if fold["reason"] is not None]
    if failed:
        parts.append(section("failed", "Without a score", _failures(failed)))
    parts.append(section("table", "All figures", _figures(report)))
    return page(f"{report['sweep']}: sweep", *parts)


def _summary(report: Report) -> str:
    return (
        f"{len(report['configurations'])} configurations, {report['folds']} folds, {report['finished']} of "
        f"{report['jobs']} jobs done; {report['where']}"
    )


def _verdict(report: Report, complete: Sequence[Report]) -> Markup:
    if not complete:
        said = "no configuration has all its folds yet"
        return element("div", element("strong", said), class_="verdict failed")
    best = complete[0]
    equal = sum(bool(row["as_good_as_best"]) for row in complete) - 1
    beside = f"{equal} of the other {len(complete) - 1} cannot be told from it" if len(complete) > 1 else ""
    low, high = best["accuracy_ci95"]
    return element(
        "div",
        element("strong", f"{best['accuracy']:.4f}  {title(best)}"),
        element("p", f"mean over {report['folds']} folds, {low:.4f} to {high:.4f}", "; " if beside else "", beside),
        element("p", f"{_time(report['job_seconds'])} of training in {_time(report['wall_seconds'])}"),
        class_="verdict passed",
    )


def title(row: Report) -> str:
    """Return what a configuration is called."""
    shown = [f"{key.rpartition('.')[2]} {_show(value)}" for key, value in row["parameters"].items()]
    return ", ".join(shown) or row["recipe"]


def _ranking(rows: Sequence[Report]) -> list[Markup]:
    shown = rows[:MOST_ROWS]
    values = [fold["accuracy"] for row in shown for fold in row["folds"]]
    scale = Scale.over([*values, *(value for row in shown for value in row["accuracy_ci95"])])
    lines = [
        Row(
            f"{number}  {_name(row)}",
            join(
                (
                    *(ring(scale, fold["accuracy"]) for fold in row["folds"]),
                    span(scale, *row["accuracy_ci95"]),
                    dot(scale, row["accuracy"]),
                )
            ),
            [f"{row['accuracy']:.4f}", _behind(row)],
        )
        for number, row in enumerate(shown, 1)
    ]
    more = f" The first {MOST_ROWS} of {len(rows)}." if len(rows) > MOST_ROWS else ""
    return [
        chart(lines, scale, ("accuracy", "behind"), label="Accuracy of each configuration", show=_tick, most=6),
        legend(
            (join((span(UNIT, 0, 1), dot(UNIT, 0.5))), "mean over the folds, and the 95 % interval of its pictures"),
            (ring(UNIT, 0.5), "one fold"),
        ),
        element("p", "behind: points below the best; ≈ where it cannot be told from the best.", more, class_="note"),
    ]


def _name(row: Report) -> str:
    """Return the values of a configuration where they are short, else the start of its key."""
    values = " · ".join(_show(value) for value in row["parameters"].values())
    return values if 0 < len(values) <= 16 else row["configuration"][:6]


def _paths(rows: Sequence[Report], names: Sequence[str]) -> list[Markup]:
    """Return parallel coordinates: an axis a parameter, accuracy last, a line a configuration."""
    axes = [*names, "accuracy"]
    across = [100 * (0.08 + 0.84 * place / (len(axes) - 1)) for place in range(len(axes))]
    scales = [_axis(rows, name) for name in axes]
    lines = []
    for row in rows[::-1]:  # the best is drawn last, over the others
        heights = [36 + TALL * (1 - scale(row)) for scale, _ in scales]
        equal = bool(row["as_good_as_best"])
        style = {"stroke_width": 3 if row is rows[0] else 1.5, "stroke_opacity": 1 if row is rows[0] else None}
        lines += [
            element(
                "line",
                x1=f"{across[place]:.2f}%",
                x2=f"{across[place + 1]:.2f}%",
                y1=f"{heights[place]:.1f}",
                y2=f"{heights[place + 1]:.1f}",
                stroke="currentColor",
                class_="path equal" if equal else "path",
                **style,
            )
            for place in range(len(axes) - 1)
        ]
    marks = []
    for place, (name, (_, ticks)) in enumerate(zip(axes, scales, strict=True)):
        x = f"{across[place]:.2f}%"
        marks.append(element("line", x1=x, x2=x, y1=36, y2=36 + TALL, stroke="currentColor", class_="axis"))
        marks.append(element("text", _axis_name(name), x=x, y=LINE, text_anchor="middle", class_="reference"))
        last = place == len(axes) - 1
        for share, word in ticks:
            place_of = {"x": x, "y": f"{36 + TALL * (1 - share) + 4:.1f}", "dx": 8 if last else -8}
            marks.append(element("text", word, **place_of, text_anchor="start" if last else "end", class_="tick"))
    drawing = element("svg", *lines, *marks, width="100%", height=TALL + 56, class_="strip paths", aria_hidden="true")
    words = [f"{title(row)}: {row['accuracy']:.4f}" for row in rows[:MOST_ROWS]]
    return [
        element("div", drawing, class_="scroll", role="img", aria_label="; ".join(words)),
        element("p", "Strong lines are the best configuration and those that cannot be told from it.", class_="note"),
    ]


def _axis_name(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ")


def _axis(rows: Sequence[Report], name: str) -> tuple[Any, list[tuple[float, str]]]:
    """Return where a row stands on an axis (0 its foot, 1 its top), and the words beside it."""
    if name == "accuracy":
        scale = Scale.over([row["accuracy"] for row in rows])
        words = [(scale.at(tick) / 100, _tick(tick)) for tick in scale.ticks(6)]
        return (lambda row: scale.at(row["accuracy"]) / 100), words
    values = _values(rows, name)
    place = {_key(value): (number + 0.5) / len(values) for number, value in enumerate(values)}
    every = max(1, len(values) // 8)
    words = [(place[_key(value)], _show(value)) for value in values[::every]]
    return (lambda row: place[_key(row["parameters"][name])]), words


def _effects(rows: Sequence[Report], names: Sequence[str]) -> list[Markup]:
    """Return, for each value of each parameter, the mean over all configurations that have it."""
    parts: list[Markup] = []
    scale = Scale.over([row["accuracy"] for row in rows])
    for name in names:
        values = _values(rows, name)
        if len(values) > 12:
            continue
        lines = []
        for value in values:
            found = [row["accuracy"] for row in rows if _key(row["parameters"][name]) == _key(value)]
            if found:
                marks = join((*(ring(scale, one) for one in found), dot(scale, statistics.fmean(found))))
                lines.append(Row(_show(value), marks, [f"{statistics.fmean(found):.4f}", f"{max(found):.4f}"]))
        label = f"Accuracy by {name}"
        parts += [element("h3", name), chart(lines, scale, ("mean", "best"), label=label, show=_tick, most=6)]
    parts.append(legend((dot(UNIT, 0.5), "mean of the configurations with this value"), (ring(UNIT, 0.5), "each")))
    return parts


def _failures(failed: Sequence[tuple[Report, Report]]) -> Markup:
    cells = [[row["configuration"], title(row), str(fold["fold"]), fold["reason"]] for row, fold in failed]
    return table(["configuration", "parameters", "fold", "reason"], cells, label="Jobs without a score", class_="prose")


def _figures(report: Report) -> Markup:
    names = report["parameters"]
    header = ["configuration", *(_axis_name(name) for name in names)]
    sizes = {row["trainable"] for row in report["configurations"] if row["trainable"]}
    vary = len(sizes) > 1  # else said once, below the table, which is wide enough
    header += ["accuracy", "95 % interval", "spread", "loss", "behind", *["parameters"] * vary, "epochs", "time"]
    cells = []
    for row in report["configurations"]:
        low, high = row["accuracy_ci95"] or (None, None)
        cells.append(
            [
                element("code", row["configuration"]),
                *(_show(row["parameters"][name]) for name in names),
                _figure(row["accuracy"]) if row["complete"] else f"{len(row['folds'])} of {report['folds']} folds",
                f"{low:.4f} to {high:.4f}" if low is not None else "–",
                _figure(row["spread"]),
                _figure(row["loss"]),
                _behind(row),
                *[f"{row['trainable']:,}" if row["trainable"] else "–"] * vary,
                f"{row['epochs']:.1f}" if row["epochs"] else "–",
                _time(row["seconds"]),
            ]
        )
    said = [("jobs' time", _time(report["job_seconds"])), ("wall time", _time(report["wall_seconds"]))]
    said += [("parameters of each", f"{size:,}") for size in sizes if not vary]
    whole = facts(said)
    note = element("p", JUDGED, " spread: standard deviation over the folds.", class_="note")
    return join((table(header, cells, label="Figures of each configuration"), whole, note))


def _behind(row: Report) -> str:
    if row["behind"] is None:
        return "–"
    return f"{'≈ ' if row['as_good_as_best'] and row['behind'] else ''}{100 * row['behind']:.2f}"


def _values(rows: Sequence[Report], name: str) -> list[Any]:
    """Return the values of a parameter in order: numbers by size, anything else as it comes."""
    found = {_key(row["parameters"][name]): row["parameters"][name] for row in rows}
    numbers = all(isinstance(value, (int, float)) for value in found.values())
    return sorted(found.values()) if numbers else list(found.values())


def _key(value: Any) -> str:
    return repr(value)


def _show(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _tick(value: float) -> str:
    return f"{value:.4g}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
