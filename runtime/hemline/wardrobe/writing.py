"""
How a catalogue is written: one transaction a change, with its journal; picture files first, rows after.

Whatever goes wrong before the commit, a full disk included, leaves the catalogue as it was, and the picture files that
nobody names after all are taken away again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timezone
from typing import TypeVar

from hemline import space
from hemline.errors import DataError, UsageError
from hemline.lock import WriterLock
from hemline.wardrobe import storehouse, undo
from hemline.wardrobe.pictures import Pictures, Stored
from hemline.wardrobe.records import NewPicture, Step

T = TypeVar("T")
_GONE = "garment_id IN (SELECT id FROM garment WHERE status = 'removed')"


class Writer:
    """The one connection of a catalogue that writes. Calls may come from several threads and take turns."""

    def __init__(self, layout: storehouse.Layout, *, wait_s: float, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._turn = threading.RLock()
        self._reserve = space.Reserve(layout.reserve)
        self._pictures = Pictures(layout)
        self._closed = False
        self._fresh: set[str] = set()  # pictures that came with the change that is open
        try:
            self._lock = WriterLock(layout.lock, wait_s)
        except OSError as error:
            raise DataError(f"{layout.lock}: cannot be written ({(error.strerror or str(error)).lower()})") from error
        try:
            self._connection = self._opened(say)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise layout.database.told(error) from error
            raise
        self._reserve.fill()
        if self._lock.died:  # between a picture and its row, perhaps
            self.sweep()

    def _opened(self, say: Callable[[str], None]) -> sqlite3.Connection:
        try:
            return self._layout.database.open_writer(say)
        except (sqlite3.Error, OSError) as error:
            if not (space.is_full(error) and self._reserve.give_up()):
                raise
            return self._layout.database.open_writer(say)

    def close(self) -> None:
        """Close the connection and let the next one write."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            # closing moves the log into the database; on a full disk the log stays where it is, and is as safe
            self._connection.close()
            self._lock.release()

    def change(self, work: Callable[[undo.Change], T], *, frees: bool = False) -> T:
        """Do `work` as one undoable step and return what it returns; it is on the disk then.

        frees: it makes room, so on a full disk the reserve is given up for it.
        """

        def step(connection: sqlite3.Connection) -> tuple[T, set[str]]:
            change = undo.Change(connection, _now())
            value = work(change)
            change.finish()
            return value, change.doubtful

        return self._commit(step, frees=frees)

    def put(self, picture: NewPicture) -> Stored:
        """Make a picture's file durable, inside a change; it is taken away again when the change fails."""
        stored = self._pictures.put(picture.data, picture.source or "picture")
        if stored.new:
            self._fresh.add(stored.sha256)
        if picture.thumbnail is not None:
            self._pictures.put_thumbnail(stored.sha256, picture.thumbnail)
        return stored

    def swap(self, *, undone: bool) -> Step:
        """Undo the last step or, with `undone`, redo the one that was undone last; return it as it now stands."""

        def step(connection: sqlite3.Connection) -> tuple[Step, set[str]]:
            found = undo.last(connection, undone=undone)
            if found is None:
                word = "redo" if undone else "undo"
                raise UsageError(f"nothing to {word}; a catalogue remembers its last {undo.KEPT_STEPS} changes")
            undo.swap(connection, found)
            return Step(found.id, found.what, found.done_utc, not undone), set()

        return self._commit(step, frees=True)

    def purge(self) -> int:
        """Delete removed garments and their pictures for good, and return how many."""

        def step(connection: sqlite3.Connection) -> tuple[int, set[str]]:
            gone = [row[0] for row in connection.execute("SELECT id FROM garment WHERE status = 'removed'")]
            # an older step would need what a later one of these needs, and that is gone
            (newest,) = connection.execute(
                "SELECT max(step_id) FROM entry WHERE garment_id IN (SELECT id FROM garment WHERE status = 'removed')"
            ).fetchone()
            if not gone:
                return 0, set()
            # nor can anything be redone: what comes later builds on what came before
            doubtful = undo.forget(connection, "id <= ? OR undone = 1", newest or 0)
            for name in ("embedding", "features"):
                connection.execute(f"DELETE FROM {name} WHERE picture_id IN (SELECT id FROM picture WHERE {_GONE})")  # noqa: S608
            doubtful |= {row[0] for row in connection.execute(f"SELECT sha256 FROM picture WHERE {_GONE}")}  # noqa: S608
            for name in ("prediction", "picture", "colour", "correction", "wear"):
                connection.execute(f"DELETE FROM {name} WHERE {_GONE}")  # noqa: S608
            connection.execute(
                "UPDATE garment SET merged_into = NULL WHERE merged_into IN "
                "(SELECT id FROM garment WHERE status = 'removed')"
            )
            connection.execute("DELETE FROM garment WHERE status = 'removed'")
            undo.touch(connection, gone)
            return len(gone), doubtful

        return self._commit(step, frees=True)

    def sweep(self) -> int:
        """Delete picture files that no garment has, and return how many.

        None as long as a damaged database lies beside: they are all that is left of its garments.
        """
        with self._turn:
            if self._layout.database.set_aside():
                return 0
            rows = self._connection.execute("SELECT DISTINCT sha256 FROM picture")
            return self._pictures.sweep({row[0] for row in rows} | undo.remembered(self._connection))

    def _commit(self, step: Callable[[sqlite3.Connection], tuple[T, set[str]]], *, frees: bool) -> T:
        with self._turn:
            try:
                try:
                    return self._attempt(step)
                except (sqlite3.Error, OSError) as error:
                    if not (frees and space.is_full(error) and self._reserve.give_up()):
                        raise
                    return self._attempt(step)
            except (sqlite3.Error, OSError) as error:
                raise self._layout.database.told(error) from error
            finally:
                if frees:
                    self._reserve.fill()

    def _attempt(self, step: Callable[[sqlite3.Connection], tuple[T, set[str]]]) -> T:
        self._fresh = set()
        connection = self._connection
        doubtful: set[str] = set()
        try:
            connection.execute("BEGIN IMMEDIATE")
            value, doubtful = step(connection)
            connection.execute("COMMIT")
            return value
        except BaseException:
            if connection.in_transaction:  # a full disk rolls back by itself; an interrupt may come after the commit
                connection.execute("ROLLBACK")
            doubtful = self._fresh
            raise
        finally:
            self._discard(doubtful)

    def _discard(self, doubtful: Iterable[str]) -> None:
        """Delete the picture files of those that nobody names. Failing that they stay: sweep() finds them."""
        with suppress(sqlite3.Error, OSError):
            remembered: set[str] | None = None
            for sha256 in doubtful:
                if self._connection.execute("SELECT 1 FROM picture WHERE sha256 = ?", (sha256,)).fetchone() is None:
                    remembered = undo.remembered(self._connection) if remembered is None else remembered
                    if sha256 not in remembered:
                        self._pictures.discard(sha256)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
