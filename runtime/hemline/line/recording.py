"""
The rows that a decision or an event becomes, inside one transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np

from hemline.line.decision import Decision
from hemline.line.messages import Sender
from hemline.line.retention import STRICTNESS

Clock = Callable[[], int]  # nanoseconds since 1970, UTC
_HALF = float(np.finfo(np.float16).max)


def moment(clock: Clock = time.time_ns) -> tuple[int, str]:
    """Return now, as microseconds since 1970 and as text."""
    microseconds = clock() // 1000
    seconds, rest = divmod(microseconds, 1_000_000)
    return microseconds, f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


def clean(decision: Decision) -> Decision:
    """Return a decision whose texts can be stored: a file's name may hold what no text holds."""
    texts = {"part": decision.part, "reason": decision.reason, "label": decision.label}
    if all(text is None or text.isprintable() for text in texts.values()):
        return decision
    return replace(
        decision, part=_clean(decision.part) or "", reason=_clean(decision.reason), label=_clean(decision.label)
    )


def enter_decision(
    connection: sqlite3.Connection, decision: Decision, sequence: int, at: tuple[int, str], kept: str | None
) -> None:
    """Write the row of a decision."""
    vector = decision.embedding
    connection.execute(
        "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sequence,
            *at,
            decision.part,
            decision.verdict,
            decision.reason,
            decision.label,
            float(decision.confidence),
            decision.quality,
            None if decision.score is None else float(decision.score),
            int(decision.frames),
            bool(decision.safe),
            _origin(connection, decision),
            None if decision.latency_ms is None else float(decision.latency_ms),
            bool(decision.budget_missed),
            kept,
            None if vector is None else np.clip(vector, -_HALF, _HALF).astype("<f2").tobytes(),
        ),
    )


def enter_picture(connection: sqlite3.Connection, decision: Decision, sequence: int, data: bytes) -> None:
    """Write the picture of a decision that is written."""
    connection.execute(
        "INSERT INTO picture VALUES (?, ?, ?, ?)", (sequence, STRICTNESS[decision.verdict], len(data), data)
    )


def enter_event(
    connection: sqlite3.Connection, sender: Sender, kind: str, detail: str, sequence: int, at: tuple[int, str]
) -> bytes:
    """Write the row of an event and return the message about it."""
    connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", (sequence, *at, kind, detail))
    return sender.event(kind, detail, sequence, at[1])


def _origin(connection: sqlite3.Connection, decision: Decision) -> int:
    values = (
        decision.bundle,
        decision.artifact,
        decision.artifact_sha256 or "",
        decision.decision_file_sha256 or "",
    )
    query = (
        "SELECT id FROM origin WHERE bundle = ? AND artifact = ? AND artifact_sha256 = ? AND decision_file_sha256 = ?"
    )
    row = connection.execute(query, values).fetchone()
    if row is None:
        connection.execute("INSERT INTO origin VALUES (NULL, ?, ?, ?, ?)", values)
        row = connection.execute(query, values).fetchone()
    return int(row[0])


def _clean(text: str | None) -> str | None:
    if text is None:
        return None
    valid = text.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else " " for letter in valid)
