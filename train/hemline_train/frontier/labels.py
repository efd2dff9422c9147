"""
Where the names on a plot go: beside their marks, clear of each other and of the marks, with a line where it is far.

Each name tries every place around its mark and takes the one that costs least beside the others, until none moves.
Only sums and products of rounded numbers: the same input gives the same places on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDE = 0.6  # of a letter, in heights of the font; what a page shows it in is not known here
DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.7, -0.7), (0.7, 0.7), (-0.7, -0.7), (-0.7, 0.7)),
    *((0.9, -0.4), (0.9, 0.4), (-0.9, -0.4), (-0.9, 0.4), (0.4, -0.9), (0.4, 0.9), (-0.4, -0.9), (-0.4, 0.9)),
)
REACHES = (9.0, 16.0, 26.0, 38.0, 52.0, 70.0, 92.0, 118.0)
NEAR = 16.0  # up to here a name is plainly that of its mark, and has no line
SWEEPS = 20
# what a place costs, in pixels of distance: a name on a name, on a mark, outside, on a line; a line through either
NAME, MARK, OUTSIDE, LINE, THROUGH = 900.0, 500.0, 2000.0, 25.0, 60.0


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )

    def has(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.left < x < self.right and self.top < y < self.bottom


@dataclass(frozen=True)
class Name:
    """A name and the point that it belongs to. size: of its font in pixels."""

    text: str
    x: float
    y: float
    size: float

    @property
    def width(self) -> float:
        """Pixels, about."""
        return round(WIDE * self.size * len(self.text), 1)


@dataclass(frozen=True)
class Place:
    """Where a name stands. reach: distance from its mark in pixels."""

    name: Name
    box: Box
    reach: float

    @property
    def end(self) -> tuple[float, float]:
        """The point of the box that is nearest to the mark."""
        x = min(max(self.name.x, self.box.left), self.box.right)
        y = min(max(self.name.y, self.box.top + 3), self.box.bottom - 3)
        return round(x, 1), round(y, 1)

    @property
    def far(self) -> bool:
        """Whether a line has to lead to it."""
        return self.reach > NEAR


def place(names: Sequence[Name], *, marks: Sequence[Box], lines: Sequence[Box], area: Box) -> list[Place]:
    """Return a place for each name, in their order.

    marks: what may not be covered. lines: what should not. area: where names may stand.
    """
    options = [list(_places(name)) for name in names]
    own = [[_fixed(option, marks, lines, area) for option in places] for places in options]
    chosen = [min(range(len(costs)), key=costs.__getitem__) for costs in own]
    for _ in range(SWEEPS):
        moved = False
        for index, places in enumerate(options):
            others = [options[other][chosen[other]] for other in range(len(names)) if other != index]
            costs = [own[index][number] + _beside(option, others) for number, option in enumerate(places)]
            best = min(range(len(costs)), key=costs.__getitem__)
            moved |= best != chosen[index]
            chosen[index] = best
        if not moved:
            break
    return [places[number] for places, number in zip(options, chosen, strict=True)]


def _places(name: Name) -> Iterator[Place]:
    height = name.size + 2
    for reach in REACHES:
        for across, down in DIRECTIONS:
            x, y = name.x + across * reach, name.y + down * reach
            left = x if across > 0.5 else x - name.width if across < -0.5 else x - name.width / 2
            top = y - height / 2 + (height / 2 * down if abs(across) < 0.5 else 0)
            left, top = round(left, 1), round(top, 1)
            yield Place(name, Box(left, top, round(left + name.width, 1), round(top + height, 1)), reach)


def _fixed(option: Place, marks: Sequence[Box], lines: Sequence[Box], area: Box) -> float:
    cost = option.reach + (0 if area.holds(option.box) else OUTSIDE)
    cost += MARK * sum(option.box.meets(mark) for mark in marks)
    cost += LINE * sum(option.box.meets(line) for line in lines)
    if option.far:
        # its own mark is where the line begins
        cost += THROUGH * sum(any(mark.has(*point) for point in _along(option)) for mark in marks)
    return cost


def _beside(option: Place, others: Sequence[Place]) -> float:
    cost = 0.0
    for other in others:
        if option.box.meets(other.box):
            cost += NAME
        if option.far and any(other.box.has(*point) for point in _along(option)):
            cost += THROUGH
        if other.far and any(option.box.has(*point) for point in _along(other)):
            cost += THROUGH
        if option.far and other.far and _cross(option, other):
            cost += THROUGH
    return cost


def _along(option: Place) -> Iterator[tuple[float, float]]:
    """Yield points of the line to a name, the first clear of the mark."""
    x, y = option.end
    for step in range(2, 9):
        yield option.name.x + (x - option.name.x) * step / 8, option.name.y + (y - option.name.y) * step / 8


def _cross(one: Place, two: Place) -> bool:
    a, b, c, d = (one.name.x, one.name.y), one.end, (two.name.x, two.name.y), two.end
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: tuple[float, float], b: tuple[float, float], point: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
