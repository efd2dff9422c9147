"""
The drawings on the page of a benchmark: how latency is distributed, what batches and threads bring, and what a file
takes on its way to a label. What happens over time is drawn in bench_time.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemline.report.charts import Row, Scale, band, chart, dot, legend, ring, span
from hemline.report.digits import duration
from hemline.report.html import Markup, element, join
from hemline.report.panel import Panel

Report = Mapping[str, Any]
LOOKS = """
.panel { overflow: visible; }
.few { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 6px 28px; }
.few h4 { margin: 14px 0 0; font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.few figure { margin: 0; min-width: 0; }
.throttle { color: var(--fail); stroke-width: 2; }
.decode { color: var(--mark); } .prepare { color: var(--bar); } .infer { color: var(--pass); }
.steps { --values: 225px; }
.scroll + .note, .legend + .note { margin-top: 12px; }
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
        """Return the median, the first three nines and the last one; beyond it there is no room for words."""
        inside = [float(count) for count in range(1, 7) if count <= self.high]
        return [nines(0.5), *inside[:3], *inside[3:][-1:]]


def nines(share: float) -> float:
    """Return how many nines a share has: 2 for 0.99."""
    return -math.log10(1 - share)


def latencies(rows: Sequence[Report]) -> list[Markup]:
    """Return the quantiles of every artifact on one scale."""
    scale = scale_of([value for row in rows for value in (row["latency_p50_ms"], row["latency_max_ms"])])
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
    up = scale_of([ms for row in rows for _, ms in row["curve"]])
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
        figures.append(figure(row_name(row), drawn))
    return element("div", *figures, class_="few")


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
                # on the side of its dot that the curve does not pass
                under = any(one["batch"] == point["batch"] and one["pictures_per_second"] > at[1] for one in own)
                marks.append(panel.word(f"{point['threads']} threads", *at, dy=16 if under else -6))
        best = max(row["throughput"], key=lambda point: point["pictures_per_second"])
        label = (
            f"{row_name(row)}: at most {best['pictures_per_second']:,.0f} pictures a second, {best['batch']} at once"
        )
        drawn = panel.drawn(join(marks), show=(lambda tick: f"{2**tick:.0f}", _thousands), label=label)
        figures.append(figure(row_name(row), drawn))
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


def figure(name: str, *content: Markup) -> Markup:
    return element("figure", element("h4", name), *content)


def scale_of(values: Sequence[float]) -> Scale:
    return Scale.decades(values, floor=1e-4, ceiling=1e5)


def _share(tick: float) -> str:
    return "p50" if tick < 1 else f"p{100 * (1 - 10**-tick):.6g}"


def _thousands(tick: float) -> str:
    return f"{tick / 1000:g} k" if tick >= 1000 else f"{tick:g}"
