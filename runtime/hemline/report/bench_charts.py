"""
The drawings on the page of a benchmark: how latency is distributed, what it does over time, what batches and threads
bring, and what a file takes on its way to a label.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hemline.report.charts import MIDDLE, Row, Rule, Scale, band, chart, dot, legend, off, ring, span, upright
from hemline.report.digits import duration
from hemline.report.html import Markup, element, join
from hemline.report.panel import Panel

Report = Mapping[str, Any]
LOOKS = """
.panel { overflow: visible; }
.few { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); gap: 6px 28px; }
.few h4 { margin: 14px 0 0; font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.few figure { margin: 0; min-width: 0; }
.throttle { color: var(--fail); stroke-width: 2; }
.decode { color: var(--mark); } .prepare { color: var(--bar); } .infer { color: var(--pass); }
.steps { --values: 225px; }
section > .note + .few { margin-top: 4px; }
.legend + h3, .few + h3 { margin-top: 26px; }
header + .verdict { margin-top: 18px; }
"""
UNIT = Scale(0, 1)
PARTS = (("decode_ms", "decode"), ("preprocess_ms", "prepare"), ("infer_ms", "infer"))


@dataclass(frozen=True)
class Nines(Scale):
    """A scale of shares whose distance from one counts: 0.9, 0.99 and 0.999 are as far apart."""

    def ticks(self, most: int = 8) -> list[float]:
        """Return the median and every nine inside the scale."""
        return [nines(0.5), *(float(count) for count in range(1, 7) if count <= self.high)]


def nines(share: float) -> float:
    """Return how many nines a share has: 2 for 0.99."""
    return -math.log10(1 - share)


def latencies(rows: Sequence[Report]) -> list[Markup]:
    """Return the quantiles of every artifact on one scale."""
    scale = _scale([value for row in rows for value in (row["latency_p50_ms"], row["latency_max_ms"])])
    lines = []
    for row in rows:
        p50, p99, p999 = (row[f"latency_{name}_ms"] for name in ("p50", "p99", "p999"))
        marks = [span(scale, p50, row["latency_max_ms"], "span faint"), span(scale, p50, p99), dot(scale, p50)]
        marks += [] if p999 is None else [ring(scale, p999)]
        words = [duration(p50), duration(p99), "–" if p999 is None else duration(p999)]
        lines.append(Row(row_name(row), join(marks), words, failed=bool(row["invalid"])))
    label = "Latency of each artifact, on a logarithmic scale"
    return [
        chart(lines, scale, ("p50", "p99", "p99.9"), label=label, show=duration, most=6),
        legend(
            (join((span(UNIT, 0.2, 1), dot(UNIT, 0.2))), "p50 to p99"),
            (ring(UNIT, 0.5), "p99.9"),
            (span(UNIT, 0, 1, "span faint"), "to the slowest of all"),
        ),
    ]


def curves(rows: Sequence[Report]) -> Markup:
    """Return for every artifact the curve of its quantiles: how slow the slowest of ten, of a hundred, of more are."""
    up = _scale([ms for row in rows for _, ms in row["curve"]])
    most = max(nines(share) for row in rows for share, _ in row["curve"] if share < 1)
    across = Nines(0.0, max(2.0, most) * 1.02)
    figures = []
    for row in rows:
        panel = Panel(across, up, tall=170)
        points = [(nines(share), ms) for share, ms in row["curve"] if share < 1]
        marks = [panel.line(points, "curve held")]
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
            low, high = row["intervals"][name]["ci95"]
            value = row[f"latency_{name}_ms"]
            if value is None:
                continue
            if low is not None and high is not None:
                marks.append(panel.line([(nines(share), low), (nines(share), high)], "interval"))
            marks.append(panel.dot(nines(share), value, radius=3.5))
        said = f"p50 {duration(row['latency_p50_ms'])}, p99 {duration(row['latency_p99_ms'])}"
        drawn = panel.drawn(join(marks), show=(_share, duration), label=f"{row_name(row)}: {said}")
        figures.append(_figure(row_name(row), drawn))
    return element("div", *figures, class_="few")


def over_time(rows: Sequence[Report]) -> Markup:
    """Return for every artifact p50 and p99 of its windows, and below them what others used and the temperature."""
    up = _scale([window[key] for row in rows for window in row["windows"] for key in ("p50_ms", "p99_ms")])
    used = max((window["others_cores"] or 0.0 for row in rows for window in row["windows"]), default=0.0)
    figures = []
    for row in rows:
        windows, marks = row["windows"], []
        across = Scale(windows[0]["start_s"], max(window["start_s"] + window["seconds"] for window in windows))
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
        parts = [panel.drawn(join(marks), show=(_seconds, duration), label=label), *_temperature(windows, across)]
        figures.append(_figure(row_name(row), *parts))
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


def throughput(rows: Sequence[Report]) -> list[Markup]:
    """Return pictures a second over the batch, and with more threads, for every artifact that has them; [] for none."""
    rows = [row for row in rows if row["throughput"]]
    if not rows:
        return []
    points = [point for row in rows for point in row["throughput"]]
    up = Scale.over([point["pictures_per_second"] for point in points], zero=True)
    across = Powers(-0.2, math.log2(max(2, *(point["batch"] for point in points))) + 0.4)
    figures = []
    for row in rows:
        panel = Panel(across, up, tall=150)
        own = [point for point in row["throughput"] if point["threads"] == row["threads"]]
        placed = [(math.log2(point["batch"]), point["pictures_per_second"]) for point in own]
        marks = [panel.line(placed, "curve held"), *(panel.dot(*point, radius=3) for point in placed)]
        for point in row["throughput"]:
            if point["threads"] != row["threads"]:
                at = (math.log2(point["batch"]), point["pictures_per_second"])
                marks.append(element("g", panel.dot(*at, radius=4), class_="prepare"))
                marks.append(panel.word(f"{point['threads']} threads", *at))
        best = max(row["throughput"], key=lambda point: point["pictures_per_second"])
        label = (
            f"{row_name(row)}: at most {best['pictures_per_second']:,.0f} pictures a second, {best['batch']} at once"
        )
        drawn = panel.drawn(join(marks), show=(lambda tick: f"{2**tick:.0f}", _thousands), label=label)
        figures.append(_figure(row_name(row), drawn))
    return [element("div", *figures, class_="few")]


def whole_path(rows: Sequence[Report]) -> list[Markup]:
    """Return what a picture file takes from its bytes to a label, in parts, for every artifact that has it."""
    files = [(row, file) for row in rows for file in row["whole"]]
    if not files:
        return []
    parts = []
    for name in dict.fromkeys(file["picture"] for _, file in files):
        own = [(row, file) for row, file in files if file["picture"] == name]
        scale = Scale.over([file["p50_ms"] for _, file in own], zero=True)
        lines = []
        for row, file in own:
            at, bands = 0.0, []
            for key, class_ in PARTS:
                bands.append(element("g", band(scale, at, at + file[key], thick=12), class_=class_))
                at += file[key]
            words = [duration(file["p50_ms"]), duration(file["p99_ms"]), f"{file['inferences']:,}"]
            lines.append(Row(row_name(row), join(bands), words))
        label = f"From file to label: {name}"
        heads = ("p50", "p99", "files")
        parts += [element("h3", name), chart(lines, scale, heads, label=label, show=duration, most=5)]
    marks = [(element("g", band(UNIT, 0, 1, thick=12), class_=class_), word) for (_, class_), word in _named_parts()]
    return [*parts, legend(*marks)]


def _named_parts() -> list[tuple[tuple[str, str], str]]:
    return list(zip(PARTS, ("decode", "preprocess", "the engine's call"), strict=True))


def ratios(rows: Sequence[Report], margin: float, statistic: str) -> list[Markup]:
    """Return how every file stands to the first, with intervals; rows as Compared.as_dict() gives them."""
    ends = [end for row in rows if row["ratio"] for end in (row["ratio"]["low"], row["ratio"]["high"])]
    near = [min(max(end, 0.1), 10.0) for end in ends]
    scale = Scale.over([*near, 1.0, 1 + margin, 1 / (1 + margin)])
    lines, before = [], None
    for row in rows:
        ratio, name = row["ratio"], f"{row['artifact']}{_threads(row)}"
        if ratio is None:
            lines.append(Row(name, dot(scale, 1.0, "ring"), [duration(row["latency_ms"]), "1", row["file"]]))
            before = name
            continue
        marks = [span(scale, ratio["low"], ratio["high"]), dot(scale, ratio["value"]), off(scale, ratio["value"])]
        words = [duration(row["latency_ms"]), f"{ratio['value']:.3g}", row["file"]]
        lines.append(Row("" if before == name else name, join(marks), words, failed=row["verdict"] == "slower"))
    rules = [Rule(1.0, "as the first"), Rule(1 + margin, f"{100 * margin:g} % slower", "bar")]
    heads = (statistic, "ratio", "file")
    return [
        chart(lines, scale, heads, label="Latency against the first file", show=lambda t: f"{t:g}", most=6, rules=rules)
    ]


@dataclass(frozen=True)
class Powers(Scale):
    """A scale of powers of two."""

    def ticks(self, most: int = 8) -> list[float]:
        """Return every whole power inside the scale."""
        return [float(power) for power in range(math.ceil(self.low), math.floor(self.high) + 1)]


def row_name(row: Report) -> str:
    """Return what a row is called: its artifact, and its threads where they are not one."""
    return f"{row['artifact']}{_threads(row)}"


def _threads(row: Report) -> str:
    return "" if row["threads"] == 1 else f" x{row['threads']}"


def _figure(name: str, *content: Markup) -> Markup:
    return element("figure", element("h4", name), *content)


def _scale(values: Sequence[float]) -> Scale:
    return Scale.decades(values, floor=1e-4, ceiling=1e5)


def _temperature(windows: Sequence[Report], across: Scale) -> list[Markup]:
    known = [(w["start_s"] + w["seconds"] / 2, w["temperature_c"]) for w in windows if w["temperature_c"] is not None]
    if len(known) < 2:
        return []
    panel = Panel(across, Scale.over([value for _, value in known]), tall=60)
    label = f"Temperature from {known[0][1]:.0f} to {known[-1][1]:.0f} °C, at most {max(v for _, v in known):.0f} °C"
    return [panel.drawn(panel.line(known, "curve"), show=(_seconds, lambda tick: f"{tick:g} °C"), label=label)]


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


def _share(tick: float) -> str:
    return "p50" if tick < 1 else f"p{100 * (1 - 10**-tick):.6g}"


def _seconds(tick: float) -> str:
    return f"{tick:g} s" if tick < 600 else f"{tick / 60:g} min"


def _thousands(tick: float) -> str:
    return f"{tick / 1000:g} k" if tick >= 1000 else f"{tick:g}"
