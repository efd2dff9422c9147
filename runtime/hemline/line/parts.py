"""
From pictures to parts. A line throws away parts, not pictures, and six pictures of one tile promise no more than one.

A defective part escapes when any of its defective pictures passes; a good part is overkill when any of its pictures is
rejected. Both are the strict way to count: a line that looks at one picture of a part, at the worst of several, or at
what most of them say, does no worse. A part with a picture of a defect is defective; its pictures without one say
nothing about good parts and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hemline.errors import DatasetError
from hemline.line.scores import Scored

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Defect:
    """The parts of one defect. least, greatest: (P,) scores of each part's pictures of it. pictures: how many."""

    label: str
    pictures: int
    least: Scores
    greatest: Scores


@dataclass(frozen=True, eq=False)
class PartScores:
    """What counts of each part's scores.

    least, greatest: (D,) of the defective pictures of each defective part. good: (G,) the greatest of each good part.
    defects: by label; a part with two defects is in both. pictures: of good parts. left_out: pictures of the good
    class that are of defective parts. unlike: good parts with a picture unlike those of training.
    """

    least: Scores
    greatest: Scores
    good: Scores
    defects: Mapping[str, Defect]
    good_label: str
    pictures: int
    left_out: int
    unlike: int

    @classmethod
    def of(cls, scored: Scored) -> PartScores:
        """Return the parts of scored pictures; DatasetError where there are no good or no defective ones."""
        defective = scored.defective
        for there, what in ((defective.any(), "defect"), ((~defective).any(), f"good part ({scored.good!r})")):
            if not there:
                raise DatasetError(f"{scored.name}/{scored.split}: no picture of a {what}; thresholds need both")
        good = ~np.isin(scored.parts, scored.parts[defective]) & ~defective
        if not good.any():
            raise DatasetError(f"{scored.name}/{scored.split}: every part has a picture of a defect; none is good")
        kinds = {}
        for target in np.unique(scored.targets[defective]).tolist():
            own = scored.targets == target
            label = scored.labels[target]
            kinds[label] = Defect(label, int(own.sum()), *_extremes(scored.parts[own], scored.scores[own]))
        least, greatest = _extremes(scored.parts[defective], scored.scores[defective])
        return cls(
            least=least,
            greatest=greatest,
            good=_extremes(scored.parts[good], scored.scores[good])[1],
            defects=MappingProxyType(kinds),
            good_label=scored.good,
            pictures=int(good.sum()),
            left_out=int((~good & ~defective).sum()),
            unlike=len(np.unique(scored.parts[good & scored.unlike])),
        )

    def escaped(self, pass_below: float) -> int:
        """Return how many defective parts pass: a picture of theirs scores below."""
        return int((self.least < pass_below).sum())

    def overkill(self, reject_from: float) -> int:
        """Return how many good parts are rejected: a picture of theirs scores as much or more."""
        return int((self.good >= reject_from).sum())


def _extremes(parts: NDArray[np.int64], scores: Scores) -> tuple[Scores, Scores]:
    """Return the least and the greatest score of each part, (P,) each, in the order of the parts."""
    _, place = np.unique(parts, return_inverse=True)
    count = int(place.max(initial=-1)) + 1
    least, greatest = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, place, scores)
    np.maximum.at(greatest, place, scores)
    return least, greatest
