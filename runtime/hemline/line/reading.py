"""
What can be asked of a line's database. Functions over an open connection; none of them writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np

from hemline.errors import UsageError, unknown
from hemline.line.decision import VERDICTS, Decision
from hemline.line.events import KINDS
from hemline.line.messages import Sender
from hemline.line.records import Event, Message, Refused, StoredDecision, Waiting

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COLUMNS = (
    "sequence, decided_utc, part, verdict, reason, label, confidence, quality, score, frames, safe, latency_ms, "
    "budget_missed, kept, bundle, artifact, artifact_sha256, decision_file_sha256"
)
_DECISION = "FROM decision JOIN origin ON origin.id = origin_id"


def sender(connection: sqlite3.Connection) -> Sender:
    """Return whose decisions these are."""
    known = dict(connection.execute("SELECT key, value FROM about").fetchall())
    return Sender(known.get("line", ""), known.get("store", ""))


def decisions(
    connection: sqlite3.Connection,
    *,
    since: datetime | None,
    until: datetime | None,
    verdict: str | None,
    after_sequence: int,
    limit: int | None,
    newest: bool,
    embeddings: bool,
) -> list[StoredDecision]:
    """Return decisions in order; LineReader.decisions() says what is what."""
    if verdict is not None and verdict not in VERDICTS:
        raise UsageError(unknown("verdict", verdict, VERDICTS))
    where, values = _between("decided_us", since, until)
    where += ["sequence > ?"]
    if verdict is not None:
        where += [f"verdict = '{verdict}'"]  # as the indices have it, so that they are used
    rows = connection.execute(
        f"SELECT {_COLUMNS}{', embedding' if embeddings else ''} {_DECISION} WHERE {' AND '.join(where)} "
        f"ORDER BY sequence {'DESC' if newest else 'ASC'} LIMIT ?",
        (*values, after_sequence, -1 if limit is None else limit),
    )
    found = [_stored(row) for row in rows]
    return found[::-1] if newest else found


def decision(connection: sqlite3.Connection, sequence: int) -> StoredDecision:
    """Return one decision, with its embedding; UsageError when no decision has this number."""
    # SQLite's integers end at 63 bits; Python's do not
    row = connection.execute(
        f"SELECT {_COLUMNS}, embedding {_DECISION} WHERE sequence = ?",
        (min(sequence, 2**63 - 1),),
    ).fetchone()
    if row is None:
        (highest,) = connection.execute("SELECT max(sequence) FROM decision").fetchone()
        there = "there is none yet" if highest is None else f"the last one is {highest}; events have numbers too"
        raise UsageError(f"no decision {sequence}; {there}")
    return _stored(row)


def picture(connection: sqlite3.Connection, sequence: int) -> bytes | None:
    """Return the picture of a decision; None when it was not kept, or was given up."""
    row = connection.execute("SELECT data FROM picture WHERE sequence = ?", (min(sequence, 2**63 - 1),)).fetchone()
    return None if row is None else bytes(row[0])


def events(
    connection: sqlite3.Connection,
    *,
    since: datetime | None,
    until: datetime | None,
    kinds: Sequence[str],
    after_sequence: int,
    limit: int | None,
    newest: bool,
) -> list[Event]:
    """Return events in order; LineReader.events() says what is what."""
    where, values = _between("happened_us", since, until)
    where += ["sequence > ?"]
    values += [after_sequence]
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(unknown("event", kind, KINDS))
    if kinds:
        where += [f"kind IN ({', '.join('?' * len(kinds))})"]
        values += kinds
    rows = connection.execute(
        f"SELECT sequence, happened_utc, kind, detail FROM event WHERE {' AND '.join(where)} "  # noqa: S608
        f"ORDER BY sequence {'DESC' if newest else 'ASC'} LIMIT ?",
        (*values, -1 if limit is None else limit),
    )
    found = [Event(*row) for row in rows]
    return found[::-1] if newest else found


def counts(
    connection: sqlite3.Connection, since: datetime | None, until: datetime | None
) -> dict[tuple[str, str | None], int]:
    """Return {(verdict, label): decisions}."""
    where, values = _between("decided_us", since, until)
    rows = connection.execute(
        f"SELECT verdict, label, count(*) FROM decision WHERE {' AND '.join(where) or '1'} GROUP BY verdict, label",  # noqa: S608
        values,
    )
    return {(verdict, label): number for verdict, label, number in rows}


def last_decided(connection: sqlite3.Connection, parts: Collection[str]) -> dict[str, int]:
    """Return {part: when it was decided last, in microseconds since 1970}, of these that ever were."""
    found: dict[str, int] = {}
    # no index by part, which each decision would have to write; a million rows are read in a second or two
    for part, at in connection.execute("SELECT part, decided_us FROM decision") if parts else ():
        if part in parts:
            found[part] = max(at, found.get(part, at))
    return found


def pending(connection: sqlite3.Connection, publisher: str, limit: int) -> list[Message]:
    """Return what a publisher has to deliver next, in order."""
    whose = sender(connection)
    rows = connection.execute(
        "SELECT sequence, topic, payload FROM outbox WHERE publisher = ? ORDER BY sequence LIMIT ?", (publisher, limit)
    )
    return [Message(whose.id(sequence), sequence, topic, bytes(payload)) for sequence, topic, payload in rows]


def refused(connection: sqlite3.Connection, publisher: str) -> list[Refused]:
    """Return what receivers of a publisher will never take, in order."""
    whose = sender(connection)
    rows = connection.execute(
        "SELECT sequence, topic, payload, reason, refused_utc FROM refused WHERE publisher = ? ORDER BY sequence",
        (publisher,),
    )
    return [Refused(Message(whose.id(row[0]), row[0], row[1], bytes(row[2])), row[3], row[4]) for row in rows]


def waiting(connection: sqlite3.Connection) -> dict[str, Waiting]:
    """Return {publisher: what it has still to deliver}, of those that have something, or were refused something."""
    rows = connection.execute(
        "SELECT publisher, sum(due), min(CASE due WHEN 1 THEN sequence END), sum(1 - due) FROM ("
        "SELECT publisher, sequence, 1 AS due FROM outbox UNION ALL SELECT publisher, sequence, 0 FROM refused"
        ") GROUP BY publisher ORDER BY publisher"
    )
    return {publisher: Waiting(due, oldest or 0, refused) for publisher, due, oldest, refused in rows}


def _between(column: str, since: datetime | None, until: datetime | None) -> tuple[list[str], list[Any]]:
    where, values = [], []
    for moment, sign in ((since, ">="), (until, "<")):
        if moment is not None:
            if moment.tzinfo is None:
                raise UsageError(f"{moment}: a time without its zone; times of a line are UTC")
            where.append(f"{column} {sign} ?")
            values.append((moment - _EPOCH) // timedelta(microseconds=1))
    return where, values


def _stored(row: tuple[Any, ...]) -> StoredDecision:
    vector = row[18] if len(row) > 18 else None
    return StoredDecision(
        row[0],
        row[1],
        Decision(
            part=row[2],
            verdict=row[3],
            reason=row[4],
            label=row[5],
            confidence=row[6],
            quality=row[7],
            score=row[8],
            frames=row[9],
            safe=bool(row[10]),
            bundle=row[14],
            artifact=row[15],
            artifact_sha256=row[16] or None,
            decision_file_sha256=row[17] or None,
            latency_ms=row[11],
            budget_missed=bool(row[12]),
            embedding=None if vector is None else np.frombuffer(vector, "<f2").astype(np.float32),
        ),
        row[13],
    )
