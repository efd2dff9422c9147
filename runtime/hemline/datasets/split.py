"""
Cutting a set: a validation part, folds for cross-validation, or parts of given shares.

A hold-out is by hash: which side a picture is on depends on its index and the seed alone, so it stays there when the
set grows. Where pictures come in groups, whole groups are dealt out, class by class: of six cracked tiles one is held
out, and not none or three. All are the same on every machine and in every version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemline.errors import DatasetError

# splitmix64, a bijection of 64-bit words: https://prng.di.unimi.it/splitmix64.c
GAMMA = np.uint64(0x9E3779B97F4A7C15)
MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLY_2 = np.uint64(0x94D049BB133111EB)


def holdout(count: int, fraction: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """Return which of `count` pictures without groups are held out, (count,) bool, True for about `fraction` of them.

    fraction: 0 to below 1.
    """
    _fraction(fraction)
    # 2**53 steps: a float holds them all, so the comparison is exact
    held: NDArray[np.bool_] = (_by_index(count, seed) >> np.uint64(11)).astype(np.float64) < fraction * 2.0**53
    return held


def validation_part(
    targets: NDArray[np.int64],
    fraction: float,
    *,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> NDArray[np.bool_]:
    """Return which pictures a training holds out, (N,) bool: by hash, or whole groups where there are groups.

    targets: (N,) int64. fraction: 0 to below 1; with groups of each class, as near as they allow. groups: N group
    names; a group is never cut, and a class of too few of them to share stays where it is trained on. labels: names of
    the classes, for what is said of them.
    Raises DatasetError where a class would be left with no picture to train on, only because groups cannot be cut.
    """
    if groups is None:
        return holdout(len(targets), fraction, seed=seed)
    _fraction(fraction)
    if not len(targets):
        return np.zeros(0, bool)
    held: NDArray[np.bool_] = _grouped(targets, np.array([1 - fraction, fraction]), seed, groups) == 1
    for target in np.unique(targets):
        if held[targets == target].all():
            name = target if labels is None else repr(labels[target])
            raise DatasetError(f"class {name} has too few groups to hold out {fraction:g} and leave one to train on")
    return held


def _fraction(fraction: float) -> None:
    if not 0 <= fraction < 1:
        raise DatasetError(f"a held-out fraction of {fraction}; give 0 to below 1")


def folds(
    targets: NDArray[np.int64],
    count: int,
    *,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """Return the fold that each picture is tested in, (N,) int64, 0 to count - 1; each class is dealt out evenly.

    targets: (N,) int64. groups: N group names; a group is never cut, and the classes are then as even as the
    groups allow. labels: names of the classes, for what is said of them.
    Raises DatasetError, naming the class, where a fold would be without a picture of it.
    """
    if count < 2:
        raise DatasetError(f"{count} folds; cross-validation needs 2 or more")
    if groups is None:
        hashes = _by_index(len(targets), seed)
        chosen = np.empty(len(targets), np.int64)
        # class after class through the same deal: the folds' sizes differ by one at most
        chosen[np.lexsort((hashes, targets))] = np.arange(len(targets)) % count
    else:
        chosen = _grouped(targets, np.ones(count), seed, groups)
    _complete(chosen, targets, count, "folds", groups, labels)
    return chosen


def parts(
    targets: NDArray[np.int64],
    shares: Sequence[float],
    *,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """Return the part that each picture is in, (N,) int64, 0 to len(shares) - 1; each class is shared out alike.

    shares: of the parts, each above 0, together 1. groups: N group names; a group is never cut, and the shares are
    then as near as the groups allow. labels: names of the classes, for what is said of them.
    Raises DatasetError, naming the class, where a part would be without a picture of it.
    """
    if groups is None:
        hashes = _by_index(len(targets), seed)
        ends = np.cumsum(shares)[:-1]
        chosen = np.empty(len(targets), np.int64)
        for target in np.unique(targets):
            members = np.flatnonzero(targets == target)
            middle = (np.arange(len(members)) + 0.5) / len(members)  # of each picture's own share
            chosen[members[np.argsort(hashes[members])]] = np.searchsorted(ends, middle, side="right")
    else:
        chosen = _grouped(targets, np.asarray(shares), seed, groups)
    _complete(chosen, targets, len(shares), "parts", groups, labels)
    return chosen


def _complete(
    chosen: NDArray[np.int64],
    targets: NDArray[np.int64],
    count: int,
    of: str,
    groups: Sequence[str] | None,
    labels: Sequence[str] | None,
) -> None:
    """Raise DatasetError, naming the class, where one of `count` folds or parts has no picture of it."""
    for target in np.unique(targets):
        there = np.unique(chosen[targets == target])
        if len(there) < count:
            what = "pictures" if groups is None else "groups"
            name = target if labels is None else repr(labels[target])
            raise DatasetError(f"class {name} has too few {what} for {count} {of}: {len(there)} would have some")


def _grouped(
    targets: NDArray[np.int64], shares: NDArray[np.float64], seed: int, groups: Sequence[str]
) -> NDArray[np.int64]:
    """Deal out whole groups, the largest first, each to the part that is then the nearest to its share."""
    if len(groups) != len(targets):
        raise DatasetError(f"{len(groups)} group names for {len(targets)} pictures; give one for each")
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    _, target = np.unique(targets, return_inverse=True)
    tallies = np.zeros((len(names), int(target.max(initial=-1)) + 1))
    np.add.at(tallies, (member, target), 1.0)
    tallies /= np.maximum(1.0, tallies.sum(axis=0))  # a rare class weighs as much as a common one
    hashes = np.array([_hash(name, seed) for name in names.tolist()], np.uint64)
    filled = np.zeros((len(shares), tallies.shape[1]))
    part_of = np.empty(len(names), np.int64)
    for group in np.lexsort((hashes, -tallies.max(axis=1))):
        # how much each part's squared filling would grow: least where there is least of these classes
        grown = np.square(filled + tallies[group]).sum(axis=1) - np.square(filled).sum(axis=1)
        grown = np.divide(grown, shares, out=np.full(len(shares), np.inf), where=shares > 0)
        part_of[group] = int(np.argmin(grown))
        filled[part_of[group]] += tallies[group]
    return part_of[member]


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64 of each word; wraps around at 64 bits on purpose."""
    z = (words + np.uint64(1)) * GAMMA
    z = (z ^ (z >> np.uint64(30))) * MULTIPLY_1
    z = (z ^ (z >> np.uint64(27))) * MULTIPLY_2
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def _by_index(count: int, seed: int) -> NDArray[np.uint64]:
    """Return 64 bits for each of `count` pictures, (count,), that follow from its index and the seed."""
    return _mixed(np.arange(count, dtype=np.uint64) + _mixed(np.array([seed % 2**64], np.uint64)))


def _hash(name: str, seed: int) -> int:
    """Return 64 bits of the SHA-256 of a seed and a group name."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big")
