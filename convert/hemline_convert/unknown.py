"""
What an artifact needs to call a picture unknown: a score of hemline.unknown, fitted on its own answers.

The score learns from training pictures; its threshold keeps unknown.RECALL of the validation pictures, which the
network has not seen: a garment that was trained on is always a little better known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline import metrics, unknown
from hemline.bundle import File
from hemline.unknown import Answers, Facts

# fewer say too little about where the classes lie, and about where the lowest twentieth of pictures begins
LEAST_TRAINED, LEAST_VALIDATION = 500, 100
MOST_BYTES = 256 << 20  # of training pixels that are held at once


@dataclass(frozen=True)
class Fitted:
    """A score with its threshold. file, content: as they go into the bundle."""

    facts: Facts
    known: float
    file: File
    content: bytes

    @property
    def thresholds(self) -> dict[str, float]:
        """What the manifest says of it."""
        return {"known": self.known, "known_recall": unknown.RECALL}

    def kept(self, answers: Answers) -> float:
        """Return the share of pictures that are not called unknown."""
        return float((unknown.scores(self.facts, answers) >= self.known).mean())


def pictures(shape: tuple[int, int, int]) -> int:
    """Return how many training pictures (H, W, C) a score is fitted on."""
    return min(unknown.PICTURES, MOST_BYTES // int(np.prod(shape)))


def enough(trained: int, validation: int, say: Callable[[str], None]) -> bool:
    """Say whether there are enough pictures to fit a score on."""
    if trained >= LEAST_TRAINED and validation >= LEAST_VALIDATION:
        return True
    say(
        f"no picture will be called unknown: {trained:,} training and {validation:,} validation pictures, "
        f"it takes {LEAST_TRAINED} and {LEAST_VALIDATION}"
    )
    return False


def fit(
    artifact: str,
    run: Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]],
    trained: tuple[NDArray[np.uint8], NDArray[np.int64]],
    validation: Answers,
    *,
    temperature: float,
) -> Fitted:
    """Return the score of an artifact.

    artifact: its name, such as "litert:int8". run: pixels -> logits, embeddings. trained: pixels, targets.
    """
    pixels, targets = trained
    facts = unknown.fit(unknown.CHOSEN, Answers(*run(pixels), targets), validation, temperature=temperature)
    known = metrics.threshold_for_recall(unknown.scores(facts, validation), unknown.RECALL)
    content = unknown.to_bytes(facts)
    return Fitted(facts, known, File.of(f"{artifact.replace(':', '-')}-unknown.npz", content), content)
