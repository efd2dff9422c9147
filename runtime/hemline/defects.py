"""
Good or defective: the defect score, and what it is worth on labelled pictures, with intervals over parts.

The score is the probability of every class but the good one, 0..1. All figures here count pictures; their intervals
draw whole parts again (hemline.bootstrap), because six pictures of one tile are one tile. What a factory line counts
is the part, with exact limits: that is hemline.line.

A bootstrap of parts that all agree has no width, and what was never seen to happen is not impossible. So the end of an
interval whose figure is 0 or 1 is the limit of Clopper and Pearson over parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hemline import metrics
from hemline.bootstrap import CONFIDENCE, REPEATS, Estimate, Weights, cluster_bootstrap, parts_of
from hemline.errors import BundleError, UsageError, unknown

__all__ = [
    "RATES",
    "Estimate",
    "Ranking",
    "auroc_with_interval",
    "cluster_bootstrap",
    "escape_at_false_reject",
    "figures",
    "good_label",
    "good_scores",
    "macro_f1_with_interval",
    "parts_of",
    "per_defect",
]

RATES = (0.005, 0.01, 0.02, 0.05)  # of good pictures that may be rejected
Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Groups = Sequence[str] | None


class Trained(Protocol):
    """What good_label() asks a bundle."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...
    @property
    def title(self) -> str: ...


def good_label(bundle: Trained, asked: str | None = None) -> str | None:
    """Return the class of good parts: the one asked for, else the one that the recipe named, else None.

    A recipe names it as data.good; the run carries it, and the manifest in provenance.data.good.
    """
    if asked is not None:
        if asked not in bundle.labels:
            raise UsageError(f"{bundle.title}: {unknown('label', asked, bundle.labels)}")
        return asked
    data = bundle.provenance.get("data")
    named = data.get("good") if isinstance(data, Mapping) else None
    if named is not None and named not in bundle.labels:
        raise BundleError(f"{bundle.title}: its good class {named!r} is none of its labels; convert it again")
    return named


def good_scores(logits: Floats, good: int, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the defect score of each picture, (N,), 0..1: the probability of all classes but the good one.

    logits: (N, classes). good: number of the good class. The other classes are summed: 1 - p would round every score
    below 1e-16 to 0.
    """
    probabilities = metrics.softmax(logits, temperature)
    return np.asarray(np.delete(probabilities, good, axis=1).sum(axis=1)).clip(0.0, 1.0)


@dataclass(frozen=True)
class Ranking:
    """Pictures in the order of their scores, those of one score together: figures for many rows of weights at once.

    order: (N,) from the least score to the greatest. starts: where in it each score begins. defective: (N,) in order.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    defective: Bools

    @classmethod
    def of(cls, scores: Floats, defective: Bools) -> Ranking:
        """Return the ranking of scores (N,), both kinds of pictures among them."""
        if len(scores) != len(defective) or not defective.any() or defective.all():
            raise ValueError("a ranking needs a score for each picture, and good and defective ones among them")
        order = np.argsort(scores, kind="stable")
        rising = np.asarray(scores)[order]
        starts = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1]]))
        return cls(order, starts, np.asarray(defective, bool)[order])

    def weights(self, weights: Weights) -> tuple[Weights, Weights]:
        """Return the weight of good and of defective pictures at each score, (B, scores), of weights (B, N)."""
        ordered = weights[:, self.order]
        good = np.add.reduceat(ordered * ~self.defective, self.starts, axis=1)
        return good, np.add.reduceat(ordered * self.defective, self.starts, axis=1)

    def auroc(self, weights: Weights) -> Weights:
        """Return the area under the ROC curve, (B, 1); an equal score counts half."""
        good, defective = self.weights(weights)
        below = np.cumsum(good, axis=1) - good / 2
        return _share((defective * below).sum(axis=1), good.sum(axis=1) * defective.sum(axis=1))[:, None]

    def escapes(self, weights: Weights, rates: Sequence[float]) -> Weights:
        """Return the share of defective pictures that pass when at most a share of the good is rejected, (B, rates)."""
        good, defective = self.weights(weights)
        none = np.zeros((len(good), 1))
        # rejected when everything from score j on is, j = 0 .. scores: of good, and passed of defective
        rejected = np.concatenate([np.cumsum(good[:, ::-1], axis=1)[:, ::-1], none], axis=1)
        passed = np.concatenate([none, np.cumsum(defective, axis=1)], axis=1)
        total = rejected[:, :1]
        columns = []
        for rate in rates:
            # the tolerance: 0.05 of 100 is 5, not 5.000000000000004
            first = (rejected <= rate * total + 1e-9).argmax(axis=1)
            columns.append(_share(passed[np.arange(len(good)), first], passed[:, -1]))
        return np.stack(columns, axis=1)


def auroc_with_interval(
    scores: Floats, defective: Bools, groups: Groups = None, *, repeats: int = REPEATS, seed: int = 0
) -> Estimate:
    """Return the probability that a defective picture scores above a good one, with a 95 % interval over parts.

    Where all do, or none does, the end is that of as many independent pairs as there are parts of the rarer kind.
    """
    ranking = Ranking.of(scores, defective)
    (found,) = cluster_bootstrap(ranking.auroc, groups, defective, repeats=repeats, seed=seed)
    parts = parts_of(len(defective), groups)
    pairs = min(len(np.unique(parts[defective])), len(np.unique(parts[~defective])))
    return _opened(found, pairs)


