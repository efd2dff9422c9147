"""
rtsp://HOST/PATH: a network camera, through OpenCV's FFmpeg, over TCP.

    rtsp://USER:PASSWORD@10.0.0.7:554/stream1
    rtsp://10.0.0.7/stream1#transport=udp&still=no

FFmpeg's own timeouts are set too, but what counts is the deadline of the capture process: it has been seen to wait
for ever (https://github.com/opencv/opencv/issues/22677).

A video codec repeats unchanged parts exactly, so a quiet scene gives the same frame twice and is not frozen: still is
on unless the address says no.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import cv2

from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import live, videocapture
from hemline.sources.address import Address, taken_apart
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot

TRANSPORTS = ("tcp", "udp", "http")
_TIMEOUT_MS = 10_000


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened stream."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("rtsp", text)
    address.allow(("transport",))
    transport = address.options.get("transport", "tcp")
    if transport not in TRANSPORTS:
        raise UsageError(f"{address.name}: transport={transport}; one of {', '.join(TRANSPORTS)}")
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a stream that may stand still."""
    return Limits(still=True)


def check(address: Address) -> None:
    """Nothing can be known without opening it."""


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the frames of the stream until it is lost."""
    # read by OpenCV when it opens; nobuffer: FFmpeg would hold frames back to smooth them
    transport = address.options.get("transport", "tcp")
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{transport}|fflags;nobuffer"
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
    capture = cv2.VideoCapture(address.target, cv2.CAP_FFMPEG, timeouts)
    try:
        if not capture.isOpened():
            hint = "is it on, is the path right, does it want USER:PASSWORD@ before the host?"
            raise DataError(f"{address.name}: no stream there; {hint}")
        yield from videocapture.frames(capture, name=address.name)
    finally:
        capture.release()
    raise DataError(f"{address.name}: the stream has ended")
