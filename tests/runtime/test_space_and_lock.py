"""The reserve of a full disk, and the right to write: neither knows what is written."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hemline import lock, space
from hemline.errors import DataError


def free(monkeypatch: pytest.MonkeyPatch, size_bytes: int) -> None:
    usage = shutil.disk_usage("/")._replace(free=size_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


def test_a_reserve_is_made_where_there_is_room_and_given_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = space.Reserve(tmp_path / "reserve", size_bytes=5000, roomy=3)
    free(monkeypatch, 14_999)
    assert not reserve.fill()
    assert not reserve.give_up()
    free(monkeypatch, 15_000)
    assert reserve.fill()
    assert (tmp_path / "reserve").stat().st_size == 5000
    assert reserve.give_up()
    assert not reserve.give_up()


def test_a_reserve_that_a_full_disk_cut_short_is_no_reserve(tmp_path: Path) -> None:
    (tmp_path / "reserve").write_bytes(bytes(10))
    assert space.Reserve(tmp_path / "reserve", size_bytes=5000).fill()
    assert (tmp_path / "reserve").stat().st_size == 5000


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "no space"), True),
        (OSError(errno.EDQUOT, "quota"), True),
        (OSError(errno.EIO, "broken"), False),
        (sqlite3.OperationalError("database or disk is full"), True),
        (sqlite3.OperationalError("disk I/O error"), True),
        (sqlite3.OperationalError("database is locked"), False),
        (sqlite3.IntegrityError("disk is full"), False),
    ],
)
def test_what_counts_as_full(error: Exception, full: bool) -> None:
    assert space.is_full(error) is full


def test_a_drive_that_fails_is_told_from_one_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not space.lacking(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for code, lacking in ((errno.ENOSPC, True), (errno.EIO, False)):

        def fail(handle: int, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fail)
        assert space.lacking(tmp_path) is lacking
    assert list(tmp_path.iterdir()) == []


def test_one_process_writes_at_a_time_and_the_next_one_knows_whether_it_died(tmp_path: Path) -> None:
    first = lock.WriterLock(tmp_path / "lock", 0.1)
    assert not first.died
    with pytest.raises(DataError, match=rf"{tmp_path}: process {os.getpid()} \(this one\) is writing here; end it or"):
        lock.WriterLock(tmp_path / "lock", 0.1)
    first.release()
    program = "import sys, os; from hemline.lock import WriterLock; WriterLock(sys.argv[1], 1); os._exit(9)"
    command: list[Any] = [sys.executable, "-c", program, tmp_path / "lock"]
    assert subprocess.run(command).returncode == 9
    second = lock.WriterLock(tmp_path / "lock", 0.1)
    assert second.died
    second.release()
