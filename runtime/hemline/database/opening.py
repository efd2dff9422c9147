"""
Opening a database: whole, of a known version, of this program, or set aside. Nothing here writes over or deletes one.

    FOLDER/database/NAME.db   and what SQLite puts beside it: -wal, -shm

The database has a folder of its own so that a damaged one is set aside, with its -wal, by one rename: at no moment
is there half of one beside a new one.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hemline import space
from hemline.database.schema import Schema, columns, version
from hemline.errors import DataError
from hemline.storage import sync_folder

BUSY_S = 10.0  # how long a statement waits for another connection
_MAGIC = b"SQLite format 3\0"


def loudly(line: str) -> None:
    """Say on stderr what must not be missed."""
    print(f"hemline: {line}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Database:
    """One database in its owner's folder. consolation: what a person is told of one that was set aside, to its end."""

    folder: Path
    name: str
    schema: Schema
    consolation: str

    @property
    def path(self) -> Path:
        """The file; its folder holds nothing else."""
        return self.folder / "database" / self.name

    def set_aside(self) -> list[Path]:
        """Return the folders of damaged ones, oldest first."""
        return sorted(self.folder.glob("database.corrupt-*"))

    def make_folder(self) -> None:
        """Make the folders where they are missing; DataError when that cannot be done."""
        try:
            new = not self.folder.exists()
            # pictures of somebody's things: for that person alone
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.parent.mkdir(exist_ok=True, mode=0o700)
            for path in (self.folder.parent, self.folder) if new else ():
                sync_folder(path)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be made ({(error.strerror or str(error)).lower()})") from error

    def open_writer(self, say: Callable[[str], None]) -> sqlite3.Connection:
        """Return the connection that writes, its database whole and of this version. Hold the WriterLock (lock.py).

        say: is told when a damaged database was set aside and a new one begun.
        """
        damage = self.damaged()
        if damage is not None:
            say(self._set_aside(damage))
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise DataError(
                    f"{self.folder}: a drive on which SQLite cannot keep a log; "
                    f"put the {self.schema.what} on a local one"
                )
            # FULL: with NORMAL a power cut takes back what was acknowledged
            for setting in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON"):
                connection.execute(f"PRAGMA {setting}")
            connection.execute("PRAGMA cache_size = -16000")  # KiB
            if self.schema.migrate(connection) == 0:
                sync_folder(self.path.parent)
        except BaseException:
            connection.close()
            raise
        return connection

    def open_reader(self) -> sqlite3.Connection:
        """Return a connection that can only read; DataError when the database is damaged or newer."""
        try:
            self._start()
            connection = self._read_only()
            try:
                self.schema.require_readable(version(connection), str(self.folder))
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if isinstance(error, sqlite3.OperationalError):  # not permitted, locked: what is in it is not known
                raise DataError(f"{self.path}: cannot be opened ({error})") from error
            raise DataError(
                f"{self.folder}: the database cannot be read ({error}); "
                "a command that writes sets it aside and begins a new one"
            ) from error
        return connection

    def damaged(self) -> str | None:
        """Return what is wrong with the database; None when it is whole, or not there yet.

        Only reads. Raises DataError when it is of a newer version, of another program, or not to be opened.
        """
        start = self._start()
        if not start:
            return None  # not there, or killed while it was made
        if not start.startswith(_MAGIC):
            return "not an SQLite database"
        try:
            connection = self._read_only()
            try:
                return self._fault(connection)
            finally:
                connection.close()
        except UnicodeDecodeError:  # SQLite quotes the damage in its message
            return "its tables cannot be read"
        except sqlite3.OperationalError as error:
            if "decode" in str(error):
                return str(error)
            if space.is_full(error):  # no room for what SQLite puts beside it; who opens it can make some
                raise
            # not permitted, locked: nothing is known about what is in it
            raise DataError(f"{self.path}: cannot be opened ({error})") from error
        except sqlite3.DatabaseError as error:
            return str(error)

    def told(self, error: sqlite3.Error | OSError) -> Exception:
        """Return an error of SQLite or of the system as what a person is told; one that is a bug stays as it is."""
        if space.is_full(error):
            return space.refusal(error, self.folder)
        if isinstance(error, OSError):
            return DataError(f"{error.filename or self.folder}: {(error.strerror or str(error)).lower()}")
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            return error
        if isinstance(error, sqlite3.OperationalError) and "decode" not in str(error):
            return DataError(f"{self.path}: {error}; is it being copied, or kept on a network drive?")
        return DataError(f"{self.path}: damaged ({error}); close what uses it, the next one to write sets it aside")

    def _start(self) -> bytes:
        """Return the first bytes of the database, none when there is no database; DataError when it is newer.

        A newer one is told by its header where it can be: opening it would put files beside it.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            with self.path.open("rb") as stream:
                start = stream.read(100)
            logged = log.exists() and log.stat().st_size > 0
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise DataError(f"{self.path}: {(error.strerror or str(error)).lower()}") from error
        if start.startswith(_MAGIC) and len(start) == 100 and not logged:
            self.schema.require_readable(int.from_bytes(start[60:64], "big"), str(self.folder))
        return start or (b"a log without its database" if logged else b"")

    def _fault(self, connection: sqlite3.Connection) -> str | None:
        found = version(connection)
        self.schema.require_readable(found, str(self.folder))
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        tables = columns(connection)
        if tables and owner != self.schema.application_id:
            raise DataError(
                f"{self.path}: a database of another program; give another folder for the {self.schema.what}"
            )
        if tables != self.schema.expected(found):
            return f"its tables are not those of version {found}"
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return None if answer == "ok" else str(answer).splitlines()[-1]

    def _set_aside(self, damage: str) -> str:
        """Rename the database's folder and make an empty one; return the line that says so."""
        old = self.path.parent
        name = f"database.corrupt-{datetime.now():%Y%m%d-%H%M%S}"
        aside, number = self.folder / name, 1
        while aside.exists():
            number += 1
            aside = self.folder / f"{name}-{number}"
        old.rename(aside)
        old.mkdir(mode=0o700)
        sync_folder(self.folder)
        return (
            f"{self.path}: damaged ({damage}); it was set aside as {aside}, nothing in it was changed, "
            f"and a new, EMPTY {self.schema.what} was begun{self.consolation}"
        )

    def _read_only(self) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA cache_size = -16000")
        except BaseException:
            connection.close()
            raise
        return connection
