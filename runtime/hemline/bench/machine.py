"""
Where the system says how it is: /proc and /sys, or folders that stand for them.

A file that is not there, cannot be read or holds something else is None: a sensor that is missing is no error.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """The two folders. real: whether they are this machine's, so that commands of the board may be asked as well."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")

    @property
    def real(self) -> bool:
        """Whether these are the system's own."""
        return self.sys == Path("/sys")

    @property
    def cores(self) -> int:
        """How many processors this process may run on."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def facts(self) -> dict[str, str]:
        """Return {what: which} that says what this machine would be compared by: no name, no address."""
        governors = sorted(
            {
                text
                for path in self.sys.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
                if (text := read(path))
            }
        )
        memory = total_memory(self.proc)
        version = (read(self.proc / "sys/kernel/osrelease") or platform.release()).strip()
        return {
            "kernel": version,
            "cores": str(self.cores),
            "governor": ", ".join(governors) or "unknown",
            "memory": "unknown" if memory is None else f"{memory >> 20} MiB",
        }


def read(path: Path) -> str | None:
    """Return the text of a small file without the space around it, None where there is none to be had."""
    try:
        return path.read_text(errors="replace").strip().strip("\0")
    except OSError:
        return None


def number(path: Path) -> int | None:
    """Return the whole number in a small file, None where there is none."""
    text = read(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def total_memory(proc: Path) -> int | None:
    """Return the bytes of memory of the machine."""
    for line in (read(proc / "meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return 1024 * int(line.split()[1])
    return None
