"""
The pictures of a training: read once, through Preprocess.apply, kept as uint8 in memory.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline import datasets
from hemline.datasets import Dataset, split
from hemline.errors import DatasetError
from hemline_train.recipe import Recipe


@dataclass(frozen=True)
class Part:
    """Pictures for one purpose. pixels: (N, H, W, C) uint8. targets: (N,) int64."""

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> Part:
        """Return the pictures at these indices, or where the mask is true."""
        return Part(self.pixels[indices], self.targets[indices])


@dataclass(frozen=True)
class Pictures:
    """All that one training looks at. test is None where the data set has no test split."""

    name: str
    labels: tuple[str, ...]
    train: Part
    validation: Part
    test: Part | None

    def fingerprint(self) -> str:
        """Return a sha256 over what is trained and validated on; a resumed training must find the same."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation):
            digest.update(np.ascontiguousarray(part.pixels).data)
            digest.update(part.targets.astype("<i8").data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Whole:
    """All training pictures of a data set, not yet split. groups: a name for each, where the set has groups."""

    name: str
    labels: tuple[str, ...]
    part: Part
    groups: tuple[str, ...] | None


def whole(recipe: Recipe, *, data: str | None = None) -> Whole:
    """Return the training pictures that a recipe names, those it would hold out among them; never test pictures."""
    config = recipe.data
    train = datasets.read(datasets.locate(config.name, data=data), "train").thinned(config.limit)
    groups = None if train.groups is None else tuple(train.groups)
    return Whole(Path(config.name).name, train.labels, Part(train.pixels(recipe.preprocess), train.targets), groups)


def load(recipe: Recipe, *, data: str | None = None) -> Pictures:
    """Return the pictures that a recipe trains, validates and tests on.

    data: what the user gave as --data; without it the set is looked for by its name.
    """
    config = recipe.data
    path = datasets.locate(config.name, data=data)
    train = datasets.read(path, "train").thinned(config.limit)
    held_out = split.holdout(len(train), config.validation, seed=config.split_seed, groups=train.groups)
    if held_out.all() or not held_out.any():
        raise DatasetError(
            f"{path}: {len(train)} training pictures leave none "
            f"{'to train on' if held_out.all() else 'to validate on'}; change data.validation or data.limit"
        )
    whole = Part(train.pixels(recipe.preprocess), train.targets)
    test = _test(path, train, config.limit)
    return Pictures(
        Path(config.name).name,
        train.labels,
        whole.take(~held_out),
        whole.take(held_out),
        None if test is None else Part(test.pixels(recipe.preprocess), test.targets),
    )


def balanced(part: Part, classes: int, count: int, *, seed: int) -> Part:
    """Return `count` pictures (or all, when there are fewer), as even over the classes as can be.

    The classes take turns, so that any part from the front is about as even.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    shuffled = random.permutation(len(part))
    # rank of each picture within its class; taking the lowest ranks first deals the classes out in turn
    rank = np.empty(len(part), np.int64)
    for target in range(classes):
        members = shuffled[part.targets[shuffled] == target]
        rank[members] = np.arange(len(members))
    order = np.lexsort((part.targets, rank))
    return part.take(order[:count])


def _test(path: Path, train: Dataset, limit: int) -> Dataset | None:
    test = datasets.read(path)  # of a set that has a test split, that one
    if test.split != "test":
        return None
    if test.labels != train.labels:
        raise DatasetError(f"{path}: the test split has other labels than the training split")
    return test.thinned(limit)
