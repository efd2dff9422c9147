"""
What a count of parts can promise: exact one-sided limits of Clopper and Pearson, and how many parts a promise needs.

Nothing here is an approximation: with 0 of n seen, the limit is the share at which n parts without one are just as
unlikely as the doubt allows, 1 - doubt ** (1 / n).

at_most, interval: of parts to come. at_most_among, interval_among: of a number of parts of which some were drawn; the
hypergeometric in place of the binomial, so that who looks at all of them knows.
"""

from __future__ import annotations

import math

from hemline.metrics import binomial_limit


def at_most(seen: int, count: int, confidence: float) -> float:
    """Return the share, 0..1, that is not exceeded with this confidence when `seen` of `count` parts had it.

    confidence: above 0 and below 1. No parts at all promise nothing: 1.
    """
    return binomial_limit(seen, count, 1 - confidence) if count else 1.0


def interval(seen: int, count: int, confidence: float) -> tuple[float, float]:
    """Return the exact two-sided interval of a share: half of the doubt on either side."""
    half = (1 + confidence) / 2
    return 1 - at_most(count - seen, count, half), at_most(seen, count, half)


def allowed(count: int, share: float, confidence: float) -> int | None:
    """Return how many of `count` parts may have it while the limit stays at or below `share`; None for not even 0.

    It follows from the count and the promise alone, before any part is looked at. That is why a threshold may be set
    at an order statistic of the scores and the limit still holds: hemline.line.tuning.
    """
    if at_most(0, count, confidence) > share:
        return None
    low, high = 0, count  # the limit rises with what was seen, and that of all is 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at_most(middle, count, confidence) <= share else (low, middle)
    return low


def needed(share: float, confidence: float, seen: int = 0) -> int:
    """Return how many parts it takes to promise `share` when `seen` of them have it: 299 for 1 % at 95 % with none."""
    low, high = seen, seen + 1
    while at_most(seen, high, confidence) > share:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(seen, middle, confidence) <= share else (middle, high)
    return high


def at_most_among(seen: int, drawn: int, parts: int, confidence: float) -> int:
    """Return how many of `parts` have it at most, with this confidence, when `seen` of `drawn` of them had it.

    drawn: at random from the parts, without putting one back; 0 of them promise nothing.
    """
    low, high = seen, parts - (drawn - seen)  # the limit is from here to there; the chance falls from 1
    doubt = (1 - confidence) * (1 + 1e-7)  # of few parts a chance can be the doubt itself, but for rounding
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _chance(seen, drawn, middle, parts) > doubt else (low, middle - 1)
    return low


def interval_among(seen: int, drawn: int, parts: int, confidence: float) -> tuple[int, int]:
    """Return from how many to how many of `parts` have it: half of the doubt on either side."""
    half = (1 + confidence) / 2
    return parts - at_most_among(drawn - seen, drawn, parts, half), at_most_among(seen, drawn, parts, half)


def _chance(seen: int, drawn: int, having: int, parts: int) -> float:
    """Return the probability that `seen` or fewer of `drawn` have it, where `having` of the parts do."""
    least = max(0, drawn - (parts - having))
    ways = _ways(parts, drawn)
    counts = range(least, min(seen, having) + 1)
    return sum(math.exp(_ways(having, count) + _ways(parts - having, drawn - count) - ways) for count in counts)


def _ways(of: int, chosen: int) -> float:
    """Return the logarithm of the binomial coefficient."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
