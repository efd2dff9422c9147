"""
Where figures were measured: versions, processor, system. A latency means nothing without it.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import cv2
import numpy as np

from hemline import __version__

# a Raspberry Pi says what it is in the first, an Intel PC in the second
BOARD = Path("/proc/device-tree/model")
PROCESSOR = Path("/proc/cpuinfo")


def facts() -> dict[str, str]:
    """Return {what: which} about this machine, for a person: no host name, no user, no address."""
    return {
        "hemline": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count() or 1} cores",
    }


def _processor() -> str:
    try:
        if BOARD.exists():
            return BOARD.read_text(errors="replace").strip("\0 \n")
        for line in PROCESSOR.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return " ".join(value.split())
    except OSError:
        pass  # another system; what Python knows has to do
    return platform.processor() or "unknown processor"
