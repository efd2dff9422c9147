"""
What a tally comes to in the charts of a report: rejects, scores and embeddings, against what is expected of them.

Scores and embeddings are those of parts that passed, and are held against the good pictures of the tuning that would
have passed, too: so more defects on a day are no drift, and what drifts is not hidden among them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.line import drift
from hemline.line.decision_file import DecisionFile
from hemline.line.drift import Point, Reference
from hemline.line.period import from_microseconds, utc
from hemline.line.tally import Subgroups, Tally

FEWEST = 20  # parts, and pictures of the tuning, that a comparison needs
RARE = 0.01  # a p below it is told as a difference


@dataclass(frozen=True)
class LookedAt:
    """What is compared. signed: the decision file whose baseline it is held against; None, and then why_not."""

    connection: sqlite3.Connection
    tally: Tally
    signed: DecisionFile | None
    why_not: str
    seed: int

    @property
    def frames(self) -> int:
        """The most pictures of one part, among the sample."""
        query = "SELECT frames FROM decision WHERE sequence = ?"
        rows = (self.connection.execute(query, (sequence,)).fetchone() for sequence in self.tally.sample.tolist())
        return max((row[0] for row in rows), default=1)

    @property
    def like_passed(self) -> NDArray[np.bool_]:
        """(K,) which pictures of the baseline would pass."""
        assert self.signed is not None
        return np.asarray(self.signed.baseline.scores) < self.signed.thresholds.pass_below


def reject_rate(
    found: Tally, groups: Subgroups, expected: float | None, source: str, upper_only: bool
) -> dict[str, Any]:
    """Return the p-chart: subgroups with parts that had an answer, the share of rejects among these, its limits.

    Parts that had none were rejected for that: a camera that fails says nothing about parts, and is told by itself.
    """
    there = np.flatnonzero(found.answered)
    parts, rejects = found.answered[there].tolist(), found.rejects[there].tolist()
    points = drift.p_chart(parts, rejects, expected, upper_only=upper_only) if expected is not None else []
    told = [
        {**_times(found, place), "parts": size, "rejects": count, **_told(point)}
        for place, size, count, point in zip(there.tolist(), parts, rejects, points, strict=True)
    ]
    return {
        "expected": expected,
        "expected_from": source,
        "upper_only": upper_only,
        "subgroup": groups.named,
        "points": told,
        "outside": sum(point["outside"] for point in told),
        # of an exact binomial never more than this, mostly less
        "outside_by_chance": (1 if upper_only else 2) * drift.TAIL * len(told),
    }


def scores(at: LookedAt) -> dict[str, Any]:
    """Return the EWMA of the scores of parts that passed, in log odds, against the baseline; or what is missing."""
    missing = _missing(at)
    if missing:
        return {"missing": missing}
    assert at.signed is not None
    own = drift.log_odds(np.asarray(at.signed.baseline.scores)[at.like_passed])
    reference, there = Reference.of(own), np.flatnonzero(at.tally.parts)
    if reference.spread == 0:
        return {"missing": "the pictures of the tuning all have one score, so there is nothing to hold scores against"}
    counts = at.tally.passed[there]
    means = at.tally.odds[there] / np.maximum(counts, 1)
    points = drift.ewma(means.tolist(), counts.tolist(), reference)
    told = [
        {
            **_times(at.tally, place),
            "parts": count,
            "score": drift.score_of(mean) if count else None,
            **{name: drift.score_of(getattr(point, name)) for name in ("value", "low", "high")},
            "outside": point.outside,
        }
        for place, count, mean, point in zip(there.tolist(), counts.tolist(), means.tolist(), points, strict=True)
    ]
    total = int(counts.sum())
    return {
        "typical_then": drift.score_of(reference.mean),
        "typical_now": drift.score_of(float(at.tally.odds.sum()) / total),
        "parts": total,
        "baseline": reference.count,
        "weight": drift.WEIGHT,
        "sigmas": drift.SIGMAS,
        "frames": at.frames,
        "points": told,
        "outside": sum(point["outside"] for point in told),
    }


def embeddings(at: LookedAt) -> dict[str, Any]:
    """Return the two-sample test of embeddings of parts that passed against the baseline; or what is missing."""
    missing = _missing(at)
    if missing:
        return {"missing": missing}
    assert at.signed is not None
    baseline = at.signed.baseline.embeddings[at.like_passed]
    query = "SELECT embedding FROM decision WHERE sequence = ?"
    rows = [at.connection.execute(query, (sequence,)).fetchone() for sequence in at.tally.sample.tolist()]
    vectors = [np.frombuffer(row[0], "<f2").astype(np.float32) for row in rows]
    if len(vectors) < FEWEST:
        return {"missing": f"{len(vectors)} parts that passed have an embedding; {FEWEST} are needed"}
    if any(vector.shape != baseline.shape[1:] for vector in vectors):
        return {"missing": "the embeddings of the line have another length than those of the decision file"}
    test = asdict(drift.energy_test(np.stack(vectors), baseline, seed=at.seed))
    return {**test, "rare": RARE, "frames": at.frames}


def _missing(at: LookedAt) -> str | None:
    """Return why nothing can be compared; None when it can."""
    if at.signed is None:
        return at.why_not
    pictures, passed = int(at.like_passed.sum()), int(at.tally.passed.sum())
    if pictures < FEWEST:
        return f"the decision file holds {pictures} pictures of good parts that would pass; {FEWEST} are needed"
    if passed < FEWEST:
        return f"{passed} parts passed by this decision file; {FEWEST} are needed"
    return None


def _times(found: Tally, place: int) -> dict[str, str]:
    limits = (found.begin_us[place], found.end_us[place])
    first, last = (utc(from_microseconds(int(us))) for us in limits)
    return {"first_utc": first, "last_utc": last}


def _told(point: Point) -> dict[str, Any]:
    return {**asdict(point), "outside": point.outside}
