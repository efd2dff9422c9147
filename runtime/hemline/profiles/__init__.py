"""
Device profiles: TOML files that say which bundle of the wheel and which artifacts a device prefers, with how many
threads, what is known about it, and how hemline is installed on it. Data only; they lie in devices/ and travel in the
wheel.

A profile that is read is what its file says; one that is loaded is what that comes to on this machine.
"""

from __future__ import annotations

import os

from hemline import processor, toml
from hemline.errors import UsageError, unknown
from hemline.profiles.facts import Facts
from hemline.profiles.fit import Fit, best, ranked
from hemline.profiles.places import AUTO, folder, names
from hemline.profiles.profile import Profile
from hemline.profiles.reading import parse

__all__ = ["AUTO", "Facts", "Fit", "Profile", "every", "fitting", "folder", "load", "names", "read"]


def read(name_or_path: str) -> Profile:
    """Return a profile by its name, or by the path of a TOML file, as it is written."""
    if name_or_path.endswith(".toml") or os.sep in name_or_path:
        return parse(toml.read(name_or_path), name_or_path, cores=processor.cores())
    if name_or_path not in names():
        raise UsageError(f"{unknown('device', name_or_path, [*names(), AUTO])}, or give the path of one")
    path = folder() / f"{name_or_path}.toml"
    return parse(toml.read(path), str(path), cores=processor.cores())


def load(name_or_path: str) -> Profile:
    """Return a profile as it holds on this machine: with the variant for what its processor can do.

    name_or_path: auto is the one that fits this machine best.
    """
    if name_or_path == AUTO:
        facts = Facts.of()
        return best(ranked(every(), facts), facts).profile
    profile = read(name_or_path)
    return profile.on(processor.features()) if profile.variants else profile


def every() -> list[Profile]:
    """Return the profiles that came with hemline, as they are written."""
    return [read(name) for name in names()]


def fitting(facts: Facts) -> list[Fit]:
    """Return how each of them fits a machine, the best first."""
    return ranked(every(), facts)
