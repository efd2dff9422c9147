"""
What a run takes from the socket, where a counter can be read: RAPL of a processor, or an INA sensor on a board.

Both count everything that they supply, the idle part and whoever else computes included: energy an inference is that of
the whole, divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hemline.bench.machine import Machine, number, read

SENSORS = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina233", "ina237", "ina238", "ina260", "ina3221")


@dataclass(frozen=True)
class Meter:
    """Where energy is counted, or power is told. paths: one for each package or channel. wraps: of counters, in uJ.

    kind: "rapl", "ina", or "" where nothing can be read, and then why.
    """

    kind: str
    paths: tuple[Path, ...] = ()
    wraps: tuple[int, ...] = ()
    why: str = ""

    @classmethod
    def of(cls, machine: Machine) -> Meter:
        """Return the meter of this machine."""
        found, denied = [], False
        # packages only: what stands below one is part of it
        for folder in sorted(machine.sys.glob("class/powercap/intel-rapl:*")):
            if folder.name.count(":") != 1 or not (read(folder / "name") or "").startswith("package"):
                continue
            if number(folder / "energy_uj") is not None:
                found.append((folder / "energy_uj", number(folder / "max_energy_range_uj") or 0))
            elif (folder / "energy_uj").exists():
                denied = True
        if found:
            paths, wraps = zip(*found, strict=True)
            return cls("rapl", paths, wraps)
        powers = [
            path
            for folder in sorted(machine.sys.glob("class/hwmon/hwmon*"))
            if (read(folder / "name") or "") in SENSORS
            for path in sorted(folder.glob("power*_input"))
            if number(path) is not None
        ]
        if powers:
            return cls("ina", tuple(powers))
        if denied:
            return cls("", why="only root may read this processor's energy counter (RAPL)")
        return cls("", why="no energy counter here (RAPL or INA)")

    def reading(self) -> tuple[int | None, ...]:
        """Return microjoules counted (rapl) or microwatts now (ina), one for each path; None where it is not told."""
        return tuple(number(path) for path in self.paths)

    def joules(self, before: tuple[int | None, ...], after: tuple[int | None, ...]) -> float | None:
        """Return what was taken between two readings of a counter; None without one. It wraps about once an hour."""
        steps = []
        for first, last, wrap in zip(before, after, self.wraps, strict=False):
            if first is None or last is None:
                return None
            steps.append(last - first if last >= first else last - first + wrap)
        return sum(steps) / 1e6 if steps else None
