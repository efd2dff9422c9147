"""
Means and spreads over seeds, and what one network does better than another on the same pictures.

Counts are whole numbers to the end, so the figures do not depend on the machine.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hemline_train.frontier.right import Right

Z = 1.959964  # of a two-sided 95 % interval of the normal distribution


@dataclass(frozen=True)
class Summary:
    """One figure over the seeds. spread: its standard deviation, None for one seed."""

    mean: float
    spread: float | None
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Difference:
    """Accuracy of the first less that of the second, and its 95 % interval. seeds: of each."""

    mean: float
    low: float
    high: float
    seeds: tuple[int, int]

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def summary(values: Sequence[float]) -> Summary:
    """Return what the values of the seeds come to, one or more."""
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Summary(statistics.fmean(values), spread, min(values), max(values), len(values))


def difference(first: Right, second: Right) -> Difference:
    """Return how much more of the same pictures the first gets right than the second.

    first: (seeds, N), second: (other seeds, N): the networks of each seed, on the same N pictures, two or more.
    Its variance is that of the pictures, paired: each counts as the share of seeds that get it right, here less
    there; and that of the seeds of either side, by their number. A side with one seed adds none: the interval is
    then of those weights. The distribution is Student's, with the degrees of freedom of Welch and Satterthwaite.
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]:,} and {second.shape[1]:,} pictures; they have to be the same")
    mine, theirs, pictures = len(first), len(second), first.shape[1]
    # in units of 1 / (mine * theirs), so that all of it is whole numbers
    apart = theirs * first.sum(axis=0, dtype=np.int64) - mine * second.sum(axis=0, dtype=np.int64)
    total, squares, unit = int(apart.sum()), int((apart * apart).sum()), mine * theirs
    parts = [((squares * pictures - total * total) / (pictures * (pictures - 1) * unit**2 * pictures), pictures - 1)]
    parts += [_of_seeds(right) for right in (first, second) if len(right) > 1]
    variance = math.fsum(part for part, _ in parts)
    mean = total / (unit * pictures)
    half = student(_freedom(parts)) * math.sqrt(variance) if variance else 0.0
    return Difference(mean, mean - half, mean + half, (mine, theirs))


def _of_seeds(right: Right) -> tuple[float, int]:
    """Return the variance of the mean accuracy by the seeds, and its degrees of freedom."""
    accuracies = [int(count) / right.shape[1] for count in right.sum(axis=1, dtype=np.int64)]
    return statistics.variance(accuracies) / len(right), len(right) - 1


def _freedom(parts: Sequence[tuple[float, int]]) -> float:
    return math.fsum(part for part, _ in parts) ** 2 / math.fsum(part * part / degrees for part, degrees in parts)


def student(freedom: float) -> float:
    """Return the 97.5 % point of Student's distribution: 0.1 % short at 3 degrees of freedom, 1 % at 2, 11 % at 1.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z = Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))
