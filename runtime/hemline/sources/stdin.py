"""
"-": frames on standard input, JPEG or PNG one after another, as these write them:

    libcamera-vid -t 0 --codec mjpeg -o - | hemline watch -
    ffmpeg -i INPUT -f mjpeg - | hemline watch -
    cat scans/*.jpg | hemline watch '-?every'

The newest frame wins and the pipe is always drained; with `every` each frame is given and the writer has to wait.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence

from hemline import image
from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import live
from hemline.sources.address import Address, taken_apart
from hemline.sources.concatenated import Concatenated
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot

STDIN = 0
_CHUNK_BYTES = 2**16  # of a pipe: all that fits into it


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened pipe."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("stdin", text)
    address.allow(())
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a camera: a pipe that pauses is a fault."""
    return Limits()


def check(address: Address) -> None:
    """Raise UsageError when nobody writes into standard input."""
    try:
        terminal = os.isatty(STDIN)
    except OSError:
        terminal = True
    if sys.stdin is None or terminal:
        raise UsageError(
            "-: standard input is a terminal; pipe frames into it, as in: ffmpeg -i INPUT -f mjpeg - | ..."
        )


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the pictures in the pipe until its end."""
    pictures = Concatenated(name=address.name)
    found = arrived = 0
    while data := os.read(STDIN, _CHUNK_BYTES):
        arrived += len(data)
        for picture in pictures.feed(data):
            if isinstance(picture, bytes):
                found += 1
                try:
                    image.header(picture, name=address.name)
                except PictureError as error:
                    yield error
                    continue
                yield Shot(picture, time.monotonic_ns())
            else:
                yield picture
    if pictures.unfinished:
        yield PictureError(f"{address.name}: the input ended within a picture, after {pictures.unfinished:,} bytes")
    if not found and not notebook.position:
        what = f"{arrived:,} bytes without a whole JPEG or PNG picture" if arrived else "nothing came before its end"
        raise DataError(f"{address.name}: {what}")
