"""
What a training is fed with, whichever library computes: pictures, targets, and what augmentation makes of them.

Law: what a picture becomes follows from the seed, the epoch and its index, not from the batch it is in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline_train import augment, mixing
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.distill import Teachers
from hemline_train.flaws import Flaws
from hemline_train.mixing import Mixing
from hemline_train.places import Places

FAINT = 4  # levels: what a flaw changes by no more nobody sees


@dataclass(frozen=True)
class Feed:
    """The facts that batches are made of.

    batch: pictures a step, over all replicas together. seed: 0 or more. pad: level of what an augmented picture does
    not cover. class_weights: (classes,) float32. teachers: their answers stand beside the targets. flaws: what is drawn
    into good pictures, before they are augmented. places: what is asked of them, too.
    """

    part: Part
    batch: int
    seed: int
    augmentation: Augment = field(default_factory=Augment)
    pad: int = 0
    class_weights: NDArray[np.float32] | None = None
    teachers: Teachers | None = None
    flaws: Flaws | None = None
    places: Places | None = None

    def numbers(self, epoch: int) -> NDArray[np.float32] | None:
        """Return the random numbers of an epoch, a row a picture; None where nothing is augmented."""
        if not self.augmentation.any and self.flaws is None:
            return None
        numbers = augment.draw(len(self.part), seed=self.seed, epoch=epoch)
        return numbers if self.teachers is None else self.teachers.numbers(numbers, epoch)

    def targets(self, epoch: int, numbers: NDArray[np.float32] | None) -> NDArray[np.int64] | NDArray[np.float32]:
        """Return what each picture is trained towards in an epoch, as hemline_train.losses takes it.

        numbers: those of the epoch. (N,) int64 classes; float32 (N, k) where pictures are mixed or teachers answer.
        """
        labels = self.labels(numbers)
        mixed = self._mixing(np.arange(len(labels)), numbers)
        answers = None if self.teachers is None else self.teachers.probabilities(epoch)
        if mixed is None and answers is None:
            return labels
        columns: list[NDArray[Any]] = [labels[:, None]]
        if mixed is not None:
            columns += [labels[mixed.others][:, None], mixed.shares[:, None]]
        if answers is not None:
            if mixed is not None:
                own = mixed.shares[:, None]
                answers = own * answers + (1 - own) * answers[mixed.others]
            columns.append(answers)
        return np.concatenate(columns, axis=1).astype(np.float32)

    def labels(self, numbers: NDArray[np.float32] | None) -> NDArray[np.int64]:
        """Return the class of each picture (N,), of those with a flaw the flaw's. numbers: those of the epoch."""
        if self.flaws is None or numbers is None:
            return self.part.targets
        return self.flaws.targets(self.part.targets, numbers[:, augment.FLAW])

    def pictures(self, indices: NDArray[np.int64], numbers: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return the pictures at these indices as they are trained on, float32 0..255. numbers: those of the epoch."""
        if numbers is None:
            return self.part.pixels[indices].astype(np.float32)
        pixels, mixed = self._augmented(indices, numbers), self._mixing(indices, numbers)
        if mixed is not None:
            pixels = mixing.mix(mixed, pixels, self._augmented(mixed.others, numbers))
        return pixels.astype(np.float32)

    def examples(
        self, indices: NDArray[np.int64], numbers: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return pictures(), and what each of their places should answer (n, places), as Grid.answers() has it."""
        assert self.flaws is not None
        assert self.places is not None
        good, own = self.places.good, numbers[indices]
        before = self.part.pixels[indices]
        drawn, classes = self._drawn(indices, own), self.labels(numbers)[indices].tolist()
        masks = np.zeros((*before.shape[:3], 1), np.uint8)
        for number, index in enumerate(indices.tolist()):
            if self.part.targets[index] == good:
                changed = np.abs(drawn[number].astype(np.int16) - before[number]).max(axis=2) > FAINT
                masks[number, changed] = 255
            elif self.part.marks is not None:
                for left, top, right, bottom in self.part.marks[index]:
                    # a crop may have cut some of it off
                    down = slice(max(0, int(top)), max(0, math.ceil(bottom)))
                    masks[number, down, max(0, int(left)) : max(0, math.ceil(right))] = 255
        moved = augment.apply(augment.moving(self.augmentation), masks, own)[..., 0] > 127
        known = [target not in self.flaws.other for target in self.part.targets[indices].tolist()]
        answers = [
            self.places.grid.answers(mask, target, good, rest=rest)
            for mask, target, rest in zip(moved, classes, known, strict=True)
        ]
        pictures = augment.apply(self.augmentation, drawn, own, pad=self.pad)
        return pictures.astype(np.float32), np.stack(answers).astype(np.float32)

    def _mixing(self, indices: NDArray[np.int64], numbers: NDArray[np.float32] | None) -> Mixing | None:
        if numbers is None or not self.augmentation.mixes:
            return None
        return mixing.plan(self.augmentation, numbers, indices, *self.part.pixels.shape[1:3])

    def _augmented(self, indices: NDArray[np.int64], numbers: NDArray[np.float32]) -> NDArray[np.uint8]:
        own = numbers[indices]
        return augment.apply(self.augmentation, self._drawn(indices, own), own, pad=self.pad)

    def _drawn(self, indices: NDArray[np.int64], own: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the pictures at these indices with their flaws; own: their rows of numbers."""
        pixels = self.part.pixels[indices]
        if self.flaws is None:
            return pixels
        gates, seeds = own[:, augment.FLAW], own[:, augment.FLAW_SEED]
        return self.flaws.drawn(pixels, self.part.targets[indices], gates, seeds, self.pad)
