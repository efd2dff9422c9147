"""
Cutting a validation part out of a set, by hash: which side a picture is on depends on its index (or group)
and the seed alone, so it stays there when the set grows, on every machine and in every version.
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


def holdout(count: int, fraction: float, *, seed: int = 0, groups: Sequence[str] | None = None) -> NDArray[np.bool_]:
    """Return which of `count` pictures are held out, (count,) bool, True for about `fraction` of them.

    fraction: 0 to below 1; of the groups, where there are groups.
    groups: `count` group names; pictures of one group always land on one side.
    """
    if not 0 <= fraction < 1:
        raise DatasetError(f"a held-out fraction of {fraction}; give 0 to below 1")
    if groups is None:
        hashes = _mixed(np.arange(count, dtype=np.uint64) + _mixed(np.array([seed % 2**64], np.uint64)))
    elif len(groups) != count:
        raise DatasetError(f"{len(groups)} group names for {count} pictures; give one for each")
    else:
        by_name = {name: _hash(name, seed) for name in set(groups)}
        hashes = np.array([by_name[name] for name in groups], np.uint64)
    # 2**53 steps: a float holds them all, so the comparison is exact
    held: NDArray[np.bool_] = (hashes >> np.uint64(11)).astype(np.float64) < fraction * 2.0**53
    return held


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64 of each word; wraps around at 64 bits on purpose."""
    z = (words + np.uint64(1)) * GAMMA
    z = (z ^ (z >> np.uint64(30))) * MULTIPLY_1
    z = (z ^ (z >> np.uint64(27))) * MULTIPLY_2
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def _hash(name: str, seed: int) -> int:
    """Return 64 bits of the SHA-256 of a seed and a group name."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big")
