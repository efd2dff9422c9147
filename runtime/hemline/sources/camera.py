"""
camera:0 or /dev/video0: a camera of Video4Linux, through OpenCV.

    camera:0                            the first one
    /dev/v4l/by-id/usb-046d_...-index0  this one, in whichever socket: cameras change numbers when plugged again
    camera:0?size=1920x1080&fps=30&format=MJPG

size: asked for, 1280x720 unless said; the driver takes the nearest it has. fps: likewise.
format: four letters, MJPG unless said: over USB 2, uncompressed pictures of this size come 10 times a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import cv2

from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import live, v4l2, videocapture
from hemline.sources.address import Address, taken_apart
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot

SIZE = (1280, 720)


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened camera."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("camera", text, scheme="camera:")
    address.allow(("size", "fps", "format"))
    address.size("size", SIZE)
    address.number("fps", 0, 1, 1000)
    if len(address.options.get("format", "MJPG")) != 4:
        raise UsageError(f"{address.name}: format={address.options['format']}; four letters, such as MJPG or YUYV")
    if not address.target.isdecimal() and not address.target.startswith("/"):
        raise UsageError(f"{address.name}: a camera is a number or a device, such as camera:0 or /dev/video0")
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a camera."""
    return Limits()


def check(address: Address) -> None:
    """Raise MissingError when it is not there, or not permitted."""
    if (error := v4l2.refused(device(address), name=address.name)) is not None:
        raise error


def device(address: Address) -> str:
    """Return the path of the device."""
    return f"/dev/video{int(address.target)}" if address.target.isdecimal() else address.target


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the frames of the camera until it is lost."""
    check(address)
    # by-id names are links, and OpenCV wants the device itself
    path = os.path.realpath(device(address))
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    try:
        if not capture.isOpened():
            raise v4l2.why(path, name=address.name)
        _set(capture, address)
        yield from videocapture.frames(capture, name=address.name)
    finally:
        capture.release()
    check(address)  # says it when it was unplugged
    raise DataError(f"{address.name}: the camera gives no more frames")


def _set(capture: cv2.VideoCapture, address: Address) -> None:
    """Ask for format, size and rate, in this order: each decides what the next can be."""
    width, height = address.size("size", SIZE)
    letters = address.options.get("format", "MJPG")
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*letters))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    if fps := address.number("fps", 0, 1, 1000):
        capture.set(cv2.CAP_PROP_FPS, fps)
