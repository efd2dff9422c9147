"""
keyboard: each line on standard input is a part: Enter, or what a bar code scanner types, which is then its id.

The end of standard input is the end of the line's work.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque
from types import TracebackType

from hemline.errors import UsageError
from hemline.line.camera import Camera
from hemline.line.decision import PART_LENGTH
from hemline.line.faults import Ended
from hemline.line.triggers import Part, Settings

_PART_BYTES = 4096


def check(argument: str) -> None:
    """Raise UsageError for an argument; it has none."""
    if argument:
        raise UsageError(f"trigger keyboard:{argument}: keyboard has nothing after it")


def open(argument: str, camera: Camera, settings: Settings) -> Keyboard:
    """Return the opened keyboard."""
    if sys.stdin is None:
        raise UsageError("trigger keyboard: there is no standard input; give another trigger")
    return Keyboard(sys.stdin.fileno(), settings)


class Keyboard:
    """Lines of a descriptor, which belongs to the caller."""

    looks = False

    def __init__(self, handle: int, settings: Settings) -> None:
        self._handle, self._run = handle, settings.run
        self._rest = b""
        self._parts: deque[Part] = deque()
        self._number = 0
        self._over = False

    def wait(self, timeout_s: float) -> Part | None:
        """Return the part of the next line."""
        if not self._parts and not self._over and select.select([self._handle], [], [], timeout_s)[0]:
            self._read()
        if self._parts:
            return self._parts.popleft()
        if self._over:
            raise Ended("standard input has ended")
        return None

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Keyboard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        data = os.read(self._handle, _PART_BYTES)
        at = time.monotonic()
        self._over = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._over and self._rest:  # a last line without its end
            lines, self._rest = [self._rest], b""
        for line in lines:
            self._number += 1
            typed = "".join(char for char in line.decode(errors="replace") if char.isprintable()).strip()
            self._parts.append(Part(typed[:PART_LENGTH] or f"{self._run}-{self._number}", at))
