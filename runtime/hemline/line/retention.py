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


def give_up(connection: sqlite3.Connection, wanted_bytes: int, strictness: int = STRICTEST) -> int:
    """Delete pictures of parts judged up to as strictly as this until so much is free, or all of them are gone.

    Returns the bytes that were freed. Inside a transaction.
    """
    freed = 0
    for rank in range(strictness + 1):
        while freed < wanted_bytes:
            rows = connection.execute(
                "SELECT sequence, bytes FROM picture WHERE strictness = ? ORDER BY sequence LIMIT ?", (rank, _ROWS)
            ).fetchall()
            going = []
            for sequence, size in rows:
                if freed >= wanted_bytes:
                    break
                going.append((sequence,))
                freed += size
            connection.executemany("DELETE FROM picture WHERE sequence = ?", going)
            if len(rows) < _ROWS:
                break
    return freed
