"""
How hot, how fast, and held back by whom: temperature, clock, and the throttling that firmware and kernel own up to.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from hemline import firmware
from hemline.bench.machine import Machine, number, read

# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled; 16 places higher: since it was started
FIRMWARE_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
FIRMWARE = ("devices/platform/soc/soc:firmware/get_throttled", "devices/platform/*/*firmware*/get_throttled")
# names of cooling devices that make the processor slower; fans and displays are others
SLOWING = ("cpufreq", "processor", "cpu-idle", "intel_powerclamp", "thermal-cpufreq", "thermal-idle")


@dataclass(frozen=True)
class Heat:
    """One look. temperature_c: of the hottest zone, and its name. mhz: mean of the cores. Each None where unknown.

    now: what holds the processor back at this moment, for a person. counters: {what: how often, or for how long} since
    the machine was started; what grows between two looks has happened between them.
    """

    temperature_c: float | None
    zone: str | None
    mhz: float | None
    now: tuple[str, ...]
    counters: dict[str, int]


def look(machine: Machine) -> Heat:
    """Return how it is now."""
    zones = [
        (value / 1000, read(folder / "type") or folder.name)
        for folder in sorted(machine.sys.glob("class/thermal/thermal_zone*"))
        if (value := number(folder / "temp")) is not None and -40_000 < value < 200_000
    ]
    hottest = max(zones, default=None)
    bits, firmware = firmware_bits(machine), {}
    now = []
    if bits is not None:
        now += [f"firmware: {name}" for bit, name in FIRMWARE_BITS.items() if bits >> bit & 1]
        firmware = {f"firmware: {name}": bits >> (16 + bit) & 1 for bit, name in FIRMWARE_BITS.items()}
    for folder in sorted(machine.sys.glob("class/thermal/cooling_device*")):
        kind = read(folder / "type") or ""
        if kind.lower().startswith(SLOWING) and (number(folder / "cur_state") or 0) > 0:
            now.append(f"kernel: cooling by {kind}")
    return Heat(
        hottest[0] if hottest else None,
        hottest[1] if hottest else None,
        clock(machine),
        tuple(dict.fromkeys(now)),
        {**firmware, **_counters(machine)},
    )


def happened(before: Heat, after: Heat) -> list[str]:
    """Return what held the processor back at either look or between the two."""
    grown = [what for what, count in after.counters.items() if count > before.counters.get(what, 0)]
    return list(dict.fromkeys([*before.now, *after.now, *grown]))


def earlier(first: Heat) -> list[str]:
    """Return what the firmware remembers from before the first look: no fault of a run, but worth knowing."""
    return [what for what, count in first.counters.items() if what.startswith("firmware") and count]


def firmware_bits(machine: Machine) -> int | None:
    """Return the bits of a Raspberry Pi's firmware, from its file or else from vcgencmd; None on other machines."""
    paths = (path for pattern in FIRMWARE for path in sorted(machine.sys.glob(pattern)))
    return firmware.throttled((read(path) or "" for path in paths), shutil.which("vcgencmd") if machine.real else None)


def clock(machine: Machine) -> float | None:
    """Return the mean clock of the cores in MHz."""
    paths = machine.sys.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    found = [value / 1000 for path in paths if (value := number(path))]
    if not found:
        lines = (read(machine.proc / "cpuinfo") or "").splitlines()
        found = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return sum(found) / len(found) if found else None


def _counters(machine: Machine) -> dict[str, int]:
    counts: dict[str, int] = {}
    for folder in machine.sys.glob("devices/system/cpu/cpu[0-9]*/thermal_throttle"):
        for part in ("core", "package"):
            count = number(folder / f"{part}_throttle_count") or 0
            # every core tells of the package: the greatest of them, not the sum
            what = f"processor: {part} too hot"
            counts[what] = max(counts.get(what, 0), count) if part == "package" else counts.get(what, 0) + count
    quota = _quota(machine)
    return counts if quota is None else {**counts, "container: its share of the processor was used up": quota}


def _quota(machine: Machine) -> int | None:
    """Return the microseconds that this process's control group was held back, None without such a limit."""
    lines = (read(machine.proc / "self" / "cgroup") or "").splitlines()
    place = next((line[3:] for line in lines if line.startswith("0::")), None)
    if place is None:
        return None
    path: Path = machine.sys / "fs/cgroup" / place.lstrip("/") / "cpu.stat"
    pairs = dict(line.split() for line in (read(path) or "").splitlines() if len(line.split()) == 2)
    return int(pairs["throttled_usec"]) if "throttled_usec" in pairs else None
