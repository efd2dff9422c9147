"""
A full disk. Beside a database lies a file that holds nothing, the reserve: deleting from a database needs room to
write in first, so on a full disk this file goes, and what was to be removed can be removed.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

from hemline.errors import DataError

RESERVE_BYTES = 2**20
# the reserve is made again where this many times its size is free: not out of the last room that there is
ROOMY = 8
PROBE_BYTES = 2**16

# EFBIG: the limit of the process or of the file system; EDQUOT: of the user
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFullError(DataError):
    """What was to be saved could not be: no room. What was acknowledged before is safe, and reading goes on."""


def is_full(error: BaseException) -> bool:
    """Say whether an error of SQLite or of the system means that there is no room."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    # by its text: Python 3.10 knows no error codes. A write that the system cut short is told as an I/O error.
    return isinstance(error, sqlite3.OperationalError) and (
        "disk is full" in str(error) or "disk I/O error" in str(error)
    )


def lacking(folder: Path) -> bool:
    """Try whether a small file can still be written, and say whether it cannot for lack of room.

    A drive that is dying tells SQLite's "disk I/O error" too, and there nothing is won by giving things up.
    """
    probe = folder / ".probe"
    try:
        with probe.open("wb") as stream:
            stream.write(os.urandom(PROBE_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        return False
    except OSError as error:
        return is_full(error)
    finally:
        with suppress(OSError):
            probe.unlink()


def refusal(error: BaseException, folder: Path) -> DiskFullError:
    """Return what a person is told when there was no room for what was to be saved."""
    what = "the disk does not take what is written (disk I/O error)" if "I/O" in str(error) else "disk full"
    free = shutil.disk_usage(folder).free / 1e6
    return DiskFullError(
        f"cannot save: {what}; {folder} has {free:,.1f} MB free: make room and do it again; "
        "what was saved before is safe"
    )


class Reserve:
    """The file that can be given up. roomy: it is made where this many times its size is free."""

    def __init__(self, path: Path, *, size_bytes: int = RESERVE_BYTES, roomy: int = ROOMY) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._roomy = roomy

    def roomy(self) -> bool:
        """Say whether there is more room than to be careful with; a reserve that is there counts as room."""
        try:
            there = self._path.stat().st_size if self._path.exists() else 0
            return shutil.disk_usage(self._path.parent).free + there >= self._roomy * self._size_bytes
        except OSError:
            return False

    def fill(self) -> bool:
        """Make the file where there is none and room for it, and say whether it is there."""
        with suppress(OSError):
            if self._path.exists() and self._path.stat().st_size >= self._size_bytes:
                return True
            if not self.roomy():
                return False
            try:
                with self._path.open("wb") as stream:
                    # not zeros: a file system that compresses would keep no room for them
                    stream.write(os.urandom(self._size_bytes))
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError:
                self._path.unlink(missing_ok=True)
                return False
            return True
        return False

    def give_up(self) -> bool:
        """Delete the file and say whether that made room."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
