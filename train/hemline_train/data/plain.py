"""
Batches for a Keras backend other than TensorFlow: NumPy arrays, gathered on the thread that trains.

The order of an epoch is a function of (seed, epoch) here too, but another one than TensorFlow's generator gives: a
training is repeated exactly by the same backend, not by another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline_train import augment
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.distill import Teachers


class PlainBatches:
    """The batches of a part, epoch after epoch, on one device. As hemline_train.data.pipeline.Batches."""

    replicas = 1

    def __init__(
        self,
        part: Part,
        *,
        batch: int,
        seed: int,
        augmentation: Augment | None = None,
        pad: int = 0,
        class_weights: NDArray[np.float32] | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        """See Batches."""
        self._part, self._batch, self._seed, self._pad = part, batch, seed, pad
        self._augment = augmentation if augmentation is not None and augmentation.any else None
        self._weights, self._teachers = class_weights, teachers
        self.steps = -(-len(part) // batch)

    def epoch(self, number: int) -> Iterator[tuple[NDArray[Any], ...]]:
        """Return the batches of epoch `number` for Keras' fit: (float32 pixels 0..255, targets[, weights])."""
        part = self._part
        key = np.array([self._seed, number], np.uint64)
        order = np.random.Generator(np.random.Philox(key=key)).permutation(len(part))
        answers = None if self._teachers is None else self._teachers.probabilities(number)
        numbers = None if self._augment is None else augment.draw(len(part), seed=self._seed, epoch=number)
        if self._teachers is not None and numbers is not None:
            numbers = self._teachers.numbers(numbers, number)
        for start in range(0, len(part), self._batch):
            indices = order[start : start + self._batch]
            pixels, targets = part.pixels[indices], part.targets[indices]
            weights = () if self._weights is None else (self._weights[targets],)
            if self._augment is not None and numbers is not None:
                pixels = augment.apply(self._augment, pixels, numbers[indices], pad=self._pad)
            if answers is not None:
                targets = np.concatenate([targets[:, None].astype(np.float32), answers[indices]], axis=1)
            yield pixels.astype(np.float32), targets, *weights
