"""
Where a catalogue lies.

    FOLDER/
      database/wardrobe.db   and what SQLite puts beside it: -wal, -shm
      pictures/ab/ab12....jpg    as they came, named by their sha256
      thumbnails/ab/ab12....jpg  can be made again
      wardrobe.lock          held by the one process that writes; its number stands in it until it is done
      reserve                space.py

How its database is opened, or set aside when it is damaged: hemline/database/opening.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hemline.database.opening import Database
from hemline.errors import DataError, UsageError
from hemline.wardrobe import schema

VARIABLE = "HEMLINE_WARDROBE"


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
    def database(self) -> Database:
        """The database, its file in a folder of its own."""
        return Database(
            self.folder,
            "wardrobe.db",
            schema.SCHEMA,
            f"; the pictures are all still in {self.pictures}: enter them again "
            f"with: hemline wardrobe scan {self.pictures} --catalogue {self.folder}",
        )

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


def require_folder(folder: Path, *, create: bool) -> Layout:
    """Return the layout of a catalogue's folder; what is not one is refused with what to do."""
    layout = Layout(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file; a catalogue is a folder: give one, or a name that is not taken")
    if create:
        layout.database.make_folder()
    elif not layout.database.path.exists():
        raise DataError(f"no catalogue at {folder}; begin one with: hemline wardrobe scan SOURCE --catalogue {folder}")
    return layout
