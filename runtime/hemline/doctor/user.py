"""
Who will run hemline, and what that user may open.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hemline.errors import UsageError, unknown

USERS, GROUPS = "etc/passwd", "etc/group"


@dataclass(frozen=True)
class User:
    """A user. groups: the numbers of all of them. current: whether it is the one that runs this, now."""

    name: str
    uid: int
    groups: frozenset[int]
    home: Path
    current: bool = False


def current(root: Path) -> User:
    """Return who runs this, as the files of that system have it."""
    uid, here = os.geteuid(), root == Path("/")
    row = next((row for row in _rows(root / USERS, 7) if int(row[2]) == uid), [str(uid), "", "", "", "", "/", ""])
    home = (os.environ.get("HOME") if here else None) or row[5]
    return User(row[0], uid, frozenset({os.getegid(), *os.getgroups()}), Path(home), current=here)


def named(name: str, root: Path) -> User:
    """Return a user by its name, as the files of that system have it."""
    rows = {row[0]: row for row in _rows(root / USERS, 7)}
    if name not in rows:
        raise UsageError(unknown("user", name, rows))
    row = rows[name]
    groups = {int(group[2]) for group in _rows(root / GROUPS, 4) if name in group[3].split(",")}
    return User(name, int(row[2]), frozenset({int(row[3]), *groups}), Path(row[5]))


def may_use(user: User, path: Path, wanted: int = os.R_OK | os.W_OK) -> bool:
    """Say whether a user may do what is wanted with what lies at a path. wanted: of os.R_OK, W_OK, X_OK."""
    if user.current:
        return os.access(path, wanted)  # knows of access lists too, by which a desktop gives devices
    if user.uid == 0:
        return True
    try:
        there = path.stat()
    except OSError:
        return False
    # the nine bits of a mode are those of the owner, the group and all others, in this order
    shift = 6 if there.st_uid == user.uid else 3 if there.st_gid in user.groups else 0
    return there.st_mode >> shift & wanted == wanted


def admission(user: User, path: Path, root: Path, *, rule: str) -> str:
    """Return the line that lets a user use a device that it may not use.

    rule: the line for a device that belongs to no group but root's.
    """
    there = path.stat()
    rows = {int(row[2]): row for row in _rows(root / GROUPS, 4)}
    row = rows.get(there.st_gid, [str(there.st_gid), "", "", ""])
    if row[0] == "root" or there.st_mode & (stat.S_IRGRP | stat.S_IWGRP) != stat.S_IRGRP | stat.S_IWGRP:
        return rule
    if user.name in row[3].split(",") and there.st_gid not in user.groups:
        return f"log out and in again: {user.name} is in the group {row[0]}, but was not yet when this session began"
    return f"sudo usermod -aG {row[0]} {user.name}, then log out and in again"


def udev_rule(rule: str) -> str:
    """Return the line that gives devices a group, now and when they are plugged in again."""
    file = "/etc/udev/rules.d/60-hemline.rules"
    return f"echo '{rule}' | sudo tee {file} && sudo udevadm control --reload && sudo udevadm trigger"


def _rows(path: Path, width: int) -> Iterator[list[str]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        row = line.split(":")
        if len(row) == width and row[2].isdigit():
            yield row
