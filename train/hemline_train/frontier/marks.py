"""
The marks of the plots, what each means, and how they are drawn. Shapes tell the kinds apart, colour only helps.
"""

from __future__ import annotations

from collections.abc import Callable

from hemline.report.html import Markup, element, join

RADIUS = 6.0
STYLE = """
text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 12px; fill: #2d3748 }
.tick, .legend { fill: #4a5568 }
.strong { font-size: 13px; font-weight: 600; fill: #1a4f8a }
.record { fill: #4a5568; font-style: italic }
.grid { stroke: #e2e8f0 }
.axis { stroke: #a0aec0 }
.lead { stroke: #a0aec0; stroke-width: 0.8 }
.bar { stroke: #4a5568; stroke-width: 1.2 }
.theirs { stroke: #1a202c; stroke-width: 2 }
.edge { fill: none; stroke: #2b6cb0; stroke-width: 1.4; stroke-dasharray: 5 3 }
.hemline { fill: #2b6cb0; stroke: #ffffff; stroke-width: 1 }
.rebuilt { fill: #dd8a1f; stroke: #ffffff; stroke-width: 1 }
.hollow { fill: #ffffff; stroke: #4a5568; stroke-width: 1.5 }
"""


def dot(x: float, y: float) -> Markup:
    """Return the mark of a network of hemline."""
    return element("circle", cx=f"{x:g}", cy=f"{y:g}", r=RADIUS, class_="hemline")


def square(x: float, y: float) -> Markup:
    """Return the mark of a published network that was rebuilt."""
    half = RADIUS - 1.5
    return element("rect", x=f"{x - half:g}", y=f"{y - half:g}", width=2 * half, height=2 * half, class_="rebuilt")


def diamond(x: float, y: float) -> Markup:
    """Return the mark of a record, hollow."""
    points = ((x, y - RADIUS), (x + RADIUS, y), (x, y + RADIUS), (x - RADIUS, y))
    path = "M" + " L".join(f"{across:.1f} {down:.1f}" for across, down in points) + " Z"
    return element("path", d=path, class_="hollow")


def dash(x: float, y: float) -> Markup:
    """Return the mark of a published accuracy."""
    return element("line", x1=f"{x - 8:g}", x2=f"{x + 8:g}", y1=f"{y:g}", y2=f"{y:g}", class_="theirs")


def bar(x: float, y: float) -> Markup:
    """Return the line of the seeds as the legend has it."""
    return spread(x, y - 8, y + 8)


def spread(x: float, top: float, bottom: float) -> Markup:
    """Return the line from the most accurate seed to the least."""
    return element("line", x1=f"{x:g}", x2=f"{x:g}", y1=f"{top:g}", y2=f"{bottom:g}", class_="bar")


def step(x: float, y: float) -> Markup:
    """Return a piece of the line of what is not beaten."""
    points = f"{x - 8:g},{y + 5:g} {x:g},{y + 5:g} {x:g},{y - 5:g} {x + 8:g},{y - 5:g}"
    return element("polyline", points=points, class_="edge")


def legend() -> Markup:
    """Return the lines above the axes that say what each mark is."""
    lines: list[list[tuple[Callable[[float, float], Markup], str]]] = [
        [
            (dot, "hemline, mean of the seeds"),
            (square, "published, rebuilt here, mean of the seeds"),
            (bar, "least to most accurate seed"),
        ],
        [
            (dash, "as published, float model"),
            (diamond, "public record, its authors' figure, float model"),
            (step, "beaten by no measured network"),
        ],
    ]
    return join(
        join((mark(x, y), element("text", text, x=x + 14, y=y + 4, class_="legend")))
        for line, y in zip(lines, (16, 38), strict=True)
        for (mark, text), x in zip(line, (16, 240, 560), strict=True)
    )
