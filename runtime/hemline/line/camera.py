"""
The source of a line: frames that can be judged, or the reason why there are none.

Laws. A frame is given once. One that shows nothing, or has another size than the line began with where all have one, is
a fault and no frame; so is silence. Whatever is lost is looked for again by the source itself (hemline.sources.live):
this waits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import HemlineError, PictureError
from hemline.line.faults import Ended, Fault, States
from hemline.sources import Item, LiveSource

# Of spots a hundredth of a picture's side large, in levels of 255: a sensor's noise and its hot pixels are averaged
# away. Of 877 photos of magnetic tiles the darkest has a spot of 84, the plainest ones that are 53 apart.
BLACK = 16  # without a brighter spot nothing was lit
PLAIN = 4  # no two spots further apart: a cover, a frame of one value
SPOTS = 100  # along the longer side
_NS = 1e9


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, (h, w, 3) RGB uint8.

    source: by which a person finds it. at: time.monotonic() when it was complete. data: the bytes of its file, None
    for a frame that came as pixels.
    """

    source: str
    picture: NDArray[np.uint8]
    at: float
    data: bytes | None = None


class Camera:
    """An open source, read by the line's own thread; it belongs to the caller.

    name: by which its own faults are told, as opposed to those of one file. inbox: whether it is a folder that is
    being filled: nothing comes for hours, and that is no fault. any_size: whether frames may differ in size.
    newest: the last frame that came.
    """

    def __init__(
        self, source: LiveSource, name: str, states: States, *, inbox: bool = False, any_size: bool = False
    ) -> None:
        self.name, self.inbox, self._any_size = name, inbox, any_size
        self._source, self._states = source, states
        self._size: tuple[int, int] | None = None
        self._lost: str | None = None
        self._given_up: HemlineError | None = None
        self.newest: Frame | None = None

    def poll(self, timeout_s: float) -> Frame | None:
        """Return the next frame, looked at by nobody yet; None when there is none in time.

        Raises Fault for what came in its place, Ended when none will follow, and what the source says when it gives up.
        """
        if self._given_up is not None:
            raise self._given_up
        try:
            item = self._source.poll(max(0.0, timeout_s))
        except HemlineError as error:
            self._given_up = error
            self._states.bad("camera", str(error))
            raise
        if item is None:
            if self._source.ended:
                raise Ended(f"{self.name}: the source has ended")
            return None
        try:
            picture = item.picture()
        except PictureError as error:
            raise self._fault(item, str(error)) from error
        self._lost = None
        self._states.good("camera")
        at = time.monotonic() if item.captured_ns is None else item.captured_ns / _NS
        self.newest = Frame(item.source, picture, at, _data(item))
        return self.newest

    def next(self, until: float, *, after: float = -inf) -> Frame:
        """Return the next frame that was complete at a time `after` or later; both times as time.monotonic().

        Raises Fault: of the camera when it is lost, of the budget when there is none until then.
        """
        while (left := until - time.monotonic()) > 0:
            frame = self.poll(left)
            if frame is not None and frame.at >= after:
                return frame
        if self._lost is not None:
            raise Fault("camera", self._lost)
        raise Fault("budget", f"{self.name}: no picture in time")

    def require_usable(self, frame: Frame) -> None:
        """Raise Fault for a frame that nothing can be said about."""
        height, width = frame.picture.shape[:2]
        if self._size is None:
            self._size = height, width
        if (height, width) != self._size and not self._any_size:
            begun = f"{self._size[1]}x{self._size[0]}"
            raise Fault("picture", f"{frame.source}: {width}x{height} pixels, the line began with {begun}")
        spots = _spots(frame.picture)
        low, high = int(spots.min()), int(spots.max())
        if high < BLACK:
            raise Fault("picture", f"{frame.source}: black, its brightest spot has level {high} of 255")
        if high - low < PLAIN:
            raise Fault("picture", f"{frame.source}: nothing to see, the same all over (level {high} of 255)")

    def _fault(self, item: Item, reason: str) -> Fault:
        if item.source != self.name:  # a file among others: the folder it lies in is there
            return Fault("picture", reason, source=item.source)
        self._lost = reason
        self._states.bad("camera", reason)
        return Fault("camera", reason, source=item.source)


def _data(item: Item) -> bytes | None:
    return item.content if isinstance(item.content, bytes) else None


def _spots(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the gray means of square spots of a picture (h, w, 3) RGB; what is left over at two edges is left out."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    side = max(1, min(max(gray.shape) // SPOTS, *gray.shape))
    height, width = gray.shape[0] // side, gray.shape[1] // side
    # by a whole number of pixels OpenCV averages in a tenth of the time
    small = cv2.resize(gray[: height * side, : width * side], (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
