"""
Whether a garment is one that was shown before: from another crop, another distance, turned, in another light.

Embeddings and colours choose a few that are alike; then each of these is laid over the garment, and only one that
agrees in its cloth is reported (lay.py). Two black shirts have one outline and one colour; their folds differ, and so
do their reliefs. So it is with another photo of one plain garment: laid anew it has other folds, and is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from hemline.wardrobe.features import Features, unpack
from hemline.wardrobe.lay import by_outline, by_points, fitted

SHORTLIST = 20  # garments that are looked at closely
COLOUR = 0.5  # of the shortlist's likeness; the rest is the embedding
SAME = 0.5  # the score from which on two photos show one garment
FEW, CLEAR = 6, 0.6  # points and correlation below both of which the outlines are tried too
# log-odds of being one garment, from the correlation of the reliefs, the points that agree, and the colours
# (set by hand on photos of clothing/train: of pairs that are not one garment none had more than 4 points)
BIAS, CORRELATION, INLIERS, COLOURS = -17.0, 14.0, 0.8, 4.0
CHANCE, ENOUGH = 5, 20  # points up to which chance explains them; from which on more say nothing more


@dataclass(frozen=True)
class Match:
    """How sure it is that two photos show one garment.

    score: 0..1; from SAME on they do. inliers: points that agree on one lay. correlation: of the reliefs where both
    are cloth, -1..1. colour: how alike the colours are, 0..1. why: in words, for a person.
    """

    score: float
    inliers: int
    correlation: float
    colour: float
    why: str

    @property
    def verified(self) -> bool:
        """Whether the two are one garment."""
        return self.score >= SAME


@dataclass(frozen=True, eq=False)
class Entry:
    """A garment that is there. embedding: (D,) of the query's model. load: gives its packed features when asked."""

    id: int
    embedding: NDArray[np.float32]
    colours: NDArray[np.float32]
    load: Callable[[], bytes]


def find_duplicates(
    features: bytes | Features,
    embedding: NDArray[np.float32],
    entries: Iterable[Entry],
    *,
    shortlist: int = SHORTLIST,
) -> list[tuple[int, Match]]:
    """Return the garments that this one is, as (id, match), the surest first; none when it is new.

    embedding: (D,) of the garment, of any length. Features are loaded for the shortlist only.
    """
    there = list(entries)
    if not there:
        return []
    own = unpack(features) if isinstance(features, bytes) else features
    vectors = np.stack([entry.embedding for entry in there]).astype(np.float32)
    colours = np.stack([entry.colours for entry in there])
    nearest = likely(embedding, own.colours, vectors, colours, count=shortlist)
    return verify(own, [(there[index].id, there[index].load) for index in nearest])


def likely(
    embedding: NDArray[np.float32],
    colours: NDArray[np.float32],
    embeddings: NDArray[np.float32],
    all_colours: NDArray[np.float32],
    *,
    count: int = SHORTLIST,
) -> list[int]:
    """Return the rows of embeddings (N, D) and all_colours (N, K) that are most like one garment, the nearest first."""
    lengths = np.linalg.norm(embeddings, axis=1) * max(float(np.linalg.norm(embedding)), 1e-6)
    alike = (1 - COLOUR) * (embeddings @ embedding) / np.maximum(lengths, 1e-6) + COLOUR * (all_colours @ colours)
    few = np.argpartition(-alike, count - 1)[:count] if count < len(alike) else np.arange(len(alike))
    return [int(row) for row in few[np.argsort(-alike[few], kind="stable")]]


def verify(
    features: bytes | Features, candidates: Iterable[tuple[int, Callable[[], bytes]]]
) -> list[tuple[int, Match]]:
    """Return the candidates (id, features loader) that are the same garment, the surest first, each id once."""
    own = unpack(features) if isinstance(features, bytes) else features
    found: dict[int, Match] = {}
    for garment_id, load in candidates:
        match = same(own, load())
        if match.verified and (garment_id not in found or match.score > found[garment_id].score):
            found[garment_id] = match
    return sorted(found.items(), key=lambda pair: (-pair[1].score, pair[0]))


def same(one: bytes | Features, other: bytes | Features) -> Match:
    """Return how sure it is that two photos show one garment; packed features are unpacked first."""
    a = unpack(one) if isinstance(one, bytes) else one
    b = unpack(other) if isinstance(other, bytes) else other
    colour = float(a.colours @ b.colours)
    lay, inliers = by_points(a, b)
    best = -1.0
    if lay is not None:
        best = fitted(a, b, lay)
    if inliers < FEW and best < CLEAR:
        first = by_outline(a, b)
        if first is not None:
            best = max(best, fitted(a, b, first))
    odds = BIAS + CORRELATION * best + INLIERS * max(0, min(inliers, ENOUGH) - CHANCE) + COLOURS * colour
    score = 1 / (1 + exp(-odds))
    return Match(score, inliers, best, colour, _why(score, inliers, best))


def _why(score: float, inliers: int, correlation: float) -> str:
    if score < SAME:
        return "another garment, or another photo of it laid otherwise"
    return f"the same cloth: {inliers} points and {100 * max(correlation, 0):.0f} % of its folds and print agree"
