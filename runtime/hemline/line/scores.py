"""
Defect scores: of labelled pictures, to set thresholds on, and of one answer, to hold against them.

Both are the same number: the probability of every class but the good one at the artifact's temperature, from pixels
that Preprocess made and an engine of this machine answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline import defects
from hemline.bundle import Bundle
from hemline.classifier import Seen, score_of
from hemline.datasets import Dataset, duplicates
from hemline.engines import open_engine
from hemline.errors import BundleError, UsageError, unknown
from hemline.prediction import Result


@dataclass(frozen=True, eq=False)
class Scored:
    """Labelled pictures with their defect scores, N of them.

    labels: of the data set: `good`, and whatever else there is, which need be no class of the model. targets: (N,)
    numbers of labels. scores: (N,) 0..1. parts: (N,) numbers of parts. grouped: whether the data set said which
    pictures are of one part; else each is one. embeddings: (N, D). unlike: (N,), the pictures that the artifact's own
    check calls unlike those of training. sha256: of the data, see data_sha256().
    """

    name: str
    split: str
    labels: tuple[str, ...]
    good: str
    targets: NDArray[np.int64]
    scores: NDArray[np.float64]
    parts: NDArray[np.int64]
    grouped: bool
    embeddings: NDArray[np.float32]
    unlike: NDArray[np.bool_]
    sha256: str

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def defective(self) -> NDArray[np.bool_]:
        """(N,) which pictures show a defect."""
        return np.asarray(self.targets != self.labels.index(self.good))


def score(bundle: Bundle, artifact: str, dataset: Dataset, good: str) -> Scored:
    """Return the scores that an artifact gives the pictures of a data set, each in its own engine.

    good: a class of the model and of the data set; every other folder of the set is a defect, one that the model has
    never heard of too.
    """
    if good not in dataset.labels:
        raise UsageError(f"{dataset.name}: {unknown('label', good, dataset.labels)}; the class of good parts is needed")
    chosen = bundle.artifact(artifact)
    pixels = dataset.pixels(bundle.preprocess)
    with open_engine(bundle, artifact) as engine:
        logits, embeddings = engine.run(pixels)
    if not np.isfinite(logits).all():
        raise BundleError(f"{bundle.title} {artifact}: answers that are no numbers; see: hemline parity {bundle.name}")
    known = score_of(bundle, chosen)
    unlike = np.zeros(len(pixels), bool)
    if known is not None:
        rows = zip(logits.tolist(), embeddings, strict=True)
        # not <: a score that is no number is not known either, as in the classifier
        unlike = np.array([not known(*row) >= chosen.thresholds["known"] for row in rows], bool)
    return Scored(
        name=dataset.name,
        split=dataset.split,
        labels=dataset.labels,
        good=good,
        targets=dataset.targets,
        scores=defects.good_scores(logits, bundle.labels.index(good), chosen.temperature),
        parts=defects.parts_of(len(pixels), dataset.groups),
        grouped=dataset.groups is not None,
        embeddings=embeddings,
        unlike=unlike,
        sha256=data_sha256(pixels, [dataset.labels[target] for target in dataset.targets], dataset.groups),
    )


def data_sha256(pixels: NDArray[np.uint8], labels: Sequence[str], groups: Sequence[str] | None) -> str:
    """Return the sha256 of labelled pictures, whatever their order and the names of their files.

    It is over one line for each picture, sorted: a hash of its pixels (N, H, W, C) as the model sees them, its label,
    its group.
    """
    named = groups if groups is not None else [""] * len(labels)
    lines = [
        f"{duplicates.digest(picture).hex()}\t{label}\t{group}\n"
        for picture, label, group in zip(pixels, labels, named, strict=True)
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def defect_score(result: Result, good: str) -> float:
    """Return the defect score of an answer, 0..1; its top has every class (Classifier.open(top=len(labels)))."""
    shares = dict(result.top)
    if good not in shares or sum(shares.values()) < 0.999:
        raise UsageError(
            f"an answer of {len(shares)} classes has no defect score; open the classifier with all of them"
        )
    return min(1.0, sum(share for label, share in shares.items() if label != good))


def standing(seen: Seen) -> str:
    """Return the quality of an answer that its verdict depends on: good, uncertain or bad.

    A confidence below the artifact's own threshold is no doubt here: what passes is what the decision file says. A
    picture unlike those of training, and one in which no single part was found, stay uncertain.
    """
    result = seen.result
    if result.quality == "bad":
        return "bad"
    found = seen.isolation is None or seen.isolation.reason is None
    return "good" if result.label is not None and found else "uncertain"
