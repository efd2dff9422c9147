"""
What a benchmark's windows did one after the other: latency, who else computed, temperature, clock, throttling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hemline.report.bench_charts import UNIT, figure, row_name, scale_of
from hemline.report.charts import MIDDLE, Scale, band, legend, upright
from hemline.report.digits import duration
from hemline.report.html import Markup, element, join
from hemline.report.panel import Panel

Report = Mapping[str, Any]
NEAR = 4  # times the shortest: longer than that, and the scale is one of decades


def over_time(rows: Sequence[Report]) -> Markup:
    """Return for every artifact p50 and p99 of its windows, and below them what others used and the temperature."""
    times = [window[key] for row in rows for window in row["windows"] for key in ("p50_ms", "p99_ms")]
    # a tenth more is what a board that gets hot is looked at for; on a scale of decades nobody sees it
    up = Scale.over(times, zero=True) if max(times) < NEAR * min(times) else scale_of(times)
    used = max((window["others_cores"] or 0.0 for row in rows for window in row["windows"]), default=0.0)
    figures = []
    for row in rows:
        windows, marks = row["windows"], []
        across = Time(windows[0]["start_s"], max(window["start_s"] + window["seconds"] for window in windows))
        panel = Panel(across, up, tall=150, below=30 if used >= 0.05 else 0)
        for stretch in _rounds(windows):
            middles = [window["start_s"] + window["seconds"] / 2 for window in stretch]
            for key, class_ in (("p99_ms", "curve"), ("p50_ms", "curve held")):
                points = list(zip(middles, (window[key] for window in stretch), strict=True))
                marks.append(panel.line(points, class_))
                if len(windows) <= 60:
                    marks.append(element("g", *(panel.dot(*point, radius=2.5) for point in points), class_=class_))
        first = [window["start_s"] for before, window in pairwise(windows) if before["round"] != window["round"]]
        marks += [panel.line([(at, up.low), (at, up.high)], "diagonal") for at in first]
        marks += [_upright(panel, window) for window in windows if window["throttled"]]
        if panel.below:
            bars = [
                (window["start_s"], window["start_s"] + window["seconds"], (window["others_cores"] or 0.0) / used)
                for window in windows
            ]
            marks.append(panel.bars(bars))
        label = f"{row_name(row)}: p50 and p99 of {len(windows)} windows"
        parts = [panel.drawn(join(marks), show=(across.show, duration), label=label), *_temperature(windows, across)]
        parts += _clock(windows, across)
        figures.append(figure(row_name(row), *parts))
    return element("div", *figures, class_="few")


def time_legend(rows: Sequence[Report]) -> Markup:
    """Return what the marks of over_time() are."""
    windows = [window for row in rows for window in row["windows"]]
    entries = [(_stroke("curve held"), "p50 of a window"), (_stroke("curve"), "p99")]
    used = max((window["others_cores"] or 0.0 for window in windows), default=0.0)
    if used >= 0.05:
        entries.append((band(UNIT, 0, 1, thick=14, strength=0.35), f"used by others, up to {used:.2f} cores"))
    if any(window["throttled"] for window in windows):
        entries.append((upright(UNIT, 0.5, "throttle", tall=16), "held back"))
    return legend(*entries)


@dataclass(frozen=True)
class Time(Scale):
    """A scale of seconds; one of ten minutes or more has its ticks at round minutes."""

    @property
    def _unit(self) -> int:
        return 60 if self.high >= 600 else 1

    def ticks(self, most: int = 8) -> list[float]:
        """Return round seconds, or round minutes in seconds."""
        return [tick * self._unit for tick in Scale(self.low / self._unit, self.high / self._unit).ticks(most)]

    def show(self, tick: float) -> str:
        """Return a tick for a person."""
        return f"{tick / self._unit:g} {'s' if self._unit == 1 else 'min'}"


@dataclass(frozen=True)
class Few(Scale):
    """A scale of three ticks, for a low panel."""

    def ticks(self, most: int = 8) -> list[float]:
        """Return round values inside the scale, at most three."""
        return super().ticks(3)


def _temperature(windows: Sequence[Report], across: Time) -> list[Markup]:
    known = _known(windows, "temperature_c")
    if len(known) < 2:
        return []
    values = [value for _, value in known]
    label = f"Temperature from {values[0]:.0f} to {values[-1]:.0f} °C, at most {max(values):.0f} °C"
    return [_low(known, across, "curve", lambda tick: f"{tick:g} °C", label)]


def _clock(windows: Sequence[Report], across: Time) -> list[Markup]:
    known = _known(windows, "mhz")
    values = [value for _, value in known]
    if len(known) < 2 or max(values) < 1.02 * min(values):
        return []  # a virtual machine's clock stands still
    label = f"Clock from {min(values):.0f} to {max(values):.0f} MHz"
    return [_low(known, across, "curve held", lambda tick: f"{tick / 1000:g} GHz", label)]


def _known(windows: Sequence[Report], key: str) -> list[tuple[float, float]]:
    """Return (s, value) of the middles of the windows that have it."""
    return [(w["start_s"] + w["seconds"] / 2, w[key]) for w in windows if w[key] is not None]


def _low(
    points: Sequence[tuple[float, float]], across: Time, class_: str, show: Callable[[float], str], label: str
) -> Markup:
    around = Scale.over([value for _, value in points])
    panel = Panel(across, Few(around.low, around.high), tall=70)
    return panel.drawn(panel.line(points, class_), show=(across.show, show), label=label)


def _rounds(windows: Sequence[Report]) -> list[list[Report]]:
    return [
        [window for window in windows if window["round"] == number]
        for number in dict.fromkeys(window["round"] for window in windows)
    ]


def _upright(panel: Panel, window: Report) -> Markup:
    x = panel.x(window["start_s"] + window["seconds"] / 2)
    bottom, top = panel.y(panel.up.low), panel.y(panel.up.high)
    return element("line", x1=x, x2=x, y1=bottom, y2=top, stroke="currentColor", stroke_opacity=0.5, class_="throttle")


def _stroke(class_: str) -> Markup:
    return element("line", x1=0, x2=34, y1=MIDDLE, y2=MIDDLE, stroke="currentColor", class_=class_)
