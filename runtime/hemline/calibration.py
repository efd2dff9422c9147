"""
What an artifact's confidence is worth: the risk of its answers from each confidence on, counted on labelled pictures.

Coverage is the share of pictures that are answered at or above a confidence, risk the share of those answers that
is wrong. What was counted on a few thousand pictures is not what will come, and a confidence that is picked because
its risk looks small looks better than it is. So every point of a curve carries a bound beside the plain share:
Clopper and Pearson's upper limit at 1 - 0.05 / K, where K points stand at coverages that were fixed before anything
was counted. With 95 % confidence all bounds of a curve hold at once, whichever risk is asked for afterwards, on
pictures that come from where these came from. Thresholds are chosen by the bound, never by the plain share.

Source: Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, 2017, whose algorithm shares 0.05 out
over the thresholds that one search looks at; here every point has its share, so that one curve serves every search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import metrics

POINTS = 40  # coverages 0.025, 0.050, ... 1; fewer pictures give a point each
DOUBT = 0.05  # that any bound of a curve does not hold


@dataclass(frozen=True)
class RiskCurve:
    """Points from the most confident answers to all of them, in columns of equal length, one point or more.

    confidence: falling, 0..1. answered: how many pictures are at or above it, rising; the last is all.
    wrong: how many of these answers are wrong. bound: upper limit of the risk, 0..1; see the module.
    """

    confidence: tuple[float, ...]
    answered: tuple[int, ...]
    wrong: tuple[int, ...]
    bound: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.confidence, self.answered, self.wrong, self.bound)}
        if len(lengths) != 1 or not self.answered:
            raise ValueError("risk curve: its columns are not of one length, 1 or more")
        if any(later >= before for before, later in pairwise(self.confidence)):
            raise ValueError("risk curve: confidence does not fall from point to point")
        if any(later <= before for before, later in pairwise((0, *self.answered))):
            raise ValueError("risk curve: answered does not rise from point to point")
        if not all(0 <= wrong <= answered for wrong, answered in zip(self.wrong, self.answered, strict=True)):
            raise ValueError("risk curve: more wrong than answered")
        if not all(0.0 <= value <= 1.0 for value in (*self.confidence, *self.bound)):
            raise ValueError("risk curve: confidence and bound are 0 to 1")

    @classmethod
    def of(cls, probabilities: metrics.Floats, targets: NDArray[np.int64]) -> RiskCurve:
        """Return the curve of answers: probabilities (N, classes), targets (N,), N 1 or more."""
        confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != targets
        order = np.argsort(-confidence, kind="stable")
        falling, errors = confidence[order], np.cumsum(wrong[order])
        count = len(order)
        points = min(POINTS, count)
        ranks = [-(-count * place // points) for place in range(1, points + 1)]
        # equal confidences go in together, however the ranks cut them
        answered = sorted({int(np.searchsorted(-falling, -falling[rank - 1], side="right")) for rank in ranks})
        mistakes = [int(errors[some - 1]) for some in answered]
        bounds = [
            metrics.binomial_limit(some_wrong, some, DOUBT / points)
            for some_wrong, some in zip(mistakes, answered, strict=True)
        ]
        return cls(
            tuple(float(falling[some - 1]) for some in answered), tuple(answered), tuple(mistakes), tuple(bounds)
        )

    @classmethod
    def from_dict(cls, columns: Mapping[str, Any]) -> RiskCurve:
        """Return the curve that asdict() wrote."""
        return cls(
            tuple(float(value) for value in columns["confidence"]),
            tuple(int(value) for value in columns["answered"]),
            tuple(int(value) for value in columns["wrong"]),
            tuple(float(value) for value in columns["bound"]),
        )

    @property
    def coverage(self) -> tuple[float, ...]:
        """Share of pictures answered at each point, rising to 1."""
        return tuple(some / self.answered[-1] for some in self.answered)

    @property
    def risk(self) -> tuple[float, ...]:
        """Share of those answers that was wrong: the plain estimate."""
        return tuple(wrong / some for wrong, some in zip(self.wrong, self.answered, strict=True))

    def keeping(self, max_risk: float) -> int | None:
        """Return the place of the point with the most coverage whose bound is at most max_risk; None without one."""
        return max((place for place, bound in enumerate(self.bound) if bound <= max_risk), default=None)

    def bound_without_a_mistake(self) -> float:
        """Return the bound that as many pictures would have if every answer were right: the least there can be."""
        count = self.answered[-1]
        return metrics.binomial_limit(0, count, DOUBT / min(POINTS, count))


@dataclass(frozen=True)
class Calibration:
    """What temperature and thresholds of an artifact were set on, and what that did.

    data: which labelled pictures; they taught the network nothing. n: how many.
    ece_before, ece_after: expected calibration error on them at temperature 1 and at the artifact's own, 0..1, over
        `bins` bins of equal width of the top probability (metrics.calibration_error).
    """

    data: str
    n: int
    bins: int
    ece_before: float
    ece_after: float
    curve: RiskCurve

    def __post_init__(self) -> None:
        if self.n != self.curve.answered[-1]:
            raise ValueError(f"calibration: n {self.n}, its risk curve has {self.curve.answered[-1]} pictures")
        if not (0.0 <= self.ece_before <= 1.0 and 0.0 <= self.ece_after <= 1.0):
            raise ValueError(f"calibration: errors {self.ece_before} and {self.ece_after}; they are 0 to 1")

    @classmethod
    def fit(cls, logits: metrics.Floats, targets: NDArray[np.int64], data: str) -> tuple[float, Calibration]:
        """Return the temperature with the least log loss on labelled pictures, and what it leads to."""
        temperature = metrics.fit_temperature(logits, targets)
        plain, tempered = metrics.softmax(logits), metrics.softmax(logits, temperature)
        calibration = cls(
            data,
            len(targets),
            metrics.BINS,
            metrics.calibration_error(plain, targets),
            metrics.calibration_error(tempered, targets),
            RiskCurve.of(tempered, targets),
        )
        return temperature, calibration

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration that asdict() wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            str(values["data"]),
            int(values["n"]),
            int(values["bins"]),
            float(values["ece_before"]),
            float(values["ece_after"]),
            RiskCurve.from_dict(values["curve"]),
        )

    def least_risk(self) -> float:
        """Return the least risk that these pictures can show, rounded up to two digits."""
        return rounded_up(min(self.curve.bound))


def rounded_up(share: float) -> float:
    """Return a share above 0 rounded up to two significant digits, at most 1.

    >>> rounded_up(0.001212)
    0.0013
    """
    text = f"{share:.1e}"
    digits, _, power = text.partition("e")
    if float(text) < share:
        text = f"{float(digits) + 0.1:.1f}e{power}"
    return min(1.0, float(text))
