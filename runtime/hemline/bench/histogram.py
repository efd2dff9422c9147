"""
Durations counted in buckets: memory stays the same for three seconds and for a day.

Buckets are 0.2 % wide, so a quantile is within 0.1 % of a duration that was measured. Law: a + b holds what one
histogram of both would hold.
Source: the idea is that of HdrHistogram, http://hdrhistogram.org; logarithms in numpy take its integer tricks' place.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LOW_NS = 50.0  # shorter than reading the clock takes
RATIO = 1.002
BUCKETS = math.ceil(math.log(1e13 / LOW_NS) / math.log(RATIO))  # up to 10,000 s


class Histogram:
    """Counts of durations in nanoseconds; the shortest and the longest are kept as they were."""

    def __init__(self) -> None:
        self.counts = np.zeros(BUCKETS, np.int64)
        self.shortest_ns = math.inf
        self.longest_ns = 0.0
        self.sum_ns = 0.0
        self._sums: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        """How many durations were added."""
        return int(self._summed()[-1])

    def add(self, durations_ns: NDArray[np.int64]) -> None:
        """Count durations (N,)."""
        if not len(durations_ns):
            return
        places = np.log(np.maximum(durations_ns, LOW_NS) / LOW_NS) / math.log(RATIO)
        self.counts += np.bincount(np.minimum(places.astype(np.int64), BUCKETS - 1), minlength=BUCKETS)
        self.shortest_ns = min(self.shortest_ns, float(durations_ns.min()))
        self.longest_ns = max(self.longest_ns, float(durations_ns.max()))
        self.sum_ns += float(durations_ns.sum())
        self._sums = None

    def __add__(self, other: Histogram) -> Histogram:
        both = Histogram()
        both.counts = self.counts + other.counts
        both.shortest_ns = min(self.shortest_ns, other.shortest_ns)
        both.longest_ns = max(self.longest_ns, other.longest_ns)
        both.sum_ns = self.sum_ns + other.sum_ns
        return both

    def at_rank(self, rank: int) -> float:
        """Return the duration of a rank in ms: 1 is the shortest, count the longest."""
        if rank <= 1:
            return self.shortest_ns / 1e6
        if rank >= self.count:
            return self.longest_ns / 1e6
        place = int(np.searchsorted(self._summed(), rank))
        middle = LOW_NS * RATIO ** (place + 0.5)
        return float(min(max(middle, self.shortest_ns), self.longest_ns)) / 1e6

    def quantile(self, share: float) -> float:
        """Return the least duration in ms that at least `share` of them do not exceed."""
        return self.at_rank(max(1, math.ceil(share * self.count)))

    def below(self, ms: float) -> int:
        """Return how many are in the buckets up to that of a duration."""
        place = int(math.log(max(ms * 1e6, LOW_NS) / LOW_NS) / math.log(RATIO))
        return int(self._summed()[min(place, BUCKETS - 1)])

    def _summed(self) -> NDArray[np.int64]:
        if self._sums is None:
            self._sums = np.cumsum(self.counts)
        return self._sums

    def sparse(self) -> dict[str, list[int]]:
        """Return the buckets that hold something as {"bucket": [...], "count": [...]}; of() reads it."""
        places = np.flatnonzero(self.counts)
        return {"bucket": places.tolist(), "count": self.counts[places].tolist()}

    @classmethod
    def of(cls, sparse: dict[str, list[int]], *, shortest_ms: float, longest_ms: float, sum_ms: float) -> Histogram:
        """Return the histogram that sparse() told of."""
        made = cls()
        made.counts[np.asarray(sparse["bucket"], np.int64)] = sparse["count"]
        made.shortest_ns, made.longest_ns, made.sum_ns = 1e6 * shortest_ms, 1e6 * longest_ms, 1e6 * sum_ms
        return made
