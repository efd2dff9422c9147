"""
From the answers of a cross-validation to its report, with the keys of `evaluate --json`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import defects, metrics
from hemline.bundle import class_lock
from hemline_train.crossvalidation import good_bias
from hemline_train.crossvalidation.fold import DISTANCES
from hemline_train.crossvalidation.plan import Fold, Pieces
from hemline_train.crossvalidation.run import Answered

GROUPED = "keras:float32 by {}"
RANDOM = "keras:float32 at random"


def report(answered: Answered) -> dict[str, Any]:
    """Return the figures as plain values.

    artifacts: a row for the folds by group and, where it was asked for, one for random folds, each over all pictures,
    every one answered by the network that did not learn from it. crossvalidation.good_bias: see judged(). unseen: for
    each defect how well it is told from good parts by networks that were never shown it.
    """
    pieces, ask = answered.pieces, answered.ask
    row, bias = _row(answered, "grouped")
    rows = [{"artifact": GROUPED.format(ask.group_by), **row}]
    if ask.random:
        rows.append({"artifact": RANDOM, **_row(answered, "random")[0]})
    return {
        "schema": 1,
        "bundle": answered.recipe.name,
        "class_lock": class_lock(pieces.labels),
        "data": answered.name,
        "n": len(pieces.targets),
        "labels": list(pieces.labels),
        "crossvalidation": {
            "folds": ask.folds,
            "seed": ask.seed,
            "group_by": ask.group_by,
            "parts": len(set(pieces.groups)),
            "trainings": len(answered.folds),
            "seconds": round(sum(outcome.seconds for outcome in answered.outcomes.values()), 1),
            "good_bias": bias,
        },
        "artifacts": rows,
        "unseen": [_unseen(answered, fold) for fold in answered.folds if fold.kind == "unseen"],
    }


def logits_of(answered: Answered, kind: str) -> NDArray[np.float32]:
    """Return the logits (N, classes) of every picture, from the fold of this kind that it was tested in."""
    found = np.full((len(answered.pieces.targets), len(answered.pieces.labels)), np.nan, np.float32)
    for fold in answered.folds:
        if fold.kind == kind:
            found[fold.tested] = answered.outcomes[fold.name].logits
    return found


def judged(answered: Answered, kind: str) -> tuple[NDArray[np.float32], dict[str, Any] | None]:
    """Return the logits (N, classes) by which this kind's folds name pictures, and what became of the good_bias.

    Where the recipe has one, each fold gets in its place what the other folds ask for, as good_bias.asked() finds it.
    recipe: its own. by_all: what the answers of all folds ask for. folds: what each got, None where the recipe has
    none. All of it None without a good class.
    """
    logits, pieces = logits_of(answered, kind), answered.pieces
    if pieces.good is None:
        return logits, None
    own = answered.recipe.flaws.good_bias if answered.recipe.flaws is not None else 0.0
    logits[:, pieces.good] -= own
    tested = [fold.tested for fold in answered.folds if fold.kind == kind]
    found = good_bias.asked(logits, pieces, tested)
    if own:
        for fold, bias in zip(tested, found.folds, strict=True):
            logits[fold, pieces.good] += bias
    return logits, {"recipe": own, "by_all": found.by_all, "folds": list(found.folds) if own else None}


def _row(answered: Answered, kind: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the row of this kind's folds, and what became of the good_bias, as judged() has it."""
    pieces, (named, bias) = answered.pieces, judged(answered, kind)
    model = answered.run / "model.keras"
    row = {
        "bytes": model.stat().st_size if model.exists() else None,
        "agreement": None,
        **metrics.score(named, pieces.targets, pieces.labels),
        "macro_f1_ci95": defects.macro_f1_with_interval(named, pieces.targets, pieces.groups).interval,
        **_good_or_defective(logits_of(answered, kind), named, pieces),
    }
    return row, bias


def _good_or_defective(ordered: NDArray[np.float32], named: NDArray[np.float32], pieces: Pieces) -> dict[str, Any]:
    """Return the figures of telling good from defective. ordered, named: logits with one bias, and with each fold's."""
    if pieces.good is None:
        return {}
    by_score = by_name = defects.per_defect(ordered, pieces.targets, pieces.labels, pieces.good, pieces.groups)
    if (ordered != named).any():
        by_name = defects.per_defect(named, pieces.targets, pieces.labels, pieces.good, pieces.groups)
    return {
        "good_label": pieces.labels[pieces.good],
        "parts": len(set(pieces.groups)),
        **defects.figures(ordered, pieces.targets, pieces.good, pieces.groups),
        "per_defect": [
            {**row, **{key: other[key] for key in ("recall", "recall_ci95")}}
            for row, other in zip(by_score, by_name, strict=True)
        ],
    }


def _unseen(answered: Answered, fold: Fold) -> dict[str, Any]:
    """Return the row of a defect that was left out: AUROC by each distance, and by the network's own defect score."""
    pieces, outcome = answered.pieces, answered.outcomes[fold.name]
    assert pieces.good is not None
    targets = pieces.targets[fold.tested]
    groups = [pieces.groups[index] for index in np.flatnonzero(fold.tested)]
    defective = targets != pieces.good
    scores = {name: outcome.distances[name] for name in DISTANCES}
    scores["score"] = defects.good_scores(outcome.logits, pieces.good)
    areas = {name: defects.auroc_with_interval(values, defective, groups) for name, values in scores.items()}
    return {
        "label": pieces.labels[int(targets[defective][0])],
        "pictures": int(defective.sum()),
        "parts": len({group for group, bad in zip(groups, defective, strict=True) if bad}),
        "good_pictures": int((~defective).sum()),
        "good_parts": len({group for group, bad in zip(groups, defective, strict=True) if not bad}),
        "auroc": {name: area.value for name, area in areas.items()},
        "auroc_ci95": {name: area.interval for name, area in areas.items()},
    }
