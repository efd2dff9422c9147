"""
From the parts of a garment to a picture: outlines, one brightness, the grain of a camera.

Outlines are filled on a canvas several times as large and shrunk by averaging, so edges are smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]

FRACTION_BITS = 8  # of the coordinates that OpenCV gets
CLOTH = 150  # canvas value of tone 1.0; leaves room in a uint8 for parts that are lighter
# Catmull-Rom: a curve through its points; rows are powers of t, columns the four neighbours
CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
POWERS = (np.arange(6)[:, None] / 6) ** np.arange(4)


class Pick:
    """The random choices of one picture: pick(low, high) is one number, pick.grid(shape) many from 0 to 1."""

    def __init__(self, *seed: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(seed))

    def __call__(self, low: float, high: float) -> float:
        return low + (high - low) * float(self._random.random())

    def grid(self, *shape: int) -> NDArray[np.float64]:
        # .random only: it follows from the bit stream; the other distributions may change with NumPy
        return self._random.random(shape)


@dataclass(frozen=True)
class Part:
    """One area or line of a garment, painted over the parts before it.

    points: x to the right and y down, in a unit of the garment's own.
    tone: brightness; 1.0 is the cloth, 0.0 the background.
    line: 0 fills the outline; more is the width of an open line through the points, in the same unit.
    curved: a smooth curve through the points; a point given twice in a row stays a corner.
    detail: painted after all that are not, and only where those are: no seam sticks out of a sleeve.
    """

    points: Points
    tone: float = 1.0
    line: float = 0.0
    curved: bool = False
    detail: bool = False

    def path(self) -> NDArray[np.float64]:
        """Return what to draw, (n, 2): the points, or the curve through them in six steps each."""
        points = np.asarray(self.points, np.float64)
        if not self.curved:
            return points
        if self.line:
            ends = np.vstack([points[:1], points, points[-1:]])
            before, start, end, after = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
        else:
            before, start, end, after = (np.roll(points, shift, 0) for shift in (1, 0, -1, -2))
        curve = POWERS @ CATMULL_ROM @ np.stack([before, start, end, after], axis=1)
        corner = (start == end).all(axis=1)
        curve[corner] = start[corner, None]  # from a point to itself the curve would be a small loop
        return np.vstack([curve.reshape(-1, 2), end[-1:]])


def paint(parts: Sequence[Part], pick: Pick, height: int, width: int) -> NDArray[np.float64]:
    """Return the parts in their tones, (height, width): about 1.0 on cloth, exactly 0.0 beside it."""
    longest = max(height, width)
    factor = 8 if longest <= 64 else 4 if longest <= 512 else 2
    parts = sorted(parts, key=lambda part: part.detail)
    paths = _framed(parts, pick, height * factor, width * factor)
    canvas = np.zeros((height * factor, width * factor), np.uint8)
    silhouette = None
    for part, (path, thickness) in zip(parts, paths, strict=True):
        if part.detail and silhouette is None:
            silhouette = (canvas > 0).astype(np.uint8)
        fixed = np.rint(path * (1 << FRACTION_BITS)).astype(np.int32)
        tone = min(255, round(part.tone * CLOTH))
        if part.line:
            cv2.polylines(canvas, [fixed], False, tone, thickness, cv2.LINE_8, FRACTION_BITS)
        else:
            cv2.fillPoly(canvas, [fixed], tone, cv2.LINE_8, FRACTION_BITS)
    if silhouette is not None:
        canvas *= silhouette
    sums = canvas.reshape(height, factor, width * factor).sum(1, dtype=np.uint32)
    sums = sums.reshape(height, width, factor).sum(2, dtype=np.uint32)
    tones: NDArray[np.float64] = sums / (CLOTH * factor * factor)
    return tones


def _framed(parts: Sequence[Part], pick: Pick, height: int, width: int) -> list[tuple[NDArray[np.float64], int]]:
    """Return the path of each part in pixels of the canvas and the thickness of its line.

    Jitter: 3 degrees of rotation, 10 % of width, 6 % of size, half a pixel of 28 aside.
    """
    angle = np.deg2rad(pick(-3, 3))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = np.array([[pick(0.9, 1.1), 0.0], [0.0, 1.0]]) @ turn
    paths = [part.path() @ turn for part in parts]
    bodies = [(path, part.line / 2) for part, path in zip(parts, paths, strict=True) if not part.detail]
    # half the width of a line hangs over its points: the strap of a bag, the sole of a sandal
    low = np.min([path.min(0) - over for path, over in bodies], axis=0)
    high = np.max([path.max(0) + over for path, over in bodies], axis=0)
    frame = np.array([width, height])
    scale = float((frame / (high - low)).min()) * pick(0.94, 1.0)
    # -0.5: the whole numbers of OpenCV are the centres of pixels
    shift = frame / 2 - 0.5 + np.array([pick(-1, 1), pick(-1, 1)]) * max(height, width) / 56
    middle = (low + high) / 2
    return [
        ((path - middle) * scale + shift, max(1, round(part.line * scale)))
        for part, path in zip(parts, paths, strict=True)
    ]


def expose(flat: NDArray[np.float64], weave: NDArray[np.float64], pick: Pick) -> NDArray[np.uint8]:
    """Return the picture, (H, W) uint8: tones times weave in one brightness, with grain on the garment only."""
    brightness = pick(90, 250) if pick(0, 1) < 0.3 else pick(170, 250)
    grain = (pick.grid(*flat.shape) + pick.grid(*flat.shape) - 1) * pick(4, 16)
    picture = np.clip(flat * weave * brightness + grain, 1, 255)
    return np.where(flat > 0, np.rint(picture), 0).astype(np.uint8)
