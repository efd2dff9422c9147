"""
One writer at a time in a directory. A killed process leaves no lock behind.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemline.errors import UsageError

LOCK = ".lock"


@contextmanager
def locked(root: Path, doing: str) -> Iterator[None]:
    """Keep other processes out of a directory meanwhile. doing: what the other one is doing, for the error."""
    with (root / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{root}: another process is {doing} it; wait or stop that one") from None
        yield
