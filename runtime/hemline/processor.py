"""
What this machine's processor is, and what the board that it is on calls itself.
"""

from __future__ import annotations

import os
import platform
import struct
from pathlib import Path

# a Raspberry Pi says what it is in the first, an Intel PC in the second
BOARD = Path("/proc/device-tree/model")
CPUINFO = Path("/proc/cpuinfo")
# what programs of 32 bits call a kernel of 64
NARROW = {"aarch64": "armv7l", "x86_64": "i686"}


def name(board: Path = BOARD, cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the board, else of the processor, for a person."""
    try:
        if board.exists():
            return board.read_text(errors="replace").strip("\0 \n")
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    except OSError:
        pass  # another system; what Python knows has to do
    return platform.processor() or "unknown processor"


def vendor(cpuinfo: Path = CPUINFO) -> str:
    """Return who made the processor, as the kernel has it, such as GenuineIntel; "" on ARM."""
    return _first(cpuinfo, ("vendor_id",))


def features(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """Return the features of the first processor, as the kernel names them."""
    return frozenset(_first(cpuinfo, ("flags", "Features")).split())


def programs() -> str:
    """Return what the programs here are for, x86_64 for instance; platform.machine() speaks of the kernel."""
    machine = platform.machine()
    return NARROW.get(machine, machine) if struct.calcsize("P") == 4 else machine


def cores() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first(cpuinfo: Path, keys: tuple[str, ...]) -> str:
    """Return the first value of one of these keys, "" where there is none."""
    try:
        with cpuinfo.open(errors="replace") as lines:  # one block for each core: no further than is needed
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() in keys:
                    return value.strip()
    except OSError:
        pass  # another system
    return ""
