"""
Several pictures of one part, each with its answer, made one answer.

Laws. The order of the pictures does not matter. A picture more that is judged more strictly never makes the verdict
milder. Where no verdict has more than half of the pictures, the strictest of them counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hemline.line.decision import VERDICTS


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model and the decision file say about one picture of a part, or about all of them.

    score: of being defective, 0..1. label, confidence: the class that stands for the verdict, and its probability.
    embedding: (D,) float32. frame: which of the part's pictures, counted from 0.
    """

    verdict: str
    reason: str | None
    label: str | None
    confidence: float
    quality: str
    score: float
    embedding: NDArray[np.float32]
    frame: int = 0

    def of_frame(self, number: int) -> Answer:
        """Return it as that of the picture with this number."""
        return replace(self, frame=number)

    @property
    def rank(self) -> tuple[int, float]:
        """How strictly it judges: by verdict, then by score."""
        return VERDICTS.index(self.verdict), self.score


def combined(answers: Sequence[Answer], how: str) -> Answer:
    """Return the one answer of the pictures of a part, 1 or more; it is that of one of them.

    how: "worst", the picture that is judged most strictly; "vote", the strictest picture of those with the verdict
    that more than half have, of all where there is none.
    """
    strictest = max(answers, key=lambda answer: answer.rank)
    if how == "worst" or len(answers) == 1:
        return strictest
    verdict, count = Counter(answer.verdict for answer in answers).most_common(1)[0]
    if count == len(answers):
        return strictest
    if 2 * count <= len(answers):
        return _said(strictest, f"no verdict has more than half of {len(answers)} pictures, so the strictest counts")
    chosen = max((answer for answer in answers if answer.verdict == verdict), key=lambda answer: answer.rank)
    return _said(chosen, f"{count} of {len(answers)} pictures")


def _said(answer: Answer, what: str) -> Answer:
    return replace(answer, reason=what if answer.reason is None else f"{what}; {answer.reason}")
