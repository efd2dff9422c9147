"""
What is not kept for ever: pictures, the mildest first and of these the oldest; decisions, only where somebody said how
many are enough. Never a message that is not delivered, nor the decision that it is about.

A picture is never given up for a milder one: where there is no room left but by that, the new one is not kept.
"""

from __future__ import annotations

import sqlite3

from hemline.line import outgoing
from hemline.line.decision import VERDICTS
from hemline.line.numbers import last

STRICTNESS = {verdict: place for place, verdict in enumerate(VERDICTS)}
STRICTEST = len(VERDICTS) - 1
# what is given up at once on a full disk: not for every decision anew
CHUNK_BYTES = 2**20
_ROWS = 64


def held_bytes(connection: sqlite3.Connection) -> int:
    """Return what all pictures take."""
    (total,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM picture").fetchone()
    return int(total)


def give_up(
    connection: sqlite3.Connection, needed_bytes: int, *, strictness: int = STRICTEST, at_once_bytes: int = 0
) -> tuple[int, int]:
    """Delete pictures of parts judged up to as strictly as this until so much is free, or all of them are gone.

    at_once_bytes: go on until this is free, as long as no stricter one has to go for that.
    Returns the bytes that were freed and the strictest that went for it, -1 for none. Inside a transaction.
    """
    freed, strictest = 0, -1
    for rank in range(strictness + 1):
        while freed < max(needed_bytes, at_once_bytes):
            rows = connection.execute(
                "SELECT sequence, bytes FROM picture WHERE strictness = ? ORDER BY sequence LIMIT ?", (rank, _ROWS)
            ).fetchall()
            going = []
            for sequence, size in rows:
                if freed >= max(needed_bytes, at_once_bytes):
                    break
                going.append((sequence,))
                freed += size
            connection.executemany("DELETE FROM picture WHERE sequence = ?", going)
            strictest = rank if going else strictest
            if len(rows) < _ROWS:
                break
        if freed >= needed_bytes:
            break
    return freed, strictest


def forget(connection: sqlite3.Connection, newest: int, at_most: int) -> tuple[int, int]:
    """Delete the oldest decisions and events, their pictures too, so that the newest numbers are left.

    newest: numbers, which decisions and events share. at_most: decisions at one time. Who waits for delivery keeps all
    that is newer. Returns the decisions that went and the bytes of their pictures. Inside a transaction.
    """
    up_to = forgettable(connection, newest)
    going = connection.execute(
        "SELECT sequence FROM decision WHERE sequence <= ? ORDER BY sequence LIMIT ?", (up_to, at_most)
    ).fetchall()
    if len(going) == at_most:
        (up_to,) = going[-1]
    (freed,) = connection.execute(
        "SELECT coalesce(sum(bytes), 0) FROM picture WHERE sequence <= ?", (up_to,)
    ).fetchone()
    for table in ("picture", "decision", "event"):
        connection.execute(f"DELETE FROM {table} WHERE sequence <= ?", (up_to,))  # noqa: S608
    return len(going), int(freed)


def forgettable(connection: sqlite3.Connection, newest: int) -> int:
    """Return the highest number that may go when the newest numbers are left; 0 for none."""
    waiting = outgoing.first(connection)
    up_to = last(connection) - newest
    return max(0, up_to if waiting is None else min(up_to, waiting - 1))


def oldest(connection: sqlite3.Connection) -> int | None:
    """Return the lowest number that a decision has, None without any."""
    (sequence,) = connection.execute("SELECT min(sequence) FROM decision").fetchone()
    return None if sequence is None else int(sequence)
