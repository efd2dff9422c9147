"""
Figures about answers, from logits and targets alone. One implementation for training, evaluation and parity.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
BINS = 15  # of confidence, of equal width, as the calibration literature has them


def softmax(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return probabilities (N, classes) of logits (N, classes); each row sums to 1."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def wilson(hits: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's interval of a proportion; z = 1.959964 gives 95 %. count 0 gives (0, 1)."""
    if count == 0:
        return (0.0, 1.0)
    share = hits / count
    centre = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def log_loss(logits: Floats, targets: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Return the mean negative log probability of the true class, in nats."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    picked = scaled[np.arange(len(targets)), targets]
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - picked))


def binomial_limit(hits: int, count: int, doubt: float) -> float:
    """Return the one-sided upper limit of Clopper and Pearson for a share of which hits of count were seen.

    It is the share, 0..1, at which hits or fewer would be seen with probability `doubt`; a greater share is less
    likely still. hits 0 to count, count 1 or more, doubt above 0 and below 1.
    """
    if hits == count:
        return 1.0
    steps = np.arange(1, hits + 1)
    # logarithms of the binomial coefficients (count over 0, 1, ... hits)
    ways = np.concatenate([[0.0], np.cumsum(np.log((count - steps + 1) / steps))])
    seen = np.arange(hits + 1)
    low, high = hits / count, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        chance = np.exp(ways + seen * math.log(middle) + (count - seen) * math.log1p(-middle)).sum()
        low, high = (middle, high) if chance > doubt else (low, middle)
    return high


def reliability(probabilities: Floats, targets: NDArray[np.int64], bins: int = BINS) -> list[dict[str, Any]]:
    """Return what was claimed and what was right in each bin of the top probability that holds a picture.

    Bins are of equal width over 0..1. low, high: the edges; confidence: mean top probability; accuracy: share right.
    """
    weight, right, claimed = _binned(probabilities, targets, bins)
    return [
        {
            "low": place / bins,
            "high": (place + 1) / bins,
            "n": int(weight[place]),
            "confidence": float(claimed[place] / weight[place]),
            "accuracy": float(right[place] / weight[place]),
        }
        for place in np.flatnonzero(weight).tolist()
    ]


def calibration_error(probabilities: Floats, targets: NDArray[np.int64], bins: int = BINS) -> float:
    """Return the expected calibration error over equal-width bins of the top probability, 0..1.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    weight, right, claimed = _binned(probabilities, targets, bins)
    return float(np.abs(right - claimed).sum() / weight.sum())


def calibration_error_by_chance(probabilities: Floats, bins: int = BINS) -> float:
    """Return the calibration error to expect when every confidence is exactly true, 0..1.

    It is not 0: of n pictures the share that is right differs from the confidence by chance. The mean distance of a
    normal variable is sqrt(2 / pi) of its standard deviation, which in a bin is the root of the sum of c (1 - c).
    """
    confidence = probabilities.max(axis=1)
    spread = np.sqrt(np.bincount(_bin(confidence, bins), confidence * (1 - confidence), bins))
    return float(math.sqrt(2 / math.pi) * spread.sum() / len(confidence))


def _binned(
    probabilities: Floats, targets: NDArray[np.int64], bins: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return for each bin (bins,): the pictures, how many are right, the sum of their confidence."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    index = _bin(confidence, bins)
    hits, claimed = (np.asarray(np.bincount(index, values, bins), np.float64) for values in (right, confidence))
    return np.bincount(index, minlength=bins), hits, claimed


def _bin(confidence: Floats, bins: int) -> NDArray[np.int64]:
    # a confidence of exactly 1.0 belongs to the last bin
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def confusion(predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return counts (classes, classes): row is the true class, column the predicted one."""
    return np.bincount(targets * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def per_class(matrix: NDArray[np.int64], labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return precision, recall, F1 and support of each class; 0 where a denominator is 0."""
    rows = []
    for index, label in enumerate(labels):
        hits = int(matrix[index, index])
        support, claimed = int(matrix[index].sum()), int(matrix[:, index].sum())
        precision = hits / claimed if claimed else 0.0
        recall = hits / support if support else 0.0
        both = precision + recall
        f1 = 2 * precision * recall / both if both else 0.0
        rows.append({"label": label, "precision": precision, "recall": recall, "f1": f1, "support": support})
    return rows


def score(
    logits: Floats, targets: NDArray[np.int64], labels: tuple[str, ...], *, temperature: float = 1.0
) -> dict[str, Any]:
    """Return the figures of one set of answers as plain values, with the keys of `evaluate --json`.

    logits: (N, classes), N 1 or more. targets: (N,). macro_f1 counts the classes that occur in targets.
    """
    probabilities = softmax(logits, temperature)
    predicted = np.asarray(logits).argmax(axis=1)
    hits = int((predicted == targets).sum())
    matrix = confusion(predicted, targets, len(labels))
    rows = per_class(matrix, labels)
    present = [row["f1"] for row in rows if row["support"]]
    return {
        "n": len(targets),
        "accuracy": hits / len(targets),
        "accuracy_ci95": list(wilson(hits, len(targets))),
        "loss": log_loss(logits, targets, temperature),
        "ece": calibration_error(probabilities, targets),
        "macro_f1": sum(present) / len(present),
        "confusion": matrix.tolist(),
        "per_class": rows,
    }


def fit_temperature(logits: Floats, targets: NDArray[np.int64]) -> float:
    """Return the temperature in 0.05..20 with the least log loss against Platt's targets, to within 0.1 %.

    Of N pictures the label is given a probability of (N + 1) / (N + 2), the rest is shared out over the other classes:
    that a hundred pictures were all answered rightly says that one in a hundred may be wrong, not that none ever is.
    The loss is convex in 1/temperature, so a golden-section search on its logarithm finds the minimum.
    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2.
    """
    classes = logits.shape[1]
    doubt = 1 / (len(targets) + 2) if classes > 1 else 0.0

    def loss(temperature: float) -> float:
        scaled = np.asarray(logits, np.float64) / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        logarithms = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        picked = logarithms[np.arange(len(targets)), targets]
        others = (logarithms.sum(axis=1) - picked) / max(1, classes - 1)
        return -float(np.mean((1 - doubt) * picked + doubt * others))

    low, high = math.log(0.05), math.log(20.0)
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(math.exp(left)) < loss(math.exp(right)):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def placements(known: Floats, strangers: Floats) -> NDArray[np.float64]:
    """Return for each stranger (M,) the share of the known (N,) that score above it, an equal score counting half.

    Their mean is the AUROC: the probability that a known scores above a stranger.
    """
    ordered = np.sort(known)
    below = np.searchsorted(ordered, strangers, "left") + np.searchsorted(ordered, strangers, "right")
    return np.asarray(1 - below / (2 * len(ordered)))


def auroc(known: Floats, strangers: Floats) -> float:
    """Return the area under the ROC curve of scores that should be high for the known, 0..1; 0.5 is a coin."""
    return float(placements(known, strangers).mean())


def threshold_for_recall(known: Floats, recall: float) -> float:
    """Return the greatest score at or above which at least the share `recall` of the known (N,) are, N 1 or more."""
    # the tolerance: 0.05 of 100 is 5, not 5.000000000000004
    return float(np.sort(known)[int((1 - recall) * len(known) + 1e-9)])
