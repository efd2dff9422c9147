"""
The drawings on the page of a shift: rejects with control limits, scores against the tuning, what was wrong and when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hemline.report.charts import MIDDLE, Row, Scale, band, chart, legend, upright
from hemline.report.clock import Clock, local
from hemline.report.digits import lasting
from hemline.report.html import Markup, element, join
from hemline.report.panel import Panel

Report = Mapping[str, Any]
LOOKS = """
.outside { color: var(--fail); }
.happened { stroke-width: 2; }
.panel { overflow: visible; }
header + .verdict { margin-top: 18px; }
.scroll + .note, .legend + .note, .facts + .note { margin-top: 10px; }
.events th { text-align: left; }
.events td:last-child { min-width: 18em; width: 100%; }
"""
_UNIT = Scale(0, 1)
# what an episode of the line is called, and in what order
NAMES = {
    "camera": "camera gone",
    "picture": "pictures refused",
    "model": "no answer",
    "budget": "too late",
    "publisher": "not delivered",
    "room": "disk full",
    "disk": "not stored",
    "store": "not stored",
}
# events that are drawn at their moment, without a length
MOMENTS = {
    "part_stays": "part stays",
    "clock_jumped": "clock set",
    "golden_failed": "golden failed",
    "set_aside": "database lost",
    "started": "started",
    "stopped": "stopped",
}


@dataclass(frozen=True)
class Odds(Scale):
    """A scale of log odds whose ticks are round scores."""

    def ticks(self, most: int = 8) -> list[float]:
        """Return log odds of round scores inside the scale, at most `most`."""
        low, high = score(self.low), score(self.high)
        if high < 8 * low or low > 0.2:
            return [odds(tick) for tick in Scale(low, high).ticks(min(most, 5)) if low <= tick <= high]
        whole = [digit * 10.0**power for power in range(-9, 0) for digit in (1, 2, 5)]
        inside = [odds(tick) for tick in sorted({*whole, *(1 - tick for tick in whole)}) if low <= tick <= high]
        return inside[:: math.ceil(len(inside) / most)]


def odds(of: float) -> float:
    """Return the log odds of a score between 0 and 1."""
    return math.log(of / (1 - of))


def score(of: float) -> float:
    """Return the score that has these log odds."""
    return 1 / (1 + math.exp(-of))


def clock_of(report: Report) -> Clock:
    """Return the scale of the report's time."""
    return Clock.spanning(local(report["since_utc"]), local(report["until_utc"]))


