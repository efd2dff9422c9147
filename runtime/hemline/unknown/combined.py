"""
Several scores as one: their weighted sum, each less an offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline.unknown.answers import Answers, Facts, Score, scores


@dataclass(frozen=True)
class Combined:
    """The sum over parts of weight * (score - offset). offsets, weights: (parts,)."""

    parts: tuple[Facts, ...]
    offsets: NDArray[np.float64]
    weights: NDArray[np.float64]

    def opened(self) -> Score:
        """Return the score."""
        # the offsets are one number in the end
        constant = -float((self.weights * self.offsets).sum())
        weights: list[float] = self.weights.tolist()
        opened = [(weight, part.opened()) for weight, part in zip(weights, self.parts, strict=True)]
        if len(opened) == 2:  # the common case, without a loop: 0.4 us less
            (first_weight, first), (second_weight, second) = opened

            def two(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
                return constant + first_weight * first(logits, embedding) + second_weight * second(logits, embedding)

            return two

        def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
            return constant + sum([weight * part(logits, embedding) for weight, part in opened])

        return score


def standardised(parts: Sequence[Facts], validation: Answers) -> Combined:
    """Return the sum of parts that each have mean 0 and standard deviation 1 on validation pictures."""
    values = np.stack([scores(part, validation) for part in parts])
    spread = values.std(axis=1)
    return Combined(tuple(parts), values.mean(axis=1), 1 / np.where(spread > 0, spread, 1.0))
