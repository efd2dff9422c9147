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
    """All that one training looks at. test is None where the data set has no test split.

    skipped: pictures that could not be read and were left out.
    """

    name: str
    labels: tuple[str, ...]
    train: Part
    validation: Part
    test: Part | None
    skipped: int = 0

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


def whole(recipe: Recipe, *, data: str | None = None, skip_bad: bool = False) -> Whole:
    """Return the training pictures that a recipe names, those it would hold out among them; never test pictures."""
    config = recipe.data
    train = datasets.read(datasets.locate(config.name, data=data), "train").thinned(config.limit)
    part, kept = _read(train, recipe, skip_bad)
    groups = None if train.groups is None else tuple(np.asarray(train.groups)[kept].tolist())
    return Whole(Path(config.name).name, train.labels, part.take(kept), groups)


def load(recipe: Recipe, *, data: str | None = None, skip_bad: bool = False) -> Pictures:
    """Return the pictures that a recipe trains, validates and tests on.

    data: what the user gave as --data; without it the set is looked for by its name.
    skip_bad: leave out pictures that cannot be read. Without it they are an error that names them.
    Raises DatasetError where there is nothing to tell apart, and where a group is on both sides of a split.
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
    if np.count_nonzero(np.bincount(train.targets)) < 2:
        raise DatasetError(f"{path}: one class, {train.labels[train.targets[0]]!r}; there is nothing to tell apart")
    test = _test(path, train, config.limit)
    if test is not None:
        _uncut(path, train, test)
    whole, kept = _read(train, recipe, skip_bad)
    tested, kept_test = (None, np.ones(0, np.bool_)) if test is None else _read(test, recipe, skip_bad)
    return Pictures(
        Path(config.name).name,
        train.labels,
        whole.take(~held_out & kept),
        whole.take(held_out & kept),
        None if tested is None else tested.take(kept_test),
        skipped=int(np.sum(~kept)) + int(np.sum(~kept_test)),
    )


def _read(dataset: Dataset, recipe: Recipe, skip_bad: bool) -> tuple[Part, NDArray[np.bool_]]:
    """Return all pictures, and which of them could be read; without skip_bad all must."""
    kept = np.ones(len(dataset), np.bool_)
    if not skip_bad:
        try:
            return Part(dataset.pixels(recipe.preprocess), dataset.targets), kept
        except DatasetError as error:
            raise DatasetError(f"{error}\nrepair or remove them, or leave them out with --skip-bad") from None
    pixels, bad = dataset.readable(recipe.preprocess)
    kept[list(bad)] = False
    if not kept.any():
        raise DatasetError(f"{dataset.name}: none of {len(dataset):,} pictures can be read")
    return Part(pixels, dataset.targets), kept


def _uncut(path: Path, train: Dataset, test: Dataset) -> None:
    """Raise DatasetError when a group has pictures in both."""
    both = set(train.groups or ()) & set(test.groups or ())
    if both:
        raise DatasetError(
            f"{path}: {len(both):,} groups have pictures in both the train and the test split ({min(both)} is one); "
            "what is learned of one picture answers for the other: divide it with 'hemline data split --group-by'"
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
