"""
One decision: the verdict on one part, as it is about to be stored.

Silence is never a pass: what has no score, and what a line does in place of an answer, cannot be one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

VERDICTS = ("pass", "review", "reject")  # from mild to strict
QUALITIES = ("good", "uncertain", "bad")
PART_LENGTH = 200  # characters: a code that a scanner reads, not a file that somebody posts


@dataclass(frozen=True, eq=False)
class Decision:
    """The verdict on one part.

    label, confidence: the class that stands for the verdict and its probability, 0..1; label None is unknown.
    score: of being defective, 0..1; None where there was no answer. frames: how many pictures were combined.
    safe: what the line is configured to do where there is no answer, not an answer.
    latency_ms: from trigger to decision, storing not included; None where there was no trigger.
    budget_missed: it took longer than the part had.
    embedding: (D,) float32, kept as float16.
    Raises ValueError for what no part can have been judged as.
    """

    part: str
    verdict: str
    reason: str | None = None
    label: str | None = None
    confidence: float = 0.0
    quality: str = "good"
    score: float | None = None
    frames: int = 1
    safe: bool = False
    bundle: str = ""
    artifact: str = ""
    artifact_sha256: str | None = None
    decision_file_sha256: str | None = None
    latency_ms: float | None = None
    budget_missed: bool = False
    embedding: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r}; one of {', '.join(VERDICTS)}")
        if self.quality not in QUALITIES:
            raise ValueError(f"quality {self.quality!r}; one of {', '.join(QUALITIES)}")
        if not 0 < len(self.part) <= PART_LENGTH:
            raise ValueError(f"a part's name has 1 to {PART_LENGTH} characters, this one {len(self.part)}")
        if not 0 <= self.confidence <= 1 or not (self.score is None or 0 <= self.score <= 1):
            raise ValueError(f"confidence {self.confidence}, score {self.score}; both are of 0 to 1")
        if self.frames < 0 or not (self.latency_ms is None or isfinite(self.latency_ms)):
            raise ValueError(f"{self.frames} frames, latency {self.latency_ms} ms; both are finite, frames from 0 on")
        if self.verdict == "pass" and (self.safe or self.score is None):
            raise ValueError("a pass needs an answer: it has a score and is no safe decision")
