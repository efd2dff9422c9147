"""
Whether a run is in its steady state: found in the figures, never assumed after some number of inferences.

Two questions. Where does the warm-up end: the first medians fall while caches fill, kernels are chosen and the clock
rises. And does it stay as it is: a board that gets hot is slower after minutes, at one moment and for good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AGREE = 5  # blocks whose median is compared with that of as many before
TOLERANCE = 0.03  # of a median; beside it counts what the blocks themselves are apart by
LEAST_CHANGE = 0.05  # a smaller one is nothing that a user would notice
CERTAIN = 1.63  # the 99 % point of Kolmogorov's distribution


@dataclass(frozen=True)
class Change:
    """A change of level: before window `window` and from it on. ratio: the median after over the median before."""

    window: int
    ratio: float


def steady_from(medians: Sequence[float]) -> int | None:
    """Return the first block from which on the medians stay at one level; None while they have not been seen to.

    The last AGREE blocks are held against as many before them. They agree when their medians are no further apart than
    the tolerance, or than twice the standard error of medians that are spread as these are.
    """
    values = np.asarray(medians, float)
    for end in range(2 * AGREE, len(values) + 1):
        before, after = values[end - 2 * AGREE : end - AGREE], values[end - AGREE : end]
        level = float(np.median(after))
        # 1.2533: standard error of a median over that of a mean
        error = 1.2533 * math.hypot(_spread(before), _spread(after)) / math.sqrt(AGREE)
        if abs(float(np.median(before)) - level) <= max(TOLERANCE * level, 2 * error):
            near = level + max(TOLERANCE * level, 4 * _spread(after))
            first = end - 2 * AGREE
            while values[first] > near:
                first += 1
            return first
    return None


def change(medians: Sequence[float]) -> Change | None:
    """Return where windows of a run change their level once and for good, None where they do not.

    The cumulative sum of what the logarithms are above their mean is furthest from zero at a change. How far chance
    alone takes it is Kolmogorov's distribution, in units of what neighbours differ by.
    Source: D. M. Hawkins and K. D. Zamba, Technometrics 47, 2005, has the family; this is its simplest member.
    """
    logs = np.log(np.maximum(np.asarray(medians, float), 1e-12))
    if len(logs) < 8:
        return None
    # of neighbours: a change of level counts in one difference only
    noise = float(np.sqrt(np.mean(np.diff(logs) ** 2) / 2)) or 1e-9
    sums = np.cumsum(logs - logs.mean())[:-1]
    at = int(np.abs(sums).argmax())
    if abs(sums[at]) / (noise * math.sqrt(len(logs))) < CERTAIN:
        return None
    ratio = math.exp(float(np.median(logs[at + 1 :]) - np.median(logs[: at + 1])))
    if abs(math.log(ratio)) < math.log1p(LEAST_CHANGE):
        return None
    return Change(at + 1, ratio)


def _spread(values: NDArray[np.float64]) -> float:
    """Return the standard deviation, from what neighbours differ by: a slope does not count as noise."""
    # 1.4826: of a normal distribution the median of the distances is 1 / 1.4826 of the standard deviation
    return 1.4826 * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2)
