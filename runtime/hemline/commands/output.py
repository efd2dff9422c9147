"""Where a verb's results go: a file, written whole or not at all, or stdout."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hemline import storage
from hemline.errors import UsageError

STDOUT = "-"


def write_json(where: str, value: Any) -> None:
    """Write a value as JSON to the file `where`, or to stdout when it is "-".

    A figure that is not a finite number becomes null: JSON has no NaN, and many readers refuse one.
    """
    write(where, json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def write(where: str, content: str | bytes) -> None:
    """Write text in UTF-8, or bytes, to the file `where`, or to stdout when it is "-"."""
    data = content.encode() if isinstance(content, str) else content
    if where == STDOUT:
        sys.stdout.write(data.decode())
        return
    try:
        storage.write_file(Path(where), data)
    except OSError as error:
        raise UsageError(f"{where}: cannot be written ({error.strerror})") from None


def require_writable(given: Mapping[str, str | None]) -> None:
    """Refuse what could not be written in the end, before a long computation begins. Writes nothing.

    given: {option: file, "-" or None}.
    """
    taken: dict[str, str] = {}
    for option, where in given.items():
        if where is None:
            continue
        place = where if where == STDOUT else str(Path(where).resolve())
        if place in taken:
            raise UsageError(f"{option} {where}: {taken[place]} goes there too; give each its own")
        taken[place] = option
        if where != STDOUT:
            _require_file(option, where)


def _require_file(option: str, where: str) -> None:
    path = Path(where)
    try:
        if path.is_dir():
            raise UsageError(f"{option} {where}: is a directory; give a file in it")
        if path.exists() and not path.is_file():
            # a rename would put a file in the place of the device or the pipe
            raise UsageError(f"{option} {where}: is not a regular file; write - for stdout")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
    except OSError as error:
        raise UsageError(f"{option} {where}: cannot be written ({error.strerror})") from None
    if not folder.is_dir():
        raise UsageError(f"{option} {where}: {folder} is not a directory")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {where}: {folder} cannot be written to")
