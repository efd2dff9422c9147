"""
Reading TOML, with an error that names the file. The one place that knows where the parser comes from.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hemline.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def loads(text: str, *, name: str) -> dict[str, Any]:
    """Return the table that TOML text holds; `name` is what an error calls it."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: not TOML: {error}") from None


def read(path: Path | str) -> dict[str, Any]:
    """Return the table in a TOML file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})") from None
    return loads(text, name=str(path))
