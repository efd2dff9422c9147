"""
The rows of the outbox, inside one transaction: messages that wait, that were delivered, that will never be taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from hemline.line.records import Message


def enter(connection: sqlite3.Connection, publishers: Sequence[str], sequence: int, topic: str, payload: bytes) -> None:
    """Put a message into the outbox of each publisher."""
    connection.executemany(
        "INSERT INTO outbox VALUES (?, ?, ?, ?)", [(publisher, sequence, topic, payload) for publisher in publishers]
    )


def delivered(connection: sqlite3.Connection, publisher: str, sequences: Iterable[int]) -> None:
    """Take messages out of the outbox of a publisher; one that is not there is no matter."""
    connection.executemany(
        "DELETE FROM outbox WHERE publisher = ? AND sequence = ?", [(publisher, sequence) for sequence in sequences]
    )


def first(connection: sqlite3.Connection) -> int | None:
    """Return the lowest number that a publisher has still to deliver, None without any."""
    lowest, publisher = None, ""
    while True:  # from publisher to publisher: there are few of them, and a minimum over all would read every message
        row = connection.execute(
            "SELECT publisher, sequence FROM outbox WHERE publisher > ? ORDER BY publisher, sequence LIMIT 1",
            (publisher,),
        ).fetchone()
        if row is None:
            return lowest
        publisher, sequence = str(row[0]), int(row[1])
        lowest = sequence if lowest is None else min(lowest, sequence)


def put_apart(
    connection: sqlite3.Connection, publisher: str, messages: Sequence[Message], reason: str, now: str
) -> None:
    """Take messages out of the outbox of a publisher, to where what was refused is kept."""
    for message in messages:
        there = (publisher, message.sequence)
        if connection.execute("DELETE FROM outbox WHERE publisher = ? AND sequence = ?", there).rowcount:
            row = (*there, message.topic, message.payload, reason, now)
            connection.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?)", row)


def put_back(connection: sqlite3.Connection, publisher: str) -> int:
    """Put all that was refused back into the outbox of a publisher, and return how many messages."""
    columns = "publisher, sequence, topic, payload"
    moved = connection.execute(
        f"INSERT INTO outbox SELECT {columns} FROM refused WHERE publisher = ?",  # noqa: S608
        (publisher,),
    ).rowcount
    connection.execute("DELETE FROM refused WHERE publisher = ?", (publisher,))
    return moved
