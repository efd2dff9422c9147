"""
Who else computes: the processor's time from /proc/stat less our own, what a host took, and which process it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from hemline.bench.machine import Machine, read

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Times:
    """Seconds of all cores since the machine was started. busy: everything but idle, waiting and stolen."""

    busy: float
    stolen: float
    cores: int


@dataclass(frozen=True)
class Process:
    """Seconds of processor time of a process; started tells it from a later one with the same number."""

    name: str
    seconds: float
    started: int


def times(machine: Machine) -> Times | None:
    """Return what /proc/stat says, None where it says nothing."""
    text = read(machine.proc / "stat")
    lines = [line.split() for line in (text or "").splitlines() if line.startswith("cpu")]
    if not lines or len(lines[0]) < 8:
        return None
    user, nice, system, _, _, interrupts, soft, *more = (int(value) * TICK_S for value in lines[0][1:])
    # time of guests is in user and nice already
    return Times(user + nice + system + interrupts + soft, more[0] if more else 0.0, max(1, len(lines) - 1))


def processes(machine: Machine) -> dict[int, Process]:
    """Return {number: process} of all that can be seen."""
    found = {}
    for folder in machine.proc.glob("[0-9]*"):
        text = read(folder / "stat")
        if text is None or not folder.name.isdigit():
            continue
        # the name is in brackets and may hold brackets and blanks
        head, _, rest = text.rpartition(")")
        fields = rest.split()
        if len(fields) < 20:
            continue
        seconds = (int(fields[11]) + int(fields[12])) * TICK_S
        found[int(folder.name)] = Process(head.partition("(")[2], seconds, int(fields[19]))
    return found


def busiest(
    before: dict[int, Process], after: dict[int, Process], ours: set[int], seconds: float
) -> tuple[str, int, float] | None:
    """Return (name, number, cores used) of the process that used most between two looks, None where none used any.

    One that was not there before counts with all its time, less none: it began in between.
    """
    used: list[tuple[float, int, str]] = []
    for pid, process in after.items():
        if pid in ours:
            continue
        earlier = before.get(pid)
        begun = earlier.seconds if earlier is not None and earlier.started == process.started else 0.0
        used.append((process.seconds - begun, pid, process.name))
    if not used or max(used)[0] <= 0:
        return None
    most, pid, name = max(used)
    return name, pid, most / max(seconds, 1e-9)
