"""
Drawn plates: brushed metal, some with a drawn flaw. The golden inputs of a network that looks for flaws: what it is
asked on a device with no data set has to look a little like what it learned.

The brush strokes are the same from top to bottom, so that a file of plates is small.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.preprocess import Preprocess
from hemline_train.flawdrawing import draw

Pixels = NDArray[np.uint8]
Random = np.random.Generator


def plate(preprocess: Preprocess, random: Random) -> Pixels:
    """Return a good plate (H, W, C) in its frame."""
    height, width = preprocess.height, preprocess.width
    high, wide = (max(8, round(side * random.uniform(0.6, 1.0))) for side in (height, width))
    strokes = random.standard_normal((1, wide)).astype(np.float32)
    strokes = 3 * strokes + 6 * np.asarray(cv2.GaussianBlur(strokes, (0, 0), 4.0))
    light = random.uniform(100, 150) + random.uniform(-20, 20) * np.linspace(-1, 1, wide)
    row = np.clip(np.rint(light + strokes[0]), 0, 255).astype(np.uint8)
    framed = np.full((height, width, preprocess.channels), preprocess.pad, np.uint8)
    top, left = (height - high) // 2, (width - wide) // 2
    framed[top : top + high, left : left + wide] = row[None, :, None]
    return framed


def drawn(kinds: tuple[str, ...], count: int, preprocess: Preprocess, *, seed: int) -> Pixels:
    """Return `count` plates without a flaw and as many of each of these kinds, (N, H, W, C)."""
    random = np.random.Generator(np.random.SFC64(seed))
    pictures = []
    for kind in ("", *kinds):
        for _ in range(count):
            good = plate(preprocess, random)
            pictures.append(draw(kind, good, random, pad=preprocess.pad) if kind else good)
    return np.stack(pictures)
