"""
Which file system a path is on, as /proc/mounts has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hemline.doctor.system import System


@dataclass(frozen=True)
class Mount:
    """A line of /proc/mounts."""

    device: str
    point: str
    kind: str
    options: tuple[str, ...]


def mount_of(system: System, path: Path | str) -> Mount:
    """Return the mount that a path of the machine is on; of those with the longest name the last."""
    best = Mount("", "/", "", ())
    for line in system.text("/proc/mounts").splitlines():
        row = line.split()
        if len(row) < 4:
            continue
        point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), row[1])
        if Path(path).is_relative_to(point) and len(point) >= len(best.point):
            best = Mount(row[0], point, row[2], tuple(row[3].split(",")))
    return best