def reject_chart(report: Report) -> Markup:
    """Return the share of rejects of each subgroup with its control limits."""
    rate, clock = report["reject_rate"], clock_of(report)
    points = rate["points"]
    usual = sorted(point["parts"] for point in points)[len(points) // 2]
    # a subgroup of few parts has limits near 0 and 100 %, which would press the others flat: drawn at the edge
    tall = [max(point["value"], point["high"]) for point in points if 4 * point["parts"] >= usual]
    panel = Panel(clock, Scale(0.0, 1.08 * max([*tall, rate["expected"], 0.01])))
    across = _middles(points, clock)
    marks = [panel.line([(clock.low, rate["expected"]), (clock.high, rate["expected"])], "rule reference")]
    marks.append(panel.line(_stairs(points, clock, "high"), "rule bar"))
    if not rate["upper_only"]:
        marks.append(panel.line(_stairs(points, clock, "low"), "rule bar"))
    marks += _dots(panel, across, [point["value"] for point in points], points)
    label = f"Share of rejects of {len(points)} subgroups; {rate['outside']} outside the control limits"
    return panel.drawn(join(marks), show=(clock.show, _percent), label=label)


def reject_legend(report: Report) -> Markup:
    """Return what the marks of reject_chart() are."""
    return legend(
        (_dot(""), f"rejects among {report['reject_rate']['subgroup']}"),
        (_dot("outside"), "outside the limits"),
        (_stroke("rule reference"), "expected"),
        (_stroke("rule bar"), "control limits"),
    )


def score_chart(report: Report) -> Markup:
    """Return the EWMA of the scores of parts that passed, with its limits."""
    scores, clock = report["scores"], clock_of(report)
    points = [{**point, **{name: odds(point[name]) for name in ("value", "low", "high")}} for point in scores["points"]]
    then = odds(scores["typical_then"])
    everything = [point[name] for point in points for name in ("value", "low", "high")]
    low, high = min(everything), max(everything)
    panel = Panel(clock, Odds(low - 0.06 * (high - low), high + 0.06 * (high - low)))
    across = _middles(points, clock)
    marks = [panel.line([(clock.low, then), (clock.high, then)], "rule reference")]
    marks += [panel.line(_stairs(points, clock, name), "rule bar") for name in ("low", "high")]
    marks += _dots(panel, across, [point["value"] for point in points], points)
    label = (
        f"Typical score of parts that pass, smoothed; {scores['typical_then']:.3g} at the tuning, "
        f"{scores['typical_now']:.3g} now, {scores['outside']} of {len(points)} outside the limits"
    )
    return panel.drawn(join(marks), show=(clock.show, _score_shown), label=label)


def score_legend() -> Markup:
    """Return what the marks of score_chart() are."""
    return legend(
        (_dot(""), "smoothed score after a subgroup"),
        (_dot("outside"), "outside the limits"),
        (_stroke("rule reference"), "at the tuning"),
        (_stroke("rule bar"), "limits"),
    )


def timeline(report: Report) -> Markup | None:
    """Return what was wrong over the time of the report, a row each; None where nothing was."""
    clock, rows = clock_of(report), []
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for episode in report["episodes"]:
        groups.setdefault((episode["what"], episode["which"]), []).append(episode)
    for what, name in NAMES.items():
        for (kind, which), own in groups.items():
            if kind == what:
                seconds = sum(one["end_us"] - one["begin_us"] for one in own) / 1e6
                title = f"{name}: {which}" if which else name
                rows.append(Row(title, join(_episode(clock, one) for one in own), [f"{len(own):,}", lasting(seconds)]))
    for kind, name in MOMENTS.items():
        at = [clock.hour(local(event["happened_utc"])) for event in report["listed"] if event["kind"] == kind]
        if at:
            marks = join(upright(clock, hour, "happened", tall=16) for hour in at)
            rows.append(Row(name, marks, [f"{report['events'][kind]:,}", ""]))
    if not rows:
        return None
    return chart(rows, clock, ("times", "in all"), label="What was wrong, and when", show=clock.show, most=6)


def _episode(clock: Clock, episode: Mapping[str, Any]) -> Markup:
    limits = (datetime.fromtimestamp(episode[name] / 1e6).astimezone() for name in ("begin_us", "end_us"))
    begin, end = map(clock.hour, limits)
    # the upright shows one that is too short for its band
    return join((band(clock, begin, end, strength=0.45), upright(clock, begin, "happened", tall=14)))


def _middles(points: Sequence[Mapping[str, Any]], clock: Clock) -> list[float]:
    return [(clock.hour(local(point["first_utc"])) + clock.hour(local(point["last_utc"]))) / 2 for point in points]


def _stairs(points: Sequence[Mapping[str, Any]], clock: Clock, name: str) -> list[tuple[float, float]]:
    """Return a line that holds each subgroup's limit from the end of the one before to its own end."""
    found, begin = [], clock.low
    for number, point in enumerate(points):
        end = clock.high if number == len(points) - 1 else clock.hour(local(point["last_utc"]))
        found += [(begin, point[name]), (end, point[name])]
        begin = end
    return found


def _dots(
    panel: Panel, across: Sequence[float], up: Sequence[float], points: Sequence[Mapping[str, Any]]
) -> list[Markup]:
    placed = list(zip(across, up, strict=True))
    small = 4 if len(points) <= 60 else 2
    marks = [panel.line(placed, "curve held")]
    for (x, y), point in zip(placed, points, strict=True):
        dot = panel.dot(x, y, radius=small + 2 if point["outside"] else small)
        marks.append(element("g", dot, class_="outside") if point["outside"] else dot)
    return marks


def _dot(class_: str) -> Markup:
    dot = element("circle", cx=17, cy=MIDDLE, r=6 if class_ else 4, fill="currentColor")
    return element("g", dot, class_=class_) if class_ else dot


def _stroke(class_: str) -> Markup:
    return element("line", x1=0, x2=34, y1=MIDDLE, y2=MIDDLE, stroke="currentColor", class_=class_)


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _score_shown(value: float) -> str:
    return f"{score(value):.3g}"
