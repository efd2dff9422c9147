"""
What a unit starts: an interpreter, by its whole path, with the module hemline.

Isolated (-I): neither variables, nor the folder in which it is started, nor a user's packages change what is run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hemline.deploy import places
from hemline.errors import UsageError

_ISOLATED = ("-I", "-X", "faulthandler")  # faulthandler: what hangs says where, when systemd ends it
WORDS = (*_ISOLATED, "-m", "hemline")
# of a virtual environment the standard library is elsewhere, and of a checkout hemline is
_ASK = "import hemline, json, sys; print(json.dumps([sys.prefix, sys.base_prefix, hemline.__file__]))"
_PATIENCE_S = 60


@dataclass(frozen=True)
class Program:
    """An interpreter. folders: that it has to read."""

    python: Path
    folders: tuple[Path, ...]


def program(text: str | None = None) -> Program:
    """Return the interpreter at a path, None for the one that runs now.

    One that is here is asked where its modules are; one of another root need not be here.
    Raises UsageError for one that does not find hemline as a unit starts it.
    """
    python = Path(sys.executable) if text is None else places.require_absolute(text, "--python")
    if "$" in str(python):
        raise UsageError(f"{python}: systemd would take the $ in it for a variable; install hemline somewhere else")
    places.require_readable(python, "--python")
    if not python.exists():
        return Program(python, (python.parent.parent,))
    prefix, base, package = _asked(python)
    folders = dict.fromkeys([Path(prefix), Path(base), *_links(python), Path(package).parent])
    return Program(python, tuple(path for path in folders if not any(other in path.parents for other in folders)))


def _asked(python: Path) -> list[str]:
    words = [str(python), *_ISOLATED, "-c", _ASK]
    try:
        done = subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except OSError as error:
        raise UsageError(f"{python}: cannot be run ({(error.strerror or str(error)).lower()})") from error
    if done.returncode != 0:
        said = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
        raise UsageError(
            f"{python}: {said}; a unit starts it without PYTHONPATH and a user's packages: install hemline into a "
            "virtual environment, /opt/hemline for instance"
        )
    answer: list[str] = json.loads(done.stdout)
    return answer


def _links(path: Path) -> Iterator[Path]:
    """Yield the folders through which the links of an interpreter lead."""
    while path.is_symlink():
        path = path.parent / path.readlink()
        yield path.parent
