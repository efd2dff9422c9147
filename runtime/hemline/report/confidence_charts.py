"""
What confidence is worth, on the page of an evaluation: the reliability diagram and the risk-coverage curve of each
artifact, and a table of what they come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from hemline.metrics import wilson
from hemline.report.charts import MIDDLE, Scale, legend
from hemline.report.html import Markup, element, join, table
from hemline.report.panel import Panel

Report = Mapping[str, Any]
READ = (
    "Confidence is the probability of the answer at the artifact's own temperature, which was fitted on validation "
    "pictures. The error is the expected calibration error over 15 bins of equal width; an artifact whose every "
    "confidence is exactly true would still show the one “by chance” on as many pictures. An answer is "
    "good from the threshold on; at most the promised share of good answers is wrong on pictures like those of "
    "validation, and beside it stands what was wrong here."
)


def confidence(rows: list[Report]) -> list[Markup]:
    """Return the table and the panels of the artifacts that say what their confidence is worth; [] for none."""
    known = [row for row in rows if "reliability" in row]
    if not known:
        return []
    parts = [element("p", READ, class_="note"), _table(known)]
    for row in known:
        parts.append(element("h3", element("code", row["artifact"])))
        parts.append(element("div", _reliability(row), _risk(row), class_="pair"))
    dot = element("circle", cx=17, cy=MIDDLE, r=4, fill="currentColor")
    upright = {"x1": 17, "x2": 17, "y1": MIDDLE - 10, "y2": MIDDLE + 10, "stroke": "currentColor"}
    entries = [
        (join((element("line", **upright), dot)), "a bin's answers, or the good ones, with their 95 % interval"),
        (_stroke("diagonal"), "confidence that is exactly true"),
        (_stroke("curve held"), "wrong here"),
        (_stroke("rule bar"), "promised for good answers"),
    ]
    if any(row["calibration"] is not None for row in known):
        entries.append((_stroke("curve"), "upper bound from validation (95 %)"))
    return [*parts, legend(*entries)]


def _stroke(class_: str) -> Markup:
    return element("line", x1=0, x2=34, y1=MIDDLE, y2=MIDDLE, stroke="currentColor", class_=class_)


def _table(rows: list[Report]) -> Markup:
    header = [
        *("artifact", "temperature", "error before", "after", "by chance"),
        *("good from", "are good", "of these wrong", "95 % interval", "promised"),
    ]
    cells = []
    for row in rows:
        good = row["good"]
        errors = [f"{row[name]:.4f}" for name in ("ece_uncalibrated", "ece", "ece_by_chance")]
        told = ["–"] * 5
        if good is not None:
            low, high = good["risk_ci95"]
            told = [
                f"{good['confidence']:.3f}",
                _percent(good["coverage"]),
                "–" if good["risk"] is None else _percent(good["risk"]),
                f"{100 * low:.2f} to {100 * high:.2f} %",
                "–" if good["max_risk"] is None else f"{100 * good['max_risk']:.3g} %",
            ]
        cells.append([element("code", row["artifact"]), f"{row['temperature']:.3f}", *errors, *told])
    return table(header, cells, label="Calibration and good answers of each artifact")


def _reliability(row: Report) -> Markup:
    """Return the share that is right over the confidence, each bin with its interval, its pictures hanging below."""
    panel = Panel(Scale(0, 1), Scale(0, 1), below=48)
    most = max(entry["n"] for entry in row["reliability"])
    marks = [panel.line([(0, 0), (1, 1)], "diagonal")]
    marks.append(panel.bars((entry["low"], entry["high"], entry["n"] / most) for entry in row["reliability"]))
    for entry in row["reliability"]:
        low, high = wilson(round(entry["accuracy"] * entry["n"]), entry["n"])
        marks.append(panel.line([(entry["confidence"], low), (entry["confidence"], high)], "interval"))
        marks.append(panel.dot(entry["confidence"], entry["accuracy"]))
    said = "; ".join(f"{entry['confidence']:.2f}: {entry['accuracy']:.2f}" for entry in row["reliability"])
    label = f"Share right over confidence of {row['artifact']}: {said}"
    title = element("p", "Share right over confidence; below, the pictures of each bin", class_="note")
    return element("div", title, panel.drawn(join(marks), show=(_share, _share), label=label))


def _risk(row: Report) -> Markup:
    """Return the share of wrong answers over the share of pictures answered, the good ones marked."""
    measured = list(zip(row["risk_coverage"]["coverage"], row["risk_coverage"]["risk"], strict=True))
    bounds = _bounds(row["calibration"])
    good = row["good"] if row["good"] is not None and row["good"]["risk"] is not None else None
    drawn = [risk for _, risk in measured]
    if good is not None:
        drawn += [good["risk_ci95"][1], good["max_risk"] or 0.0]
    # few pictures make a bound high, which would press the curve flat: what is above twice the rest is left out
    near = [bound for _, bound in bounds if bound <= 2 * max(drawn)]
    panel = Panel(Scale(0, 1), Scale.over([*drawn, *near], zero=True))
    steps = [step for step in pairwise(bounds) if max(step[0][1], step[1][1]) <= panel.up.high]
    marks = [*(panel.line(step, "curve") for step in steps), panel.line(measured, "curve held")]
    said = ""
    if good is not None:
        if good["max_risk"] is not None:
            marks.append(panel.line([(0, good["max_risk"]), (1, good["max_risk"])], "rule bar"))
        marks.append(panel.line([(good["coverage"], value) for value in good["risk_ci95"]], "interval"))
        marks.append(panel.dot(good["coverage"], good["risk"]))
        above = max(good["risk_ci95"][1], good["max_risk"] or 0.0)
        marks.append(panel.word(f"good from {good['confidence']:.3f}", good["coverage"], above))
        said = f"; good are {_percent(good['coverage'])}, of which {_percent(good['risk'])} are wrong"
    label = f"Share wrong over coverage of {row['artifact']}; {_percent(measured[-1][1])} of all{said}"
    title = element("p", "Share wrong over the share answered, surest first", class_="note")
    return element("div", title, panel.drawn(join(marks), show=(_share, _whole), label=label))


def _bounds(calibration: Report | None) -> list[tuple[float, float]]:
    """Return the bounded points (coverage, bound) of the curve that the artifact carries, [] without one."""
    if calibration is None:
        return []
    curve = calibration["curve"]
    return [
        (answered / calibration["n"], bound) for answered, bound in zip(curve["answered"], curve["bound"], strict=True)
    ]


def _share(value: float) -> str:
    return f"{value:.1f}"


def _whole(value: float) -> str:
    return f"{100 * value:.3g} %"


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"
