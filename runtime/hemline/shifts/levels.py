"""
Shifts of the levels of a picture; nothing moves.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.shifts.batch import Batch, Pixels


def gaussian_noise(batch: Batch, sigma: float) -> Pixels:
    """Return the pictures with normal noise on every value. sigma: standard deviation in levels."""
    noise = np.rint(sigma * _normal()).astype(np.int16)
    shape = batch.pixels.shape
    numbers = batch.chance(int(np.prod(shape[1:]))).reshape(shape)
    return _levels(batch.pixels + noise[numbers])


@lru_cache(maxsize=1)
def _normal() -> NDArray[np.float64]:
    """Return the normal deviates that the 65,536 random numbers stand for, -4.3 to 4.3."""
    normal = NormalDist()
    upper = np.array([normal.inv_cdf((32768.5 + number) / 65536) for number in range(32768)])
    return np.concatenate([-upper[::-1], upper])


def salt_noise(batch: Batch, share: float) -> Pixels:
    """Return the pictures with salt and pepper: that share of the pixels, all channels, is white or black."""
    shape = batch.pixels.shape
    numbers = batch.chance(shape[1] * shape[2]).reshape(*shape[:3], 1)
    half = round(share * 65536 / 2)
    return np.where(numbers < half, np.uint8(0), np.where(numbers >= 65536 - half, np.uint8(255), batch.pixels))


def brightness(batch: Batch, share: float) -> Pixels:
    """Return the pictures with that share of 255 added to all levels."""
    return _mapped(batch, np.arange(256) + 255 * share)


def inverted_polarity(batch: Batch, share: float) -> Pixels:
    """Return the pictures that share of the way to their negative; 1 is the negative."""
    levels = np.arange(256)
    return _mapped(batch, levels + share * (255 - 2 * levels))


def contrast(batch: Batch, share: float) -> Pixels:
    """Return the pictures with each channel's levels at that share of their distance to its mean."""
    height, width = batch.pixels.shape[1:3]
    # a sum of whole numbers does not depend on its order
    mean = batch.pixels.sum(axis=(1, 2), keepdims=True, dtype=np.int64) / (height * width)
    return _levels(np.rint(mean + (batch.pixels - mean) * share))


def jpeg(batch: Batch, quality: float) -> Pixels:
    """Return the pictures from JPEG files of that quality, 1 to 100."""
    gray = batch.pixels.shape[3] == 1
    flag = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
    out = np.empty_like(batch.pixels)
    for index, picture in enumerate(batch.pixels):
        bgr = np.ascontiguousarray(picture[..., ::-1])  # one channel reversed is itself
        done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        if not done:
            raise ValueError(f"picture of {picture.shape} cannot be encoded as JPEG")
        out[index] = np.asarray(cv2.imdecode(encoded, flag)).reshape(picture.shape)[..., ::-1]
    return out


def _mapped(batch: Batch, becomes: NDArray[Any]) -> Pixels:
    return _levels(np.rint(becomes))[batch.pixels]


def _levels(values: NDArray[Any]) -> Pixels:
    out: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return out
