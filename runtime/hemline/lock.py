"""
The right to write to a database: one process, one connection at a time.

SQLite 3.7.0 to 3.51.2 can lose what two connections wrote when both reset the log at once
(https://sqlite.org/wal.html, "the WAL-reset bug"), and nobody wants two that write to take turns.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from hemline.errors import DataError

WAIT_S = 5.0  # for another process to finish writing


class WriterLock:
    """The right to write in a folder, for one that has it open in one process. died: the last holder never let go.

    A process that is forked while it is held has it too, until both end: start other processes afresh.
    """

    def __init__(self, path: Path, wait_s: float) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(path, wait_s)
            self.died = os.pread(self._handle, 32, 0).strip() != b""
            os.ftruncate(self._handle, 0)
            with suppress(OSError):  # a full disk: it is held all the same, only by whom is not known
                os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(self._handle)
            raise

    def _take(self, path: Path, wait_s: float) -> None:
        end = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= end:
                    holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip() or "unknown"
                    mine = " (this one)" if holder == str(os.getpid()) else ""
                    raise DataError(
                        f"{path.parent}: process {holder}{mine} is writing here; "
                        "end it or wait until it is done, reading works meanwhile"
                    ) from None
            time.sleep(0.05)

    def release(self) -> None:
        """Let the next one write."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)
