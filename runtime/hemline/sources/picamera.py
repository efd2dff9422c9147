"""
picamera:0: a camera on the ribbon cable of a Raspberry Pi, through picamera2.

    picamera:0?size=1280x720&fps=30

picamera2 belongs to libcamera and comes with the system, not from PyPI; a virtual environment sees it only when it
was made to. probe() says whether this one does, and what to do otherwise.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hemline.errors import DataError, MissingError, PictureError, UsageError
from hemline.sources import live
from hemline.sources.address import Address, taken_apart
from hemline.sources.complaints import complaint
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot

SIZE = (1280, 720)
SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")


def probe() -> str | None:
    """Return what to do before picamera2 can be used here, in one line; None when it can be imported."""
    if importlib.util.find_spec("picamera2") is not None and importlib.util.find_spec("libcamera") is not None:
        return None
    steps = []
    if not (SYSTEM_PACKAGES / "picamera2").is_dir():
        steps.append("sudo apt install -y python3-picamera2")
    if sys.prefix != sys.base_prefix:
        steps.append(f"python3 -m venv --system-site-packages {sys.prefix}")
    step = ", then ".join(steps) or f"start hemline with the system's Python, which sees {SYSTEM_PACKAGES}"
    return f"picamera2 is not importable here: {step}"


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened camera."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("picamera", text, scheme="picamera:")
    address.allow(("size", "fps"))
    address.size("size", SIZE)
    address.number("fps", 0, 1, 1000)
    if not address.target.isdecimal():
        raise UsageError(f"{address.name}: a number, such as picamera:0")
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a camera."""
    return Limits()


def check(address: Address) -> None:
    """Raise MissingError when picamera2 cannot be imported."""
    if (line := probe()) is not None:
        raise MissingError(f"{address.name}: {line}")


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the frames of the camera."""
    from picamera2 import Picamera2

    number, there = int(address.target), Picamera2.global_camera_info()
    if number >= len(there):
        names = ", ".join(f"picamera:{index} ({info.get('Model', '?')})" for index, info in enumerate(there))
        raise MissingError(
            f"{address.name}: no such camera; " + (f"there are {names}" if names else "none is connected")
        )
    try:
        camera = Picamera2(number)
    except RuntimeError as error:  # libcamera's only word for "busy"
        raise MissingError(f"{address.name}: {error}; does another program use it?") from error
    with camera:
        # BGR888 names the bytes from the highest down: in memory it is R, G, B. Without the queue a request gets a
        # frame whose exposure began after it was asked for.
        controls = {"FrameRate": fps} if (fps := address.number("fps", 0, 1, 1000)) else {}
        main = {"size": address.size("size", SIZE), "format": "BGR888"}
        camera.configure(camera.create_video_configuration(main=main, controls=controls, queue=False))
        camera.start()
        while True:
            pixels = camera.capture_array("main")
            captured_ns = time.monotonic_ns()
            complaint()  # libcamera talks on stderr; nobody else empties it
            if pixels.ndim != 3 or pixels.shape[2] != 3:
                raise DataError(f"{address.name}: frames of shape {pixels.shape}; expected (h, w, 3)")
            yield Shot(np.ascontiguousarray(pixels), captured_ns)
