"""
What is wrong with a machine, and the line that mends it. A check is a function in a file beside this one and a line in
CHECKS; it is given a System, from which it takes all that it knows.

Nothing here loads numpy, OpenCV or an engine: they may be what is broken. They are tried in child processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from hemline.doctor import (
    cameras,
    clock,
    container,
    coral,
    database,
    device,
    disk,
    engines,
    heat,
    libraries,
    memory,
    packages,
    processor,
    surroundings,
    wheels,
)
from hemline.doctor.finding import STATES, Finding
from hemline.doctor.system import System
from hemline.errors import UsageError, unknown


@dataclass(frozen=True)
class Check:
    """What is asked of a machine. trials: the child processes that it waits for, begun before any check."""

    run: Callable[[System], Iterator[Finding]]
    trials: tuple[str, ...] = ()


# the quick ones first: children run meanwhile
CHECKS = {
    "device": Check(device.check),
    "python": Check(wheels.check_python),
    "wheels": Check(wheels.check_wheels),
    "packages": Check(packages.check),
    "processor": Check(processor.check),
    "governor": Check(processor.check_governor),
    "throttling": Check(heat.check_throttling),
    "temperature": Check(heat.check_temperature),
    "memory": Check(memory.check),
    "disk": Check(disk.check),
    "clock": Check(clock.check),
    "environment": Check(surroundings.check),
    "locale": Check(surroundings.check_locale),
    "container": Check(container.check),
    "picamera": Check(cameras.check_picamera),
    "database": Check(database.check, ("database",)),
    "libraries": Check(libraries.check, ("libraries",)),
    "bundles": Check(libraries.check_bundles, ("libraries",)),
    "cameras": Check(cameras.check, ("libraries",)),
    "engines": Check(engines.check, engines.ENGINES),
    "coral": Check(coral.check, ("edgetpu",)),
}


def examine(system: System, names: Iterable[str] = ()) -> list[Finding]:
    """Return what the named checks find, or all of them: the worst first, otherwise in the order of CHECKS.

    Law: every check has at least one finding.
    """
    wanted = list(dict.fromkeys(names)) or list(CHECKS)
    for name in wanted:
        if name not in CHECKS:
            raise UsageError(unknown("check", name, CHECKS))
    system.trials.begin(trial for name in wanted for trial in CHECKS[name].trials)
    found = [
        replace(finding, check=name)
        for name, check in CHECKS.items()
        if name in wanted
        for finding in check.run(system)
    ]
    return sorted(found, key=lambda finding: STATES.index(finding.state))
