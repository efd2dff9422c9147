"""
Charts that are lists: a name, a strip, a figure in words. One line a row, one scale for all of them.

The strips are inline SVG without a viewBox: across it is percent, down it is pixels. So a chart is as wide
as its page, from a phone to a printed sheet, and its text keeps its size. Marks draw in the current colour;
the style sheet only refines it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hemline.report.html import Markup, element, join

HEIGHT = 28  # pixels of one row
MIDDLE = HEIGHT / 2
LINE = 16  # pixels of one line of text in a strip


@dataclass(frozen=True)
class Scale:
    """Where a value stands across a strip. Values outside are drawn at its edge."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, zero: bool = False) -> Scale:
        """Return a linear scale with some air around the values; from 0 when `zero`."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        air = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        return cls(0.0, 1.06 * high if high > 0 else 1.0) if zero else cls(low - air, high + air)

    @classmethod
    def decades(cls, values: Iterable[float], *, floor: float, ceiling: float) -> Scale:
        """Return a logarithmic scale of whole decades over the values, inside floor and ceiling."""
        inside = [min(max(value, floor), ceiling) for value in values if math.isfinite(value)] or [floor, ceiling]
        first, last = math.floor(math.log10(min(inside))), math.ceil(math.log10(max(inside)))
        return cls(10.0**first, 10.0 ** max(last, first + 1), log=True)

    def at(self, value: float) -> float:
        """Return the position of a value in percent, 0 to 100."""
        if math.isnan(value):
            return 0.0
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low) if math.isfinite(value) else 1.0
        else:
            share = (value - self.low) / (self.high - self.low)
        return 100 * min(1.0, max(0.0, share))

    def ticks(self, most: int = 8) -> list[float]:
        """Return round values inside the scale, at most `most` and, where there is room, at least 2."""
        if self.log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            apart = max(1, math.ceil((last - first) / (most - 1)))
            return [10.0**power for power in range(last, first - 1, -apart)][::-1]
        unit = 10.0 ** math.floor(math.log10((self.high - self.low) / most))
        for step in (unit * factor for factor in (1, 2, 2.5, 5, 10, 20)):
            # an end that is a round value but for rounding counts as inside
            start, stop = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            if stop - start < most:
                break
        return [count * step for count in range(start, stop + 1)]


@dataclass(frozen=True)
class Rule:
    """A line down the whole chart with a word at its head. kind: "reference" or "bar"."""

    value: float
    text: str
    kind: str = "reference"


@dataclass(frozen=True)
class Row:
    """One line of a chart. marks are drawn over the grid; values are what they say, one for each of `heads`."""

    name: object
    marks: Markup
    values: Sequence[object]
    failed: bool = False


def chart(
    rows: Sequence[Row],
    scale: Scale,
    heads: Sequence[str],
    *,
    label: str,
    show: Callable[[float], str],
    most: int = 8,
    rules: Sequence[Rule] = (),
) -> Markup:
    """Return rows over one scale, the rules' words and the heads of the values above, the ticks below.

    heads: one to three. show: how a tick is written. most: ticks; fewer where their words are long.
    """
    ticks = scale.ticks(most)
    grid = join(_upright(scale.at(tick), 0, HEIGHT, "grid") for tick in ticks)
    through = join(_upright(scale.at(rule.value), 0, HEIGHT, f"rule {rule.kind}") for rule in rules)
    # each word on a line of its own, so that two that stand close do not overlap
    height = LINE * len(rules)
    words = join(_head(scale, rule, LINE * line, height) for line, rule in enumerate(rules))
    items = [element("li", _strip(words, height) if rules else None, _values(heads), class_="words")]
    items += [
        element(
            "li",
            element("span", row.name, class_="name"),
            _strip(join((grid, through, row.marks)), HEIGHT),
            _values(row.values),
            class_="failed" if row.failed else None,
        )
        for row in rows
    ]
    labels = join(
        element("text", show(tick), x=_percent(scale.at(tick)), y=LINE - 4, text_anchor="middle", class_="tick")
        for tick in ticks
    )
    items.append(element("li", _strip(labels, LINE), class_="words", aria_hidden="true"))
    return element("ul", *items, class_=f"chart of{len(heads)}", aria_label=label)


def legend(*entries: tuple[Markup, str]) -> Markup:
    """Return what each mark means. The marks are drawn with Scale(0, 1) into a strip of a few pixels."""
    return element(
        "p",
        *(
            element("span", element("svg", mark, width=34, height=HEIGHT, class_="strip", aria_hidden="true"), text)
            for mark, text in entries
        ),
        class_="legend",
    )


def dot(scale: Scale, value: float, class_: str = "dot") -> Markup:
    """Return a filled circle at a value."""
    return element("circle", cx=_percent(scale.at(value)), cy=MIDDLE, r=5, fill="currentColor", class_=class_)


def ring(scale: Scale, value: float) -> Markup:
    """Return an open circle at a value."""
    position = _percent(scale.at(value))
    return element("circle", cx=position, cy=MIDDLE, r=3, fill="none", stroke="currentColor", class_="ring")


def span(scale: Scale, low: float, high: float, class_: str = "span") -> Markup:
    """Return a line from one value to another."""
    ends = {"x1": _percent(scale.at(low)), "x2": _percent(scale.at(high)), "y1": MIDDLE, "y2": MIDDLE}
    return element("line", **ends, stroke="currentColor", stroke_width=2, class_=class_)


def band(scale: Scale, low: float, high: float, *, thick: float = 14, strength: float = 1.0) -> Markup:
    """Return a box from one value to another, `thick` pixels high. strength: opacity, 0 to 1."""
    left, right = scale.at(low), scale.at(high)
    return element(
        "rect",
        x=_percent(left),
        y=MIDDLE - thick / 2,
        width=_percent(right - left),
        height=thick,
        rx=2,
        fill="currentColor",
        fill_opacity=strength,
    )


def off(scale: Scale, value: float) -> Markup:
    """Return an arrow at the edge beyond which a value lies, nothing when it is on the scale."""
    if scale.low <= value <= scale.high:
        return join(())
    edge, arrow, anchor = ("0%", "◂", "start") if value < scale.low else ("100%", "▸", "end")
    return element("text", arrow, x=edge, y=MIDDLE + 5, text_anchor=anchor, class_="off")


def upright(scale: Scale, value: float, class_: str, *, tall: float = HEIGHT) -> Markup:
    """Return an upright line at a value, `tall` pixels high around the middle of the row."""
    return _upright(scale.at(value), MIDDLE - tall / 2, MIDDLE + tall / 2, class_)


def _upright(position: float, top: float, bottom: float, class_: str) -> Markup:
    x = _percent(position)
    return element("line", x1=x, x2=x, y1=_number(top), y2=_number(bottom), stroke="currentColor", class_=class_)


def _head(scale: Scale, rule: Rule, top: float, height: float) -> Markup:
    """Return the upper end of a rule with its word beside it, on the side where there is room."""
    position = scale.at(rule.value)
    anchor, shift = ("start", 6) if position < 50 else ("end", -6)
    place = {"x": _percent(position), "y": top + 12, "dx": shift}
    word = element("text", rule.text, **place, text_anchor=anchor, class_=rule.kind)
    return join((_upright(position, top + 2, height, f"rule {rule.kind}"), word))


def _values(values: Sequence[object]) -> Markup:
    return element("span", join((element("span", value) for value in values), " "), class_="values")


def _strip(marks: Markup, height: float) -> Markup:
    return element("svg", marks, width="100%", height=_number(height), class_="strip", aria_hidden="true")


def _percent(position: float) -> str:
    return f"{_number(position)}%"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
