"""
Pictures mixed with another one, MixUp and CutMix, and how much of its label each of the two then keeps.

Both are augmented first, as they would be alone. Law, as in hemline_train.augment: with whom and how much follows from
(seed, epoch, index) alone. NumPy only.
Source: Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization"; Yun et al. 2019, "CutMix"; both with alpha 1,
shares that are uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline_train.augment import MIXING, Augment, Pixels

_KIND, _OTHER, _SHARE, _TOP, _LEFT = range(MIXING, MIXING + 5)


@dataclass(frozen=True)
class Mixing:
    """What is mixed into each of N pictures.

    others: (N,) int64, the index of the other picture; its own where nothing is mixed. shares: (N,) float32 0..1, what
    a picture's own label keeps. boxes: (N, 4) int64, top, bottom, left and right of the part that is the other's; all 0
    where the two are blended, or nothing is mixed.
    """

    others: NDArray[np.int64]
    shares: NDArray[np.float32]
    boxes: NDArray[np.int64]


def plan(augment: Augment, numbers: NDArray[np.float32], indices: NDArray[np.int64], height: int, width: int) -> Mixing:
    """Return what is mixed into the pictures at these indices.

    numbers: all rows of an epoch, of augment.draw(). height, width: of a picture.
    The share of a cut picture is that of its area, as it is after rounding to whole pixels.
    """
    count, numbers = len(numbers), numbers[indices]
    blended = numbers[:, _KIND] < augment.mixup
    cut = ~blended & (numbers[:, _KIND] < augment.mixup + augment.cutmix)
    others = np.where(blended | cut, np.minimum((numbers[:, _OTHER] * count).astype(np.int64), count - 1), indices)
    side = np.sqrt(1 - numbers[:, _SHARE].astype(np.float64))
    tall, wide = np.rint(side * height).astype(np.int64), np.rint(side * width).astype(np.int64)
    top = (numbers[:, _TOP] * (height - tall + 1)).astype(np.int64)
    left = (numbers[:, _LEFT] * (width - wide + 1)).astype(np.int64)
    boxes = np.stack([top, top + tall, left, left + wide], axis=1) * cut[:, None]
    shares = np.where(blended, numbers[:, _SHARE], np.where(cut, 1 - tall * wide / (height * width), 1.0))
    return Mixing(others, shares.astype(np.float32), boxes)


def mix(mixing: Mixing, pixels: Pixels, others: Pixels) -> Pixels:
    """Return the mixed pictures (N, H, W, C) uint8. pixels, others: as large, augmented; mixing: of these N."""
    out = pixels.copy()
    for index, (share, box) in enumerate(zip(mixing.shares.tolist(), mixing.boxes.tolist(), strict=True)):
        top, bottom, left, right = box
        if bottom > top:
            out[index, top:bottom, left:right] = others[index, top:bottom, left:right]
        elif not math.isclose(share, 1.0):
            blend = share * pixels[index].astype(np.float32) + (1 - share) * others[index].astype(np.float32)
            out[index] = np.rint(blend).astype(np.uint8)
    return out
