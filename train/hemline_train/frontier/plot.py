"""
The plots, as SVG: accuracy against what it costs, on a logarithmic scale.

Put together of element(): no library's version, no date and no font is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hemline.report.charts import Scale
from hemline.report.digits import duration
from hemline.report.html import Markup, element, join
from hemline_train.frontier import marks
from hemline_train.frontier.labels import Box, Name, Place, place
from hemline_train.frontier.records import Record
from hemline_train.frontier.rows import SHOWN, Network, unbeaten

WIDTH, HEIGHT = 960, 660
LEFT, TOP, BOTTOM = 62, 76, 606  # of the axes
EDGE = 920  # their right end
BAND = 150  # pixels at the right for what has no place across
ROUND = tuple(factor * 10.0**power for power in range(-6, 10) for factor in (1, 2, 5))
FONT, STRONG = 12.0, 13.5  # pixels; bold letters are wider


@dataclass(frozen=True)
class Axes:
    """The two scales and where they are drawn. cost: what is across, of a network; None where it is not known."""

    across: Scale
    up: Scale
    right: float
    cost: Callable[[Network], float | None]

    def x(self, value: float) -> float:
        """Return pixels from the left; rounded at once, so that what follows is the same on every machine."""
        return round(LEFT + (self.right - LEFT) * self.across.at(value) / 100, 1)

    def y(self, value: float) -> float:
        """Return pixels from the top."""
        return round(BOTTOM - (BOTTOM - TOP) * self.up.at(value) / 100, 1)

    def at(self, row: Network) -> tuple[float, float]:
        """Return where a network stands; its cost is known."""
        cost = self.cost(row)
        assert cost is not None
        return self.x(cost), self.y(row.accuracy)


def by_bytes(rows: Sequence[Network], records: Sequence[Record]) -> str:
    """Return accuracy against int8 bytes; a record stands at a byte for each of its parameters."""
    costs = [*(row.size_bytes for row in rows), *(record.parameters for record in records)]
    axes = Axes(_rounds(costs), _heights(rows, records), EDGE, lambda row: row.size_bytes)
    theirs = [(record, axes.x(record.parameters)) for record in records]
    said = "size of the int8 .tflite; of a record, whose size is not known, a byte for each parameter"
    return _drawing(axes, rows, theirs, said, lambda value: f"{value / 1000:,g} KB", "Test accuracy against int8 bytes")


def by_latency(rows: Sequence[Network], records: Sequence[Record], machine: str) -> str:
    """Return accuracy against latency; records, which have none, stand in a band of their own.

    machine: what it was measured on. rows: those without a latency are left out.
    """
    timed = [row for row in rows if row.latency_ms is not None]
    right = EDGE - BAND
    costs = [row.latency_ms for row in timed if row.latency_ms is not None]
    axes = Axes(_rounds(costs), _heights(timed, records), right, lambda row: row.latency_ms)
    theirs = [(record, right + 22.0) for record in records]
    said = f"median latency of one picture, one thread, {machine}"
    return _drawing(axes, timed, theirs, said, duration, "Test accuracy against latency")


def _rounds(values: Sequence[float]) -> Scale:
    """Return a logarithmic scale from one round value to another, with air around the values."""
    low = max(step for step in ROUND if step <= min(values) / 1.1)
    return Scale(low, min(step for step in ROUND if step >= max(values) * 1.1), log=True)


def _heights(rows: Sequence[Network], records: Sequence[Record]) -> Scale:
    values = [value for row in rows for value in (row.int8[SHOWN].low, row.int8[SHOWN].high, *row.published)]
    return Scale.over([*values, *(record.accuracy for record in records)])


def _drawing(
    axes: Axes,
    rows: Sequence[Network],
    records: Sequence[tuple[Record, float]],
    said: str,
    show: Callable[[float], str],
    title: str,
) -> str:
    edge = [axes.at(row) for row in unbeaten(rows, axes.cost)]
    corners = _corners(edge, axes.right)
    names = _names(axes, rows, records, corners)
    body = [
        element("title", title),
        element("style", Markup(marks.STYLE)),
        element("rect", width=WIDTH, height=HEIGHT, fill="#ffffff"),
        marks.legend(),
        _grid(axes, show, said),
        element("polyline", points=" ".join(f"{x:g},{y:g}" for x, y in corners), class_="edge"),
        *(_lead(one) for one, _ in names if one.far),
        *(_measured(row, axes) for row in rows),
        *(marks.diamond(x, axes.y(record.accuracy)) for record, x in records),
        *(_named(one, class_) for one, class_ in names),
    ]
    drawing = element(
        "svg", *body, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT
    )
    return f"{drawing}\n"


def _corners(edge: Sequence[tuple[float, float]], right: float) -> list[tuple[float, float]]:
    """Return the line of what is not beaten: across to the next cost, then up to what it buys."""
    corners = []
    for (x, y), (after, _) in pairwise([*edge, (right, 0.0)]):
        corners += [(x, y), (after, y)]
    return corners


def _grid(axes: Axes, show: Callable[[float], str], across: str) -> Markup:
    parts = []
    ticks = axes.up.ticks(10)
    decimals = 2 if all(abs(100 * tick - round(100 * tick)) < 1e-6 for tick in ticks) else 3
    for tick in ticks:
        y = axes.y(tick)
        parts.append(element("line", x1=LEFT, x2=EDGE, y1=f"{y:g}", y2=f"{y:g}", class_="grid"))
        parts.append(
            element("text", f"{tick:.{decimals}f}", x=LEFT - 8, y=f"{y + 4:g}", text_anchor="end", class_="tick")
        )
    for tick in _log_ticks(axes.across):
        x = axes.x(tick)
        parts.append(element("line", x1=f"{x:g}", x2=f"{x:g}", y1=TOP, y2=BOTTOM, class_="grid"))
        parts.append(element("text", show(tick), x=f"{x:g}", y=BOTTOM + 18, text_anchor="middle", class_="tick"))
    parts.append(element("line", x1=LEFT, x2=EDGE, y1=BOTTOM, y2=BOTTOM, class_="axis"))
    if axes.right < EDGE:
        parts.append(element("line", x1=axes.right, x2=axes.right, y1=TOP, y2=BOTTOM, class_="axis"))
        aside = f"{(axes.right + EDGE) / 2 + 16:g}"
        parts.append(
            element("text", "latency not known", x=aside, y=BOTTOM + 18, text_anchor="middle", class_="record")
        )
    middle = f"{(LEFT + axes.right) / 2:g}"
    parts.append(element("text", across, x=middle, y=BOTTOM + 42, text_anchor="middle"))
    parts.append(element("text", "test accuracy of the int8 .tflite", x=8, y=TOP - 12))
    return join(parts)


def _log_ticks(scale: Scale) -> list[float]:
    return [tick for tick in ROUND if scale.low <= tick <= scale.high]


def _measured(row: Network, axes: Axes) -> Markup:
    """Return a network: the spread of its seeds, its mean, and a dash at what was published."""
    (x, y), seeds = axes.at(row), row.int8[SHOWN]
    mean = marks.square(x, y) if row.rebuilt else marks.dot(x, y)
    theirs = (marks.dash(x, axes.y(value)) for value in sorted(set(row.published)))
    return join((marks.spread(x, axes.y(seeds.high), axes.y(seeds.low)), mean, *theirs))


def _names(
    axes: Axes,
    rows: Sequence[Network],
    records: Sequence[tuple[Record, float]],
    corners: Sequence[tuple[float, float]],
) -> list[tuple[Place, str]]:
    """Return where each name goes, and its class."""
    names = [(Name(row.name, *axes.at(row), FONT), "name") for row in rows if row.rebuilt]
    names += [(Name(row.name, *axes.at(row), STRONG), "strong") for row in rows if not row.rebuilt]
    names += [(Name(record.label, x, axes.y(record.accuracy), FONT), "record") for record, x in records]
    covered = [Box(name.x - 7, name.y - 7, name.x + 7, name.y + 7) for name, _ in names]
    for row in rows:
        (x, _), seeds = axes.at(row), row.int8[SHOWN]
        covered.append(Box(x - 2, axes.y(seeds.high), x + 2, axes.y(seeds.low)))
        covered += [Box(x - 9, axes.y(value) - 2, x + 9, axes.y(value) + 2) for value in row.published]
    lines = [Box(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in pairwise(corners)]
    lines.append(Box(axes.right - 1, TOP, axes.right + 1, BOTTOM))
    area = Box(LEFT + 4, TOP + 2, WIDTH - 6, BOTTOM - 2)
    places = place([name for name, _ in names], marks=covered, lines=lines, area=area)
    return [(found, class_) for found, (_, class_) in zip(places, names, strict=True)]


def _named(found: Place, class_: str) -> Markup:
    box = found.box
    # the side that faces the mark is exact, whatever the width of the font
    anchor, at = ("start", box.left) if box.left >= found.name.x else ("end", box.right)
    if box.left < found.name.x < box.right:
        anchor, at = "middle", (box.left + box.right) / 2
    return element("text", found.name.text, x=f"{at:g}", y=f"{box.bottom - 4:g}", text_anchor=anchor, class_=class_)


def _lead(found: Place) -> Markup:
    x, y = found.end
    ends = {"x1": f"{found.name.x:g}", "y1": f"{found.name.y:g}", "x2": f"{x:g}", "y2": f"{y:g}"}
    return element("line", **ends, class_="lead")
