"""
Where pass ends and reject begins, and the numbers that thresholds are rounded to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from hemline.errors import UsageError

DIGITS = 4  # that a threshold keeps, counted from the nearer of 0 and 1
_ROOM = 1e-12  # nearer to 0 or 1 scores are noise


@dataclass(frozen=True)
class Thresholds:
    """A score below pass_below passes, one of reject_from or more is rejected, what is between is reviewed.

    0 <= pass_below <= reject_from <= 1; where they are equal, nothing is reviewed for its score.
    """

    pass_below: float
    reject_from: float

    def __post_init__(self) -> None:
        for name, value in (("pass_below", self.pass_below), ("reject_from", self.reject_from)):
            if not 0.0 <= value <= 1.0:  # not a number is not within either
                raise UsageError(f"{name} {value}; a score of 0 to 1")
        if self.pass_below > self.reject_from:
            raise UsageError(
                f"thresholds overlap: a score from {self.reject_from:g} to {self.pass_below:g} would pass and be "
                "rejected at once; pass_below is at most reject_from"
            )

    def verdict(self, score: float) -> str:
        """Return pass, review or reject for a score of 0 to 1; what is no such number is rejected."""
        if not 0.0 <= score <= 1.0:
            return "reject"
        if score < self.pass_below:
            return "pass"
        return "reject" if score >= self.reject_from else "review"


def rounded_down(score: float) -> float:
    """Return the greatest number of DIGITS digits at or below a score of 0 to 1.

    A threshold between scores, not on one: an engine that sums in another order may miss by the last bit.
    """
    return float(_floor(score))


def rounded_up(score: float) -> float | None:
    """Return the least number of DIGITS digits above a score of 0 to 1; None where only 1 or more is above."""
    if score >= 1.0:
        return None
    above = _floor(score) + Decimal(1).scaleb(-_decimals(score))
    return min(1.0, float(above))


def middle(low: float, high: float) -> float:
    """Return a threshold from low to high, as far from either in log odds."""
    odds = [math.log(value / (1 - value)) for value in (min(max(end, _ROOM), 1 - _ROOM) for end in (low, high))]
    between = 1 / (1 + math.exp(-sum(odds) / 2))
    return min(max(rounded_down(between), low), high)


def _floor(score: float) -> Decimal:
    return Decimal(score).quantize(Decimal(1).scaleb(-_decimals(score)), ROUND_FLOOR)


def _decimals(score: float) -> int:
    """Return how many decimals keep DIGITS digits of a score, or of 1 less it."""
    room = max(min(score, 1 - score), _ROOM)
    return DIGITS - 1 - math.floor(math.log10(room))
