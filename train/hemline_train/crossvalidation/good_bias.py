"""
How much the logit of good parts should be raised, by the answers of a cross-validation to parts that no fold has seen.

A network that saw flaws drawn into good parts is too ready to see one in a part that is new to it, which its own
training pictures cannot show; `flaws.good_bias` of a recipe makes up for it. A fold is never judged with what its own
answers ask for: each gets the bias that the other folds ask for, so the figures are of parts that chose nothing. How
defective a picture looks beside another is the same under any bias, so AUROC and escape rates need none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline_train.crossvalidation.plan import Bools, Pieces

Floats = NDArray[np.float64]
MOST = 10.0  # logits that answer everything rightly bear any bias
STEPS, CLOSE = 100, 1e-9  # of Newton's method


@dataclass(frozen=True)
class GoodBias:
    """What is asked for, beside that of the network. by_all: by the answers of all folds. folds: by all but each."""

    by_all: float
    folds: tuple[float, ...]


def asked(logits: NDArray[np.float32], pieces: Pieces, tested: Sequence[Bools]) -> GoodBias:
    """Return the bias that answers ask for. logits: (N, classes), out of fold. tested: (N,) of each fold."""
    assert pieces.good is not None
    good: int = pieces.good
    sizes = Counter(pieces.groups)
    weights = np.array([1 / sizes[group] for group in pieces.groups])
    z = np.asarray(logits, np.float64)

    def of(some: Bools) -> float:
        return _least_loss(z[some], pieces.targets[some], good, weights[some])

    return GoodBias(of(np.ones(len(z), bool)), tuple(of(~fold) for fold in tested))


def _least_loss(z: Floats, targets: NDArray[np.int64], good: int, weights: Floats) -> float:
    """Return the bias of the good logit that, with some temperature, has the least log loss; every part counts alike.

    Source: Alexandari et al. 2020, "Maximum Likelihood with Bias-Corrected Calibration", with one bias only. The loss
    is convex in the scale and in the scaled bias, so Newton's method with halved steps finds its minimum.
    """
    right = np.zeros_like(z)
    right[np.arange(len(z)), targets] = 1.0
    share = weights / weights.sum()
    good_right = right[:, good]

    def probabilities(at: Floats) -> Floats:
        scaled = at[0] * z
        scaled[:, good] += at[1]
        scaled -= scaled.max(axis=1, keepdims=True)
        exponentials = np.exp(scaled)
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    def loss(at: Floats) -> float:
        picked = probabilities(at)[np.arange(len(z)), targets]
        return -float(share @ np.log(np.maximum(picked, 1e-300)))

    at = np.array([1.0, 0.0])
    for _ in range(STEPS):
        p = probabilities(at)
        mean, p_good = (p * z).sum(axis=1), p[:, good]
        slope = np.array([share @ (mean - (right * z).sum(axis=1)), share @ (p_good - good_right)])
        scale_2 = share @ ((p * z**2).sum(axis=1) - mean**2)
        mixed = share @ (p_good * (z[:, good] - mean))
        curved = np.array([[scale_2, mixed], [mixed, share @ (p_good * (1 - p_good))]]) + 1e-12 * np.eye(2)
        step = np.linalg.solve(curved, slope)
        before, size = loss(at), 1.0
        while size > 1e-6 and not (at[0] > size * step[0] and loss(at - size * step) <= before):
            size /= 2
        at = at - size * step
        if np.abs(size * step).max() < CLOSE or size <= 1e-6:
            break
    return float(np.clip(at[1] / at[0], -MOST, MOST))
