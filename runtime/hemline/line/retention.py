"""
Giving pictures up: the mildest first, of these the oldest. Never a decision, never a message that is not delivered.

A picture is never given up for a milder one: where there is no room left but by that, the new one is not kept.
"""

from __future__ import annotations

import sqlite3

from hemline.line.decision import VERDICTS

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
