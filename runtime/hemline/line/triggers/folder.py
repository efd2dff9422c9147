"""
folder: each picture of the source is a part, named as its file is.

For a folder that is being filled, and for any source that gives every frame. What is there and is no whole picture, or
comes in the place of one, is a part too: one without an answer.
"""

from __future__ import annotations

import time
from pathlib import PurePath
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
        self._number = 0

    def wait(self, timeout_s: float) -> Part | None:
        """Return the part of the next picture."""
        try:
            frame = self._camera.poll(timeout_s)
        except Fault as fault:
            if fault.cause == "camera" and self._camera.inbox:
                raise  # the folder itself is away: nothing came
            return Part(self._name(fault.source), time.monotonic(), fault=fault)
        return None if frame is None else Part(self._name(frame.source), frame.at, frame)

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
        return PurePath(source).name[-PART_LENGTH:] or f"{self._run}-{self._number}"
