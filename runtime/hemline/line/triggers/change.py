"""
change: a part is there when something new has come to rest before the camera.

    change              each new scene at rest is a part, the empty place among them
    change:EMPTY.png    a scene like this picture, of the place without a part, is none

The picture is compared in squares, so a small part is seen too. A part is given once: the scene has to change before
there is another. Without frames there are no parts, and that is a fault of the camera, which is told.
"""

from __future__ import annotations

import time
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.errors import PictureError, UsageError
from hemline.line.camera import Camera
from hemline.line.triggers import Part, Settings, Staying
from hemline.watch.scene import MOVED, SceneWatch, apart, gray

SQUARES = 8  # a side: of a part that fills one of these 64, a change is seen as that of a whole picture would be


def check(argument: str) -> None:
    """Raise UsageError for a picture of the empty place that cannot be read."""
    if argument:
        _empty(argument)


def open(argument: str, camera: Camera, settings: Settings) -> Change:
    """Return the opened trigger."""
    return Change(camera, settings, empty=_empty(argument) if argument else None)


class Change:
    """The scenes of a camera, which belongs to the caller. empty: (h, w, 3) RGB, the place without a part."""

    looks = True

    def __init__(self, camera: Camera, settings: Settings, *, empty: NDArray[np.uint8] | None = None) -> None:
        self._camera, self._settings = camera, settings
        self._empty = None if empty is None else gray(empty)
        self._scenes = SceneWatch(squares=SQUARES)
        self._armed = True  # whether the scene may still become a part
        self._since: float | None = None  # when the part that is there was given
        self._number = 0

    def wait(self, timeout_s: float) -> Part | Staying | None:
        """Return the part that has come to rest."""
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            if (frame := self._camera.poll(left)) is None:
                break
            scene = self._scenes.update(frame.picture, frame.at)
            if scene.changed:
                self._armed, self._since = True, None
            if self._armed and scene.still:
                self._armed = False
                if self._is_empty(frame.picture):
                    continue
                self._number, self._since = self._number + 1, frame.at
                return Part(f"{self._settings.run}-{self._number}", frame.at, frame)
            if (staying := self._staying(frame.at)) is not None:
                return staying
        return None

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Change:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _staying(self, now_s: float) -> Staying | None:
        if self._since is None or not self._settings.stays_s or now_s - self._since < self._settings.stays_s:
            return None
        stood_s, self._since = now_s - self._since, None  # told once
        return Staying(f"the part has not left for {stood_s:.0f} s; it is decided once")

    def _is_empty(self, picture: NDArray[np.uint8]) -> bool:
        if self._empty is None:
            return False
        now = gray(picture)
        return now.shape == self._empty.shape and apart(now, self._empty, SQUARES) < MOVED


def _empty(path: str) -> NDArray[np.uint8]:
    try:
        return image.read(path)
    except PictureError as error:
        raise UsageError(f"trigger change: the picture of the empty place: {error}") from error
