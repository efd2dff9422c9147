"""
A flaw that was marked in one picture, copied into a picture of a good part: a crack on every tile that has none.

What is copied is how much lighter or darker than the part around it each point of the flaw is, so that it fits where
the light is another. A flaw at the edge of its part comes to the same edge.
Source of the idea: Ghiasi et al. 2021, "Simple Copy-Paste"; Li et al. 2021, "CutPaste".
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline_train.marked import Box

Pixels = NDArray[np.uint8]
Levels = NDArray[np.float32]
Random = np.random.Generator
Extent = tuple[int, int, int, int]  # top, left, bottom, right

MARGIN = 5  # pixels around a mark that are copied with it, less and less
NEAR = 8  # pixels from the end of a part within which a flaw belongs to that end
DARK = 12  # levels: what is darker lies beside a part


def extent(picture: Pixels, pad: int) -> Extent | None:
    """Return where the part is, (top, left, bottom, right): all that is not of the padding's level; None: nowhere."""
    there = np.any(picture != pad, axis=2)
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if len(rows) < NEAR or len(columns) < NEAR:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def copy(picture: Pixels, source: Pixels, box: Box, random: Random, *, pad: int = 0) -> Pixels:
    """Return a picture (H, W, C) with what lies in a box of another of that size, which may be mirrored on the way."""
    into, whence = extent(picture, pad), extent(source, pad)
    if into is None or whence is None:
        return picture
    height, width = source.shape[:2]
    left, top, right, bottom = box
    if random.random() < 0.5:
        source, left, right = source[:, ::-1], width - right, width - left
        whence = whence[0], width - whence[3], whence[2], width - whence[1]
    if random.random() < 0.5:
        source, top, bottom = source[::-1], height - bottom, height - top
        whence = height - whence[2], whence[1], height - whence[0], whence[3]
    y = _Axis.of(top, bottom, whence[0], whence[2], into[0], into[2], random)
    x = _Axis.of(left, right, whence[1], whence[3], into[1], into[3], random)
    patch = source[y.start : y.end, x.start : x.end].astype(np.float32)
    there = (slice(y.to, y.to + len(y.weights)), slice(x.to, x.to + len(x.weights)))
    mask = (y.weights[:, None] * x.weights)[..., None]
    part = picture.astype(np.float32)
    ratio = patch / max(DARK, _level(patch, mask < 0.6))
    soft = cv2.GaussianBlur(part, (0, 0), 8.0).reshape(part.shape)[there]
    light = 0.5 * soft + 0.5 * _level(part[there], np.ones_like(mask, bool))
    part[there] += mask * (ratio * light - part[there])
    return np.clip(np.rint(part), 0, 255).astype(np.uint8)


class _Axis:
    """What of a source is copied along one axis, start to end, where to, and with what weight each pixel of it."""

    def __init__(self, start: int, end: int, to: int, weights: Levels) -> None:
        self.start, self.end, self.to, self.weights = start, end, to, weights

    @classmethod
    def of(
        cls, low: float, high: float, first: int, last: int, into_first: int, into_last: int, random: Random
    ) -> _Axis:
        """low, high: of the mark. first, last: of its part. into_first, into_last: of the part that gets it."""
        start, end = max(first, int(low) - MARGIN), min(last, int(high) + MARGIN + 1)
        at_first, at_last = low - first < NEAR, last - high < NEAR
        most = into_last - into_first
        if (
            end - start > most
        ):  # a longer flaw than the part: as much of it as there is room for, at its end if it has one
            start, end = (end - most, end) if at_last and not at_first else (start, start + most)
        along = np.arange(start, end, dtype=np.float32)
        rising = np.clip((along - (low - MARGIN)) / MARGIN, 0, 1)
        falling = np.clip((high + MARGIN - along) / MARGIN, 0, 1)
        middle = (start + end) / 2
        # whole up to the end of the part: nothing of the good part shines through there
        if at_first:
            rising[along < middle] = 1
        if at_last:
            falling[along >= middle] = 1
        room = most - (end - start)
        if at_first:
            to = min(start - first, room)
        elif at_last:
            to = room - min(last - end, room)
        else:
            to = int(random.integers(room + 1))
        return cls(start, end, into_first + to, np.minimum(rising, falling))


def _level(pixels: Levels, some: NDArray[np.bool_]) -> float:
    """Return the middle level of some of the pixels (h, w, C) that show a part; some: (h, w, 1)."""
    lit = pixels.mean(axis=2, keepdims=True) > DARK
    chosen = pixels[np.broadcast_to(some & lit, pixels.shape)]
    return float(np.median(chosen if len(chosen) > 8 else pixels))
