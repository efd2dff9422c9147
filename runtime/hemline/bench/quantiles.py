"""
Quantiles of durations with intervals that hold when the durations are not independent, which they seldom are.

Independent samples: the ends are order statistics, whose ranks follow from the binomial distribution. That is tested
for, by how much the share below the quantile differs between windows of the run and between rounds (fresh processes):
where it differs more than chance allows, windows or rounds are what was drawn, not single inferences.
Windows: the run is worth as many independent inferences as would have that variance; the ranks are theirs.
Rounds, or stretches of one long round: Student's interval for the logarithm of their quantiles, as there are few.
Sources: David and Nagaraja, Order Statistics, 2003, chapter 7.1; L. Kish, Survey Sampling, 1965, chapter 8.2, for what
samples in clusters are worth; Kalibera and Jones, Rigorous benchmarking in reasonable time, ISMM 2013, for why rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hemline.bench.histogram import Histogram

CONFIDENCE = 0.95
# how sure it must be that windows or rounds differ before they count as what was drawn
SUSPICION = 0.1
STRETCHES = 4
Floats = NDArray[np.float64]
NAMES = {0.5: "p50", 0.9: "p90", 0.99: "p99", 0.999: "p999"}


@dataclass(frozen=True)
class Quantile:
    """A quantile in ms. low, high: the ends of its interval, None where there are too few samples for that end.

    by: what was taken as drawn: "inferences", "windows", "rounds" or "stretches".
    """

    value: float
    low: float | None
    high: float | None
    by: str


def quantile(share: float, windows: Sequence[Histogram], rounds: Sequence[int]) -> Quantile:
    """Return the quantile of all durations in the windows. rounds: for each window, the number of its process."""
    whole = added(windows)
    value = whole.quantile(share)
    below = np.array([window.below(value) for window in windows], float)
    counts = np.array([window.count for window in windows], float)
    larger, name = groups(np.asarray(rounds))
    spread, freedom, by = _spread(below, counts, larger, name)
    if by == name:
        low, high = _of_groups(share, windows, larger)
        # nothing was seen beyond the longest of all: so few groups cannot say where the interval ends
        top = max(high, value) if high <= whole.longest_ns / 1e6 else None
        return Quantile(value, max(min(low, value), whole.shortest_ns / 1e6), top, by)
    first, last = ranks(whole.count, share) if by == "inferences" else _ranks_of(whole.count, share, spread, freedom)
    low_end = None if first is None else whole.at_rank(first)
    return Quantile(value, low_end, None if last is None else whole.at_rank(last), by)


def added(histograms: Sequence[Histogram]) -> Histogram:
    """Return the histogram of all of them, at least one."""
    return sum(histograms[1:], histograms[0])


def _of_groups(share: float, windows: Sequence[Histogram], larger: NDArray[np.int64]) -> tuple[float, float]:
    """Return the ends of Student's interval for the mean logarithm of the quantiles of groups of windows."""
    each = [
        added([window for window, number in zip(windows, larger, strict=True) if number == group])
        for group in np.unique(larger)
    ]
    logs = np.log([one.quantile(share) for one in each])
    reach = student((1 + CONFIDENCE) / 2, len(logs) - 1) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
    return math.exp(float(logs.mean()) - reach), math.exp(float(logs.mean()) + reach)


def ranks(count: int, share: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """Return the ranks, 1 to count, of the samples between which the quantile lies; None where no sample is far enough.

    The number of independent samples below a quantile is binomial: (count, share).
    """
    tail = (1 - confidence) / 2
    first = _binomial(tail, count, share)
    last = count - _binomial(tail, count, 1 - share) + 1
    return (first if first >= 1 else None), (last if last <= count else None)


def needed(share: float, confidence: float = CONFIDENCE) -> int:
    """Return how many independent samples it takes for the quantile to have both ends."""
    tail = (1 - confidence) / 2
    return math.ceil(math.log(tail) / math.log(max(share, 1 - share)))


def _binomial(tail: float, count: int, share: float) -> int:
    """Return the greatest k with P(X < k) <= tail for a binomial X; 0 when even P(X = 0) is above it."""
    sd = math.sqrt(count * share * (1 - share))
    start = max(0, math.floor(count * share - 9 * sd - 9))  # what lies before is less than 1e-18
    logs = (
        math.lgamma(count + 1) - math.lgamma(start + 1) - math.lgamma(count - start + 1)
        + start * math.log(share) + (count - start) * math.log1p(-share)
    )  # fmt: skip
    at, odds, below = math.exp(logs), share / (1 - share), 0.0
    for k in range(start, count + 1):
        below += at
        if below > tail:
            return k
        at *= (count - k) / (k + 1) * odds
    return count


def _spread(below: Floats, counts: Floats, larger: NDArray[np.int64], name: str) -> tuple[float, int, str]:
    """Return the variance of the share of durations below a value, its degrees of freedom, and what it is between."""
    share = below.sum() / counts.sum()
    chance = share * (1 - share) / counts.sum()
    if len(counts) < 2 or chance == 0:
        return chance, 1, "inferences"
    spread, freedom, by = chance, 0, "inferences"
    between, numbers = _between(below, counts, share), np.unique(larger)
    if len(numbers) < len(counts) and between > chance * _chi_square(1 - SUSPICION, len(counts) - 1) / (
        len(counts) - 1
    ):
        spread, freedom, by = between, len(counts) - 1, "windows"
    if len(numbers) > 2:
        sums = np.array([[column[larger == number].sum() for number in numbers] for column in (below, counts)])
        outer = _between(sums[0], sums[1], share)
        if outer > spread * _chi_square(1 - SUSPICION, len(numbers) - 1) / (len(numbers) - 1):
            spread, freedom, by = outer, len(numbers) - 1, name
    return spread, freedom, by


def groups(rounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], str]:
    """Return for each window the number of its group, and what the groups are: rounds, or stretches of one long round.

    Neighbouring windows are alike where something changes slowly; a stretch is several of them.
    """
    if len(np.unique(rounds)) > 2 or len(rounds) < 2 * STRETCHES:
        return rounds, "rounds"
    return np.arange(len(rounds)) * STRETCHES // len(rounds), "stretches"


def _between(below: Floats, counts: Floats, share: float) -> float:
    """Return the variance of the pooled share when groups are what was drawn."""
    groups = len(counts)
    return float(((below - counts * share) ** 2).sum() / counts.sum() ** 2 * groups / (groups - 1))


def _ranks_of(count: int, share: float, spread: float, freedom: int) -> tuple[int | None, int | None]:
    """Return the ranks that as many independent samples would give as have this variance of the share."""
    wider = student((1 + CONFIDENCE) / 2, freedom) / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    worth = int(share * (1 - share) / (spread * wider**2))
    first, last = ranks(worth, share) if worth else (None, None)
    scale = count / (worth + 1)
    return (None if first is None else max(1, math.floor(first * scale))), (
        None if last is None else min(count, math.ceil(last * scale))
    )


def student(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t for a probability from 0.5 on: exact for 1 and 2 degrees of freedom.

    Else within 0.5 %. Source: G. W. Hill, Algorithm 396, Communications of the ACM 13, 1970.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        centred = 2 * probability - 1
        return centred * math.sqrt(2 / (1 - centred**2))
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def _chi_square(probability: float, freedom: int) -> float:
    """Return a quantile of chi-square, within a percent. Source: Wilson and Hilferty, 1931."""
    step = 2 / (9 * freedom)
    return float(freedom * (1 - step + NormalDist().inv_cdf(probability) * math.sqrt(step)) ** 3)
