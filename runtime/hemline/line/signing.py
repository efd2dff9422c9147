"""
From a tuning to the decision file that somebody signs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from hemline.bundle import Bundle
from hemline.line.baseline import Baseline
from hemline.line.decision_file import DecisionFile, artifact_sha256, now, plain
from hemline.line.scores import Scored
from hemline.line.tuning import DefectFigures, GoodFigures, Target, Tuning
from hemline.line.wording import promises


def data_facts(scored: Scored, trained_on: int | None) -> dict[str, Any]:
    """Return what thresholds were set on: name, split, counts by label, whether parts were named, sha256."""
    targets = scored.targets.tolist()
    pictures = Counter(scored.labels[target] for target in targets)
    # a part with pictures of two classes is counted in both
    parts = Counter(scored.labels[target] for target, _ in set(zip(targets, scored.parts.tolist(), strict=True)))
    return {
        "name": scored.name,
        "split": scored.split,
        "pictures": len(scored),
        "parts": len(np.unique(scored.parts)),
        "counts": {label: {"parts": parts[label], "pictures": pictures[label]} for label in sorted(pictures)},
        "grouped": scored.grouped,
        "trained_on": trained_on,
        "sha256": scored.sha256,
    }


def figures(tuning: Tuning) -> dict[str, Any]:
    """Return the claims and what becomes of the parts, as the decision file and `line tune --json` have them."""
    found: dict[str, Any] = plain(
        {
            "claims": {"escape": tuning.escape.as_dict(), "overkill": tuning.overkill.as_dict()},
            "defects": [_row(row) for row in tuning.defects],
            "good_parts": _row(tuning.good),
        }
    )
    return found


def signed(
    tuning: Tuning, target: Target, scored: Scored, bundle: Bundle, artifact: str, facts: dict[str, Any], by: str
) -> DecisionFile:
    """Return the decision of a tuning, signed by a person now. facts: of data_facts()."""
    chosen, found = bundle.artifact(artifact), figures(tuning)
    return DecisionFile(
        bundle=bundle.title,
        artifact=chosen.name,
        artifact_sha256=artifact_sha256(chosen),
        temperature=chosen.temperature,
        class_lock=bundle.class_lock,
        good=scored.good,
        thresholds=tuning.thresholds,
        target=asdict(target),
        claims=found["claims"],
        promised=(*promises(tuning), *cautions(facts)),
        defects=tuple(found["defects"]),
        good_parts=found["good_parts"],
        data=facts,
        curve=tuning.curve,
        baseline=Baseline.of(scored),
        signed_by=by,
        signed_utc=now(),
    )


def cautions(facts: dict[str, Any]) -> list[str]:
    """Return what makes the promises of these pictures worth less, [] for nothing."""
    said = []
    if facts["trained_on"]:
        said.append(
            f"{facts['trained_on']:,} of {facts['pictures']:,} pictures are of those that the model was trained on: "
            "scores of new parts are less clear, so this promises too much"
        )
    if not facts["grouped"]:
        said.append(
            "the data set has no groups.csv, so every picture counts as a part: where parts were photographed more "
            "than once, this promises too much"
        )
    return said


def _row(row: DefectFigures | GoodFigures) -> dict[str, Any]:
    return {**asdict(row), "reviewed": row.reviewed}
