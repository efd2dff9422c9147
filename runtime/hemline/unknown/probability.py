"""
Scores on the logits alone. They cost next to nothing: a few of Python's floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from hemline.unknown.answers import Answers, Score

_LEAST_REST = 1e-300  # so that the logarithm of a probability of exactly 1 is a number


@dataclass(frozen=True)
class Softmax:
    """The greatest probability at a temperature, as the logarithm of its odds: the same order, and not all near 1.

    Source: Hendrycks and Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution Examples, 2017.
    """

    temperature: float

    def opened(self) -> Score:
        """Return the score."""
        sharpness = 1 / self.temperature

        def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
            highest = max(logits)
            rest = sum([exp((value - highest) * sharpness) for value in logits]) - 1.0
            return -log(max(rest, _LEAST_REST))

        return score


@dataclass(frozen=True)
class Logit:
    """The greatest logit. Source: Hendrycks et al., Scaling Out-of-Distribution Detection, 2022."""

    def opened(self) -> Score:
        """Return the score."""
        return lambda logits, embedding: max(logits)


@dataclass(frozen=True)
class Energy:
    """The negative free energy, T log sum exp(logit / T).

    Source: Liu et al., Energy-based Out-of-distribution Detection, 2020.
    """

    temperature: float

    def opened(self) -> Score:
        """Return the score."""
        temperature, sharpness = self.temperature, 1 / self.temperature

        def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
            highest = max(logits)
            return highest + temperature * log(sum([exp((value - highest) * sharpness) for value in logits]))

        return score


def softmax(train: Answers, temperature: float) -> Softmax:
    """Return the score; there is nothing to fit."""
    return Softmax(temperature)


def logit(train: Answers, temperature: float) -> Logit:
    """Return the score; there is nothing to fit."""
    return Logit()


def energy(train: Answers, temperature: float) -> Energy:
    """Return the score; there is nothing to fit."""
    return Energy(temperature)
