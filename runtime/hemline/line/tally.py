"""
All decisions of a period, added up in one reading of their rows: a million parts in seconds, in memory that does not
grow with them.

What is bounded: as many subgroups as there are, SUBGROUPS at most; latencies in steps of half a percent; a sample of
parts, drawn so that each has the same chance whatever there are.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline.line.decision import VERDICTS
from hemline.line.drift import log_odds
from hemline.line.period import Period

CHUNK = 20_000  # rows; between two chunks nothing of the database is held
SUBGROUPS = 1000  # more points than a chart can show
USUAL = 40  # subgroups, where nobody says how large they are
LEAST = 50  # parts of a subgroup, where nobody says
SAMPLE = 300  # parts whose embeddings are compared
_STEP = math.log(1.005)  # of latencies
_SHORTEST_MS = 1e-3
_STEPS = 5000  # up to 67 million ms
_ROWS = """
    SELECT sequence, decided_us, score, latency_ms,
        CASE verdict WHEN 'pass' THEN 0 WHEN 'review' THEN 1 ELSE 2 END
        + 4 * (safe <> 0) + 8 * (budget_missed <> 0) + 16 * (embedding IS NOT NULL) + 32 * origin_id
    FROM decision NOT INDEXED  -- in the order of its numbers, as it lies on the disk
    WHERE sequence BETWEEN ? AND ? AND decided_us >= ? AND decided_us < ? ORDER BY sequence LIMIT ?
