"""
Choosing thresholds for a stated target, and refusing to promise what the parts cannot support.

How many parts may escape follows from the target and the number of defective parts alone (bounds.allowed), before a
score is looked at. pass_below is then the score of the next part after these: an order statistic. The share of all
parts to come that score below it is above Clopper and Pearson's limit for that many of so many with a probability of
the doubt, exactly, although the threshold was chosen on the same parts (distribution-free tolerance limits). So no
part has to be put aside for a second test, and none may be: of few parts every one counts. Likewise reject_from, on
the good parts. Each of the two promises holds with the stated confidence.

Source: Wilks, Determination of Sample Sizes for Setting Tolerance Limits, 1941.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hemline.errors import UsageError
from hemline.line import bounds
from hemline.line.curve import Curve
from hemline.line.parts import Defect, PartScores
from hemline.line.thresholds import Thresholds, middle, rounded_down, rounded_up


@dataclass(frozen=True)
class Target:
    """What a line asks for: shares of defective parts that pass and of good parts that are rejected, at most."""

    max_escape: float = 0.01
    max_overkill: float = 0.02
    confidence: float = 0.95

    def __post_init__(self) -> None:
        shares = (("max-escape", self.max_escape), ("max-overkill", self.max_overkill))
        for name, value in shares:
            if not 0 < value < 1:
                raise UsageError(f"{name} {value:g}; a share of parts above 0 and below 1, such as 0.01")
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"confidence {self.confidence:g}; 0.5 to below 1, such as 0.95")


@dataclass(frozen=True)
class Claim:
    """What is promised of escapes or of overkill, and what it rests on.

    asked: the share of the target. parts: that it was counted on. allowed: of these, how many may have it; None where
    none may, and that is not enough. seen: how many have it at the thresholds chosen. at_most: the share that is
    promised. needed: parts without one that it would take to promise what was asked.
    """

    asked: float
    confidence: float
    parts: int
    allowed: int | None
    seen: int
    at_most: float
    needed: int

    @property
    def supported(self) -> bool:
        """Whether what was asked is promised."""
        return self.at_most <= self.asked

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "supported": self.supported}


@dataclass(frozen=True)
class DefectFigures:
    """One kind of defect at the thresholds: its parts by what becomes of them, at the strict count of PartScores.

    interval: exact and two-sided, of the share that escapes. at_most: one-sided. Thresholds were chosen on these parts
    too: where some escape, other parts of that kind may do a little worse than the limits say.
    """

    label: str
    pictures: int
    parts: int
    escaped: int
    rejected: int
    interval: tuple[float, float]
    at_most: float

    @classmethod
    def of(cls, defect: Defect, thresholds: Thresholds, confidence: float) -> DefectFigures:
        """Return the figures of the parts of one defect."""
        passes = defect.least < thresholds.pass_below
        count, escaped = len(passes), int(passes.sum())
        rejected = int(((defect.greatest >= thresholds.reject_from) & ~passes).sum())
        limits = bounds.interval(escaped, count, confidence), bounds.at_most(escaped, count, confidence)
        return cls(defect.label, defect.pictures, count, escaped, rejected, *limits)

    @property
    def reviewed(self) -> int:
        """Parts that neither escape nor are rejected."""
        return self.parts - self.escaped - self.rejected


@dataclass(frozen=True)
class GoodFigures:
    """What becomes of the good parts: rejected when a picture of theirs is, passed when all of them pass."""

    label: str
    pictures: int
    parts: int
    passed: int
    rejected: int

    @classmethod
    def of(cls, parts: PartScores, thresholds: Thresholds) -> GoodFigures:
        """Return the figures of the good parts."""
        passed = int((parts.good < thresholds.pass_below).sum())
        return cls(parts.good_label, parts.pictures, len(parts.good), passed, parts.overkill(thresholds.reject_from))

    @property
    def reviewed(self) -> int:
        """Parts that neither pass nor are rejected."""
        return self.parts - self.passed - self.rejected


@dataclass(frozen=True)
class Tuning:
    """Thresholds with what they promise. Where a claim is not supported, they are those of the most that is."""

    thresholds: Thresholds
    escape: Claim
    overkill: Claim
    defects: tuple[DefectFigures, ...]
    good: GoodFigures
    curve: Curve

    @property
    def supported(self) -> bool:
        """Whether the parts support the whole target."""
        return self.escape.supported and self.overkill.supported


@dataclass(frozen=True)
class Chosen:
    """Thresholds, and how many parts may escape and be overkill at them; None where not even 0 of so few is enough.

    open_end: whether good parts score 1, so that the least that rejects no more than may be rejected is above 1.
    """

    thresholds: Thresholds
    missed: int | None
    wasted: int | None
    open_end: bool


def choose(parts: PartScores, target: Target) -> Chosen:
    """Return the thresholds for a target, or those without an escape or overkill where the parts are too few for it.

    pass_below is the greatest threshold whose escapes keep the target, reject_from the least whose overkill does, both
    to four digits. Where the one would be above the other, one threshold between them keeps both, and there is nothing
    to review.
    """
    missed = bounds.allowed(len(parts.least), target.max_escape, target.confidence)
    wasted = bounds.allowed(len(parts.good), target.max_overkill, target.confidence)
    passes = rounded_down(float(np.sort(parts.least)[missed or 0]))
    above = rounded_up(float(np.sort(parts.good)[::-1][wasted or 0]))
    rejects = 1.0 if above is None else above
    at = middle(rejects, passes) if passes > rejects else None
    thresholds = Thresholds(passes, rejects) if at is None else Thresholds(at, at)
    return Chosen(thresholds, missed, wasted, above is None)


def tune(parts: PartScores, target: Target) -> Tuning:
    """Return the thresholds for a target with what they promise: the most that the parts support where that is less."""
    chosen = choose(parts, target)
    at = chosen.thresholds
    escaped, overkill = parts.escaped(at.pass_below), parts.overkill(at.reject_from)
    # nothing was fixed beforehand for a threshold of 1: it is where scores end, whatever they are
    counted = overkill if chosen.open_end else chosen.wasted or 0
    return Tuning(
        at,
        _claim(target.max_escape, target, len(parts.least), chosen.missed, escaped, chosen.missed or 0),
        _claim(target.max_overkill, target, len(parts.good), chosen.wasted, overkill, counted),
        tuple(DefectFigures.of(defect, at, target.confidence) for defect in parts.defects.values()),
        GoodFigures.of(parts, at),
        Curve.of(parts, target.confidence, (at.pass_below, at.reject_from)),
    )


def _claim(asked: float, target: Target, parts: int, allowed: int | None, seen: int, counted: int) -> Claim:
    limit = bounds.at_most(counted, parts, target.confidence)
    return Claim(asked, target.confidence, parts, allowed, seen, limit, bounds.needed(asked, target.confidence))
