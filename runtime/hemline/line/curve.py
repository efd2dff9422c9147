"""
What every threshold would do: escapes and overkill, with their limits, along the scores that were seen.

Each limit holds by itself. Not all of them hold at once: a threshold that is picked from the drawing, because its
figures look well there, promises less than its limit says. hemline.line.tuning picks by a count fixed beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hemline.line.bounds import at_most
from hemline.line.parts import PartScores

POINTS = 100  # of a curve that is stored


@dataclass(frozen=True)
class Curve:
    """Thresholds, rising, in columns of one length.

    escaped: defective parts that pass when what scores below passes. overkill: good parts that are rejected when what
    scores as much is rejected. The limits are shares, 0..1.
    """

    threshold: tuple[float, ...]
    escaped: tuple[int, ...]
    escape_at_most: tuple[float, ...]
    overkill: tuple[int, ...]
    overkill_at_most: tuple[float, ...]

    @classmethod
    def of(cls, parts: PartScores, confidence: float, marks: Sequence[float] = ()) -> Curve:
        """Return the curve of parts, thinned to about POINTS thresholds, `marks` among them.

        A count changes at a score of a part and nowhere else, so without thinning nothing would be lost.
        """
        scores = np.unique(np.concatenate([parts.least, parts.good]))
        if len(scores) > POINTS:
            scores = scores[np.unique(np.linspace(0, len(scores) - 1, POINTS).round().astype(np.int64))]
        points = np.unique(np.concatenate([[0.0], scores, [1.0], marks])).tolist()
        escaped = [parts.escaped(point) for point in points]
        overkill = [parts.overkill(point) for point in points]
        return cls(
            tuple(points),
            tuple(escaped),
            tuple(at_most(count, len(parts.least), confidence) for count in escaped),
            tuple(overkill),
            tuple(at_most(count, len(parts.good), confidence) for count in overkill),
        )

    @classmethod
    def from_dict(cls, columns: Mapping[str, Any]) -> Curve:
        """Return the curve that asdict() wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            tuple(float(value) for value in columns["threshold"]),
            tuple(int(value) for value in columns["escaped"]),
            tuple(float(value) for value in columns["escape_at_most"]),
            tuple(int(value) for value in columns["overkill"]),
            tuple(float(value) for value in columns["overkill_at_most"]),
        )
