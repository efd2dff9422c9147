"""
Flaws drawn into pictures of good parts while a network trains: a line has many good parts and few of each defect.

What is drawn is what light does to a surface: a hole is dark and has a rim, a crack is a dark line, a chip is missing
from the edge, a stain is dull and has an outline, a step is a patch that reflects otherwise. A picture that gets one is
trained towards the class of that flaw. Held-out pictures are never drawn on.
Law, as in hemline_train.augment: what a picture becomes follows from its row of random numbers alone.
Source of the idea: Li et al. 2021, "CutPaste"; Zavrtanik et al. 2021, "DRAEM".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError, unknown
from hemline_train.tables import number

Pixels = NDArray[np.uint8]
Levels = NDArray[Any]  # float32 (H, W, C) of a part, 0..255, and (H, W) of a mask, 0..1
Random = np.random.Generator


@dataclass(frozen=True)
class FlawsConfig:
    """Which flaws are drawn, and the class that each is of; "" draws none of it.

    share: of the good pictures, in each epoch, that get one; as many of each kind.
    window: side in pixels of the windows that learning begins with (hemline_train.windows); 0 begins with the pictures.
    windows: how many there are. window_epochs: how often they are all seen. window_rate: their learning rate; 0 takes
        the training's own.
    """

    share: float = number(0.0, 1.0)
    hole: str = ""
    crack: str = ""
    chip: str = ""
    stain: str = ""
    step: str = ""
    window: int = number(0, 4096, default=0)
    windows: int = number(1, 1_000_000, default=6000)
    window_epochs: int = number(1, 1000, default=6)
    window_rate: float = number(0.0, 10.0, default=0.0)

    @property
    def labels(self) -> dict[str, str]:
        """The class of each kind that is drawn."""
        return {kind: label for kind in KINDS if (label := getattr(self, kind))}

    def __post_init__(self) -> None:
        if not self.labels:
            raise UsageError(f"no flaw is named; give the class of one or more of {', '.join(KINDS)}")


@dataclass(frozen=True)
class Flaws:
    """What is drawn into which pictures. good: the class that is drawn on. kinds: (kind, its class); both by number."""

    share: float
    good: int
    kinds: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, config: FlawsConfig | None, good: str, labels: Sequence[str]) -> Flaws | None:
        """Return the flaws of a recipe's [flaws] with the labels of its data, None without any."""
        if config is None:
            return None
        for kind, label in config.labels.items():
            if label not in labels or label == good:
                raise UsageError(f"flaws.{kind}: {unknown('defect', label, [name for name in labels if name != good])}")
        kinds = tuple((kind, list(labels).index(label)) for kind, label in config.labels.items())
        return cls(config.share, list(labels).index(good), kinds)

    def chosen(self, targets: NDArray[np.int64], gates: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the place in `kinds` of what each picture gets, (N,), -1 for nothing. gates: (N,) 0 to below 1."""
        place = (gates * (len(self.kinds) / self.share)).astype(np.int64) if self.share else np.full(len(gates), -1)
        return np.where((targets == self.good) & (gates < self.share), np.minimum(place, len(self.kinds) - 1), -1)

    def targets(self, targets: NDArray[np.int64], gates: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return what each picture is trained towards, (N,)."""
        chosen = self.chosen(targets, gates)
        classes = np.array([target for _, target in self.kinds], np.int64)
        return np.where(chosen >= 0, classes[chosen], targets)

    def drawn(
        self,
        pixels: Pixels,
        targets: NDArray[np.int64],
        gates: NDArray[np.float32],
        seeds: NDArray[np.float32],
        pad: int,
    ) -> Pixels:
        """Return the pictures (N, H, W, C) with their flaws, a copy. seeds: (N,), of each picture's own generator."""
        out = pixels.copy()
        chosen = self.chosen(targets, gates)
        for index in np.flatnonzero(chosen >= 0):
            random = np.random.Generator(np.random.SFC64(int(np.float32(seeds[index]).view(np.uint32))))
            out[index] = draw(self.kinds[chosen[index]][0], out[index], random, pad=pad)
        return out


def draw(kind: str, picture: Pixels, random: Random, *, pad: int = 0) -> Pixels:
    """Return a picture (H, W, C) with a flaw of this kind. pad: level of what lies around the part."""
    covered = np.any(picture != pad, axis=2)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if len(rows) < 8 or len(columns) < 8:  # no part is in the picture
        return picture
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    part = picture[top:bottom, left:right].astype(np.float32)
    # flaws are as large on a small part as on a large one; the frame says how many pixels that is
    drawn = KINDS[kind](part, float(min(picture.shape[:2])), random)
    out = picture.copy()
    out[top:bottom, left:right] = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    return out


# ---- one function a kind: (part (h, w, C) levels, side of the frame in pixels, random) -> levels


def _hole(part: Levels, side: float, random: Random) -> Levels:
    radius = side * random.uniform(0.009, 0.024)
    mask = _blob(part.shape, _place(part.shape, random), radius, random.uniform(1.0, 2.2), random, wobble=0.25)
    wide = cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.35 * radius))
    rim = np.clip(wide - mask, 0, 1)
    return _lit(_darker(part, mask, random.uniform(0.4, 0.8)), random.uniform(0.0, 0.5) * rim)


def _crack(part: Levels, side: float, random: Random) -> Levels:
    height, width = part.shape[:2]
    length = min(side * math.exp(random.uniform(math.log(0.08), math.log(0.8))), 1.2 * height)
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
    long, deep = side * random.uniform(0.08, 0.35), side * random.uniform(0.03, 0.11)
    at_side = random.random() < 0.5
    end = random.random() < 0.5
    if at_side:
        centre, angle = (0.0 if end else width - 1.0, random.uniform(0, height)), math.pi / 2
    else:
        centre, angle = (random.uniform(0, width), 0.0 if end else height - 1.0), 0.0
    mask = _blob(part.shape, centre, deep, long / 2 / deep, random, wobble=0.3, angle=angle)
    rough = cv2.GaussianBlur(random.standard_normal((height, width), np.float32), (0, 0), 1.2)
    # what broke off leaves a shadow, or a fresh face that shines
    depth = random.uniform(1.2, 2.2) if random.random() < 0.25 else random.uniform(0.25, 0.9)
    inside = np.float32(depth) * (1 + np.float32(random.uniform(0.1, 0.5)) * rough)
    edge = np.clip(cv2.GaussianBlur(mask, (0, 0), 1.0) - mask, 0, 1) * random.uniform(-0.6, 1.2)
    level = cv2.GaussianBlur(part, (0, 0), 4.0).reshape(part.shape)
    return _lit(_under(part, mask, level * inside[..., None]), edge)


def _stain(part: Levels, side: float, random: Random) -> Levels:
    height, width = part.shape[:2]
    radius = min(side * math.exp(random.uniform(math.log(0.08), math.log(0.4))), 0.45 * min(height, width))
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
    gain = math.exp(random.uniform(math.log(0.05), math.log(0.35))) * (1 if random.random() < 0.65 else -0.6)
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
    return random.uniform(0.04, 0.96) * shape[1], random.uniform(0.04, 0.96) * shape[0]


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
