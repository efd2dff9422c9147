"""
What the firmware of a Raspberry Pi says about power and heat: one number, from its file or from its own program.

Bits 0 to 3 are of now: too little voltage, clock capped, throttled, soft temperature limit; the same 16 bits higher are
since it was started. Source: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

PATIENCE_S = 5


def throttled(files: Iterable[str], program: str | None) -> int | None:
    """Return the bits; None where nothing tells.

    files: what is in the files of the firmware, in the order in which they count. program: path of vcgencmd, None where
    it is not there or not to be asked.
    """
    for text in files:
        if (found := _hexadecimal(text)) is not None:
            return found
    if program is None:
        return None
    try:
        done = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _hexadecimal(done.stdout.rpartition("=")[2])  # throttled=0x50000


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
