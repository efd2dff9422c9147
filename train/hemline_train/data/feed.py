"""
What a training is fed with, whichever library computes: pictures, targets, and what augmentation makes of them.

Law: what a picture becomes follows from the seed, the epoch and its index, not from the batch it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hemline_train import augment
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.distill import Teachers


@dataclass(frozen=True)
class Feed:
    """The facts that batches are made of.

    batch: pictures a step, over all replicas together. seed: 0 or more. pad: level of what an augmented picture does
    not cover. class_weights: (classes,) float32. teachers: their answers stand beside the targets.
    """

    part: Part
    batch: int
    seed: int
    augmentation: Augment = field(default_factory=Augment)
    pad: int = 0
    class_weights: NDArray[np.float32] | None = None
    teachers: Teachers | None = None

    def numbers(self, epoch: int) -> NDArray[np.float32] | None:
        """Return the random numbers of an epoch, a row a picture; None where nothing is augmented."""
        if not self.augmentation.any:
            return None
        numbers = augment.draw(len(self.part), seed=self.seed, epoch=epoch)
        return numbers if self.teachers is None else self.teachers.numbers(numbers, epoch)

    def answers(self, epoch: int) -> NDArray[np.float32] | None:
        """Return the teachers' probabilities in an epoch, (N, classes); None without teachers."""
        return None if self.teachers is None else self.teachers.probabilities(epoch)

    def pictures(self, indices: NDArray[np.int64], numbers: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return the pictures at these indices as they are trained on, float32 0..255. numbers: those of the epoch."""
        pixels = self.part.pixels[indices]
        if numbers is not None:
            pixels = augment.apply(self.augmentation, pixels, numbers[indices], pad=self.pad)
        return pixels.astype(np.float32)
