"""
Where a catalogue lies, who may write to it, and opening its database: whole, of a known version, or set aside.

    FOLDER/
      database/wardrobe.db   and what SQLite puts beside it: -wal, -shm
      pictures/ab/ab12....jpg    as they came, named by their sha256
      thumbnails/ab/ab12....jpg  can be made again
      wardrobe.lock          held by the one process that writes; its number stands in it until it is done
      reserve                space.py

The database has a folder of its own so that a damaged one is set aside, with its -wal, by one rename: at no moment
is there half of one beside a new one. Nothing here ever writes over or deletes a database.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hemline.errors import DataError, UsageError
from hemline.wardrobe import schema

VARIABLE = "HEMLINE_WARDROBE"
BUSY_S = 10.0  # how long a statement waits for another connection
_MAGIC = b"SQLite format 3\0"


def loudly(line: str) -> None:
    """Say on stderr what must not be missed."""
    print(f"hemline: {line}", file=sys.stderr, flush=True)


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the catalogue lies when nobody says: HEMLINE_WARDROBE, else with the user's data."""
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "hemline" / "wardrobe"


@dataclass(frozen=True)
class Layout:
    """The paths in a catalogue's folder."""

    folder: Path

    @property
    def database(self) -> Path:
        """The database; its folder holds nothing else."""
        return self.folder / "database" / "wardrobe.db"

    @property
    def pictures(self) -> Path:
        """The pictures as they came."""
        return self.folder / "pictures"

    @property
    def thumbnails(self) -> Path:
        """Small ones of the same names."""
        return self.folder / "thumbnails"

    @property
    def lock(self) -> Path:
        """What the writer holds."""
        return self.folder / "wardrobe.lock"

    @property
    def reserve(self) -> Path:
        """What can be given up on a full disk."""
        return self.folder / "reserve"

    def set_aside(self) -> list[Path]:
        """Return the folders of damaged databases, oldest first."""
        return sorted(self.folder.glob("database.corrupt-*"))


def require_folder(folder: Path, *, create: bool) -> Layout:
    """Return the layout of a catalogue's folder; what is not one is refused with what to do."""
    layout = Layout(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file; a catalogue is a folder: give one, or a name that is not taken")
    if not create and not layout.database.exists():
        raise DataError(f"no catalogue at {folder}; begin one with: hemline wardrobe scan SOURCE --catalogue {folder}")
    if create:
        try:
            new = not folder.exists()
            # pictures of somebody's clothes: for that person alone
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            layout.database.parent.mkdir(exist_ok=True, mode=0o700)
            for path in (folder.parent, folder) if new else ():
                sync_folder(path)
        except OSError as error:
            raise DataError(f"{folder}: cannot be made ({(error.strerror or str(error)).lower()})") from error
    return layout


def open_writer(layout: Layout, say: Callable[[str], None]) -> sqlite3.Connection:
    """Return the connection that writes, its database whole and of this version. Hold the WriterLock (lock.py).

    say: is told when a damaged database was set aside and a new one begun.
    """
    damage = damaged(layout)
    if damage is not None:
        say(_set_aside(layout, damage))
    connection = sqlite3.connect(layout.database, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DataError(
                f"{layout.folder}: a drive on which SQLite cannot keep a log; put the catalogue on a local one"
            )
        # FULL: with NORMAL a power cut takes back what was acknowledged
        for setting in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("PRAGMA cache_size = -16000")  # KiB
        if schema.migrate(connection) == 0:
            sync_folder(layout.database.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(layout: Layout) -> sqlite3.Connection:
    """Return a connection that can only read; DataError when the database is damaged or newer."""
    try:
        _start(layout)
        connection = _read_only(layout.database)
        try:
            schema.require_readable(schema.version(connection), str(layout.folder))
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if isinstance(error, sqlite3.OperationalError):  # not permitted, locked: nothing is known about what is in it
            raise DataError(f"{layout.database}: cannot be opened ({error})") from error
        raise DataError(
            f"{layout.folder}: the database cannot be read ({error}); "
            "a command that writes sets it aside and begins a new one"
        ) from error
    return connection


def damaged(layout: Layout) -> str | None:
    """Return what is wrong with the database; None when it is whole, or not there yet.

    Only reads. Raises DataError when it is of a newer version, of another program, or not to be opened.
    """
    start = _start(layout)
    if not start:
        return None  # not there, or killed while it was made
    if not start.startswith(_MAGIC):
        return "not an SQLite database"
    try:
        connection = _read_only(layout.database)
        try:
            return _fault(connection, layout)
        finally:
            connection.close()
    except UnicodeDecodeError:  # SQLite quotes the damage in its message
        return "its tables cannot be read"
    except sqlite3.OperationalError as error:
        if "decode" in str(error):
            return str(error)
        # not permitted, locked: nothing is known about what is in it
        raise DataError(f"{layout.database}: cannot be opened ({error})") from error
    except sqlite3.DatabaseError as error:
        return str(error)


def _start(layout: Layout) -> bytes:
    """Return the first bytes of the database, none when there is no database; DataError when it is newer.

    A newer one is told by its header where it can be: opening it would put files beside it.
    """
    path = layout.database
    log = path.with_name(f"{path.name}-wal")
    try:
        with path.open("rb") as stream:
            start = stream.read(100)
        logged = log.exists() and log.stat().st_size > 0
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if start.startswith(_MAGIC) and len(start) == 100 and not logged:
        schema.require_readable(int.from_bytes(start[60:64], "big"), str(layout.folder))
    return start or (b"a log without its database" if logged else b"")


def _fault(connection: sqlite3.Connection, layout: Layout) -> str | None:
    found = schema.version(connection)
    schema.require_readable(found, str(layout.folder))
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    tables = schema.columns(connection)
    if tables and owner != schema.APPLICATION_ID:
        raise DataError(f"{layout.database}: a database of another program; give another folder for the catalogue")
    if tables != schema.expected(found):
        return f"its tables are not those of version {found}"
    (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if answer == "ok" else str(answer).splitlines()[-1]


def _set_aside(layout: Layout, damage: str) -> str:
    """Rename the database's folder and make an empty one; return the lines that say so."""
    old = layout.database.parent
    name = f"database.corrupt-{datetime.now():%Y%m%d-%H%M%S}"
    aside, number = layout.folder / name, 1
    while aside.exists():
        number += 1
        aside = layout.folder / f"{name}-{number}"
    old.rename(aside)
    old.mkdir(mode=0o700)
    sync_folder(layout.folder)
    return (
        f"{layout.database}: damaged ({damage}); it was set aside as {aside}, nothing in it was changed, "
        f"and a new, EMPTY catalogue was begun; the pictures are all still in {layout.pictures}: enter them again "
        f"with: hemline wardrobe scan {layout.pictures} --catalogue {layout.folder}"
    )


def _read_only(path: Path) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA cache_size = -16000")
    except BaseException:
        connection.close()
        raise
    return connection


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
