"""
A line's decisions, open to read, while the line that writes them runs or not. It waits for nobody and holds nobody up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from hemline import lock
from hemline.database.opening import loudly
from hemline.database.reading import Readers
from hemline.database.schema import version
from hemline.line import reading
from hemline.line.layout import Layout, require_folder
from hemline.line.messages import Sender
from hemline.line.records import Event, Message, Refused, StoredDecision, Waiting
from hemline.line.writing import Writer

T = TypeVar("T", bound="LineReader")


class LineReader:
    """Decisions that are open to read; a context manager. Calls may come from several threads, not after a fork."""

    def __init__(self, layout: Layout) -> None:
        self.folder = layout.folder
        self._readers = Readers(layout.database)

    @classmethod
    def open(cls, folder: Path | str) -> LineReader:
        """Return the decisions in a folder; DataError when there are none."""
        layout = require_folder(Path(folder), create=False)
        connection = layout.database.open_reader()
        if version(connection) < layout.database.schema.version:
            connection.close()
            Writer(layout, wait_s=lock.WAIT_S, say=loudly).close()  # brings it to this version
            connection = layout.database.open_reader()
        reader = LineReader(layout)
        reader._readers.add(connection)
        return reader

    def close(self) -> None:
        """Close every connection. A second time does nothing."""
        self._readers.close()

    def __enter__(self: T) -> T:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def lend(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection that can only read, to the modules of this room that ask for more than is here."""
        return self._readers.lend()

    def whose(self) -> Sender:
        """Return the line's name, and what makes the ids of its messages its own."""
        with self._readers.lend() as connection:
            return reading.sender(connection)

    def decisions(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        verdict: str | None = None,
        after_sequence: int = 0,
        limit: int | None = None,
        newest: bool = False,
        embeddings: bool = False,
    ) -> list[StoredDecision]:
        """Return decisions in the order of their sequence.

        since, until: of that time and later, of earlier than that; with a time zone. verdict: only these.
        after_sequence: of higher numbers than this; give the last one to go on from there.
        limit: at most so many; the first of them, with `newest` the last. embeddings: read these too.
        """
        with self._readers.lend() as connection:
            return reading.decisions(
                connection,
                since=since,
                until=until,
                verdict=verdict,
                after_sequence=after_sequence,
                limit=limit,
                newest=newest,
                embeddings=embeddings,
            )

    def decision(self, sequence: int) -> StoredDecision:
        """Return one decision, with its embedding; UsageError when no decision has this number."""
        with self._readers.lend() as connection:
            return reading.decision(connection, sequence)

    def picture(self, sequence: int) -> bytes | None:
        """Return the picture of a decision; None when it was not kept, or was given up since."""
        with self._readers.lend() as connection:
            return reading.picture(connection, sequence)

    def events(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Sequence[str] = (),
        after_sequence: int = 0,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Event]:
        """Return events in the order of their sequence, chosen as decisions() are. kinds: only these; none is all."""
        with self._readers.lend() as connection:
            return reading.events(
                connection,
                since=since,
                until=until,
                kinds=kinds,
                after_sequence=after_sequence,
                limit=limit,
                newest=newest,
            )

    def counts(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> dict[tuple[str, str | None], int]:
        """Return {(verdict, label): how many decisions}, of that time and later, of earlier than that."""
        with self._readers.lend() as connection:
            return reading.counts(connection, since, until)

    def last_decided(self, parts: Collection[str]) -> dict[str, int]:
        """Return {part: when it was decided last, in microseconds since 1970}, of these that ever were; reads all."""
        with self._readers.lend() as connection:
            return reading.last_decided(connection, parts)

    def pending(self, publisher: str, limit: int = 100) -> list[Message]:
        """Return what a publisher has to deliver next, in the order in which it happened."""
        with self._readers.lend() as connection:
            return reading.pending(connection, publisher, limit)

    def refused(self, publisher: str) -> list[Refused]:
        """Return what receivers of a publisher will never take, in order."""
        with self._readers.lend() as connection:
            return reading.refused(connection, publisher)

    def waiting(self) -> dict[str, Waiting]:
        """Return {publisher: what it has still to deliver}, of those that have something, or were refused something."""
        with self._readers.lend() as connection:
            return reading.waiting(connection)
