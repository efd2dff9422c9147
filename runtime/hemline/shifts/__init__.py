"""
Shifts: pictures changed as the world changes them, at five strengths, to ask how far an accuracy carries.

Law: what a picture becomes is a function of (suite, kind, strength, its index) alone. The random choices of a
picture are the same at every strength: it turns the same way, only further. Whole numbers and element by element
rounding, no library's resampling: the same pixels on any machine, in any cut into batches. (The one exception is
named "jpeg": its coder is OpenCV's libjpeg-turbo.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hemline.errors import UsageError, unknown
from hemline.shifts import frame, levels
from hemline.shifts.batch import SUITE, Batch, Pixels

__all__ = ["SHIFTS", "STRENGTHS", "SUITE", "Shift", "apply"]

STRENGTHS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Shift:
    """One kind: the function, its amount at each strength, and what the amount is."""

    function: Callable[[Batch, float], Pixels]
    amounts: tuple[float, float, float, float, float]
    unit: str


# 1 is what a careful user meets, 5 is where a person still names the garment but has to look. A change to an
# amount or to a function is a new SUITE: figures of two suites do not compare.
# [I], [C]: as ImageNet-C, as CIFAR-10-C (Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to
# Common Corruptions and Perturbations"; amounts from github.com/hendrycks/robustness). [C] was made for 32 pixels.
SHIFTS: dict[str, Shift] = {
    # [I] goes from 20 to 97 and [C] from 10 to 26
    "gaussian_noise": Shift(levels.gaussian_noise, (8, 16, 32, 48, 64), "levels, standard deviation"),
    # [I]
    "salt_noise": Shift(levels.salt_noise, (0.03, 0.06, 0.09, 0.17, 0.27), "of the pixels, half white, half black"),
    # at 28 pixels 0.5, 0.75, 1, 1.5 and 2; the strongest of [C] and [I] are shares of 0.031 and 0.027
    "blur": Shift(frame.blur, (0.018, 0.027, 0.036, 0.054, 0.072), "of the edge, standard deviation"),
    "rotation": Shift(frame.rotation, (5, 10, 20, 30, 45), "degrees, either way"),
    "translation": Shift(frame.translation, (0.04, 0.08, 0.14, 0.2, 0.27), "of the edge, in any direction"),
    "smaller": Shift(frame.resized, (0.9, 0.8, 0.7, 0.6, 0.5), "times the size"),
    "larger": Shift(frame.resized, (1.1, 1.2, 1.3, 1.4, 1.5), "times the size"),
    # [I], there of the value in HSV
    "brightness": Shift(levels.brightness, (0.1, 0.2, 0.3, 0.4, 0.5), "of 255, added"),
    # [C]; the 0.05 of [I] leaves too few of 256 levels
    "contrast": Shift(levels.contrast, (0.75, 0.5, 0.4, 0.3, 0.15), "of the distance to the picture's mean"),
    # not 0.5, where every picture is the same gray
    "inverted_polarity": Shift(levels.inverted_polarity, (0.2, 0.35, 0.65, 0.8, 1.0), "of the way to the negative"),
    "white_background": Shift(frame.white_background, (0.2, 0.4, 0.6, 0.8, 1.0), "of the way to white"),
    # [I] goes from 25 to 7, [C] from 80 to 40
    "jpeg": Shift(levels.jpeg, (60, 30, 20, 10, 5), "quality"),
    # a quarter is Cutout's square at CIFAR-10 (DeVries and Taylor 2017)
    "occlusion": Shift(frame.occlusion, (0.04, 0.09, 0.16, 0.25, 0.33), "of the picture, a square of one level"),
}


def apply(kind: str, pixels: Pixels, strength: int, *, pad: int = 0, first: int = 0) -> Pixels:
    """Return the pictures as they are under a shift, (N, H, W, C) uint8, contiguous: an engine takes them so.

    pixels: (N, H, W, 1 or 3) uint8, as Preprocess.apply leaves them. strength: 1 to 5. pad: level 0..255 of what
    lies beside the garment, that of the preprocessing. first: index of the first of these pictures in its data set.
    """
    if kind not in SHIFTS:
        raise UsageError(unknown("shift", kind, SHIFTS))
    if strength not in STRENGTHS:
        raise UsageError(f"shift {kind} of strength {strength}; use 1 to {STRENGTHS[-1]}")
    shift = SHIFTS[kind]
    return np.ascontiguousarray(shift.function(Batch(pixels, pad, kind, first), shift.amounts[strength - 1]))
