"""
Which parts' pictures are kept: all rejects, all reviews, one pass in N, and every near miss.

The pass in N is drawn by a hash of the sequence: always the same answer for a number, and in step with nothing that
comes round on a line (eight moulds, a pallet of twelve), so what is drawn stands for all that passed. A near miss that
is drawn counts as drawn: an audit needs the whole draw.
"""

from __future__ import annotations

from dataclasses import dataclass

from hemline.line.decision import Decision
from hemline.line.numbers import mixed

NEAR_MISS = "near miss"
DRAWN = "drawn"


@dataclass(frozen=True)
class PictureRule:
    """one_pass_in: 1 keeps every pass, 0 none. pass_below: the threshold; margin: how near to it is a near miss."""

    one_pass_in: int = 100
    pass_below: float = 0.0
    margin: float = 0.0

    def why(self, decision: Decision, sequence: int) -> str | None:
        """Return why a part's picture is kept: "reject", "review", "drawn" or "near miss"; None when it is not."""
        if decision.verdict != "pass":
            return decision.verdict
        if self.one_pass_in and mixed(sequence) % self.one_pass_in == 0:
            return DRAWN
        if decision.score is not None and self.margin > 0 and decision.score >= self.pass_below - self.margin:
            return NEAR_MISS
        return None
