"""
Where a line's decisions lie.

    FOLDER/
      database/line.db   decisions, their pictures, events, the outbox; and what SQLite puts beside it: -wal, -shm
      line.lock          held by the one process that writes; its number stands in it until it is done
      reserve            hemline/space.py
      sequence           a number above all that were given, for the day on which the database is damaged (numbers.py)

How the database is opened, or set aside when it is damaged: hemline/database/opening.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hemline.database.opening import Database
from hemline.errors import DataError, UsageError
from hemline.line import schema


@dataclass(frozen=True)
class Layout:
    """The paths in the folder of a line's decisions."""

    folder: Path

    @property
    def database(self) -> Database:
        """The database, its file in a folder of its own."""
        return Database(self.folder, "line.db", schema.SCHEMA, "; numbers go on above those that were given")

    @property
    def lock(self) -> Path:
        """What the writer holds."""
        return self.folder / "line.lock"

    @property
    def reserve(self) -> Path:
        """What can be given up on a full disk."""
        return self.folder / "reserve"

    @property
    def sequence(self) -> Path:
        """A number above all that were given."""
        return self.folder / "sequence"


def require_folder(folder: Path, *, create: bool) -> Layout:
    """Return the layout of a folder of decisions; what is not one is refused with what to do."""
    layout = Layout(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file; decisions lie in a folder: give one, or a name that is not taken")
    if create:
        layout.database.make_folder()
    elif not layout.database.path.exists():
        raise DataError(f"no decisions at {folder}; a line that runs makes them: hemline line run SOURCE")
    return layout
