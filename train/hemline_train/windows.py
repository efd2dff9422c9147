"""
What learning begins with where a recipe's [flaws] name a window: small windows, most with a flaw, drawn or marked.

A hole of a few pixels is a four-hundredth of a window and a ten-thousandth of a picture, and a network that starts from
nothing finds it in the one within minutes, in the other hardly at all. Windows are cut from the pictures as they are
trained on, at their scale, so that what was learned of them holds for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline_train import copies
from hemline_train.data import Part
from hemline_train.flaws import COPY, Flaws
from hemline_train.marked import Box
from hemline_train.recipe import Recipe

Pixels = NDArray[np.uint8]
Random = np.random.Generator

WATCHED = 256  # windows that the loss is watched on
WITHOUT = 0.4  # of the windows have no flaw; of the others as many show each defect
AWAY = 0.25  # of the windows without a flaw: of pictures that have one elsewhere, so that no surface stands for a class
EDGE = 3  # pixels beside a part that a window may show


def recipe_of(recipe: Recipe) -> Recipe:
    """Return the recipe that is trained on windows: the same but for size and epochs, without anything drawn later."""
    flaws = recipe.flaws
    assert flaws is not None
    preprocess = replace(recipe.preprocess, height=flaws.window, width=flaws.window)
    # windows are turned and zoomed as they are cut
    augment = replace(recipe.augment, rotation=0.0, zoom=0.0, translation=0.0, perspective=0.0, aspect=0.0)
    training = replace(
        recipe.training,
        epochs=flaws.window_epochs,
        patience=0,
        keep="last",
        warmup=min(recipe.training.warmup, 0.5),
        learning_rate=flaws.window_rate or recipe.training.learning_rate,
    )
    return replace(
        recipe, preprocess=preprocess, training=training, augment=augment, flaws=None, start=None, expect=None
    )


def parts(recipe: Recipe, train: Part, flaws: Flaws) -> tuple[Part, Part]:
    """Return the windows that are trained on, and those that the loss is watched on."""
    config = recipe.flaws
    assert config is not None
    good = np.flatnonzero(train.targets == flaws.good)
    if not len(good):
        raise UsageError(f"[flaws]: no good picture to draw on, {recipe.data.good!r} has none to train on")
    cut = _Cut(config.window, 2 * recipe.augment.zoom, recipe.augment.rotation, recipe.preprocess.pad)
    marks = _Marks(train, flaws.good)
    side = config.window
    pixels = np.empty((config.windows + WATCHED, side, side, train.pixels.shape[3]), np.uint8)
    targets = np.empty(len(pixels), np.int64)
    defects = sorted({*(target for _, target in flaws.kinds), *marks.classes})
    for index in range(len(pixels)):
        random = np.random.Generator(np.random.SFC64([recipe.seed, index]))
        target = flaws.good if random.random() < WITHOUT else defects[int(random.integers(len(defects)))]
        window = None
        if target != flaws.good:
            kinds = [kind for kind in flaws.kinds if kind[1] == target and kind[0] != COPY]
            if target in marks.classes and (not kinds or random.random() < config.window_marked):
                window = cut.of(*marks.one(target, random), random)
            elif kinds:
                picture = train.pixels[random.choice(good)]
                drawn = flaws.one(kinds[int(random.integers(len(kinds)))], picture, random, pad=cut.pad)
                window = cut.of(drawn, _spot(np.any(drawn != picture, axis=2), random), random)
        if window is None:  # a flaw that is too faint to be there is none
            target = flaws.good
            if marks.classes and random.random() < AWAY:
                window = marks.away(cut, random)
            if window is None:
                picture = train.pixels[random.choice(good)]
                window = cut.of(picture, _spot(np.any(picture != cut.pad, axis=2), random), random)
        pixels[index] = np.zeros((side, side, 1), np.uint8) if window is None else window
        targets[index] = target
    return Part(pixels[WATCHED:], targets[WATCHED:]), Part(pixels[:WATCHED], targets[:WATCHED])


class _Marks:
    """The marked pictures of a training, by their class."""

    def __init__(self, train: Part, good: int) -> None:
        self._pixels = train.pixels
        self._boxes = train.marks or ()
        self._of: dict[int, list[int]] = {}
        for index, (target, boxes) in enumerate(zip(train.targets.tolist(), self._boxes, strict=False)):
            if boxes and target != good:
                self._of.setdefault(target, []).append(index)
        self.classes = sorted(self._of)

    def one(self, target: int, random: Random) -> tuple[Pixels, Box]:
        """Return a picture of a class and one of its marks."""
        index = int(random.choice(self._of[target]))
        boxes = self._boxes[index]
        return self._pixels[index], boxes[int(random.integers(len(boxes)))]

    def away(self, cut: _Cut, random: Random) -> Pixels | None:
        """Return a window of a picture with a mark that has none of it; None where a few tries find none."""
        for _ in range(10):
            index = int(random.choice(self._of[self.classes[int(random.integers(len(self.classes)))]]))
            spot = _spot(np.any(self._pixels[index] != cut.pad, axis=2), random)
            window = cut.of(self._pixels[index], spot, random, avoided=self._boxes[index])
            if window is not None:
                return window
        return None


@dataclass(frozen=True)
class _Cut:
    """How windows are cut. side: pixels. zoom: share, in or out. rotation: degrees, either way. pad: around a part."""

    side: int
    zoom: float
    rotation: float
    pad: int

    def of(self, picture: Pixels, box: Box | None, random: Random, *, avoided: Sequence[Box] = ()) -> Pixels | None:
        """Return a window (side, side, C) with a place of the box in it, all of the box where it fits.

        None without a box, and where something of those avoided would be in the window.
        """
        if box is None:
            return None
        scale = (1 + self.zoom) ** random.uniform(-1, 1)
        seen = self.side / scale  # pixels of the picture that the window shows
        middle = [self._middle(box[axis], box[axis + 2], seen, random) for axis in (0, 1)]
        there = copies.extent(picture, self.pad)
        if there is not None:  # not more of the frame than must be
            top, left, bottom, right = there
            middle = [_within(middle[0], left, right, seen), _within(middle[1], top, bottom, seen)]
        half = 0.6 * seen  # a turned window reaches further
        if any(
            left < middle[0] + half
            and right > middle[0] - half
            and top < middle[1] + half
            and bottom > middle[1] - half
            for left, top, right, bottom in avoided
        ):
            return None
        angle = random.uniform(-self.rotation, self.rotation)
        turn = np.asarray(cv2.getRotationMatrix2D((middle[0], middle[1]), angle, scale), np.float64)
        turn[:, 2] += self.side / 2 - np.array(middle)
        frame: tuple[float, ...] = (float(self.pad),) * 4
        window = cv2.warpAffine(picture, turn, (self.side, self.side), flags=cv2.INTER_LINEAR, borderValue=frame)
        return np.asarray(window, np.uint8).reshape(self.side, self.side, picture.shape[2])

    def _middle(self, low: float, high: float, seen: float, random: Random) -> float:
        """Return where the middle of a window is, along one axis."""
        if high - low < 0.8 * seen:
            room = max(0.0, min(0.36 * seen, seen / 2 - (high - low) / 2 - 1))
            return (low + high) / 2 + random.uniform(-room, room)
        return float(random.uniform(low, high))


def _within(middle: float, low: float, high: float, seen: float) -> float:
    half = seen / 2 - EDGE
    return min(max(middle, low + half), high - half) if high - low > 2 * half else (low + high) / 2


def _spot(there: NDArray[np.bool_], random: Random) -> Box | None:
    """Return one of the pixels (H, W) that are there, as a box; None for none."""
    places = np.flatnonzero(there)
    if not len(places):
        return None
    y, x = divmod(int(random.choice(places)), there.shape[1])
    return float(x), float(y), float(x), float(y)
