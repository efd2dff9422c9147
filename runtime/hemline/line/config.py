"""
The configuration of a line: one TOML file, each key of which is an option of `hemline line run` too, and the option
wins. What is not known is refused with the nearest name that is; what is out of range, with the range.

Paths are as on the command line: those that do not begin with / are below the folder in which hemline is started.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hemline import toml
from hemline.errors import UsageError, unknown
from hemline.line.keys import LINE, NEEDED, PUBLISH, Key

LEAST_KEPT = 10_000  # decisions: some shifts of a slow line
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOTHING: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
# what must not stand in a file that others read, nor in a process list; and where it goes instead
_SECRETS = {"password": "password_file or password_env", "token": "token_file or token_env"}


@dataclass(frozen=True)
class LineConfig:
    """A line, as its keys say; hemline.line.keys has what each means.

    decision: None for the file beside the bundle. trigger: None for the one that fits the source.
    publish: of each publisher that runs its keys, the defaults among them.
    """

    name: str
    folder: Path
    bundle: str
    artifact: str | None
    device: str | None
    decision: Path | None
    source: str
    trigger: str | None
    frames: int
    combine: str
    any_size: bool
    budget_ms: float
    safe: str
    stays_s: float
    keep_passed: int
    pictures_mb: float
    keep_decisions: int
    heartbeat_s: float
    golden: Path | None
    publish: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)

    @property
    def about(self) -> str:
        """The line in a few words."""
        pictures = "1 picture" if self.frames == 1 else f"{self.frames} pictures, {self.combine}"
        told = ", ".join(self.publish) or "nobody"
        return f"{self.name}: {pictures} a part, budget {self.budget_ms:g} ms, safe {self.safe}, told to {told}"

    @property
    def budget_s(self) -> float:
        """The budget in seconds."""
        return self.budget_ms / 1000

    @property
    def pictures_bytes(self) -> int:
        """How much the pictures may take."""
        return int(self.pictures_mb * 1e6)


def load(
    path: Path | str | None = None,
    *,
    line: Mapping[str, Any] = MappingProxyType({}),
    publish: Mapping[str, Mapping[str, Any]] = _NOTHING,
    environment: Mapping[str, str] = os.environ,
) -> LineConfig:
    """Return the configuration in a file, or of the defaults, with what was given beside it.

    line, publish: keys of [line] and of [publish.NAME] that count in place of those of the file.
    Raises UsageError, with the file and the key, for what it cannot be.
    """
    where = "" if path is None else f"{path}: "
    table = {} if path is None else toml.read(path)
    _known(table, ("line", "publish"), "section", where)
    own = {**_keys(_table(table, "line", where), LINE, f"{where}[line]"), **_keys(line, LINE, "")}
    if own.get("source") is None:
        raise UsageError(f"{where}source is missing: name one, such as camera:0 or a folder that is being filled")
    told = _table(table, "publish", where)
    _known({**told, **publish}, PUBLISH, "publisher", where)
    running = {}
    for name in {**told, **publish}:
        section = f"{where}[publish.{name}]"
        values = {
            **_keys(_table(told, name, f"{where}publish."), PUBLISH[name], section),
            **_keys(publish.get(name, {}), PUBLISH[name], ""),
        }
        running[name] = _publisher(name, values, section)
    whole = {key.name: own.get(key.name, key.default) for key in LINE}
    if 0 < whole["keep_decisions"] < LEAST_KEPT:
        # who means one in N, as with keep_passed, would lose the record of the line
        raise UsageError(f"{where}keep_decisions {whole['keep_decisions']}; 0 for all, or {LEAST_KEPT:,} and more")
    whole["folder"] = whole["folder"] or default_folder(whole["name"], environment)
    return LineConfig(**whole, publish=MappingProxyType(running))


def default_folder(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the decisions of a line lie when nobody says: with the user's data."""
    root = environment.get("XDG_DATA_HOME")
    return (Path(root) if root else Path.home() / ".local" / "share") / "hemline" / "line" / name


def _publisher(name: str, values: dict[str, Any], where: str) -> Mapping[str, Any]:
    for needed in NEEDED[name]:
        if values.get(needed) is None:
            raise UsageError(f"{where} {needed} is missing")
    for secret in _SECRETS:
        if values.get(f"{secret}_file") is not None and values.get(f"{secret}_env") is not None:
            raise UsageError(f"{where} {secret}_file and {secret}_env: give one")
    if (values.get("key_file") is None) != (values.get("certificate_file") is None):
        raise UsageError(f"{where} certificate_file and key_file go together")
    pins = [pin for key, pin in values.items() if name == "gpio" and pin is not None]
    if len(set(pins)) < len(pins):
        raise UsageError(f"{where} two verdicts on one pin: {', '.join(map(str, sorted(pins)))}")
    return MappingProxyType({key.name: values.get(key.name, key.default) for key in PUBLISH[name]})


def _table(table: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, Mapping):
        raise UsageError(f"{where}{name} is a table: [{name}], its keys below")
    return found


def _known(table: Mapping[str, Any], known: Iterable[str], kind: str, where: str) -> None:
    for name in table:
        if name not in known:
            raise UsageError(f"{where}{unknown(kind, name, known)}")


def _keys(values: Mapping[str, Any], keys: tuple[Key, ...], where: str) -> dict[str, Any]:
    """Return the values that were given, each as its key says."""
    named = {key.name: key for key in keys}
    space = f"{where} " if where else ""
    for name in values:
        if name in _SECRETS and any(other.name.startswith(name) for other in keys):
            raise UsageError(f"{space}{name} is not written here, where others read it; use {_SECRETS[name]}")
    _known(values, named, "key", space)
    return {name: _value(named[name], value, f"{space}{name}") for name, value in values.items() if value is not None}


def _value(key: Key, value: Any, where: str) -> Any:
    """Return a value as its key says; UsageError when it cannot be that."""
    if key.kind == "flag":
        if not isinstance(value, bool):
            raise UsageError(f"{where} {value!r}; true or false")
        return value
    if key.kind in ("whole", "number"):
        whole = key.kind == "whole"
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not key.low <= value <= key.high:  # not a number is not within either
            what = "a whole number" if whole else "a number"
            raise UsageError(f"{where} {value!r}; {what} of {key.low:,.10g} to {key.high:,.10g}")
        return value if whole else float(value)
    if isinstance(value, Path) and key.kind == "path":
        return value
    if not isinstance(value, str) or not value:
        raise UsageError(f"{where} {value!r}; a text")
    if key.choices and value not in key.choices:
        raise UsageError(f"{where} {value!r}; {' or '.join(key.choices)}")
    if key.kind == "name" and not _NAME.fullmatch(value):
        raise UsageError(f"{where} {value!r}; letters, digits, . _ and - (it stands in the topics of messages)")
    return Path(value) if key.kind == "path" else value
