"""
Where figures were measured: versions, processor, system. A latency means nothing without it.
"""

from __future__ import annotations

import os
import platform

import cv2
import numpy as np

from hemline import __version__, processor

BOARD = processor.BOARD
PROCESSOR = processor.CPUINFO


def facts() -> dict[str, str]:
    """Return {what: which} about this machine, for a person: no host name, no user, no address."""
    return {
        "hemline": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{processor.name(BOARD, PROCESSOR)}, {os.cpu_count() or 1} cores",
    }
