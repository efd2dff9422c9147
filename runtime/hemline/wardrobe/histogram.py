"""
The colours of a garment as one vector, to compare thousands at once: how much of it is of which hue and lightness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRAYS = 6  # places along lightness for what has no colour
HUES, LEVELS = 12, 3  # places around the circle, and along lightness, for what has
WIDTH = GRAYS + HUES * LEVELS
COLOURED, SOFTNESS = 11.0, 3.0  # C*ab from which on a pixel counts as coloured, and how gradually


def histogram(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours of pixels (n, 3) CIELAB as a vector (WIDTH,) of length 1; all 0 where there are none.

    A pixel is shared between the places that it lies between, so a slightly lighter photo gives a slightly other
    vector. Shares are square roots: the product of two vectors is their Bhattacharyya coefficient, 0..1.
    """
    vector = np.zeros(WIDTH, np.float64)
    if not len(lab):
        return vector.astype(np.float32)
    light, a, b = lab.T.astype(np.float64)
    coloured = 1 / (1 + np.exp((COLOURED - np.hypot(a, b)) / SOFTNESS))
    for place, share in _between(light / 100 * (GRAYS - 1), GRAYS):
        vector[:GRAYS] += np.bincount(place, share * (1 - coloured), GRAYS)
    hue = (np.arctan2(b, a) / (2 * np.pi) % 1) * HUES
    first = np.floor(hue).astype(np.int64)
    for level, share in _between(light / 100 * (LEVELS - 1), LEVELS):
        for turn, part in ((first, 1 - (hue - first)), (first + 1, hue - first)):
            place = GRAYS + turn % HUES * LEVELS + level
            vector += np.bincount(place, share * part * coloured, WIDTH)
    return np.asarray(np.sqrt(vector / vector.sum()), np.float32)


def _between(at: NDArray[np.float64], count: int) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return the two places on either side of positions 0..count - 1, each with its share."""
    low = np.clip(np.floor(at), 0, count - 2).astype(np.int64)
    over = np.clip(at - low, 0, 1)
    return [(low, 1 - over), (low + 1, over)]
