"""
Connections that read, one for each thread that asks at the same time.

Reading waits for nobody and holds nobody up; what it gives is of one moment, the last commit before it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hemline.database.opening import Database
from hemline.errors import UsageError


class Readers:
    """The connections of one database that read; opened when they are needed, and kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: list[sqlite3.Connection] = []  # connections that nobody uses just now
        self._turn = threading.Lock()
        self._closed = False

    def add(self, connection: sqlite3.Connection) -> None:
        """Keep a connection that is open already."""
        with self._turn:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that no other thread uses meanwhile; errors of SQLite are told as a person is told them."""
        with self._turn:
            if self._closed:
                raise UsageError(f"{self._database.folder}: this {self._database.schema.what} is closed")
            connection = self._idle.pop() if self._idle else self._database.open_reader()
        try:
            yield connection
        except (sqlite3.Error, OSError) as error:
            raise self._database.told(error) from error
        finally:
            self.add(connection)

    def close(self) -> None:
        """Close every connection, one that is lent when it comes back. A second time does nothing."""
        with self._turn:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
