"""
Whether a scene is still and sharp: the moment to look closely, without a button.

Both are measured on the gray picture at small size, on one core in less than a millisecond: motion is how far it is
from the frame before, sharpness how strong its finest detail is, compared with the sharpest frame of the last seconds,
since a plain shirt in focus has less detail than a carpet out of focus.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import image

MOTION_SIDE = 96  # pixels of the longer side at which motion is measured: noise averages out
SHARP_SIDE = 320
STILL = 2.5  # of 255: mean change between frames below which nothing moves; sensor noise is about 1
MOVED = 12.0  # from which on it is another scene
STILL_S = 0.4  # that a scene has to be still
MEMORY_S = 3.0  # over which the sharpest frame is remembered
SHARP = 0.6  # of the sharpest


@dataclass(frozen=True)
class Scene:
    """What is known of a frame.

    motion: mean change from the frame before, 0..255. changed: whether it is another scene than before.
    sharpness: variance of the Laplacian, in squared gray values. still, sharp: whether both have been good enough.
    """

    motion: float
    sharpness: float
    changed: bool
    still: bool
    sharp: bool


class SceneWatch:
    """The frames of one source, one after the other.

    squares: a side, into which the picture is divided to measure motion; the one that moves most counts, so that what
    is small beside the whole picture is seen too.
    """

    def __init__(self, *, squares: int = 1) -> None:
        self._squares = squares
        self._before: NDArray[np.float32] | None = None
        self._settled: NDArray[np.float32] | None = None  # the scene that the last change was measured against
        self._still_since = 0.0
        self._sharpest: deque[tuple[float, float]] = deque()

    def update(self, picture: NDArray[np.uint8], now_s: float) -> Scene:
        """Return what is known of a frame (h, w, 3) RGB that came at a time, in seconds."""
        fine = _fine(picture)
        sharpness = float(cv2.Laplacian(fine, cv2.CV_32F).var())
        small = _small(fine)
        motion = self._apart(small, self._before)
        # a slow hand moves little from one frame to the next: the change is measured from the last settled scene
        drift = self._apart(small, self._settled)
        changed = max(motion, drift) >= MOVED
        if changed or self._settled is None:
            self._settled = small
        self._before = small
        if motion >= STILL:
            self._still_since = now_s
        self._sharpest.append((now_s, sharpness))
        while now_s - self._sharpest[0][0] > MEMORY_S:
            self._sharpest.popleft()
        best = max(value for _, value in self._sharpest)
        still = motion < STILL and now_s - self._still_since >= STILL_S
        return Scene(motion, sharpness, changed, still, sharpness >= SHARP * best)

    def _apart(self, small: NDArray[np.float32], other: NDArray[np.float32] | None) -> float:
        return 255.0 if other is None or other.shape != small.shape else apart(small, other, self._squares)


def gray(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture (h, w, 3) RGB gray and at the size at which motion is measured."""
    return _small(_fine(picture))


def apart(one: NDArray[np.float32], other: NDArray[np.float32], squares: int = 1) -> float:
    """Return the mean change between two gray pictures, in the square of squares x squares where it is largest.

    Brightness as a whole, which cameras adjust, does not count.
    """
    difference = one - other
    change = np.abs(difference - np.median(difference))
    if squares == 1:
        return float(change.mean())
    return float(cv2.resize(change, (squares, squares), interpolation=cv2.INTER_AREA).max())


def _fine(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image.shrunk(picture, SHARP_SIDE), cv2.COLOR_RGB2GRAY), np.uint8)


def _small(fine: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(image.shrunk(fine, MOTION_SIDE), np.float32)
