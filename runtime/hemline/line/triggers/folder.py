"""
folder: each picture of the source is a part, named as its file is.

For a folder that is being filled, and for any source that gives every frame. What is there and is no whole picture, or
comes in the place of one, is a part too: one without an answer. What lies in a folder when the line starts, and was
decided before as it lies there, is left out.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from types import TracebackType

from hemline.errors import UsageError
from hemline.line.camera import Camera
from hemline.line.decision import PART_LENGTH
from hemline.line.faults import Fault
from hemline.line.triggers import Part, Settings


def check(argument: str) -> None:
    """Raise UsageError for an argument; the folder is the source."""
    if argument:
        raise UsageError(f"trigger folder:{argument}: the folder is the source: hemline line run {argument}")


def open(argument: str, camera: Camera, settings: Settings) -> Folder:
    """Return the opened trigger."""
    return Folder(camera, settings)


class Folder:
    """One part for each item of the camera, which belongs to the caller."""

    looks = True

    def __init__(self, camera: Camera, settings: Settings) -> None:
        self._camera, self._run = camera, settings.run
        self._folder = camera.name.removeprefix("inbox:") if camera.inbox else None
        self._number = 0
        # of what was there before: when it was decided last, in microseconds
        self._before = {} if self._folder is None else dict(settings.decided(_names(self._folder)))

    def wait(self, timeout_s: float) -> Part | None:
        """Return the part of the next picture."""
        try:
            frame = self._camera.poll(timeout_s)
        except Fault as fault:
            if fault.cause == "camera" and self._camera.inbox:
                raise  # the folder itself is away: nothing came
            name = self._name(fault.source)
            return None if self._decided(name, fault.source) else Part(name, time.monotonic(), fault=fault)
        if frame is None:
            return None
        name = self._name(frame.source)
        return None if self._decided(name, frame.source) else Part(name, frame.at, frame)

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _name(self, source: str) -> str:
        self._number += 1
        name = source if self._folder is None else os.path.relpath(source, self._folder)
        return name[-PART_LENGTH:] or f"{self._run}-{self._number}"

    def _decided(self, name: str, source: str) -> bool:
        """Whether a part was decided before the line started, and its file has not changed since."""
        at = self._before.pop(name, None)
        if at is None:
            return False
        with suppress(OSError):
            return os.stat(source).st_ctime_ns // 1000 <= at  # noqa: PTH116  when it came here, whatever it says itself
        return False


def _names(folder: str) -> set[str]:
    """Return the names of what is in a folder and below it, as its parts are named."""
    found: set[str] = set()
    for top, _, files in os.walk(folder):
        found.update(os.path.relpath(os.path.join(top, name), folder)[-PART_LENGTH:] for name in files)  # noqa: PTH118
    return found
