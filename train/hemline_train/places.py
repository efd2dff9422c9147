"""
Where in a picture a flaw is, as the places of a network's last feature map see it.

A picture has one label and a network that ends in the maximum over it has hundreds of places, each of which sees a
square around itself. Where a flaw is drawn, copied or marked, what each of them should answer is known: the class of
the flaw where it is, "good" where nothing of it can be seen, and nothing in between. A network that is asked for that,
too, learns what a flaw looks like and not how the part looks that has one.
Source of the idea: Lee et al. 2015, "Deeply-Supervised Nets"; Li et al. 2018, "Thoracic Disease Identification and
Localization with Limited Supervision", which learns from few rectangles and many labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline_train.architecture import Average, BatchNorm, Conv, Dropout, Layer, Maximum, Pool, Residual

UNKNOWN = -1  # what a place should answer that sees a part of a flaw, or of which nobody knows
WITHOUT = "flaws.places: only a network that ends in 'maximum' or 'average' has places that can be asked"
NEAR = 0.75  # of the distance between places: a flaw no further than that from a middle is at that place

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Axis:
    """The places along one edge. count: how many. first, stride: where the middle of each is, in pixels.

    reach: pixels from its middle that a place sees.
    """

    count: int
    first: float = 0.0
    stride: int = 1
    reach: float = 0.0

    def after(self, kernel: int, stride: int, padding: str) -> Axis:
        """Return the places of the next layer."""
        before = 0
        if padding == "same":
            count = -(-self.count // stride)
            before = max((count - 1) * stride + kernel - self.count, 0) // 2
        else:
            count = (self.count - kernel) // stride + 1
        half = (kernel - 1) / 2
        return Axis(
            count, self.first + self.stride * (half - before), self.stride * stride, self.reach + self.stride * half
        )

    def middles(self) -> NDArray[np.int64]:
        """Return the pixel at the middle of each place."""
        found: NDArray[np.int64] = np.rint(self.first + self.stride * np.arange(self.count)).astype(np.int64)
        return found


@dataclass(frozen=True)
class Grid:
    """The places of the feature map that a network takes the maximum or the mean of."""

    down: Axis
    across: Axis

    @classmethod
    def of(cls, layers: Sequence[Layer], height: int, width: int) -> Grid:
        """Return it for the layers of a recipe and pictures of this size.

        Raises UsageError for a network that does not end in 'maximum' or 'average': it has no places.
        """
        down, across = Axis(height), Axis(width)
        for index, layer in enumerate(layers):
            if isinstance(layer, Maximum | Average):
                if any(not isinstance(later, Dropout) for later in layers[index + 1 :]):
                    break
                return cls(down, across)
            for kernel, stride, padding in _steps(layer):
                down, across = down.after(kernel, stride, padding), across.after(kernel, stride, padding)
        raise UsageError(WITHOUT)

    @property
    def count(self) -> int:
        """How many places there are."""
        return self.down.count * self.across.count

    def answers(self, mask: Mask, target: int, good: int, *, rest: bool = True) -> NDArray[np.int64]:
        """Return what each place (count,) should answer to a picture with a flaw where the mask (H, W) is true.

        UNKNOWN everywhere, where a picture is of a class other than good and its flaw nowhere.
        rest: whether the rest of the picture is known to be good.
        """
        if target == good:
            return np.full(self.count, good)
        if not mask.any():
            return np.full(self.count, UNKNOWN)
        near = self._within(mask, NEAR * self.down.stride, NEAR * self.across.stride)
        seen = self._within(mask, self.down.reach, self.across.reach)
        return np.where(near, target, np.where(seen, UNKNOWN, good if rest else UNKNOWN))

    def _within(self, mask: Mask, down: float, across: float) -> Mask:
        """Return for each place whether the mask is anywhere within these distances of its middle."""
        size = (2 * math.floor(across) + 1, 2 * math.floor(down) + 1)
        wide = cv2.dilate(mask.astype(np.uint8), np.ones(size[::-1], np.uint8)) > 0
        rows, columns = self.down.middles(), self.across.middles()
        return np.asarray(wide[np.ix_(np.clip(rows, 0, len(mask) - 1), np.clip(columns, 0, mask.shape[1] - 1))].ravel())


@dataclass(frozen=True)
class Places:
    """The places that are asked beside the picture. good: the class of one without a flaw. weight: of their loss."""

    grid: Grid
    good: int
    weight: float


def _steps(layer: Layer) -> Iterator[tuple[int, int, str]]:
    """Yield (kernel, stride, padding) of what a layer does one after the other."""
    if isinstance(layer, Conv):
        yield layer.kernel, layer.stride, layer.padding
    elif isinstance(layer, Residual):
        yield 3, layer.stride, "same"
        yield 3, 1, "same"
    elif isinstance(layer, Pool):
        yield layer.size, layer.size, layer.padding
    elif not isinstance(layer, BatchNorm | Dropout):
        raise UsageError(WITHOUT)
