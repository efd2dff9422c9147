"""
How hemline is installed: the lines to type, made of what a profile needs and of what a system has.

A system is a file of devices/systems, named as its makers call the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hemline import toml
from hemline.errors import UsageError, unknown
from hemline.profiles.places import system_names, systems_folder
from hemline.profiles.profile import Profile, Setup

HOME = "~/hemline"


@dataclass(frozen=True)
class System:
    """A release of an operating system.

    title: for a person. python: its version of it. apt: packages that are needed for a virtual environment.
    beside: what pip is held to in an environment that sees the system's packages, and why.
    """

    name: str
    title: str
    python: str
    apt: tuple[str, ...]
    beside: tuple[str, ...] = ()
    why_beside: str = ""


@dataclass(frozen=True)
class Lines:
    """Lines to type, in order. system: whose, None where the profile has the same for all. note: a caution, or ""."""

    lines: tuple[str, ...]
    system: System | None = None
    note: str = ""


def load(name: str) -> System:
    """Return a system by its name."""
    if name not in system_names():
        raise UsageError(unknown("system", name, system_names()))
    table = toml.read(systems_folder() / f"{name}.toml")
    facts: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return System(name=name, **facts)


def lines(profile: Profile, asked: str | None = None, here: str = "", here_title: str = "") -> Lines:
    """Return the lines that install hemline for a profile.

    asked: the name of a system, UsageError where the profile has no lines for it. Without one, those of the system that
    is here where the profile has some, else those of its first with a note that says so.
    """
    known = [name for setup in profile.setup for name in setup.systems]
    if asked is not None and asked not in known:
        told = f"it has {', '.join(known)}" if known else "its lines are the same for all"
        raise UsageError(f"{profile.name} has no lines for {load(asked).name}; {told}")
    if not known:
        return Lines(profile.install)
    name = asked or (here if here in known else known[0])
    system = load(name)
    setup = next(setup for setup in profile.setup if name in setup.systems)
    note = ""
    if asked is None and name != here:
        note = f"{here_title or 'this system'} is none of {', '.join(known)}; these are the lines of {name}"
    return Lines(tuple(_composed(setup, system)), system, note)


def _composed(setup: Setup, system: System) -> list[str]:
    packages = " ".join([*system.apt, *setup.apt])
    # Python's own word for the system's interpreter: another one does not see the packages of apt
    make = "/usr/bin/python3 -m venv --system-site-packages" if setup.site_packages else "python3 -m venv"
    held = [f"'{requirement}'" for requirement in (system.beside if setup.site_packages else ())]
    wanted = " ".join([f"'hemline[{','.join(setup.extras)}]'", *held])
    return [
        *setup.before,
        "sudo apt update",
        f"sudo apt install -y --no-install-recommends {packages}",
        f"{make} {HOME}",
        f"{HOME}/bin/pip install {wanted}",
        *setup.after,
        f"{HOME}/bin/hemline doctor",
    ]
