"""
Shifts of where the garment is in its frame, how sharp, and what else is there.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.shifts.batch import Batch, Pixels

STEPS = 256  # parts of a pixel that positions are rounded to
WEIGHTS = 4096  # what the weights of a blur add up to
NEAR = 13  # levels from pad that count as background: 5 % of 255, where Fashion-MNIST's makers trimmed


def blur(batch: Batch, share: float) -> Pixels:
    """Return the pictures through a Gaussian of that share of the edge; what lies outside is as the border."""
    height, width = batch.pixels.shape[1:3]
    down, across = (_gaussian(length, share * batch.edge) for length in (height, width))
    # whole numbers below 2 ** 53 in float64: exact in whatever order a matrix product adds them
    values = batch.pixels.astype(np.float64).transpose(0, 3, 1, 2)
    summed = down @ values @ across.T
    return np.rint(summed / WEIGHTS**2).astype(np.uint8).transpose(0, 2, 3, 1)


def _gaussian(length: int, sigma: float) -> NDArray[np.float64]:
    """Return whole weights (length, length): row i makes pixel i; each row adds up to WEIGHTS."""
    reach = math.ceil(3 * sigma)
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights = np.rint(WEIGHTS * bell / bell.sum())
    weights[reach] += WEIGHTS - weights.sum()
    matrix = np.zeros((length, length))
    for offset, weight in zip(range(-reach, reach + 1), weights, strict=True):
        matrix[np.arange(length), np.clip(np.arange(length) + offset, 0, length - 1)] += weight
    return matrix


def rotation(batch: Batch, degrees: float) -> Pixels:
    """Return the pictures turned about their middle, clockwise or not by chance."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    out = np.empty_like(batch.pixels)
    clockwise = batch.chance(1)[:, 0] < 32768
    for which, sign in ((clockwise, 1), (~clockwise, -1)):
        out[which] = _sampled(batch.pixels[which], ((cos, sign * sin), (-sign * sin, cos)), batch.pad)
    return out


def resized(batch: Batch, scale: float) -> Pixels:
    """Return the pictures `scale` times as large about their middle: cut at the frame, or pad around them."""
    return _sampled(batch.pixels, ((1 / scale, 0.0), (0.0, 1 / scale)), batch.pad)


def _sampled(pixels: Pixels, matrix: tuple[tuple[float, float], tuple[float, float]], pad: int) -> Pixels:
    """Return pictures whose pixel (x, y) comes from matrix @ (x, y), both seen from the middle; pad beyond.

    Bilinear, in whole numbers: positions are rounded to a 256th of a pixel.
    """
    count, height, width, channels = pixels.shape
    y, x = np.mgrid[:height, :width].reshape(2, -1) - np.array([[height - 1], [width - 1]]) / 2
    (across_x, across_y), (down_x, down_y) = matrix
    left, right, share_x = _between(across_x * x + across_y * y + (width - 1) / 2, width)
    top, bottom, share_y = _between(down_x * x + down_y * y + (height - 1) / 2, height)
    around = ((0, 0), (1, 1), (1, 1), (0, 0))
    framed = np.pad(pixels, around, constant_values=pad).reshape(count, (height + 2) * (width + 2), channels)
    total = np.full((count, height * width, channels), STEPS**2 // 2, np.uint32)  # a half, to round
    for row, weight_y in ((top, STEPS - share_y), (bottom, share_y)):
        for column, weight_x in ((left, STEPS - share_x), (right, share_x)):
            weight = (weight_x * weight_y).astype(np.uint32)[:, None]
            total += weight * framed[:, row * (width + 2) + column]
    return (total // STEPS**2).astype(np.uint8).reshape(pixels.shape)


def _between(
    position: NDArray[np.float64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels on either side of a position, counted in a frame one pixel wider, and how far between."""
    steps = np.floor(position * STEPS + 0.5).astype(np.int64)
    before = steps // STEPS
    return np.clip(before + 1, 0, length + 1), np.clip(before + 2, 0, length + 1), steps % STEPS


def translation(batch: Batch, share: float) -> Pixels:
    """Return the pictures moved by that share of the edge, at least a pixel, in a direction by chance."""
    count, height, width, _ = batch.pixels.shape
    length = max(1.0, share * batch.edge)
    angle = batch.chance(1)[:, 0].astype(np.float64) * (2 * math.pi / 65536)
    reach = math.ceil(length)
    around = ((0, 0), (reach, reach), (reach, reach), (0, 0))
    framed = np.pad(batch.pixels, around, constant_values=batch.pad)
    rows = np.arange(height) + reach - np.rint(length * np.sin(angle)).astype(np.int64)[:, None]
    columns = np.arange(width) + reach - np.rint(length * np.cos(angle)).astype(np.int64)[:, None]
    out: Pixels = framed[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return out


def white_background(batch: Batch, share: float) -> Pixels:
    """Return the pictures with the background that share of the way from pad to white; the garment stays.

    From a pad of 128 or more it goes to black. Background is what is within NEAR levels of pad and reaches the
    border through such pixels: what a sleeve encloses stays, and so does a photo's own background.
    """
    white = 255 if batch.pad < 128 else 0
    level = round(batch.pad + share * (white - batch.pad))
    out = batch.pixels.copy()
    for picture in out:
        picture[_background(picture, batch.pad)] = level
    return out


def _background(picture: Pixels, pad: int) -> NDArray[np.bool_]:
    """Return where the background is, (H, W)."""
    height, width, channels = picture.shape
    # a frame of pad around the picture joins what touches the border
    framed = np.full((height + 2, width + 2, channels), pad, np.uint8)
    framed[1:-1, 1:-1] = picture
    mask = np.zeros((height + 4, width + 4), np.uint8)
    near = (NEAR,) * channels
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    cv2.floodFill(framed, mask, (0, 0), (0,) * channels, near, near, flags)
    reached: NDArray[np.bool_] = mask[2:-2, 2:-2] == 1
    return reached


def occlusion(batch: Batch, share: float) -> Pixels:
    """Return the pictures under a square of that share of their area; place and level by chance."""
    height, width = batch.pixels.shape[1:3]
    side = min(batch.edge, max(1, round(math.sqrt(share * height * width))))
    numbers = batch.chance(3).astype(np.int64)
    top = numbers[:, :1] * (height - side + 1) // 65536
    left = numbers[:, 1:2] * (width - side + 1) // 65536
    level = (numbers[:, 2] // 256).astype(np.uint8)
    rows = (np.arange(height) >= top) & (np.arange(height) < top + side)
    columns = (np.arange(width) >= left) & (np.arange(width) < left + side)
    covered = rows[:, :, None, None] & columns[:, None, :, None]
    return np.where(covered, level[:, None, None, None], batch.pixels)
