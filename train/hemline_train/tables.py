"""
Frozen dataclasses from the tables of a TOML document, every key checked, and back.

What a field may hold stands in its metadata: `number` makes one of them. Optional tables are fields of
"X | None". Law: build(kind, plain(value)) == value.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from functools import cache
from typing import Any

from hemline.errors import UsageError, unknown


def number(low: float, high: float, *, default: Any = MISSING, above: bool = False) -> Any:
    """A number from low (or above it) to high, both included."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def build(kind: type, table: Mapping[str, Any], where: str, prefix: str = "") -> Any:
    """Return an instance of the dataclass `kind`; UsageError says `where`, and which key. prefix: of its keys."""
    known = {entry.name: entry for entry in fields(kind)}
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', prefix + key, [prefix + name for name in known])}")
    values = {}
    for name, entry in known.items():
        if name in table:
            wanted = _hints(kind)[name]
            values[name] = _convert(wanted, table[name], where, prefix + name)
            _check(entry.metadata, values[name], where, prefix + name)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise UsageError(f"{where}: {prefix + name} is missing")
    try:
        return kind(**values)
    except UsageError as error:  # what a dataclass checks itself: Preprocess, ModelConfig
        raise UsageError(f"{where}: {prefix.rstrip('.') or 'recipe'}: {error}") from None


def _convert(wanted: Any, value: Any, where: str, key: str) -> Any:
    if isinstance(wanted, types.UnionType):  # X | None
        wanted = next(part for part in typing.get_args(wanted) if part is not type(None))
    if is_dataclass(wanted):
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: [{key}] is a table, found {value!r}")
        assert isinstance(wanted, type)
        return build(wanted, value, where, f"{key}.")
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise UsageError(f"{where}: {key} is a list of text, found {value!r}")
        return tuple(value)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:  # not isinstance: true is no whole number
        word = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[wanted]
        raise UsageError(f"{where}: {key} is {word}, found {value!r}")
    return value


def _check(limits: Mapping[str, Any], value: Any, where: str, key: str) -> None:
    if "choices" in limits and value not in limits["choices"]:
        raise UsageError(f"{where}: {key}: {unknown('choice', value, limits['choices'])}")
    if "low" in limits:
        low, high, above = limits["low"], limits["high"], limits.get("above", False)
        # written so that NaN is out of range
        if not ((low < value if above else low <= value) and value <= high):
            raise UsageError(f"{where}: {key} is {'above' if above else 'from'} {low} to {high}, found {value!r}")


def plain(value: Any) -> Any:
    """Return a dataclass as a dict of plain values, without what is None."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((entry.name, plain(getattr(value, entry.name))) for entry in fields(value))
        return {key: inner for key, inner in pairs if inner is not None}
    return list(value) if isinstance(value, tuple) else value


def emit(value: Any) -> str:
    """Return a plain value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(emit(inner) for inner in value)}]"
    if isinstance(value, str):
        # JSON's string escapes are TOML's, but for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        text = repr(value)
        return text if any(mark in text for mark in ".en") else f"{text}.0"
    return str(value)
