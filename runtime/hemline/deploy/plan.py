"""
What would be written, beside what is there: the difference, then the writing.

Law: what was written is not written again, and a configuration that somebody went on with is kept unless it was asked
for. A file is the old one or the new one, whenever the machine is switched off.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hemline import storage
from hemline.deploy import places
from hemline.errors import DataError, UsageError

SECRET_FOLDER_MODE = 0o750


@dataclass(frozen=True)
class File:
    """A file as it would be. path: on the machine, whatever root it lies below."""

    path: Path
    text: str


@dataclass(frozen=True)
class Change:
    """A file beside what is there. before: None where nothing is; after: None where nothing is to be."""

    path: Path
    before: str | None
    after: str | None

    @property
    def needed(self) -> bool:
        """Whether something has to be done."""
        return self.before != self.after

    def difference(self) -> Iterator[str]:
        """Yield the lines of a unified difference."""
        before, after = ((text or "").splitlines() for text in (self.before, self.after))
        old, new = (os.devnull if text is None else str(self.path) for text in (self.before, self.after))
        yield from difflib.unified_diff(before, after, old, new, lineterm="")


def read(path: Path) -> str:
    """Return the text of a file that a person names."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: cannot be read ({(why or str(error)).lower()})") from None


def found(path: Path, root: Path) -> str | None:
    """Return what a file of the machine below a root holds, None where there is none.

    Raises UsageError for a link: what it leads to is not hemline's, and a link to /dev/null is a unit that was masked.
    """
    there = places.below(root, path)
    try:
        if there.is_symlink():
            masked = os.fspath(there.readlink()) == os.devnull
            advice = f"sudo systemctl unmask {path.name}" if masked else "remove it, or write there by hand"
            raise UsageError(f"{there}: a link to {there.readlink()}; {advice}")
        return there.read_text(encoding="utf-8") if there.exists() else None
    except PermissionError:
        raise UsageError(f"{there}: cannot be read (permission denied); start the same with sudo") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{there}: cannot be read ({error})") from None


def changes(files: Iterable[File], root: Path) -> list[Change]:
    """Return each file beside what is there."""
    return [Change(file.path, found(file.path, root), file.text) for file in files]


def require_permission(planned: Iterable[Change], root: Path) -> None:
    """Raise UsageError, before anything is asked, where one of the changes would not be permitted."""
    for change in planned:
        there = places.below(root, change.path)
        folder = next(parent for parent in there.parents if parent.exists())
        if change.needed and not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{there}: {folder} cannot be written to; start the same with sudo")


def apply(planned: Iterable[Change], root: Path) -> None:
    """Write and take away what the changes say."""
    for change in planned:
        there = places.below(root, change.path)
        try:
            if change.after is None:
                there.unlink(missing_ok=True)
                storage.sync_folder(there.parent)
            elif change.needed:
                if there.parent.name == places.CONFIGURATIONS.name and not there.parent.exists():
                    there.parent.mkdir(SECRET_FOLDER_MODE, parents=True)  # until systemd-tmpfiles gives it its group
                storage.write_file(there, change.after.encode())
        except OSError as error:
            raise UsageError(f"{there}: cannot be written ({(error.strerror or str(error)).lower()})") from error


def others(service_unit: str, root: Path) -> list[str]:
    """Return the units of other services of hemline that are there."""
    folder = places.below(root, places.UNITS)
    return sorted(path.name for path in folder.glob("hemline-*@*.service") if path.name != service_unit)


def enabled(unit: str, root: Path) -> Path | None:
    """Return the link by which a unit is started with the machine, None where there is none."""
    folders = sorted(places.below(root, places.UNITS).glob("*.wants"))
    # of another root the link leads nowhere here
    return next((folder / unit for folder in folders if (folder / unit).is_symlink()), None)
