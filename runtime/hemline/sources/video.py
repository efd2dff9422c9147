"""
clip.mp4: the frames of a video file, through OpenCV's FFmpeg.

    clip.mp4             every frame, as fast as they are taken
    clip.mp4?realtime    at the film's own rate, as if it were a camera: the newest frame wins

It ends where the film ends. A frame that kills the decoder is left out: the next capture process goes on behind it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from hemline import image
from hemline.errors import DataError, PictureError
from hemline.sources import live, videocapture
from hemline.sources.address import Address, taken_apart
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot

_RATE = 25.0  # where the file states none


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened film."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("video", text)
    address.allow(("realtime",))
    address.flag("realtime")
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a film: a still scene is no fault."""
    return Limits(still=True, every=not address.flag("realtime"))


def check(address: Address) -> None:
    """Raise DataError when there is no file that may be read."""
    try:
        with Path(address.target).open("rb") as file:
            if not file.read(1):
                raise DataError(f"{image.shown(address.target)}: empty (0 bytes)")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise DataError(f"{image.shown(address.target)}: {reason}") from error


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the frames until the film ends."""
    # a file can be a playlist, and name others: they too have to be files, nothing is fetched
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    capture = cv2.VideoCapture(str(Path(address.target).absolute()), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise DataError(f"{image.shown(address.target)}: no video that FFmpeg can read")
        stated = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        fps = capture.get(cv2.CAP_PROP_FPS)
        step = 1 / (fps if 0 < fps <= 1000 else _RATE) if address.flag("realtime") else 0.0
        if notebook.position:
            capture.set(cv2.CAP_PROP_POS_FRAMES, notebook.position)
        due = time.monotonic()
        notebook.position += 1  # of the frame that is being decoded, 1 for the first
        for frame in videocapture.frames(capture, name=address.name):
            if step:
                due = max(due + step, time.monotonic() - 1)
                time.sleep(max(0.0, due - time.monotonic()))
                frame = _now(frame)
            yield frame
            notebook.position += 1
        shown = notebook.position - 1
    finally:
        capture.release()
    if shown == 0:
        raise DataError(f"{image.shown(address.target)}: no frame of this video can be decoded")
    # what a header states is an estimate in some formats; far less than that is a file that was cut off
    if shown < 0.9 * stated - 2:
        yield PictureError(
            f"{image.shown(address.target)}: ends after frame {shown:,} of {stated:,}: cut off or damaged"
        )


def _now(frame: Shot | PictureError) -> Shot | PictureError:
    """Return the frame as shown now: of a film that plays, that is when it was captured."""
    return frame if isinstance(frame, PictureError) else Shot(frame.content, time.monotonic_ns())
