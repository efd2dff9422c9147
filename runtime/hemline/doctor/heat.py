"""
Heat and power: what makes a board slow down on its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from hemline import firmware
from hemline.doctor import device
from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.system import System

# of the firmware of a Raspberry Pi; the same 16 bits higher: since it was started
UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
SINCE = 16
BITS_LINK = "https://www.raspberrypi.com/documentation/computers/os.html#get_throttled"
FIRMWARE = "/sys/devices/platform/*/*firmware*/get_throttled"
# devices that cool by making the processor slower; fans and displays are others
SLOWING = ("cpufreq", "thermal-cpufreq", "processor", "cpu-idle", "thermal-idle")
SUPPLY = (
    "use the board's own power supply (5.1 V and 3 A, for a Raspberry Pi 5 5 A), and a hub with its own for devices"
)
COOLING = "give it air: a heat sink, a fan, an open case; then measure again"
ZONES = "/sys/class/thermal/thermal_zone*"
COOLERS = "/sys/class/thermal/cooling_device*"
NEAR_C = 5
PLAUSIBLE_C = (-40, 130)


def check_throttling(system: System) -> Iterator[Finding]:
    """Say whether the machine slows down, or has, and why."""
    bits = _bits(system)
    alarm = any(system.number(path / "in0_lcrit_alarm") == 1 for path in system.glob("/sys/class/hwmon/hwmon*"))
    found = []
    if bits & UNDER_VOLTAGE or alarm:
        found.append(
            problem(
                "too little voltage now: the clock is lowered, cards and sticks lose what is written", SUPPLY, BITS_LINK
            )
        )
    elif bits >> SINCE & UNDER_VOLTAGE:
        found.append(problem("too little voltage since it was started", SUPPLY, BITS_LINK))
    slow = CAPPED | THROTTLED | SOFT_LIMIT
    # a low voltage lowers the clock by itself: no need to tell of heat as well
    if bits & slow and not bits & UNDER_VOLTAGE:
        found.append(problem(f"throttled now ({_words(bits)})", COOLING, BITS_LINK))
    elif bits >> SINCE & slow and not bits >> SINCE & UNDER_VOLTAGE:
        found.append(note(f"throttled since it was started ({_words(bits >> SINCE)})", COOLING, BITS_LINK))
    kinds = {system.text(path / "type").strip() for path in system.glob(COOLERS) if system.number(path / "cur_state")}
    if slowing := sorted(kind for kind in kinds if kind.lower().startswith(SLOWING)):
        found.append(problem(f"the kernel cools by slowing down now ({', '.join(slowing)})", COOLING))
    times = sum(
        system.number(path) or 0
        for path in system.glob("/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")
    )
    if times:
        found.append(
            note(f"throttled {times} times for heat since it was started", "clean fan and heat sink, and give it air")
        )
    yield from found
    if not found:
        yield ok("not throttled")


def check_temperature(system: System) -> Iterator[Finding]:
    """Say whether a part is near the temperature at which it slows down."""
    degrees: list[tuple[float, str]] = []
    well = True
    for zone in system.glob(ZONES):
        value = system.number(zone / "temp")
        celsius = None if value is None else value / 1000
        if celsius is None or not PLAUSIBLE_C[0] < celsius < PLAUSIBLE_C[1]:
            continue  # a sensor that is asleep or not there; an unreadable one is no news
        name = system.text(zone / "type").strip() or zone.name
        degrees.append((celsius, name))
        limit = _limit(system, zone.name)
        if limit is not None and celsius > limit - NEAR_C:
            well = False
            yield problem(f"{name} has {celsius:.0f} °C and slows down at {limit:.0f}", COOLING)
    if well:
        yield ok(f"{max(degrees)[0]:.0f} °C at most ({max(degrees)[1]})" if degrees else "no sensor that can be read")


def _limit(system: System, zone: str) -> float | None:
    profile = device.fitting(system)
    # where a Raspberry Pi slows down its trip points do not say
    limits = [profile.heat.limit_c] if profile and profile.heat.limit_c is not None else []
    for point in system.glob(f"/sys/class/thermal/{zone}/trip_point_*_type"):
        celsius = system.number(point.with_name(point.name.replace("_type", "_temp")))
        if system.text(point).strip() in ("passive", "hot", "critical") and celsius and celsius > 0:
            limits.append(celsius / 1000)
    return min(limits, default=None)


def _bits(system: System) -> int:
    program = shutil.which("vcgencmd", path=system.environment.get("PATH")) if system.here else None
    return firmware.throttled((system.text(path) for path in system.glob(FIRMWARE)), program) or 0


def _words(bits: int) -> str:
    names = {CAPPED: "clock capped", THROTTLED: "throttled", SOFT_LIMIT: "soft temperature limit"}
    return ", ".join(name for bit, name in names.items() if bits & bit)
