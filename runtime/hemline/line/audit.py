"""
What escapes: passed parts drawn at random, looked at by a person, and what that says of all that passed.

Drawn are parts whose picture was kept by chance (picturerule.py), so they stand for all that passed. Near misses that
were kept for being near are left out: they would make a line look worse than it is. Pictures that were given up for
room are the oldest; where some were, the draw speaks of the parts after them.

An answer is good, bad or unsure. What a person cannot tell counts as bad in an upper limit and as good in a lower one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hemline.errors import DataError
from hemline.line import bounds
from hemline.line.period import Period
from hemline.line.picturerule import DRAWN, NEAR_MISS
from hemline.line.tally import Span
from hemline.line.wording import counted, percent

ANSWERS = ("good", "bad", "unsure")
CONFIDENCE = 0.95
_KEPT = """
    SELECT picture.sequence FROM picture JOIN decision ON decision.sequence = picture.sequence
    WHERE strictness = 0 AND picture.sequence BETWEEN ? AND ? AND decided_us >= ? AND decided_us < ? AND kept = ?
    ORDER BY picture.sequence
"""


@dataclass(frozen=True)
class DrawnPart:
    """A part to look at."""

    sequence: int
    part: str
    decided_utc: str


@dataclass(frozen=True)
class Draw:
    """Parts to look at, in the order of the draw, and what they stand for.

    passed: parts that these stand for; pictured: how many of them have a picture by the draw of the line. before:
    parts of the period that passed before the first of them, because pictures of that time were given up. near_misses:
    parts with a picture that are left out.
    """

    seed: int
    passed: int
    pictured: int
    before: int
    near_misses: int
    parts: tuple[DrawnPart, ...]

    def __str__(self) -> str:
        share = f"{100 * self.pictured / self.passed:.3g} %"
        text = (
            f"{counted(self.passed, 'part')} passed, {self.pictured:,} of them ({share}) with a picture kept by "
            f"chance, of which {len(self.parts):,} were drawn, seed {self.seed}"
        )
        if self.near_misses:
            text += f"; left out, because they stand for themselves: {self.near_misses:,} near misses"
        if self.before:
            text += (
                f"; not spoken of, because pictures were given up: {counted(self.before, 'part')} that passed before"
            )
        return text


@dataclass(frozen=True)
class Estimate:
    """What the answers say of the parts that passed.

    passed: parts that are spoken of; looked_at of them, of which so many bad, or unsure. at_most: bad parts among the
    passed, one-sided; low, high: two-sided; all exact and at this confidence. rate: the share of those looked at that
    is bad. to_come_at_most: share of parts to come that are bad where they pass, one-sided, if the line stays as it is.
    labels: what a person called bad parts.
    """

    confidence: float
    passed: int
    looked_at: int
    bad: int
    unsure: int
    rate: float
    at_most: int
    low: int
    high: int
    to_come_at_most: float
    labels: dict[str, int]

    @classmethod
    def of(cls, answers: Sequence[tuple[str, str | None]], passed: int, confidence: float = CONFIDENCE) -> Estimate:
        """Return the estimate from (answer, label) of each part that was drawn from `passed` ones, 1 or more."""
        verdicts = Counter(verdict for verdict, _ in answers)
        bad, unsure, looked_at = verdicts["bad"], verdicts["unsure"], len(answers)
        worst = bad + unsure
        return cls(
            confidence=confidence,
            passed=passed,
            looked_at=looked_at,
            bad=bad,
            unsure=unsure,
            rate=bad / looked_at,
            at_most=bounds.at_most_among(worst, looked_at, passed, confidence),
            low=bounds.interval_among(bad, looked_at, passed, confidence)[0],
            high=bounds.interval_among(worst, looked_at, passed, confidence)[1],
            to_come_at_most=bounds.at_most(worst, looked_at, confidence),
            labels=dict(Counter(label for verdict, label in answers if verdict == "bad" and label).most_common()),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        found = f"{self.bad:,} bad" + (f", {self.unsure:,} unsure" if self.unsure else "")
        sure, among = f"{100 * self.confidence:g} % confidence", f"{self.passed:,} that passed"
        return (
            f"{self.looked_at:,} looked at, {found}: at most {self.at_most:,} of {among} are bad "
            f"({percent(self.at_most / self.passed)}), with {sure}; {self.low:,} to {self.high:,} two-sided. "
            f"Of parts to come that pass at most {percent(self.to_come_at_most)} are bad, if the line stays as it is"
        )


def draw(connection: sqlite3.Connection, period: Period, count: int, *, seed: int | None = None) -> Draw:
    """Return up to `count` parts that passed in a period, each with the same chance; DataError where there are none.

    seed: of the draw; one that nobody can know where none is given.
    """
    seed = secrets.randbits(32) if seed is None else seed
    span = Span.of(connection, period)
    lost = _last_lost(connection, span)
    passed, before = _passed(connection, span, lost + 1, span.last), _passed(connection, span, span.first, lost)
    bounds_after = (max(span.first, lost + 1), *span.bounds[1:])
    kept = [row[0] for row in connection.execute(_KEPT, (*bounds_after, DRAWN))]
    near = sum(1 for _ in connection.execute(_KEPT, (*bounds_after, NEAR_MISS)))
    if not kept:
        raise DataError(_why_none(passed + before, near, lost > 0))
    chosen = np.random.default_rng(seed).permutation(len(kept))[:count].tolist()
    query = "SELECT sequence, part, decided_utc FROM decision WHERE sequence = ?"
    parts = [DrawnPart(*connection.execute(query, (kept[place],)).fetchone()) for place in chosen]
    return Draw(seed, passed, len(kept), before, near, tuple(parts))


def _last_lost(connection: sqlite3.Connection, span: Span) -> int:
    """Return the number of the last part of a span that passed and whose picture was given up; 0 for none.

    The oldest go first, so they are below the first that is still there.
    """
    (first,) = connection.execute("SELECT min(sequence) FROM picture WHERE strictness = 0").fetchone()
    last = span.last if first is None else min(span.last, first - 1)
    row = connection.execute(
        "SELECT sequence FROM decision NOT INDEXED WHERE sequence BETWEEN ? AND ? AND decided_us >= ? AND "
        "decided_us < ? AND verdict = 'pass' AND kept IS NOT NULL ORDER BY sequence DESC LIMIT 1",
        (span.first, last, *span.bounds[2:]),
    ).fetchone()
    return 0 if row is None else int(row[0])


def _passed(connection: sqlite3.Connection, span: Span, first: int, last: int) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM decision WHERE decided_us >= ? AND decided_us < ? AND verdict = 'pass' "
        "AND sequence BETWEEN ? AND ?",
        (*span.bounds[2:], first, last),
    ).fetchone()
    return int(count)


def _why_none(passed: int, near: int, lost: bool) -> str:
    if not passed:
        return "no part passed in that time; give another with --since and --until"
    what = f"{counted(passed, 'part')} passed in that time and none has a picture that was kept by chance"
    if lost:
        return f"{what}: pictures were given up for room; audit sooner, or give pictures_mb more"
    held = f" (near misses, which stand for themselves, have: {near:,})" if near else ""
    return f"{what}{held}; keep_passed says how many keep one"
