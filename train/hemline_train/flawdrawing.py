"""
How a flaw looks: one function a kind, from the levels of a part to those of the part with the flaw. Who gets one, and
what it is trained towards, is in hemline_train.flaws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline_train import copies

Pixels = NDArray[np.uint8]
Levels = NDArray[Any]  # float32 (H, W, C) of a part, 0..255, and (H, W) of a mask, 0..1
Random = np.random.Generator


def draw(kind: str, picture: Pixels, random: Random, *, pad: int = 0) -> Pixels:
    """Return a picture (H, W, C) with a flaw of this kind. pad: level of what lies around the part."""
    there = copies.extent(picture, pad)
    if there is None:  # no part is in the picture
        return picture
    top, left, bottom, right = there
    part = picture[top:bottom, left:right].astype(np.float32)
    # flaws are as large on a small part as on a large one; the frame says how many pixels that is
    drawn = KINDS[kind](part, float(min(picture.shape[:2])), random)
    out = picture.copy()
    out[top:bottom, left:right] = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    return out


# ---- one function a kind: (part (h, w, C) levels, side of the frame in pixels, random) -> levels


def _hole(part: Levels, side: float, random: Random) -> Levels:
    radius = _between(random, 0.009, 0.032) * side
    mask = _blob(part.shape, _place(part.shape, random), radius, random.uniform(1.0, 2.6), random, wobble=0.25)
    wide = cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.35 * radius))
    rim = np.clip(wide - mask, 0, 1)
    return _lit(_darker(part, mask, random.uniform(0.4, 0.8)), random.uniform(0.0, 0.5) * rim)


def _crack(part: Levels, side: float, random: Random) -> Levels:
    height, width = part.shape[:2]
    length = min(side * _between(random, 0.08, 0.8), 1.2 * height)
    x, y = random.uniform(0.05, 0.95) * width, random.uniform(0.05, 0.95) * height
    if random.random() < 0.5:  # most cracks begin where the part ends
        y = 0.0 if random.random() < 0.5 else height - 1.0
    along = math.pi / 2 + random.normal(0.0, 0.35) if random.random() < 0.8 else random.uniform(0, math.pi)
    if y > height / 2:
        along = -along
    points, angle, step = [(x, y)], along, 3.0
    for _ in range(max(2, int(length / step))):
        angle += random.normal(0.0, 0.3) - 0.25 * (angle - along)
        x, y = x + step * math.cos(angle), y + step * math.sin(angle)
        points.append((x, y))
    mask = np.zeros((height, width), np.float32)
    breadth = side * random.uniform(0.006, 0.014)
    for place, (start, end) in enumerate(pairwise(points)):
        taper = 1.0 - 0.6 * place / len(points)
        _line(mask, start, end, breadth * taper * random.uniform(0.6, 1.2))
    return _darker(part, mask, random.uniform(0.45, 0.8))


def _chip(part: Levels, side: float, random: Random) -> Levels:
    height, width = part.shape[:2]
    long, deep = side * random.uniform(0.08, 0.4), side * _between(random, 0.035, 0.14)
    upright, far = random.random() < 0.5, random.random() < 0.5
    along = float(random.random() < 0.5) if random.random() < 0.35 else random.random()  # a corner, or anywhere
    # from the edge of the picture to where the part begins: what breaks off is not the shadow beside it
    levels = part.mean(axis=2).T if upright else part.mean(axis=2)
    line = levels[:, min(int(along * levels.shape[1]), levels.shape[1] - 1)]
    lit = line[:: -1 if far else 1] > 0.6 * np.median(levels)
    inward = min(int(lit.argmax()), len(line) // 4)
    edge = len(line) - 1.0 - inward if far else float(inward)
    centre = (edge, along * height) if upright else (along * width, edge)
    angle = math.pi / 2 if upright else 0.0
    mask = _blob(part.shape, centre, deep, max(0.5, long / 2 / deep), random, wobble=0.3, angle=angle)
    rough = random.standard_normal((height, width), np.float32)
    rough = np.asarray(cv2.GaussianBlur(rough, (0, 0), random.uniform(0.8, 3.0)))
    rough = rough / (rough.std() + 1e-6)
    # what broke off leaves a shadow, or a fresh face that shines
    depth = random.uniform(1.25, 2.0) if random.random() < 0.25 else random.uniform(0.2, 0.75)
    inside = depth * (1 + random.uniform(0.05, 0.4) * rough)
    rim = np.clip(cv2.GaussianBlur(mask, (0, 0), 1.0) - mask, 0, 1) * random.uniform(-0.6, 1.2)
    level = cv2.GaussianBlur(part, (0, 0), 4.0).reshape(part.shape)
    return _lit(_under(part, mask, level * inside[..., None]), rim)


def _stain(part: Levels, side: float, random: Random) -> Levels:
    height, width = part.shape[:2]
    radius = min(side * _between(random, 0.08, 0.4), 0.45 * min(height, width))
    mask = _blob(part.shape, _place(part.shape, random), radius, random.uniform(1.0, 1.7), random, wobble=0.15)
    if random.random() < 0.2:  # its outline alone
        ring = np.clip(4 * mask * (1 - mask), 0, 1)
        return _darker(part, ring, random.uniform(0.2, 0.45))
    dull = cv2.GaussianBlur(part, (0, 0), random.uniform(2.0, 8.0)).reshape(part.shape)
    dull = dull + random.uniform(0.0, 0.5) * (part - dull)
    return _under(part, mask, random.uniform(0.55, 0.85) * dull)


def _step(part: Levels, side: float, random: Random) -> Levels:
    height, width = part.shape[:2]
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    tilt = random.normal(0.0, 0.06)
    cut = random.uniform(0.08, 0.7) * height
    inside = cut + tilt * (columns - width / 2) - rows
    if random.random() < 0.3:  # cut off at a side, too
        inside = np.minimum(inside, columns - random.uniform(0.1, 0.6) * width + random.normal(0.0, 0.3) * rows)
    if random.random() < 0.25:  # a band
        inside = np.minimum(inside, rows - random.uniform(0.0, 0.6) * cut)
    if random.random() < 0.5:
        inside = inside[::-1]
    if random.random() < 0.5:
        inside = inside[:, ::-1]
    mask = np.clip(inside / random.uniform(0.5, 2.5) + 0.5, 0, 1)
    stripes = random.standard_normal((width,), np.float32)
    stripes = np.asarray(cv2.GaussianBlur(stripes[None], (0, 0), random.uniform(0.6, 2.0)))
    stripes = np.clip(stripes / (stripes.std() + 1e-6), -1.5, 2.5)
    gain = _between(random, 0.05, 0.35) * (1 if random.random() < 0.65 else -0.6)
    gain = gain + random.uniform(0.0, 0.12) * stripes
    shade = np.asarray(cv2.GaussianBlur(random.standard_normal((height, width), np.float32), (0, 0), side / 8))
    shade = 1 + 0.5 * shade / (np.abs(shade).max() + 1e-6)
    # it was ground less, or more: the marks in it are fainter, or stronger
    smooth = cv2.GaussianBlur(part, (0, 0), 3.0).reshape(part.shape)
    part = _under(part, mask, smooth + random.uniform(0.4, 1.8) * (part - smooth))
    if random.random() < 0.3:
        part = _lit(part, random.uniform(-0.15, 0.1) * np.clip(1 - np.abs(inside) / 1.5, 0, 1))
    return _lit(part, mask * gain * shade)


KINDS: dict[str, Callable[[Levels, float, Random], Levels]] = {
    "hole": _hole,
    "crack": _crack,
    "chip": _chip,
    "stain": _stain,
    "step": _step,
}


def _place(shape: tuple[int, ...], random: Random) -> tuple[float, float]:
    return random.uniform(0.02, 0.98) * shape[1], random.uniform(0.02, 0.98) * shape[0]


def _between(random: Random, low: float, high: float) -> float:
    """Return a number from low to high, as often small as large."""
    return float(math.exp(random.uniform(math.log(low), math.log(high))))


def _darker(part: Levels, mask: Levels, depth: float) -> Levels:
    return _lit(part, -depth * mask)


def _lit(part: Levels, gain: Levels) -> Levels:
    """Return the part with its levels (h, w, C) raised by these shares of them, (h, w)."""
    return np.asarray(part * (1 + gain)[..., None])


def _under(part: Levels, mask: Levels, other: Levels) -> Levels:
    """Return the part where the mask (h, w) is 0, the other where it is 1."""
    return np.asarray(part + (other - part) * mask[..., None])


def _blob(
    shape: tuple[int, ...],
    centre: tuple[float, float],
    radius: float,
    aspect: float,
    random: Random,
    *,
    wobble: float,
    angle: float | None = None,
) -> Levels:
    """Return the mask (h, w) of a round thing with a wavering outline, a pixel soft; radius x aspect the other way."""
    turn = random.uniform(0, math.pi) if angle is None else angle
    waves = [(count, wobble * random.uniform(0, 1.5) / count, random.uniform(0, 7)) for count in (2, 3, 5, 7)]
    mask = np.zeros(shape[:2], np.float32)
    # no pixel further away than this has any of it
    reach = radius * max(1.0, aspect) * (1 + sum(amount for _, amount, _ in waves)) + 1
    (left, right), (top, bottom) = (
        (max(0, int(middle - reach)), min(length, int(middle + reach) + 2))
        for middle, length in zip(centre, shape[1::-1], strict=True)
    )
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    along = (x * math.cos(turn) + y * math.sin(turn)) / aspect
    across = y * math.cos(turn) - x * math.sin(turn)
    around = np.arctan2(across, along)
    outline = 1 + sum(amount * np.sin(count * around + phase) for count, amount, phase in waves)
    mask[top:bottom, left:right] = np.clip(radius * outline - np.hypot(along, across) + 0.5, 0, 1)
    return mask


def _line(mask: Levels, start: tuple[float, float], end: tuple[float, float], breadth: float) -> None:
    """Draw a piece of a line of this breadth in pixels into a mask; one thinner than a pixel is fainter."""
    shift = 4  # bits of a fraction of a pixel
    stamp = np.zeros(mask.shape, np.uint8)
    fixed = [tuple(round(value * 2**shift) for value in point) for point in (start, end)]
    cv2.line(stamp, fixed[0], fixed[1], 255, max(1, round(breadth)), cv2.LINE_AA, shift)
    np.maximum(mask, stamp.astype(np.float32) * np.float32(min(1.0, breadth) / 255), out=mask)
