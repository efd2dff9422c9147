"""
What scores are made from, and what they are: the words of hemline.unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Halves = NDArray[np.float16]
# logits of one picture as Python's floats, its embedding (D,) float32 -> how known it is, higher is more
Score = Callable[[Sequence[float], NDArray[np.float32]], float]


@dataclass(frozen=True)
class Answers:
    """A model's answers to N pictures: logits (N, classes), embeddings (N, D), both float32, and targets (N,)."""

    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.logits)


class Facts(Protocol):
    """What a score has learnt: a frozen dataclass of numbers, half-precision arrays and a tuple of parts."""

    def opened(self) -> Score:
        """Return the score, with everything prepared that does not depend on the picture."""
        ...


def scores(facts: Facts, answers: Answers) -> NDArray[np.float64]:
    """Return the score of each picture, (N,): one by one, in the way a device computes them."""
    score = facts.opened()
    rows = zip(answers.logits.tolist(), answers.embeddings, strict=True)
    return np.array([score(logits, embedding) for logits, embedding in rows])


def halves(values: NDArray[Any]) -> Halves:
    """Return values in half precision, as they are stored: what is measured is what ships."""
    return np.asarray(values, np.float16)


def units(embeddings: NDArray[Any]) -> NDArray[np.float64]:
    """Return each embedding (N, D) at length 1; one of zeros stays as it is."""
    wide = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))


def class_means(rows: NDArray[np.float64], targets: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the mean of the rows (N, D) of each class that occurs, (classes, D), and the rows less their mean."""
    there, place = np.unique(targets, return_inverse=True)
    means = np.stack([rows[place == index].mean(axis=0) for index in range(len(there))])
    return means, rows - means[place]
