"""
Flaws drawn into pictures of good parts while a network trains: a line has many good parts and few of each defect.

What is drawn is what light does to a surface: a hole is dark and has a rim, a crack is a dark line, a chip is missing
from the edge, a stain is dull and has an outline, a step is a patch that reflects otherwise. A picture that gets one is
trained towards the class of that flaw. Held-out pictures are never drawn on. Where flaws are marked
(hemline_train.marked) those are copied, too (hemline_train.copies).
Law, as in hemline_train.augment: what a picture becomes follows from its row of random numbers alone.
Source of the idea: Li et al. 2021, "CutPaste"; Zavrtanik et al. 2021, "DRAEM".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError, unknown
from hemline_train import copies
from hemline_train.tables import number

if TYPE_CHECKING:
    from hemline_train.data import Part
    from hemline_train.marked import Box

Pixels = NDArray[np.uint8]
Levels = NDArray[Any]  # float32 (H, W, C) of a part, 0..255, and (H, W) of a mask, 0..1
Random = np.random.Generator


@dataclass(frozen=True)
class FlawsConfig:
    """Which flaws are drawn, and the class that each is of; "" draws none of it.

    share: of the good pictures, in each epoch, that get one; as many of each kind, drawn or copied.
    marks: where flaws are in the pictures: a PATH.csv, or the name of a data set whose marks came with hemline.
    copied: classes whose marked flaws are copied into good pictures. What goes all through a part cannot be.
    window: side in pixels of the windows that learning begins with (hemline_train.windows); 0 begins with the pictures.
    windows: how many there are. window_epochs: how often they are all seen. window_rate: their learning rate; 0 takes
        the training's own. window_marked: the share of the windows with a flaw that are of marked ones.
    """

    share: float = number(0.0, 1.0)
    hole: str = ""
    crack: str = ""
    chip: str = ""
    stain: str = ""
    step: str = ""
    marks: str = ""
    copied: tuple[str, ...] = ()
    window: int = number(0, 4096, default=0)
    windows: int = number(1, 1_000_000, default=6000)
    window_epochs: int = number(1, 1000, default=6)
    window_rate: float = number(0.0, 10.0, default=0.0)
    window_marked: float = number(0.0, 1.0, default=0.5)

    @property
    def labels(self) -> dict[str, str]:
        """The class of each kind that is drawn."""
        return {kind: label for kind in KINDS if (label := getattr(self, kind))}

    def __post_init__(self) -> None:
        if self.copied and not self.marks:
            raise UsageError(f"flaws.copied {', '.join(self.copied)}: where they are is not known; give flaws.marks")
        if not self.labels and not self.copied:
            raise UsageError(f"no flaw is named; give the class of one or more of {', '.join(KINDS)}")


COPY = "copy"  # the kind of what is copied


@dataclass(frozen=True, eq=False)
class Flaws:
    """What is drawn into which pictures.

    good: the class that is drawn on. kinds: (kind, its class), copies among them; classes by number.
    marked: (picture (H, W, C), box, class) of every flaw that may be copied.
    """

    share: float
    good: int
    kinds: tuple[tuple[str, int], ...]
    marked: tuple[tuple[Pixels, Box, int], ...] = ()

    @classmethod
    def of(cls, config: FlawsConfig | None, good: str, labels: Sequence[str]) -> Flaws | None:
        """Return the flaws of a recipe's [flaws] with the labels of its data, None without any."""
        if config is None:
            return None
        named = [*config.labels.items(), *(("copied", label) for label in config.copied)]
        for kind, label in named:
            if label not in labels or label == good:
                raise UsageError(f"flaws.{kind}: {unknown('defect', label, [name for name in labels if name != good])}")
        kinds = tuple((COPY if kind == "copied" else kind, list(labels).index(label)) for kind, label in named)
        return cls(config.share, list(labels).index(good), kinds)

    def knowing(self, train: Part) -> Flaws:
        """Return the flaws with those that are marked in what is trained on; no other is copied."""
        wanted = [target for kind, target in self.kinds if kind == COPY]
        marked = tuple(
            (pixels, box, target)
            for pixels, target, boxes in zip(train.pixels, train.targets.tolist(), train.marks or (), strict=False)
            if target in wanted
            for box in boxes
        )
        there = {target for _, _, target in marked}
        return replace(self, marked=marked, kinds=tuple(one for one in self.kinds if one[0] != COPY or one[1] in there))

    def shift(self, targets: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
        """Return what takes the logits (classes,) of a network that saw these flaws to how often each class is there.

        targets: (N,) of the pictures as they are. Source: Menon et al. 2021, "Long-tail learning via logit adjustment".
        """
        there = np.bincount(targets, minlength=classes).astype(np.float64)
        seen = there.copy()
        if self.kinds:
            changed = self.share * there[self.good]
            seen[self.good] -= changed
            for _, target in self.kinds:
                seen[target] += changed / len(self.kinds)
        known = (there > 0) & (seen > 0)
        shift = np.zeros(classes)
        shift[known] = np.log(there[known] / seen[known])
        return shift.astype(np.float32)

    def chosen(self, targets: NDArray[np.int64], gates: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the place in `kinds` of what each picture gets, (N,), -1 for nothing. gates: (N,) 0 to below 1."""
        if not (self.share and self.kinds):
            return np.full(len(gates), -1)
        place = (gates * (len(self.kinds) / self.share)).astype(np.int64)
        return np.where((targets == self.good) & (gates < self.share), np.minimum(place, len(self.kinds) - 1), -1)

    def targets(self, targets: NDArray[np.int64], gates: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return what each picture is trained towards, (N,)."""
        chosen = self.chosen(targets, gates)
        classes = np.array([*(target for _, target in self.kinds), -1], np.int64)
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
            out[index] = self.one(self.kinds[chosen[index]], out[index], random, pad=pad)
        return out

    def one(self, kind: tuple[str, int], picture: Pixels, random: Random, *, pad: int) -> Pixels:
        """Return a picture (H, W, C) with one flaw of a kind, drawn or copied."""
        if kind[0] != COPY:
            return draw(kind[0], picture, random, pad=pad)
        there = [index for index, (_, _, target) in enumerate(self.marked) if target == kind[1]]
        source, box, _ = self.marked[there[int(random.integers(len(there)))]]
        return copies.copy(picture, source, box, random, pad=pad)


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
