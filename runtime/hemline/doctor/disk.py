"""
The disk: whether what hemline keeps can be written, and stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.mounts import mount_of
from hemline.doctor.system import System

# a data set or a day of a line's pictures; SQLite wants room to delete in, too
LEAST_BYTES = 200_000_000
LEAST_FILES = 1000


def folders(system: System) -> dict[str, Path]:
    """Return {what is kept there: folder of the machine}: of the cache and of the user's data."""
    home, environment = system.user.home, system.environment
    cache = environment.get("HEMLINE_CACHE") or _below(environment.get("XDG_CACHE_HOME"), home / ".cache")
    data = _below(environment.get("XDG_DATA_HOME"), home / ".local" / "share")
    return {what: system.inside(Path(folder).absolute()) for what, folder in (("data", data), ("cache", cache))}


def check(system: System) -> Iterator[Finding]:
    """Say whether there is room, and whether it may be written to."""
    told: set[tuple[str, str]] = set()
    room = []
    for what, folder in folders(system).items():
        there = next(path for path in (folder, *folder.parents) if system.at(path).exists())
        for finding in _findings(system, what, folder, there):
            # both are on one disk more often than not
            if (key := (finding.state, finding.fix)) not in told:
                told.add(key)
                yield finding
        room.append(f"{_free_bytes(system.at(there)) / 1e9:,.1f} GB free for {what}")
    if not told:
        yield ok(", ".join(room))


def _findings(system: System, what: str, folder: Path, there: Path) -> Iterator[Finding]:
    mount = mount_of(system, there)
    if "ro" in mount.options:
        yield problem(
            f"{folder} ({what}) is on {mount.point}, which can only be read",
            f"sudo mount -o remount,rw {mount.point} (dmesg says why, where that is refused)",
        )
    elif mount.kind == "overlay" and any("root-rw" in option or "overlayroot" in option for option in mount.options):
        yield note(
            f"{folder} ({what}) is on an overlay: what is written is gone when the machine is started again",
            "sudo raspi-config nonint disable_overlayfs, or name folders on another disk: HEMLINE_CACHE, XDG_DATA_HOME",
        )
    elif not system.may_write(there):
        yield problem(
            f"{folder} ({what}): {system.user.name} may not write to {there}", f"sudo chown {system.user.name} {there}"
        )
    free = _free_bytes(system.at(there))
    room = f"make room; this shows what takes it: du -xh --max-depth=2 {mount.point} | sort -h | tail"
    if free < LEAST_BYTES:
        yield problem(f"{free / 1e6:.0f} MB are free on {mount.point}, where {folder} ({what}) is", room)
    files = os.statvfs(system.at(there))
    # file systems that make their inodes as they go say that they have none
    if files.f_files and files.f_favail < LEAST_FILES:
        yield problem(
            f"{mount.point} takes {files.f_favail} more files, whatever their size",
            room.replace("du -xh", "du -x --inodes"),
        )


def _free_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _below(named: str | None, otherwise: Path) -> Path:
    return (Path(named) if named else otherwise) / "hemline"
