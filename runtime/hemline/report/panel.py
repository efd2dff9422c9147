"""
Panels: drawings with two axes. As in charts, across is percent and down is pixels, so that a panel is as wide as
its place and its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hemline.report.charts import LINE, Scale
from hemline.report.html import Markup, element, join

LEFT, RIGHT = 12.0, 97.0  # percent of the width: where the plane begins and ends


@dataclass(frozen=True)
class Panel:
    """A plane of two scales, `tall` pixels high, and room below it for what else is drawn over the same x axis."""

    across: Scale
    up: Scale
    tall: int = 220
    below: int = 0

    def x(self, value: float) -> str:
        """Return where a value stands across, as an attribute."""
        return f"{LEFT + (RIGHT - LEFT) * self.across.at(value) / 100:.2f}%"

    def y(self, value: float) -> str:
        """Return where a value stands from the top, as an attribute."""
        return f"{LINE + self.tall * (1 - self.up.at(value) / 100):.1f}"

    def line(self, points: Sequence[tuple[float, float]], class_: str) -> Markup:
        """Return a line through points (x, y)."""
        return join(
            element(
                "line",
                x1=self.x(before[0]),
                y1=self.y(before[1]),
                x2=self.x(after[0]),
                y2=self.y(after[1]),
                stroke="currentColor",
                stroke_linecap="round",
                class_=class_,
            )
            for before, after in pairwise(points)
        )

    def dot(self, x: float, y: float, *, radius: float = 4) -> Markup:
        """Return a filled circle at a point."""
        return element("circle", cx=self.x(x), cy=self.y(y), r=radius, fill="currentColor", class_="dot")

    def bars(self, bars: Iterable[tuple[float, float, float]]) -> Markup:
        """Return bars (low, high, share of the greatest, 0..1) in the room below the plane, hanging from its foot."""
        top = LINE + self.tall + 6
        return join(
            element(
                "rect",
                x=self.x(low),
                y=top,
                width=f"{(RIGHT - LEFT) * (self.across.at(high) - self.across.at(low)) / 100 - 0.4:.2f}%",
                height=f"{max(1.0, share * (self.below - 8)):.1f}",
                fill="currentColor",
                fill_opacity=0.35,
            )
            for low, high, share in bars
        )

    def word(self, text: str, x: float, y: float, *, dx: float = 6, dy: float = -6, kind: str = "reference") -> Markup:
        """Return a word beside a point, on the side where there is room."""
        left = self.across.at(x) < 40  # a curve rises to the right, under the word
        place = {"x": self.x(x), "y": self.y(y), "dx": dx if left else -dx, "dy": dy}
        return element("text", text, **place, text_anchor="start" if left else "end", class_=kind)

    def drawn(
        self, marks: Markup, *, show: tuple[Callable[[float], str], Callable[[float], str]], label: str
    ) -> Markup:
        """Return the panel with its grid and ticks under the marks. show: how a tick across and one up are written.

        label: what is to be seen, for someone who cannot see it.
        """
        parts = []
        for tick in self.up.ticks(6):
            y = self.y(tick)
            ends = {"x1": f"{LEFT}%", "x2": f"{RIGHT}%", "y1": y, "y2": y}
            parts.append(element("line", **ends, stroke="currentColor", class_="grid"))
            parts.append(
                element("text", show[1](tick), x=f"{LEFT}%", y=y, dx=-6, dy=4, text_anchor="end", class_="tick")
            )
        foot = LINE + self.tall
        for tick in self.across.ticks(6):
            x = self.x(tick)
            parts.append(element("line", x1=x, x2=x, y1=LINE, y2=foot, stroke="currentColor", class_="grid"))
            # the last word ends with the plane: it would be cut at the edge of a narrow panel
            anchor = "middle" if self.across.at(tick) < 95 else "end"
            words = {"x": x, "y": foot + self.below + LINE + 2, "text_anchor": anchor, "class_": "tick"}
            parts.append(element("text", show[0](tick), **words))
        height = foot + self.below + LINE + 8
        drawing = element("svg", *parts, marks, width="100%", height=height, class_="strip panel", aria_hidden="true")
        return element("div", drawing, role="img", aria_label=label)
