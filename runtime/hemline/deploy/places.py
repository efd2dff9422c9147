"""
Where the files of services lie, and which paths a service cannot see.

A service has a /tmp of its own and no home folders. What it reads below a home folder is shown to it, read-only; what
it would look for in /tmp is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hemline.errors import UsageError

UNITS = Path("/etc/systemd/system")
CONFIGURATIONS = Path("/etc/hemline")
STATE = Path("/var/lib/hemline")
BUNDLES = STATE / "bundles"
RULES = Path("/etc/udev/rules.d/70-hemline.rules")
SYSUSERS = Path("/etc/sysusers.d/hemline.conf")
TMPFILES = Path("/etc/tmpfiles.d/hemline.conf")
GROUPS = Path("/etc/group")
USER = "hemline"

HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  names, nothing is made there


def below(root: Path, path: Path) -> Path:
    """Return where a path of the machine lies below another root."""
    return root / path.relative_to("/")


def require_absolute(text: str, where: str) -> Path:
    """Return the path; UsageError for one that means something else in another folder."""
    if not text.startswith("/"):
        raise UsageError(
            f"{where} {text}: begins with no /; a service is started in another folder: give the whole path"
        )
    return Path(os.path.normpath(text))


def in_home(paths: Iterable[Path]) -> list[Path]:
    """Return those paths that lie below a home folder, and what links to such a place; none within another of them."""
    found: set[Path] = set()
    for path in paths:
        found |= {each for each in (path, path.resolve()) if _is_below(each, HOMES)}
    return sorted(path for path in found if not any(other in path.parents for other in found))


def require_readable(path: Path, where: str) -> Path:
    """Return the path; UsageError for one that a service has none, or another, of."""
    if _is_below(path, _TEMPORARY):
        raise UsageError(f"{where} {path}: a service has a folder of its own there; move it, to {STATE} for instance")
    return path


def require_writable(path: Path, where: str) -> Path:
    """Return the path; UsageError where a service must not write."""
    if _is_below(path, HOMES):
        raise UsageError(f"{where} {path}: a service writes nothing below a home folder; give one below {STATE}")
    return require_readable(path, where)


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)
