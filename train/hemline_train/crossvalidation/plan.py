"""
Which pictures each training of a cross-validation sees, and which it is then asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline.datasets import split

Bools = NDArray[np.bool_]
KINDS = ("grouped", "random", "unseen")


@dataclass(frozen=True)
class Fold:
    """One training. name: of its file. kind: one of KINDS. trained, tested: (N,) bool.

    grouped: no group is on both sides. random: groups are cut, to show what that claims. unseen: one defect is left
    out of training altogether, and tested beside good parts that were left out too.
    """

    name: str
    kind: str
    trained: Bools
    tested: Bools


@dataclass(frozen=True)
class Pieces:
    """What is cut. targets: (N,). groups: N names. good: number of the good class, None where there is none."""

    targets: NDArray[np.int64]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    good: int | None = None


def plan(pieces: Pieces, folds: int, *, seed: int = 0, random: bool = True, unseen: bool = True) -> list[Fold]:
    """Return every training, those by group first. random: those of a random split too. unseen: those without a defect.

    Raises DatasetError, naming the class, where a fold would be without a picture of it.
    """
    targets, labels = pieces.targets, pieces.labels
    grouped = split.folds(targets, folds, seed=seed, groups=pieces.groups, labels=labels)
    found = [Fold(f"grouped-{number}", "grouped", grouped != number, grouped == number) for number in range(folds)]
    if random:
        cut = split.folds(targets, folds, seed=seed, labels=labels)
        found += [Fold(f"random-{number}", "random", cut != number, cut == number) for number in range(folds)]
    if unseen and pieces.good is not None:
        defects = [target for target in np.unique(targets).tolist() if target != pieces.good]
        # each beside the good parts of another fold: one training a defect, and not one a defect and fold
        found += [_without(pieces, defect, grouped == place % folds) for place, defect in enumerate(defects)]
    return found


def _without(pieces: Pieces, defect: int, fold: Bools) -> Fold:
    own = pieces.targets == defect
    tested = own | (fold & (pieces.targets == pieces.good))
    return Fold(f"without-{defect}", "unseen", ~_whole(pieces.groups, tested), tested)


def _whole(groups: Sequence[str], some: Bools) -> Bools:
    """Return the pictures of every group that has some of these, (N,) bool."""
    names = np.asarray(groups)
    return np.isin(names, names[some])
