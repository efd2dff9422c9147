"""
What a count of parts can promise: exact one-sided limits of Clopper and Pearson, and how many parts a promise needs.

Nothing here is an approximation: with 0 of n seen, the limit is the share at which n parts without one are just as
unlikely as the doubt allows, 1 - doubt ** (1 / n).
"""

from __future__ import annotations

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
