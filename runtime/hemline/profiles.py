"""
Device profiles: TOML files that say which bundle of the wheel and which artifacts a device prefers, with how many
threads, and how hemline is installed on it. Data only; they lie in devices/ and travel in the wheel.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hemline import toml
from hemline.errors import UsageError, unknown


@dataclass(frozen=True)
class Profile:
    """A device profile.

    artifacts: engine:precision, the preferred first. threads: for one inference, 1 or more.
    install: lines to type on the device, in order. traps: what is known to go wrong there.
    machine: what platform.machine() says there, or "" for any.
    bundle: of those in the wheel, the one to run there where none is named; "" for the same as without a profile.
    """

    name: str
    title: str
    artifacts: tuple[str, ...]
    threads: int
    install: tuple[str, ...]
    machine: str = ""
    bundle: str = ""
    reason: str = ""
    traps: tuple[str, ...] = ()


def folder() -> Path:
    """Return the folder of the profiles that came with hemline."""
    here = Path(__file__).parent
    installed = here / "devices"
    # in a checkout the profiles stand at the top level; the wheel puts them inside the package
    return installed if installed.is_dir() else here.parent.parent / "devices"


def names() -> list[str]:
    """Return the names of the profiles that came with hemline."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name_or_path: str) -> Profile:
    """Return a profile by its name, or by the path of a TOML file."""
    if name_or_path.endswith(".toml"):
        return _parse(toml.read(name_or_path), name_or_path)
    if name_or_path not in names():
        raise UsageError(unknown("device", name_or_path, names()))
    path = folder() / f"{name_or_path}.toml"
    return _parse(toml.read(path), str(path))


def _parse(table: dict[str, Any], where: str) -> Profile:
    known = [entry.name for entry in fields(Profile)]
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', key, known)}")
    for key in ("name", "title", "artifacts", "threads", "install"):
        if key not in table:
            raise UsageError(f"{where}: key {key!r} is missing")
    threads = table["threads"]
    if type(threads) is not int or threads < 1:
        raise UsageError(f"{where}: threads {threads!r}; a whole number, 1 or more")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("artifacts", "install", "traps"):
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise UsageError(f"{where}: {key} is a list of texts")
            values[key] = tuple(value)
        elif key != "threads" and not isinstance(value, str):
            raise UsageError(f"{where}: {key} is a text")
        else:
            values[key] = value
    for artifact in values["artifacts"]:
        if artifact.count(":") != 1:
            raise UsageError(f"{where}: artifact {artifact!r}; written engine:precision, for instance litert:int8")
    return Profile(**values)
