"""
From a raw mask to the garment: specks and threads off, the large parts kept, small holes filled, a hanger's hook cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_PART = (
    0.12  # of the largest part, weighted by nearness to the middle: a second shoe stays, a toy on the floor goes
)
HOLE = 0.06  # of the garment: a larger hole is background seen between straps or legs
THIN = 0.03  # of the longer side: what is narrower at the garment's top is a hanger's hook or a ribbon
HOOK = 0.15  # of the garment's height within which a hook is looked for


@dataclass(frozen=True, eq=False)
class Parts:
    """The connected parts of a mask, largest first.

    mask: (h, w) bool, all parts, their small holes filled.
    labels: (h, w), 1 for the largest part, 2 for the next, 0 outside and in holes.
    areas: pixels of each, holes not counted.
    """

    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]
    areas: tuple[int, ...]


def cleaned(raw: NDArray[np.uint8]) -> Parts:
    """Return the garment's parts in a mask (h, w) of 0 and 1; none when nothing is left of it."""
    height, width = raw.shape
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    opened = np.asarray(cv2.morphologyEx(raw, cv2.MORPH_OPEN, ellipse), np.uint8)
    count, labels, facts, centres = cv2.connectedComponentsWithStats(_unhooked(opened))
    if count < 2:
        return Parts(np.zeros((height, width), bool), np.zeros((height, width), np.int32), ())
    areas = facts[1:, cv2.CC_STAT_AREA]
    off = np.hypot(*((centres[1:] - [width / 2, height / 2]) / [width, height]).T)
    weight = areas * (1.2 - off)
    kept = np.flatnonzero(weight >= LEAST_PART * weight.max())
    kept = kept[np.argsort(-areas[kept], kind="stable")]
    rank = np.zeros(count, np.int32)
    rank[kept + 1] = np.arange(1, len(kept) + 1)
    ranked = rank[labels]
    mask = _filled((ranked > 0).astype(np.uint8))
    return Parts(mask.astype(bool), ranked, tuple(int(area) for area in areas[kept]))


def _unhooked(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask without what is thin and sticks out at its top: the hook of a hanger, a cord it hangs from."""
    side = max(3, round(THIN * max(mask.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    rows = np.flatnonzero(mask.any(axis=1))
    if not thick.any() or not len(rows):
        return mask
    until = rows[0] + max(1, round(HOOK * (rows[-1] + 1 - rows[0])))
    out = mask.copy()
    out[:until] = thick[:until]
    return out


def _filled(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask with its small holes filled: a print in the colour of the floor, a button, a collar's inside."""
    height, width = mask.shape
    count, labels, facts, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    most = HOLE * int(mask.sum())
    for index in range(1, count):
        left, top, across, down, area = facts[index]
        inner = left > 0 and top > 0 and left + across < width and top + down < height
        if inner and area < most:
            mask[labels == index] = 1
    return mask
