"""
What good parts looked like on the day thresholds were set, so that a drift away from them can be seen later.

A sample of the pictures of good parts, as scores and embeddings: a line's passed parts are compared with these.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.line.scores import Scored

PICTURES = 200  # of a sample; at 128 numbers each they take 68 KB of the decision file
_GREATEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Baseline:
    """Pictures of good parts. scores: K, 0..1. width: D. packed: embeddings (K, D), little-endian float16 in base64."""

    scores: tuple[float, ...]
    width: int
    packed: str

    @classmethod
    def of(cls, scored: Scored) -> Baseline:
        """Return a sample of the good pictures of a data set, evenly spaced."""
        good = np.flatnonzero(~scored.defective)
        chosen = good[np.arange(min(PICTURES, len(good))) * len(good) // min(PICTURES, len(good))]
        halves = scored.embeddings[chosen].clip(-_GREATEST, _GREATEST).astype("<f2")
        scores = tuple(float(f"{score:.6g}") for score in scored.scores[chosen].tolist())
        return cls(scores, halves.shape[1], base64.b64encode(halves.tobytes()).decode())

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(K, D) float32, of the pictures in the order of `scores`."""
        halves = np.frombuffer(base64.b64decode(self.packed, validate=True), "<f2")
        return halves.reshape(len(self.scores), self.width).astype(np.float32)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Baseline:
        """Return the baseline that asdict() wrote. Raises KeyError, TypeError or ValueError for anything else."""
        scores = tuple(float(score) for score in values["scores"])
        found = cls(scores, int(values["width"]), str(values["packed"]))
        _ = found.embeddings  # of as many numbers as it says, or a ValueError
        return found
