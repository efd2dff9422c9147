"""
Frames from cv2.VideoCapture, of whichever backend: cameras, RTSP and video files share this loop.

It runs in a capture process only: read() may wait for ever, and then the process is killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from hemline.errors import PictureError
from hemline.sources.complaints import complaint
from hemline.sources.shot import Shot


def frames(capture: cv2.VideoCapture, *, name: str) -> Iterator[Shot | PictureError]:
    """Yield frames until there are no more: then a file has ended, or a camera is lost."""
    while capture.grab():
        captured_ns = time.monotonic_ns()
        done, bgr = capture.retrieve()
        if wrong := complaint():
            yield PictureError(f"{name}: damaged: the decoder says: {wrong}")
        elif not done or bgr.ndim not in (2, 3):
            yield PictureError(f"{name}: the frame cannot be decoded")
        else:
            code = cv2.COLOR_GRAY2RGB if bgr.ndim == 2 else cv2.COLOR_BGR2RGB
            yield Shot(cv2.cvtColor(bgr, code), captured_ns)  # type: ignore[arg-type]  # uint8, as its input is
