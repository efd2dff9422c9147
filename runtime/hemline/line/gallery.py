"""
Which pictures of a period are shown: rejects, reviews and near misses, as many as a page can carry.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from hemline.line.picturerule import NEAR_MISS
from hemline.line.retention import STRICTNESS
from hemline.line.tally import Span

SHOWN = 24  # of each kind
NEAR = 0.1  # of the pass threshold: a part that passed with this much of it left, or less
_PICTURED = """
    FROM picture JOIN decision ON decision.sequence = picture.sequence
    WHERE strictness = ? AND picture.sequence BETWEEN ? AND ? AND decided_us >= ? AND decided_us < ?
"""


@dataclass(frozen=True)
class Gallery:
    """Decisions of a period to show with their pictures. pictured: how many have one; sequences: those to show."""

    pictured: int
    sequences: tuple[int, ...]


def of_verdict(connection: sqlite3.Connection, span: Span, verdict: str) -> Gallery:
    """Return up to SHOWN parts with a verdict, evenly over the period."""
    given = (STRICTNESS[verdict], *span.bounds)
    (count,) = connection.execute(f"SELECT count(*) {_PICTURED}", given).fetchone()
    rows = connection.execute(f"SELECT picture.sequence {_PICTURED} ORDER BY picture.sequence", given)
    shown = min(count, SHOWN)
    wanted = {place * count // shown for place in range(shown)}
    return Gallery(count, tuple(row[0] for place, row in enumerate(rows) if place in wanted))


def near_misses(connection: sqlite3.Connection, span: Span, pass_below: float | None) -> Gallery:
    """Return up to SHOWN parts that passed with the least left of their threshold, the nearest first.

    pass_below: the threshold; where it is not known, what the line kept for being near says how near that is.
    """
    given = (STRICTNESS["pass"], *span.bounds)
    from_score = None if pass_below is None else pass_below * (1 - NEAR)
    if from_score is None:
        query = f"SELECT min(score) {_PICTURED} AND kept = ?"
        (from_score,) = connection.execute(query, (*given, NEAR_MISS)).fetchone()
    if from_score is None:
        return Gallery(0, ())
    near = f"{_PICTURED} AND score >= ?"
    (count,) = connection.execute(f"SELECT count(*) {near}", (*given, from_score)).fetchone()
    query = f"SELECT picture.sequence {near} ORDER BY score DESC LIMIT ?"
    rows = connection.execute(query, (*given, from_score, SHOWN))
    return Gallery(count, tuple(row[0] for row in rows))
