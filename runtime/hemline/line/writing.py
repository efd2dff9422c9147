"""
How a line's database is written: one connection, one transaction at a time, durable when it returns, or nothing.

On a full disk it goes on as long as something can be given up: the log is moved into the database, which makes its file
free to be written again; pictures go; then the reserve, which is larger than that log; then it is DiskFullError.
What SQLite frees it uses again itself, so nothing of this needs the disk to become less full.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from hemline import space
from hemline.errors import DataError, UsageError
from hemline.line import retention
from hemline.line.layout import Layout
from hemline.line.numbers import Numbers
from hemline.lock import WriterLock

T = TypeVar("T")

LOG_PAGES = 1000  # of 4 KiB: when the log has grown to this it is moved into the database
RESERVE_BYTES = 8 * 2**20  # the log, and a large picture
ROOMY = 4
AGAIN_S = 1.0  # between two looks whether a disk that was full has room for a reserve


@dataclass
class Transaction:
    """One change in the making.

    held_bytes: what all pictures take; kept right by who enters or deletes one.
    mildest: there is no room for pictures of parts that are judged less strictly than this.
    """

    connection: sqlite3.Connection
    numbers: Numbers
    held_bytes: int
    mildest: int

    def number(self) -> int:
        """Return the next sequence; call it when the row of the one before is in."""
        return self.numbers.take(self.connection)


class Writer:
    """The one connection that writes. Calls may come from several threads and take turns."""

    def __init__(self, layout: Layout, *, wait_s: float, say: Callable[[str], None]) -> None:
        self.layout = layout
        self.damage: str | None = None  # what was said when a damaged database was set aside
        self.full_since: float | None = None  # time.monotonic() of when there was no room; None when there is
        self.given_up_bytes = 0  # of pictures, since then
        self._mildest = 0  # what is milder than what was given up since then is not kept meanwhile
        self._say = say
        self.turn = threading.RLock()
        self._reserve = space.Reserve(layout.reserve, size_bytes=RESERVE_BYTES, roomy=ROOMY)
        self._held_bytes: int | None = None  # of pictures; None: to be counted
        self._looked = 0.0
        self._closed = False
        try:
            self._lock = WriterLock(layout.lock, wait_s)
        except OSError as error:
            raise DataError(f"{layout.lock}: cannot be written ({(error.strerror or str(error)).lower()})") from error
        try:
            self._connection = self._opened()
            self.numbers = Numbers(layout.sequence, self._connection)
            self._file = layout.database.path.stat().st_ino
        except BaseException as error:
            self._lock.release()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise layout.database.told(error) from error
            raise
        self._reserve.fill()

    def about(self, line: str | None) -> tuple[str, str]:
        """Return the line's name and what makes its ids its own; with a name, both are begun where there are none.

        Raises UsageError when the decisions of another line lie here.
        """

        def begin(transaction: Transaction) -> dict[str, str]:
            known = dict(transaction.connection.execute("SELECT key, value FROM about").fetchall())
            if not known and line is not None:
                known = {"line": line, "store": uuid.uuid4().hex[:8]}
                transaction.connection.executemany("INSERT INTO about VALUES (?, ?)", known.items())
            return known

        known = self.durable(begin)
        if line is not None and known["line"] != line:
            raise UsageError(
                f"{self.layout.folder}: here lie the decisions of line {known['line']!r}, not of {line!r}; "
                "give another folder, or that name"
            )
        return known.get("line", ""), known.get("store", "")

    def close(self) -> None:
        """Close the connection and let the next one write. A second time does nothing."""
        with self.turn:
            if not self._closed:
                self._closed = True
                self._connection.close()
                self._lock.release()

    def durable(self, work: Callable[[Transaction], T], *, wanted_bytes: int = 0, strictness: int = 0) -> T:
        """Do `work` in one transaction and return what it returns; it is on the disk then.

        wanted_bytes, strictness: of a picture in it, for which milder ones may be given up on a full disk.
        Raises DiskFullError when there is no room after all, DataError when the database cannot be written.
        """
        with self.turn:
            if self._closed:
                raise UsageError(f"{self.layout.folder}: closed; nothing is stored there any more")
            try:
                try:
                    return self._attempt(work)
                except (sqlite3.Error, OSError) as error:
                    if not self._is_full(error):
                        raise
                    return self._insist(work, wanted_bytes, strictness, error)
            except (sqlite3.Error, OSError) as error:
                raise self.layout.database.told(error) from error

    def soon(self, work: Callable[[Transaction], T]) -> T:
        """As durable(), but on the disk only with the next durable change: a power cut may take it back, a kill not."""
        with self.turn:
            self._synchronous("NORMAL")
            try:
                return self.durable(work)
            finally:
                self._synchronous("FULL")

    def tidy(self) -> None:
        """Move the log into the database now. Where no part is waited for, so that none waits for it."""
        with self.turn, suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def recovered(self) -> bool:
        """Say, once, that a disk that was full has room again: enough to fill the reserve."""
        with self.turn:
            now = time.monotonic()
            if self.full_since is None or now - self._looked < AGAIN_S:
                return False
            self._looked = now
            if not (self._reserve.roomy() and self._reserve.fill()):
                return False
            self.full_since, self.given_up_bytes, self._mildest = None, 0, 0
            return True

    def _synchronous(self, level: str) -> None:
        if not self._closed:
            self._connection.execute(f"PRAGMA synchronous = {level}")

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._open()
        except (sqlite3.Error, OSError) as error:
            if not (space.is_full(error) and self._reserve.give_up()):
                raise
            return self._open()

    def _open(self) -> sqlite3.Connection:
        def say(line: str) -> None:
            self.damage = line
            self._say(line)

        connection = self.layout.database.open_writer(say)
        # Debian's SQLite overwrites what is deleted with zeros: each picture that goes would be written once more
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        connection.execute("PRAGMA cache_size = -4000")  # KiB: it writes at the ends of its tables, and reads there
        return connection

    def _attempt(self, work: Callable[[Transaction], T], *, mildest: int = 0) -> T:
        connection = self._connection
        held_bytes, self._held_bytes = self._held_bytes, None
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._require_place()
            if held_bytes is None:
                held_bytes = retention.held_bytes(connection)
            transaction = Transaction(connection, self.numbers, held_bytes, max(mildest, self._mildest))
            value = work(transaction)
            connection.execute("COMMIT")
            self._held_bytes = transaction.held_bytes
            return value
        except BaseException:
            if connection.in_transaction:  # a full disk rolls back by itself
                connection.execute("ROLLBACK")
            raise

    def _require_place(self) -> None:
        """Refuse to write into a file that has lost its name: what was acknowledged would be gone with it."""
        path = self.layout.database.path
        try:
            there = path.stat().st_ino == self._file
        except FileNotFoundError:
            there = False
        if not there:
            raise DataError(f"{path}: moved or deleted while it was open; bring it back, or start the line again")

    def _insist(
        self, work: Callable[[Transaction], T], wanted_bytes: int, strictness: int, error: sqlite3.Error | OSError
    ) -> T:
        if self.full_since is None:
            self.full_since = time.monotonic()
        for last in (False, True):
            if last and not self._reserve.give_up():
                break
            try:
                self.tidy()
                return self._attempt(work, mildest=self._make_room(wanted_bytes, strictness))
            except (sqlite3.Error, OSError) as again:
                if not self._is_full(again):
                    raise
                error = again
        raise error

    def _make_room(self, wanted_bytes: int, strictness: int) -> int:
        """Give up pictures for a decision; return how strictly it has to be judged for its own to have room."""

        def free(transaction: Transaction) -> tuple[int, int, int]:
            connection, at_once = transaction.connection, retention.CHUNK_BYTES
            needed = 2 * wanted_bytes + 1  # pages are not filled to the last byte, and there is its row
            freed, given_up = retention.give_up(connection, needed, strictness=strictness, at_once_bytes=at_once)
            mildest = 0
            if freed < needed:  # what is stricter goes for the decision, not for its picture
                more, stricter = retention.give_up(connection, 1, at_once_bytes=at_once)
                freed, given_up, mildest = freed + more, max(given_up, stricter), retention.STRICTEST + 1
            transaction.held_bytes -= freed
            return freed, given_up, mildest

        freed, given_up, mildest = self._attempt(free)
        self.given_up_bytes += freed
        self._mildest = max(self._mildest, given_up)
        return mildest

    def _is_full(self, error: sqlite3.Error | OSError) -> bool:
        # a drive that fails is told in the same words, and there nothing is won by giving pictures up
        return space.is_full(error) and ("full" in str(error) or space.lacking(self.layout.folder))
