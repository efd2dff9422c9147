"""
The TOML file of a line, as it is written for a person to go on with: what was given, and every other key as a comment.

Law: hemline.line.config.load of the file is load of the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hemline.deploy.quoting import require_printable
from hemline.line.keys import LINE, PUBLISH, Key


def text(line: Mapping[str, Any], publish: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the file of a line. line, publish: keys of [line] and of [publish.NAME] that were given."""
    parts = ["# Keys that begin with # have their default. Paths are whole ones: a service is started elsewhere.", ""]
    parts += ["[line]", *_keys(LINE, line)]
    for name, keys in PUBLISH.items():
        if name in publish:
            parts += ["", f"[publish.{name}]", *_keys(keys, publish[name])]
    return "\n".join(parts) + "\n"


def _keys(keys: Iterable[Key], given: Mapping[str, Any]) -> list[str]:
    lines = []
    for key in keys:
        value = given.get(key.name)
        if value is not None:
            lines.append(f"{key.name} = {_value(value)}  # {key.line}")
        elif key.default is None:
            lines.append(f"# {key.name}: {key.line}")
        else:
            lines.append(f"# {key.name} = {_value(key.default)}  # {key.line}")
    return lines


def _value(value: Any) -> str:
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    require_printable(str(value), "it would stand in a TOML file")
    return json.dumps(str(value), ensure_ascii=False)  # what JSON escapes, TOML reads alike
