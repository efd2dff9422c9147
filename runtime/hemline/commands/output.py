"""Where a verb's JSON goes: a file, written whole or not at all, or stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hemline import storage
from hemline.errors import UsageError


def write_json(where: str, value: Any) -> None:
    """Write a value as JSON to the file `where`, or to stdout when it is "-"."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if where == "-":
        sys.stdout.write(text)
        return
    try:
        storage.write_file(Path(where), text.encode())
    except OSError as error:
        raise UsageError(f"{where}: cannot be written ({error.strerror})") from None
