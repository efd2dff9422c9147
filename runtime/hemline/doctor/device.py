"""
Which device profile fits a machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline import profiles
from hemline.doctor.finding import Finding, note, ok
from hemline.doctor.system import System
from hemline.profiles import Facts, Profile


def facts(system: System) -> Facts:
    """Return the machine as device profiles ask for it."""
    return Facts.of(system.root, machine=system.python.machine)


def fitting(system: System) -> Profile | None:
    """Return the profile that fits best, None where none does."""
    best = profiles.fitting(facts(system))[0]
    return best.profile if best.fits else None


def check(system: System) -> Iterator[Finding]:
    """Say which profile fits."""
    found = fitting(system)
    title = facts(system).title
    if found:
        yield ok(f"{found.name} fits ({title}); hemline devices show {found.name}")
    else:
        own = "write one: --device my.toml, as CONTRIBUTING.md says under 'Add a device'"
        yield note(f"no device profile fits {title}", own)
