"""
Intervals for figures of pictures that come in clusters: several pictures of one part are not several parts.

Whole parts are drawn again, never single pictures, and within each stratum: every draw has as many good and as many
defective parts as there were, so that no figure loses the class it is about. A draw is a row of weights, one for each
picture (how often its part was drawn), and a figure is computed for many rows at once.

Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, chapters 3.8 and 5.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPEATS = 2000
CONFIDENCE = 0.95
BLOCK = 1 << 20  # weights held at once, 8 MiB

Weights = NDArray[np.float64]
# weights (B, N) -> the figures of each row, (B, K)
Statistic = Callable[[Weights], NDArray[np.float64]]


@dataclass(frozen=True)
class Estimate:
    """A figure of the pictures as they are, with the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> list[float]:
        """[low, high], as `evaluate --json` writes an interval."""
        return [self.low, self.high]


def parts_of(count: int, groups: Sequence[str] | None) -> NDArray[np.int64]:
    """Return the number of each picture's part, (count,), 0 upwards; without groups every picture is a part."""
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise ValueError(f"{len(groups)} group names for {count} pictures; give one for each")
    return np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1].reshape(-1).astype(np.int64)


def cluster_bootstrap(
    statistic: Statistic,
    groups: Sequence[str] | None,
    strata: NDArray[np.integer] | NDArray[np.bool_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> list[Estimate]:
    """Return the K figures of a statistic with percentile intervals, parts drawn again within their stratum.

    strata: (N,), such as whether a picture is defective; a part with pictures of several is in the greatest.
    groups: N names of parts; None makes every picture a part. seed: the same gives the same intervals. A figure that a
    draw cannot have is NaN in it, and that draw is left out.
    Few parts make an interval too short, and parts that all agree give none at all: see hemline.defects for the ends
    of a share that is 0 or 1.
    """
    parts = parts_of(len(strata), groups)
    numbers = np.asarray(strata).astype(np.int64)
    of_part = np.full(int(parts.max(initial=-1)) + 1, numbers.min(initial=0))
    np.maximum.at(of_part, parts, numbers)
    members = [np.flatnonzero(of_part == stratum) for stratum in np.unique(of_part)]
    random = np.random.default_rng(seed)
    found = []
    rows = max(1, BLOCK // max(1, len(parts)))
    for start in range(0, repeats, rows):
        size = min(rows, repeats - start)
        drawn = np.empty((size, len(of_part)))
        for of_stratum in members:
            count = len(of_stratum)
            drawn[:, of_stratum] = random.multinomial(count, np.full(count, 1 / count), size=size)
        found.append(statistic(drawn[:, parts]))
    tail = 50 * (1 - confidence)
    low, high = np.nanpercentile(np.concatenate(found), [tail, 100 - tail], axis=0)
    plain = statistic(np.ones((1, len(parts))))[0]
    return [Estimate(float(a), float(b), float(c)) for a, b, c in zip(plain, low, high, strict=True)]
