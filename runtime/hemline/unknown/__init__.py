"""
Whether a picture is like anything that a model was trained on: one number a picture, higher is more known.

Softmax gives all of its probability to the classes, and noise or a hat is given a class too, often with confidence.
A score looks at the logits, at the embedding, or at both. It is fitted on training pictures; what combines scores,
and the threshold, come from validation pictures. What it has learnt is a few kilobytes that travel in the bundle,
for each artifact its own: quantization moves embeddings.

Which of WAYS is CHOSEN was decided by scripts/compare_unknown.py, on strangers that are not among those it is
judged on; docs/unknown.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hemline.errors import UsageError, unknown
from hemline.unknown import distance, probability
from hemline.unknown.answers import Answers, Facts, Score, scores
from hemline.unknown.combined import Combined, standardised
from hemline.unknown.stored import parse, to_bytes

__all__ = ["CHOSEN", "PICTURES", "RECALL", "WAYS", "Answers", "Facts", "Score", "fit", "parse", "scores", "to_bytes"]

# a name, or several joined by "+": their standardised sum
CHOSEN = "logit+directions"
# 1 in 20 pictures of a class is called unknown too; one in three of those would have got a wrong label
RECALL = 0.95
PICTURES = 10_000  # of training that a score is fitted on, evenly spaced; with all 54,070 it was no better


def _relative(train: Answers, temperature: float) -> Combined:
    """Ren et al., A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection, 2021."""
    parts = distance.mahalanobis(train, temperature), distance.background(train, temperature)
    return Combined(parts, np.zeros(2), np.array([1.0, -1.0]))


def _virtual_logit(train: Answers, temperature: float) -> Combined:
    """Wang et al., ViM, 2022: the energy less the residual, scaled to the mean of the greatest logits."""
    outside = distance.residual(train, temperature)
    length = -float(scores(outside, train).mean())
    weight = float(train.logits.max(axis=1).mean()) / (length or 1.0)
    return Combined((probability.Energy(1.0), outside), np.zeros(2), np.array([1.0, weight]))


WAYS: dict[str, Callable[[Answers, float], Facts]] = {
    "softmax": probability.softmax,
    "logit": probability.logit,
    "energy": probability.energy,
    "mahalanobis": distance.mahalanobis,
    "relative": _relative,
    "directions": distance.directions,
    "cosine": distance.cosine,
    "neighbours": distance.neighbours,
    "vim": _virtual_logit,
}


def fit(way: str, train: Answers, validation: Answers, *, temperature: float) -> Facts:
    """Return what a score has learnt from training pictures.

    way: a name of WAYS, or several joined by "+" for their sum, each standardised on the validation pictures.
    temperature: that of the artifact, above 0.
    """
    names = way.split("+")
    for name in names:
        if name not in WAYS:
            raise UsageError(unknown("score", name, WAYS))
    parts = [WAYS[name](train, temperature) for name in names]
    return parts[0] if len(parts) == 1 else standardised(parts, validation)
