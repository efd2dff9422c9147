"""
The pictures of a training: read once, through Preprocess.apply, kept as uint8 in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import datasets
from hemline.datasets import Dataset, folder
from hemline.errors import DatasetError, UsageError, unknown
from hemline_train import marked
from hemline_train.marked import Box
from hemline_train.recipe import Recipe


@dataclass(frozen=True)
class Part:
    """Pictures for one purpose. pixels: (N, H, W, C) uint8. targets: (N,) int64.

    marks: for each picture where its flaws are, in pixels of the model's input; None where nobody asked for them.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    marks: tuple[tuple[Box, ...], ...] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> Part:
        """Return the pictures at these indices, or where the mask is true."""
        marks = self.marks
        if marks is not None:
            marks = tuple(marks[index] for index in np.arange(len(self))[indices].tolist())
        return Part(self.pixels[indices], self.targets[indices], marks)

    def update(self, digest: Any) -> None:
        """Put all that is learned from into a hash."""
        digest.update(np.ascontiguousarray(self.pixels).data)
        digest.update(self.targets.astype("<i8").data)
        if self.marks is not None:
            digest.update(repr(self.marks).encode())


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
            part.update(digest)
        return digest.hexdigest()


@dataclass(frozen=True)
class Whole:
    """All training pictures of a data set, not yet split. groups: a name for each, where the set has groups."""

    name: str
    labels: tuple[str, ...]
    part: Part
    groups: tuple[str, ...] | None


def whole(recipe: Recipe, *, data: str | None = None, skip_bad: bool = False, group_by: str | None = None) -> Whole:
    """Return the training pictures that a recipe names, those it would hold out among them; never test pictures.

    group_by: column of the set's groups.csv that says which pictures belong together; None takes "group" where there is
    a groups.csv, and no groups where there is none.
    """
    config = recipe.data
    path = datasets.locate(config.name, data=data)
    train = datasets.read(path, "train").thinned(config.limit)
    if group_by is not None and not (path / folder.GROUPS_NAME).is_file():
        raise DatasetError(
            f"{path}: no {folder.GROUPS_NAME}, which would say what pictures belong together (path,group)"
        )
    if group_by is not None and group_by != "group":
        train = replace(train, groups=folder.groups_by(path, train.sources, group_by))
    _know_good(recipe, train)
    (part,), (kept,) = _read([train], recipe, path, skip_bad)
    groups = None if train.groups is None else tuple(train.groups[index] for index in kept)
    return Whole(Path(config.name).name, train.labels, part, groups)


def load(recipe: Recipe, *, data: str | None = None, skip_bad: bool = False) -> Pictures:
    """Return the pictures that a recipe trains, validates and tests on.

    data: what the user gave as --data; without it the set is looked for by its name.
    skip_bad: leave out pictures that cannot be read. Without it they are an error that names them.
    Raises DatasetError where there is nothing to tell apart, and where a group is on both sides of a split.
    """
    config = recipe.data
    path = datasets.locate(config.name, data=data)
    train, validation = datasets.training(
        path, validation=config.validation, seed=config.split_seed, limit=config.limit
    )
    if not len(train) or not len(validation):
        raise DatasetError(
            f"{path}: {len(train) + len(validation)} training pictures leave none "
            f"{'to validate on' if len(train) else 'to train on'}; change data.validation or data.limit"
        )
    # of both: a class may be there in the held-out part alone
    there = np.bincount(np.concatenate([train.targets, validation.targets]))
    if np.count_nonzero(there) < 2:
        raise DatasetError(f"{path}: one class, {train.labels[int(there.argmax())]!r}; there is nothing to tell apart")
    _know_good(recipe, train)
    test = _test(path, config.limit)
    split = [train, validation, *([] if test is None else [test])]
    parts, kept = _read(split, recipe, path, skip_bad)
    skipped = sum(map(len, split)) - sum(map(len, kept))
    return Pictures(
        Path(config.name).name, train.labels, parts[0], parts[1], None if test is None else parts[2], skipped
    )


def _know_good(recipe: Recipe, train: Dataset) -> None:
    if recipe.data.good and recipe.data.good not in train.labels:
        raise UsageError(f"{recipe.name}: data.good: {unknown('label', recipe.data.good, train.labels)}")


def _read(
    split: Sequence[Dataset], recipe: Recipe, root: Path, skip_bad: bool
) -> tuple[list[Part], list[NDArray[np.int64]]]:
    """Return the pictures of each, and the indices of those that can be read; without skip_bad all must."""
    read = [dataset.readable(recipe.preprocess) for dataset in split]
    reasons = [reason for _, bad in read for reason in bad.values()]
    if reasons and not skip_bad:
        error = datasets.unreadable(split[0].name, reasons, sum(map(len, split)))
        raise DatasetError(f"{error}\nrepair or remove them, or leave them out with --skip-bad")
    kept = [np.delete(np.arange(len(dataset)), list(bad)) for dataset, (_, bad) in zip(split, read, strict=True)]
    for dataset, there in zip(split, kept, strict=True):
        if not len(there):
            raise DatasetError(f"{dataset.name}: none of {len(dataset):,} pictures can be read")
    parts = [Part(pixels, dataset.targets) for dataset, (pixels, _) in zip(split, read, strict=True)]
    if recipe.flaws is not None and recipe.flaws.marks:  # of what is trained on alone
        boxes = marked.boxes(marked.find(recipe.flaws.marks), root, split[0], recipe.preprocess)
        parts[0] = replace(parts[0], marks=boxes)
    # without a copy of all pictures where all are kept
    return [part.take(there) if reasons else part for part, there in zip(parts, kept, strict=True)], kept


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


def _test(path: Path, limit: int) -> Dataset | None:
    test = datasets.read(path)  # of a set that has a test split, that one
    if test.split != "test":
        return None
    datasets.apart(path, datasets.read(path, "train").thinned(limit), test)
    return test.thinned(limit)
