"""
How different two colours look: CIEDE2000, the International Commission on Illumination's formula.

Source: Sharma, Wu, Dalal, The CIEDE2000 color-difference formula, Color Research and Application 30 (2005), whose test
data it reproduces to four digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_25_TO_7 = 25.0**7


def difference(
    one: NDArray[np.float64], other: NDArray[np.float64], *, lightness: float = 1.0, chroma: float = 1.0
) -> NDArray[np.float64]:
    """Return CIEDE2000 between colours (..., 3) CIE L* 0..100, a*, b*; the leading axes broadcast.

    lightness, chroma: the formula's kL and kC; 2 makes a difference of that kind count half.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(other, np.float64), -1, 0)
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + _25_TO_7))  # of a*: grays are told apart more finely
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1 = np.degrees(np.arctan2(b1, a1 * stretch)) % 360
    h2 = np.degrees(np.arctan2(b2, a2 * stretch)) % 360
    coloured = c1 * c2 > 0
    turn = np.where(coloured, (h2 - h1 + 180) % 360 - 180, 0.0)
    hue = np.where(coloured, h1 + turn / 2, h1 + h2) % 360  # a gray has no hue: the other's counts
    d_lightness, d_chroma = l2 - l1, c2 - c1
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    angle = np.radians(hue)
    weight = (
        1
        - 0.17 * np.cos(angle - np.radians(30))
        + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6))
        - 0.20 * np.cos(4 * angle - np.radians(63))
    )
    off = (mean_l - 50) ** 2
    s_l = 1 + 0.015 * off / np.sqrt(20 + off)
    s_c = 1 + 0.045 * mean_c
    s_h = 1 + 0.015 * mean_c * weight
    mean7 = mean_c**7
    blue = -2 * np.sqrt(mean7 / (mean7 + _25_TO_7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    part_l, part_c, part_h = d_lightness / (lightness * s_l), d_chroma / (chroma * s_c), d_hue / s_h
    squared = part_l**2 + part_c**2 + part_h**2 + blue * part_c * part_h
    return np.asarray(np.sqrt(np.maximum(squared, 0)))
