"""
What an artifact is worth on labelled pictures: its score, what its confidence says, and what becomes of strangers.

Every artifact runs in its own engine, picture by picture, as in parity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import defects, parity
from hemline.bundle import Artifact, Bundle
from hemline.calibration import RiskCurve
from hemline.classifier import score_of
from hemline.datasets import Dataset
from hemline.datasets.labelmap import LabelMap
from hemline.engines import open_engine
from hemline.metrics import (
    calibration_error,
    calibration_error_by_chance,
    placements,
    reliability,
    score,
    softmax,
    wilson,
)


def evaluate(
    bundle: Bundle,
    dataset: Dataset,
    artifacts: Sequence[str],
    names: LabelMap | None = None,
    *,
    opening: parity.Opening = open_engine,
) -> Iterator[dict[str, Any]]:
    """Yield the figures of each artifact on labelled pictures, with the keys of `evaluate --json`.

    agreement is with the bundle's float artifact; None when none runs here. What its confidence is worth on these
    pictures is in the keys of confidence(). Under a map of labels the figures are of its labels, over the pictures
    whose class it names, and strangers() says what becomes of the others. Where one class is the good one, or there are
    two, the keys of good_or_defective(). opening: opens what is scored, as a device has it.
    """
    part = names.part(dataset) if names else dataset
    targets = part.targets if names else parity.targets_for(bundle, dataset)
    labels = names.labels(bundle.labels) if names else bundle.labels
    rest = names.rest(dataset).pixels(bundle.preprocess) if names else None
    pixels = part.pixels(bundle.preprocess)
    reference_name = parity.reference_of(parity.runnable(bundle))
    reference = parity.answers(bundle, pixels, [reference_name])[reference_name] if reference_name else None
    for name in artifacts:
        artifact = bundle.artifact(name)
        with opening(bundle, name) as engine:
            logits, embeddings = engine.run(pixels)
            times = parity.latency(engine.logits, pixels)
            outside = engine.run(rest) if rest is not None and len(rest) else None
        met = {"strangers": strangers(bundle, artifact, (logits, embeddings), outside)} if outside else {}
        agreement = None
        if reference is not None:
            agreement = float((logits.argmax(axis=1) == reference.argmax(axis=1)).mean())
        if names:
            logits = names.logits(logits, bundle.labels, artifact.temperature)
        figures = score(logits, targets, labels, temperature=artifact.temperature)
        worth = confidence(logits, targets, artifact)
        worth |= good_or_defective(logits, targets, labels, artifact, defects.good_label(bundle), part.groups)
        yield {"artifact": name, "bytes": artifact.bytes, "agreement": agreement, **figures, **worth, **times, **met}


def strangers(
    bundle: Bundle,
    artifact: Artifact,
    known: tuple[NDArray[np.float32], NDArray[np.float32]],
    outside: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> dict[str, Any]:
    """Return what becomes of pictures that are of none of the model's classes: answers (logits, embeddings) to both.

    unknown: the share without a label at the artifact's threshold. flagged: the share that is not "good", unknown or
    uncertain. known_unknown and known_flagged: the same of the pictures that are of its classes. auroc: of its score.
    at_loss: the share that either alone flags where its threshold is moved to flag that share of the known, 0.05.
    """
    score = score_of(bundle, artifact)
    good, threshold = artifact.thresholds.get("good", 0.0), artifact.thresholds.get("known", -math.inf)

    def both(answer: tuple[NDArray[np.float32], NDArray[np.float32]]) -> tuple[NDArray[Any], NDArray[Any]]:
        logits, embeddings = answer
        sure = softmax(logits, artifact.temperature).max(axis=1)
        rows = zip(logits.tolist(), embeddings, strict=True)
        return sure, np.array([score(*row) for row in rows]) if score else np.zeros(len(logits))

    (sure, inside), (other_sure, other) = both(known), both(outside)
    above = placements(inside, other)
    return {
        "n": len(other),
        "unknown": float((other < threshold).mean()),
        "flagged": float(((other < threshold) | (other_sure < good)).mean()),
        "known_unknown": float((inside < threshold).mean()),
        "known_flagged": float(((inside < threshold) | (sure < good)).mean()),
        "auroc": float(above.mean()),
        "at_loss": {
            "0.05": {
                "by_score": float((other < np.quantile(inside, 0.05)).mean()),
                "by_confidence": float((other_sure < np.quantile(sure, 0.05)).mean()),
            }
        },
    }


def good_or_defective(
    logits: NDArray[np.float32],
    targets: NDArray[np.int64],
    labels: Sequence[str],
    artifact: Artifact,
    good: str | None,
    groups: Sequence[str] | None,
) -> dict[str, Any]:
    """Return how well defects are told from good parts: logits (N, classes), targets (N,); {} without a good class.

    The keys of defects.figures, macro_f1_ci95, and per_defect, the rows of defects.per_defect. Two classes of which
    none is called good have auroc alone, which is the same for both.
    """
    at = artifact.temperature
    if good is None and len(labels) == 2:
        found = defects.figures(logits, targets, 0, groups, temperature=at)
        return {key: found[key] for key in ("auroc", "auroc_ci95") if key in found}
    if good not in labels:
        return {}
    place = labels.index(good)
    return {
        "good_label": good,
        "parts": None if groups is None else len(set(groups)),
        **defects.figures(logits, targets, place, groups, temperature=at),
        "macro_f1_ci95": defects.macro_f1_with_interval(logits, targets, groups).interval,
        "per_defect": defects.per_defect(logits, targets, labels, place, groups, temperature=at),
    }


def confidence(logits: NDArray[np.float32], targets: NDArray[np.int64], artifact: Artifact) -> dict[str, Any]:
    """Return what an artifact's confidence is worth on labelled pictures: logits (N, classes), targets (N,).

    ece_uncalibrated: the calibration error at temperature 1. ece_by_chance: that of an artifact whose every confidence
    is exactly true. reliability: bins of confidence. risk_coverage: columns from the most confident answers to all.
    good: what its threshold does here, coverage and risk with Wilson's 95 % interval, beside the risk it promises;
    None without a threshold. calibration: the manifest's, None without.
    """
    probabilities = softmax(logits, artifact.temperature)
    curve = RiskCurve.of(probabilities, targets)
    threshold, good = artifact.thresholds.get("good"), None
    if threshold is not None:
        used = probabilities.max(axis=1) >= threshold
        count = int(used.sum())
        wrong = int((probabilities.argmax(axis=1) != targets)[used].sum())
        good = {
            "confidence": threshold,
            "max_risk": artifact.thresholds.get("good_risk"),
            "coverage": count / len(targets),
            "risk": wrong / count if count else None,
            "risk_ci95": list(wilson(wrong, count)),
        }
    return {
        "temperature": artifact.temperature,
        "ece_uncalibrated": calibration_error(softmax(logits), targets),
        "ece_by_chance": calibration_error_by_chance(probabilities),
        "reliability": reliability(probabilities, targets),
        "risk_coverage": {"confidence": curve.confidence, "coverage": curve.coverage, "risk": curve.risk},
        "good": good,
        "calibration": None if artifact.calibration is None else asdict(artifact.calibration),
    }
