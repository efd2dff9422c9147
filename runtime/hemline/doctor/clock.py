"""
The clock: a board without a battery begins in the past, where no certificate is valid and no time in a log is right.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from datetime import datetime, timezone

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.system import System

EARLIEST = datetime(2026, 1, 1, tzinfo=timezone.utc)  # no hemline is older
SYNCHRONISE = "sudo timedatectl set-ntp true"
_TIME_ERROR = 5  # adjtimex(2): not synchronised
_TIMEX_BYTES = 512  # more than struct timex has on any machine


def check(system: System) -> Iterator[Finding]:
    """Say whether the clock can be right, and whether somebody keeps it so."""
    now = _now(system)
    if now is not None and now < EARLIEST:
        yield problem(
            f"the clock says {now:%Y-%m-%d}: no https, and every time that is written down is wrong", SYNCHRONISE
        )
    elif _synchronised(system) is False:
        yield note(
            "the clock is not synchronised: times in a catalogue or a log may be wrong",
            f"{SYNCHRONISE} && timedatectl",
        )
    else:
        yield ok("not known" if now is None else f"{now:%Y-%m-%d %H:%M} UTC")


def _now(system: System) -> datetime | None:
    """Return the machine's own time: when it was started and how long it runs."""
    uptime = system.text("/proc/uptime").split()
    for line in system.text("/proc/stat").splitlines():
        if line.startswith("btime ") and uptime:
            return datetime.fromtimestamp(int(line.split()[1]) + float(uptime[0]), timezone.utc)
    return None


def _synchronised(system: System) -> bool | None:
    if system.at("/run/systemd/timesync/synchronized").exists():
        return True
    if system.here:
        adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
        # all zero: nothing is set, only asked
        answer = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) if adjtimex else -1
        return None if answer < 0 else answer != _TIME_ERROR
    return False if system.at("/run/systemd/timesync").is_dir() else None
