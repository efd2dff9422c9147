"""
Whether a line is as it was: arithmetic on counts, scores and embeddings, and nothing else.

Three questions, each with its own answer. Does the share of rejects change (a p-chart)? Do scores creep (an EWMA)? Do
parts look different (a two-sample test on embeddings)? Each says how often it is wrong where nothing has changed.

Sources: Shewhart, Economic Control of Quality, 1931. Roberts, Control Chart Tests Based on Geometric Moving Averages,
1959. Székely and Rizzo, Energy Statistics, 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SIGMAS = 3.0
TAIL = 0.00135  # how often a normal variable is beyond three sigmas on one side
WEIGHT = 0.2  # of the newest subgroup in an EWMA
LEAST_SCORE = 1e-6  # nearer to 0 or 1 the log odds of a score are noise
PERMUTATIONS = 999


@dataclass(frozen=True)
class Point:
    """One point of a chart. value and its limits, within which it is expected; both limits are inside."""

    value: float
    low: float
    high: float

    @property
    def outside(self) -> bool:
        """Whether it is beyond a limit."""
        return not self.low <= self.value <= self.high


@lru_cache(maxsize=4096)
def count_limits(parts: int, share: float) -> tuple[int, int]:
    """Return from which to which count of `parts` is expected where each has it with the chance `share`.

    Fewer, and likewise more, are seen with a probability of TAIL at most. It is the exact binomial: of 50 parts with a
    share of 2 %, three sigmas of the normal one would call 4 unusual, which one subgroup in 56 has.
    """
    if not 0 < share < 1:
        return (0, 0) if share <= 0 else (parts, parts)
    mean, spread = parts * share, math.sqrt(parts * share * (1 - share))
    # beyond ten sigmas and forty there is less than a float can tell from nothing
    first, last = max(0, math.floor(mean - 10 * spread - 40)), min(parts, math.ceil(mean + 10 * spread + 40))
    counts = np.arange(first + 1, last + 1)
    start = math.lgamma(parts + 1) - math.lgamma(first + 1) - math.lgamma(parts - first + 1)
    start += first * math.log(share) + (parts - first) * math.log1p(-share)
    steps = np.log((parts - counts + 1) / counts) + math.log(share) - math.log1p(-share)
    chances = np.exp(start + np.concatenate([[0.0], np.cumsum(steps)]))
    low = int(np.searchsorted(np.cumsum(chances), TAIL, "right"))
    high = len(chances) - 1 - int(np.searchsorted(np.cumsum(chances[::-1]), TAIL, "right"))
    return first + low, first + high


def p_chart(parts: Sequence[int], counted: Sequence[int], share: float, *, upper_only: bool = False) -> list[Point]:
    """Return the shares of subgroups with their control limits around an expected share.

    parts, counted: of each subgroup, 1 part or more. upper_only: the expectation is a bound, and less is as expected.
    """
    points = []
    for size, count in zip(parts, counted, strict=True):
        low, high = count_limits(size, share)
        points.append(Point(count / size, 0.0 if upper_only else low / size, high / size))
    return points


def log_odds(scores: Floats) -> NDArray[np.float64]:
    """Return ln(s / (1 - s)) of scores 0..1, those nearer to 0 or 1 than LEAST_SCORE taken for as near as that."""
    inside = np.clip(np.asarray(scores, np.float64), LEAST_SCORE, 1 - LEAST_SCORE)
    return np.asarray(np.log(inside / (1 - inside)))


def score_of(odds: float) -> float:
    """Return the score that has these log odds."""
    return 1 / (1 + math.exp(-odds))


@dataclass(frozen=True)
class Reference:
    """What a value is expected to be, from `count` values that were seen: their mean and standard deviation."""

    mean: float
    spread: float
    count: int

    @classmethod
    def of(cls, values: Floats) -> Reference:
        """Return the reference of values, 2 or more."""
        return cls(float(values.mean()), float(values.std(ddof=1)), len(values))


def ewma(means: Sequence[float], counts: Sequence[int], reference: Reference) -> list[Point]:
    """Return the exponentially weighted mean after each subgroup, with limits SIGMAS of its standard error wide.

    means: of each subgroup; counts: how many values that is the mean of; where it is 0 nothing changes. It begins at
    the reference, whose own mean is known from `count` values only: the limits have room for that, too. Without it, of
    shifts of 40 subgroups of 50 in which nothing has changed 43 % had an alarm after a sample of 200, with it 3.5 %.
    """
    points = []
    value, variance, old = reference.mean, 0.0, 1.0  # old: the weight of the beginning
    for mean, count in zip(means, counts, strict=True):
        if count:
            value += WEIGHT * (mean - value)
            variance = (1 - WEIGHT) ** 2 * variance + WEIGHT**2 * reference.spread**2 / count
            old *= 1 - WEIGHT
        half = SIGMAS * math.sqrt(variance + ((1 - old) * reference.spread) ** 2 / reference.count)
        points.append(Point(value, reference.mean - half, reference.mean + half))
    return points


@dataclass(frozen=True)
class TwoSample:
    """The energy test of two samples.

    distance: 0..1, 0 for the same distribution (the coefficient H: the share of the mean distance between the samples
    that is not explained by the distances within). by_chance: what 95 of 100 divisions of the two, mixed, stay below.
    p: how often a division of the mixed samples is as far apart or farther.
    """

    distance: float
    by_chance: float
    p: float
    ours: int
    theirs: int
    permutations: int
    seed: int


def energy_test(ours: Floats, theirs: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> TwoSample:
    """Return how far two samples (N, D) and (M, D) are apart, and whether chance explains it; N and M 1 or more.

    The p is exact, whatever the distribution: where both samples come from the same one, it is at or below any level
    with at most that probability. N + M squared numbers are held: give some hundreds.
    """
    distances = _distances(np.concatenate([ours, theirs]).astype(np.float64))
    count, first = len(distances), len(ours)
    random = np.random.default_rng(seed)
    inside = np.zeros((permutations + 1, count))
    inside[0, :first] = 1
    for row in inside[1:]:
        row[random.permutation(count)[:first]] = 1
    # sums of distances within the one, from it to all, within all; the rest follows
    within = ((inside @ distances) * inside).sum(axis=1)
    outward, whole = inside @ distances.sum(axis=1), distances.sum()
    between = (outward - within) / (first * (count - first))
    apart = 2 * between - within / first**2 - (whole - 2 * outward + within) / (count - first) ** 2
    shares = np.divide(apart, 2 * between, out=np.zeros_like(apart), where=between > 0)
    # the tolerance: a division that is the given one must not be missed by rounding
    as_far = int((shares[1:] >= shares[0] - 1e-12).sum())
    return TwoSample(
        distance=max(0.0, float(shares[0])),
        by_chance=max(0.0, float(np.quantile(shares[1:], 0.95))),
        p=(1 + as_far) / (1 + permutations),
        ours=first,
        theirs=count - first,
        permutations=permutations,
        seed=seed,
    )


def _distances(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Euclidean distances (N, N) of values (N, D)."""
    centred = values - values.mean(axis=0)
    squares = (centred**2).sum(axis=1)
    squared = squares[:, None] + squares[None, :] - 2 * centred @ centred.T
    np.fill_diagonal(squared, 0.0)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
