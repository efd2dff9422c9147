"""
The numbers of a line: they only rise, and none is given twice, not even after the database was damaged.

Numbers are taken from the database, one above the highest. A file beside it holds a number that is above all that were
given: raised by steps, before the first of a step is given, and read only where a database does not reach it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from hemline.storage import write_file

STEP = 10_000
_64 = 2**64 - 1


class Numbers:
    """The next number, and the file that survives the database."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._mark = _read(path)
        highest = last(connection)
        # the file is never further ahead than a step, unless the numbers were given from a database that is gone
        self._floor = self._mark if highest == 0 or self._mark - highest > STEP else 0

    def next(self, connection: sqlite3.Connection) -> int:
        """Return the number that is next."""
        return max(last(connection), self._floor) + 1

    def take(self, connection: sqlite3.Connection) -> int:
        """Return the next number, inside the transaction that uses it."""
        number = self.next(connection)
        if number > self._mark:
            with suppress(OSError):  # a full disk: only a damage that comes on top would need the file
                write_file(self._path, f"{number + STEP - 1}\n".encode())
                self._mark = number + STEP - 1
        return number


def last(connection: sqlite3.Connection) -> int:
    """Return the highest number that a decision or an event has; 0 for none."""
    row = connection.execute(
        "SELECT max((SELECT coalesce(max(sequence), 0) FROM decision), (SELECT coalesce(max(sequence), 0) FROM event))"
    ).fetchone()
    return int(row[0])


def mixed(number: int) -> int:
    """Return a number whose bits look random, always the same for the same (splitmix64's finalizer)."""
    number = (number + 0x9E37_79B9_7F4A_7C15) & _64
    number = ((number ^ number >> 30) * 0xBF58_476D_1CE4_E5B9) & _64
    number = ((number ^ number >> 27) * 0x94D0_49BB_1331_11EB) & _64
    return number ^ number >> 31


def _read(path: Path) -> int:
    try:
        return max(0, int(path.read_text()))
    except (OSError, ValueError):
        return 0