"""


@dataclass(frozen=True)
class Span:
    """The decisions of a period: from which number to which, both included, and how many; none where count is 0."""

    period: Period
    first: int
    last: int
    count: int

    @classmethod
    def of(cls, connection: sqlite3.Connection, period: Period) -> Span:
        """Return the decisions that are there now. Where the clock was set, others lie between them."""
        first, last, count = connection.execute(
            "SELECT min(sequence), max(sequence), count(*) FROM decision WHERE decided_us >= ? AND decided_us < ?",
            (period.since_us, period.until_us),
        ).fetchone()
        return cls(period, first or 0, last or 0, count)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """What a query binds: the first number and the last, the first microsecond and the first that is not in it."""
        return self.first, self.last, self.period.since_us, self.period.until_us


@dataclass(frozen=True)
class Subgroups:
    """How parts are put together to points of a chart: `parts` one after another, or those of `seconds`."""

    parts: int = 0
    seconds: float = 0.0

    @classmethod
    def usual(cls, count: int) -> Subgroups:
        """Return subgroups of a round number of parts, about USUAL of them."""
        wanted = max(LEAST, math.ceil(count / USUAL))
        unit = 10 ** math.floor(math.log10(wanted))
        return cls(parts=next(step * unit for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * unit >= wanted))

    @classmethod
    def parse(cls, text: str) -> Subgroups:
        """Return what "100", "15min" or "1h" ask for."""
        number = text.rstrip("minh ")
        unit = {"": 0, "min": 60, "h": 3600}.get(text[len(number) :].strip())
        try:
            size = float(number)
        except ValueError:
            size = 0.0
        if unit is None or not 0 < size < 1e9 or (unit == 0 and size != int(size)):
            raise UsageError(f"--subgroup {text!r}; a number of parts, such as 100, or a time, such as 15min or 1h")
        return cls(parts=int(size)) if unit == 0 else cls(seconds=size * unit)

    def __str__(self) -> str:
        if self.parts:
            return f"{self.parts:,} part{'' if self.parts == 1 else 's'}"
        return f"{self.seconds / 60:g} min" if self.seconds < 3600 else f"{self.seconds / 3600:g} h"

    @property
    def named(self) -> str:
        """Among which parts a share is taken: 50 parts, the parts of 30 min."""
        return str(self) if self.parts else f"the parts of {self}"

    def require_few(self, span: Span) -> int:
        """Return how many there can be; UsageError where that is more than SUBGROUPS.

        Of parts: what is left over is one of its own where it is half of one or more, else it goes to the last.
        """
        seconds = (span.period.until - span.period.since).total_seconds()
        number = round(span.count / self.parts) if self.parts else math.ceil(seconds / self.seconds)
        if number > SUBGROUPS:
            of = f"{span.count:,} parts" if self.parts else f"{seconds / 3600:,.4g} h"
            raise UsageError(f"--subgroup {self}: makes {number:,} subgroups of {of}; {SUBGROUPS:,} at most: take more")
        return max(1, number)


@dataclass(eq=False)
class Tally:
    """What was added up. Arrays have one value for each subgroup, (S,); a subgroup may be empty.

    parts: of each. answered: those that had an answer; rejects: of these. passed: those that passed by an origin
    that is compared; odds: the sum of the log odds of their scores. begin_us, end_us: of its first and last decision.
    verdicts: all parts, by place in VERDICTS. safe, missed: decisions in place of an answer; budgets.
    origins: {origin_id: (parts, first microsecond, last)}. latencies: counts by step. longest_ms: exact.
    sample: numbers of up to SAMPLE parts that passed by those origins and have an embedding.
    """

    parts: NDArray[np.int64]
    answered: NDArray[np.int64]
    rejects: NDArray[np.int64]
    passed: NDArray[np.int64]
    odds: NDArray[np.float64]
    begin_us: NDArray[np.float64]
    end_us: NDArray[np.float64]
    verdicts: NDArray[np.int64]
    latencies: NDArray[np.int64]
    sample: NDArray[np.int64]
    origins: dict[int, tuple[int, int, int]]
    safe: int = 0
    missed: int = 0
    longest_ms: float = 0.0

    @classmethod
    def empty(cls, subgroups: int) -> Tally:
        """Return a tally of no parts."""
        return cls(
            parts=np.zeros(subgroups, np.int64),
            answered=np.zeros(subgroups, np.int64),
            rejects=np.zeros(subgroups, np.int64),
            passed=np.zeros(subgroups, np.int64),
            odds=np.zeros(subgroups),
            begin_us=np.full(subgroups, np.inf),
            end_us=np.full(subgroups, -np.inf),
            verdicts=np.zeros(3, np.int64),
            latencies=np.zeros(_STEPS, np.int64),
            sample=np.zeros(0, np.int64),
            origins={},
        )

    @property
    def count(self) -> int:
        """All parts."""
        return int(self.verdicts.sum())

    def percentile_ms(self, share: float) -> float:
        """Return the latency that this share of decisions does not exceed, to half a percent; 0 where none has one."""
        step = int(np.searchsorted(np.cumsum(self.latencies), share * self.latencies.sum()))
        return min(self.longest_ms, _SHORTEST_MS * math.exp(step * _STEP))


def by_class(connection: sqlite3.Connection, span: Span) -> list[tuple[str, str | None, int]]:
    """Return (verdict, label, how many) of the decisions of a span, the mildest verdict and the most frequent first."""
    rows = connection.execute(
        "SELECT verdict, label, count(*) FROM decision WHERE decided_us >= ? AND decided_us < ? AND sequence <= ? "
        "GROUP BY verdict, label",
        (*span.bounds[2:], span.last),
    ).fetchall()
    return sorted(rows, key=lambda row: (VERDICTS.index(row[0]), -row[2], row[1] or ""))


def tally(
    connection: sqlite3.Connection, span: Span, subgroups: Subgroups, compared: Collection[int], *, seed: int = 0
) -> Tally:
    """Return what the decisions of a span come to. compared: origins by whose scores and embeddings drift is seen."""
    found = Tally.empty(subgroups.require_few(span))
    random, keys = np.random.default_rng(seed), np.zeros(0)
    for rows in _chunks(connection, span):
        sequence, at, score, latency, packed = rows.T
        code = packed.astype(np.int64)
        verdict, origin = code & 3, code >> 5
        place = found.count + np.arange(len(rows))
        group = place // subgroups.parts if subgroups.parts else _in_time(at, span.period, subgroups.seconds)
        group = np.minimum(group, len(found.parts) - 1)
        passed = (verdict == 0) & np.isin(origin, list(compared)) & ~np.isnan(score)
        answered = code >> 2 & 1 == 0
        _add(found.parts, group)
        _add(found.answered, group[answered])
        _add(found.rejects, group[answered & (verdict == 2)])
        _add(found.passed, group[passed])
        found.odds += np.bincount(group[passed], log_odds(score[passed]), len(found.odds))
        np.minimum.at(found.begin_us, group, at)
        np.maximum.at(found.end_us, group, at)
        _add(found.verdicts, verdict)
        found.safe += int((~answered).sum())
        found.missed += int((code >> 3 & 1).sum())
        _add_latencies(found, latency[~np.isnan(latency)])
        for number in np.unique(origin).tolist():
            own = at[origin == number]
            parts, begin, end = found.origins.get(number, (0, int(own.min()), int(own.max())))
            limits = min(begin, int(own.min())), max(end, int(own.max()))
            found.origins[number] = (parts + len(own), *limits)
        # the least of keys drawn for all: each part has the same chance, and no more than a sample is held
        seen = passed & (code >> 4 & 1 == 1)
        drawn = np.concatenate([keys, random.random(len(rows))[seen]])
        least = np.argsort(drawn, kind="stable")[:SAMPLE]
        found.sample = np.concatenate([found.sample, sequence[seen].astype(np.int64)])[least]
        keys = drawn[least]
    found.sample.sort()
    return found


def _chunks(connection: sqlite3.Connection, span: Span) -> Iterator[NDArray[np.float64]]:
    """Yield rows (n, 5) in the order of their numbers; what is absent is not a number."""
    after = span.first
    while rows := connection.execute(_ROWS, (after, *span.bounds[1:], CHUNK)).fetchall():
        chunk = np.array(rows, np.float64)  # integers are exact up to 2 ** 53: the year 2255
        yield chunk
        after = int(chunk[-1, 0]) + 1


def _in_time(at: NDArray[np.float64], period: Period, seconds: float) -> NDArray[np.int64]:
    return ((at - period.since_us) / (1e6 * seconds)).astype(np.int64)


def _add(counts: NDArray[np.int64], places: NDArray[np.int64]) -> None:
    counts += np.bincount(places, minlength=len(counts))


def _add_latencies(found: Tally, latencies_ms: NDArray[np.float64]) -> None:
    if len(latencies_ms):
        found.longest_ms = max(found.longest_ms, float(latencies_ms.max()))
        steps = np.log(np.maximum(latencies_ms, _SHORTEST_MS) / _SHORTEST_MS) / _STEP
        _add(found.latencies, np.minimum(np.ceil(steps), _STEPS - 1).astype(np.int64))
