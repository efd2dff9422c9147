"""
How much slower one measurement is than another, with what the noise of both allows.

Windows of one process are alike, so what counts as drawn are rounds, each a process of its own, or stretches of one
long round. Each has the median of its windows' figures. One round of five may have met something else altogether: the
lowest and the highest fifth are left out of the mean, and count as their neighbours in the variance (Yuen's test).
Of few rounds the variance is uncertain: an artifact is never taken for less noisy than the one in the middle of all.
Source: K. K. Yuen, The two-sample trimmed t for unequal population variances, Biometrika 61, 1974.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.bench.quantiles import CONFIDENCE, groups, student

Row = Mapping[str, Any]
# the standard deviation between processes that one long round cannot show: 1 to 3 % were seen where rounds could
PROCESS = 0.03


@dataclass(frozen=True)
class Noise:
    """The variance of a group's logarithm, and its degrees of freedom."""

    variance: float
    freedom: int


@dataclass(frozen=True)
class Ratio:
    """How many times slower; low and high are the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return it as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


def logs(row: Row, statistic: str) -> NDArray[np.float64]:
    """Return the logarithm of a statistic, such as "p50", of each group of a row's windows."""
    values = np.log([window[f"{statistic}_ms"] for window in row["windows"]])
    numbers, _ = groups(np.array([window["round"] for window in row["windows"]]))
    each = [float(np.median(values[numbers == number])) for number in np.unique(numbers)]
    # one or two rounds of few windows: the windows are all there is
    return np.array(each) if len(each) > 2 or len(values) < 3 else values


@dataclass(frozen=True)
class Trimmed:
    """The mean of groups without the lowest and highest fifth. squares: with these drawn in. kept: how many groups."""

    mean: float
    squares: float
    kept: int

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Trimmed:
        """Return it for the values of all groups."""
        inner = np.sort(values)
        cut = len(inner) // 5
        middle = inner[cut : len(inner) - cut]
        drawn_in = np.clip(inner, middle[0], middle[-1])
        return cls(float(middle.mean()), float(((drawn_in - drawn_in.mean()) ** 2).sum()), len(middle))


def own(rows: Iterable[Row], statistic: str) -> Noise:
    """Return the noise of rows of one artifact together."""
    found = [Trimmed.of(logs(row, statistic)) for row in rows]
    freedom = sum(one.kept - 1 for one in found)
    return Noise(sum(one.squares for one in found) / freedom if freedom else math.inf, freedom)


def machine(pairs: Sequence[Sequence[Row]], statistic: str) -> Noise:
    """Return the noise of the artifact in the middle; pairs: for each artifact its rows."""
    each = [own(rows, statistic) for rows in pairs]
    return Noise(statistics.median(one.variance for one in each), sum(one.freedom for one in each))


def ratio(before: Row, after: Row, statistic: str, together: Noise, *, among: int = 1) -> Ratio:
    """Return how many times slower `after` is than `before`. together: machine() of all artifacts.

    among: so many ratios are looked at together, and the 95 % hold for all of them at once (Bonferroni).
    """
    one, other = Trimmed.of(logs(before, statistic)), Trimmed.of(logs(after, statistic))
    noise = max((own([before, after], statistic), together), key=lambda found: found.variance)
    difference = other.mean - one.mean
    if not noise.freedom or not math.isfinite(noise.variance):
        return Ratio(math.exp(difference), 0.0, math.inf)
    single = sum(len({window["round"] for window in row["windows"]}) == 1 for row in (before, after))
    error = math.sqrt(noise.variance * (1 / one.kept + 1 / other.kept) + single * PROCESS**2)
    reach = student(1 - (1 - CONFIDENCE) / 2 / among, noise.freedom) * error
    return Ratio(*(math.exp(value) for value in (difference, difference - reach, difference + reach)))
