"""
Passwords and tokens: from a file or from a variable, read when they are needed, never shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hemline.line.publishers import PublishError


def secret(file: Path | None, variable: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return what a file or a variable holds, None where neither is named; read anew each time, so it can be changed.

    Raises PublishError, which somebody has to see to, where there is nothing in it.
    """
    if file is not None:
        try:
            found = Path(file).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise PublishError(f"{file}: {(why or str(error)).lower()}", settings=True) from error
        if not found:
            raise PublishError(f"{file}: empty; the secret is to stand in it", settings=True)
        return found
    if variable is not None:
        if not environment.get(variable):
            raise PublishError(f"variable {variable} is not set; the secret is to stand in it", settings=True)
        return environment[variable]
    return None