def escape_at_false_reject(
    scores: Floats,
    defective: Bools,
    groups: Groups = None,
    *,
    rates: Sequence[float] = RATES,
    of: Bools | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[float, Estimate]:
    """Return {rate: share of defective pictures that pass} at the least threshold that rejects no more of the good.

    rates: shares of good pictures, 0 to below 1; too few pictures for a rate reject none of them. A picture is
    rejected when its score is at or above the threshold, which every draw of the bootstrap sets anew. of: (N,), which
    defective pictures are counted (default: all).
    """
    counted = defective if of is None else of & defective
    kept = counted | ~defective
    kept_groups = None if groups is None else [group for group, keep in zip(groups, kept, strict=True) if keep]
    ranking = Ranking.of(scores[kept], counted[kept])
    found = cluster_bootstrap(
        lambda weights: ranking.escapes(weights, rates), kept_groups, counted[kept], repeats=repeats, seed=seed
    )
    parts = len(np.unique(parts_of(len(defective), groups)[counted]))
    return {rate: _opened(row, parts) for rate, row in zip(rates, found, strict=True)}


def macro_f1_with_interval(
    logits: Floats, targets: NDArray[np.int64], groups: Groups = None, *, repeats: int = REPEATS, seed: int = 0
) -> Estimate:
    """Return the mean F1 of the classes that occur in targets, with a 95 % interval over parts of each class."""
    classes = np.asarray(logits).shape[1]
    cells = np.eye(classes * classes)[targets * classes + np.asarray(logits).argmax(axis=1)]

    def macro(weights: Weights) -> Weights:
        matrix = (weights @ cells).reshape(-1, classes, classes)
        # 2 hits / (2 hits + wrong + missed): a class of nothing, in a draw without its part, has F1 0
        both = matrix.sum(axis=1) + matrix.sum(axis=2)
        hits = 2 * np.diagonal(matrix, axis1=1, axis2=2)
        f1 = np.divide(hits, both, out=np.zeros_like(both), where=both > 0)
        return np.asarray(f1[:, np.unique(targets)].mean(axis=1))[:, None]

    return cluster_bootstrap(macro, groups, targets, repeats=repeats, seed=seed)[0]


def per_defect(
    logits: Floats,
    targets: NDArray[np.int64],
    labels: Sequence[str],
    good: int,
    groups: Groups = None,
    *,
    temperature: float = 1.0,
    rates: Sequence[float] = RATES,
    repeats: int = REPEATS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return a row for each class that occurs and is not the good one, in the order of the labels.

    label, pictures, parts; recall: share of its pictures that get its own name; escape_at_false_reject: share of them
    that pass, by the rate; each with its _ci95 over parts.
    """
    scores = good_scores(logits, good, temperature)
    named = np.asarray(logits).argmax(axis=1) == targets
    parts, rows = parts_of(len(targets), groups), []
    for target in np.unique(targets[targets != good]).tolist():
        of = targets == target
        count = len(np.unique(parts[of]))
        right = named[of].astype(np.float64)
        own = [str(part) for part in parts[of]]
        (recall,) = cluster_bootstrap(
            lambda weights, right=right: ((weights @ right) / weights.sum(axis=1))[:, None],  # type: ignore[misc]
            own,
            np.zeros(len(right), bool),
            repeats=repeats,
            seed=seed,
        )
        recall = _opened(recall, count)
        row = {"label": labels[target], "pictures": int(of.sum()), "parts": count}
        row |= {"recall": recall.value, "recall_ci95": recall.interval}
        if (targets == good).any():
            found = escape_at_false_reject(
                scores, targets != good, groups, rates=rates, of=of, repeats=repeats, seed=seed
            )
            row |= _by_rate(found)
        rows.append(row)
    return rows


def figures(
    logits: Floats,
    targets: NDArray[np.int64],
    good: int,
    groups: Groups = None,
    *,
    temperature: float = 1.0,
    rates: Sequence[float] = RATES,
) -> dict[str, Any]:
    """Return what good/defect evaluations add to `evaluate --json`; {} when all pictures are of one kind.

    auroc, escape_at_false_reject ("0.01": share of defective pictures that pass), each with its _ci95 over parts.
    """
    defective = targets != good
    if not defective.any() or defective.all():
        return {}
    scores = good_scores(logits, good, temperature)
    area = auroc_with_interval(scores, defective, groups)
    escapes = escape_at_false_reject(scores, defective, groups, rates=rates)
    return {"auroc": area.value, "auroc_ci95": area.interval, **_by_rate(escapes)}


def _share(some: Weights, of: Weights) -> Weights:
    """Return some / of, NaN where there is nothing to have a share of."""
    return np.divide(some, of, out=np.full_like(some, np.nan), where=of > 0)


def _by_rate(found: Mapping[float, Estimate]) -> dict[str, Any]:
    return {
        "escape_at_false_reject": {f"{rate:g}": row.value for rate, row in found.items()},
        "escape_at_false_reject_ci95": {f"{rate:g}": row.interval for rate, row in found.items()},
    }


def _opened(found: Estimate, parts: int) -> Estimate:
    """Return the estimate of a share of `parts`, its interval opened to the exact limit where the share is 0 or 1."""
    limit = metrics.binomial_limit(0, parts, (1 - CONFIDENCE) / 2)
    if found.value == 0.0:
        return replace(found, high=max(found.high, limit))
    if found.value == 1.0:
        return replace(found, low=min(found.low, 1 - limit))
    return found
