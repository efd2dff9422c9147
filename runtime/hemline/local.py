"""
The local profile: what `hemline bench --recommend` chose for each bundle on this machine, remembered in one file.

It holds where it was measured and what was measured, and is used for nothing else: another processor, another bundle of
the same name or a converted artifact of the same name makes it void, and that is said.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from hemline import processor, storage, toml
from hemline.bundle import Bundle
from hemline.errors import HemlineError, UsageError, unknown

SCHEMA = 1
_HEAD = "# Written by hemline bench --recommend; hemline bench --forget removes it.\n"


@dataclass(frozen=True)
class Chosen:
    """What was chosen for one bundle.

    bundle: its name; version and class_lock say which it was. sha256: of the artifact's files. reason: for a person.
    """

    bundle: str
    version: str
    class_lock: str
    artifact: str
    sha256: str
    threads: int
    created: str
    reason: str

    def __post_init__(self) -> None:
        for entry in fields(self):
            value, kind = getattr(self, entry.name), int if entry.name == "threads" else str
            if type(value) is not kind:
                raise UsageError(f"{entry.name} {value!r}; expected {'a whole number' if kind is int else 'a text'}")
        if self.threads < 1:
            raise UsageError(f"threads {self.threads}; 1 or more")


@dataclass(frozen=True)
class Local:
    """The file. processor, machine: where it was measured. chosen: one for each bundle."""

    processor: str
    machine: str
    chosen: tuple[Chosen, ...] = ()

    @classmethod
    def here(cls) -> Local:
        """Return the profile of this machine with nothing chosen yet."""
        return cls(processor.name(), platform.machine())

    def text(self) -> str:
        """Return it as TOML. Law: parse(l.text()) == l."""
        lines = [f"schema = {SCHEMA}", f"processor = {_quoted(self.processor)}", f"machine = {_quoted(self.machine)}"]
        for chosen in self.chosen:
            pairs = asdict(chosen).items()
            lines += ["", "[[chosen]]"]
            lines += [f"{key} = {value if key == 'threads' else _quoted(value)}" for key, value in pairs]
        return _HEAD + "\n".join(lines) + "\n"


def path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the file lies: hemline/device.toml in the folder for configuration."""
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hemline" / "device.toml"


def load(environment: Mapping[str, str] = os.environ) -> Local | None:
    """Return what the file holds, None where there is none."""
    where = path(environment)
    try:
        if not where.is_file():
            return None
    except OSError:
        return None
    return parse(toml.read(where), str(where))


def parse(table: Mapping[str, Any], where: str) -> Local:
    """Return the profile in a table; UsageError that names what is wrong."""
    known = ("schema", "processor", "machine", "chosen")
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', key, known)}")
    if table.get("schema") != SCHEMA:
        raise UsageError(
            f"{where}: schema {table.get('schema')!r}, this version reads {SCHEMA}; hemline bench --forget"
        )
    rows = table.get("chosen", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{where}: chosen is a list of tables")
    names = [entry.name for entry in fields(Chosen)]
    for row in rows:
        for key in row:
            if key not in names:
                raise UsageError(f"{where}: {unknown('key', key, names)}")
        for key in names:
            if key not in row:
                raise UsageError(f"{where}: key {key!r} is missing")
    try:
        chosen = tuple(Chosen(**row) for row in rows)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return Local(str(table.get("processor", "")), str(table.get("machine", "")), chosen)


def remember(chosen: Chosen, environment: Mapping[str, str] = os.environ) -> Path:
    """Write a choice in the place of an earlier one for the same bundle; return the file.

    What was chosen on another machine is dropped, and so is a file that cannot be read.
    """
    here = Local.here()
    try:
        found = load(environment)
    except HemlineError:
        found = None
    kept = found.chosen if found is not None and replace(found, chosen=()) == here else ()
    rest = tuple(row for row in kept if row.bundle != chosen.bundle)
    where = path(environment)
    storage.write_file(where, replace(here, chosen=(*rest, chosen)).text().encode())
    return where


def forget(bundle: str | None = None, environment: Mapping[str, str] = os.environ) -> bool:
    """Forget what was chosen for a bundle, or everything; return whether there was something."""
    where = path(environment)
    if bundle is None:
        existed = where.exists()
        where.unlink(missing_ok=True)
        return existed
    found = load(environment)
    rest = () if found is None else tuple(row for row in found.chosen if row.bundle != bundle)
    if found is None or len(rest) == len(found.chosen):
        return False
    if rest:
        storage.write_file(where, replace(found, chosen=rest).text().encode())
    else:
        where.unlink()
    return True


def chosen_for(bundle: Bundle, environment: Mapping[str, str] = os.environ) -> tuple[Chosen | None, str]:
    """Return what was chosen for a bundle here; or None, and why it does not hold any more, "" where none was."""
    try:
        found = load(environment)
    except HemlineError as error:
        return None, f"{error}; not used"
    own = None if found is None else next((row for row in found.chosen if row.bundle == bundle.name), None)
    if found is None or own is None:
        return None, ""
    where, here = path(environment), Local.here()
    again = f"not used; measure again with: hemline bench {bundle.name} --recommend"
    if (found.processor, found.machine) != (here.processor, here.machine):
        return None, f"{where}: measured on {found.processor}, this is {here.processor}; {again}"
    if (own.version, own.class_lock) != (bundle.version, bundle.class_lock):
        return None, f"{where}: measured with {own.bundle}@{own.version}, this is {bundle.title}; {again}"
    artifact = next((entry for entry in bundle.artifacts if entry.name == own.artifact), None)
    if artifact is None or artifact.sha256 != own.sha256:
        return None, f"{where}: its {own.artifact} is not that of {bundle.title} any more; {again}"
    return own, ""


def _quoted(text: str) -> str:
    # a JSON text is a TOML text, but for the one control character that JSON lets through
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
