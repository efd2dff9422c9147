"""
fake://FOLDER: the pictures of a folder as the frames of a camera that fails on demand.

The faults happen inside the capture process, exactly as with a real camera:

    stall       nothing comes any more              disconnect  the camera says that it is gone
    freeze      the same frame comes for ever       kill        the capture process is killed (SIGKILL)
    garbage     the frame's bytes are noise         drop        the frame is lost on the way
    half        the second half is missing

Each is "0.01", the probability that a frame has it, or "12,40", the numbers of frames that have it. Frames are
numbered from 1 on, through reopenings: what has happened does not happen again.
fps: frames a second (default 30); 0 for as fast as they are taken.
loop: how often the folder is gone through; yes (default) for ever, 0 or no for once.
stamp: draws number and time into each frame, see stamp.py.
seed: of the probabilities.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from hemline import image
from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import live, stamp
from hemline.sources.address import NO, YES, Address, taken_apart
from hemline.sources.files import Files
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot

FAULTS = ("stall", "freeze", "garbage", "half", "disconnect", "kill", "drop")
_FOR_EVER = 3600.0
_FROZEN_FPS = 30.0


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened camera."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address; every value that an option has is looked at."""
    address = taken_apart("fake", text, scheme="fake://")
    address.allow(("fps", "loop", "stamp", "seed", *FAULTS))
    address.number("fps", 30, 0, 1000)
    address.number("seed", 0, 0, 2**31)
    address.flag("stamp")
    _rounds(address)
    for fault in FAULTS:
        _when(address, fault)
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a camera; without a rate it gives every frame."""
    return Limits(every=address.number("fps", 30, 0, 1000) == 0)


def check(address: Address) -> None:
    """Raise DataError when there is no picture."""
    if not os.path.isdir(address.target):  # noqa: PTH112  Path() raises for a NUL in the name
        raise DataError(f"{address.name}: no folder {image.shown(address.target)}")
    Files([address.target])


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the pictures, with their faults."""
    paths = [item.source for item in Files([address.target])]
    fps, rounds, marked = address.number("fps", 30, 0, 1000), _rounds(address), address.flag("stamp")
    faults = {fault: _when(address, fault) for fault in FAULTS}
    due = time.monotonic()
    while rounds is None or notebook.position < rounds * len(paths):
        # written down before anything happens: a successor goes on behind it
        notebook.position += 1
        number = notebook.position
        happens = {fault for fault, when in faults.items() if when(number)}
        if fps:
            due = max(due + 1 / fps, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))
        if "kill" in happens:
            os.kill(os.getpid(), signal.SIGKILL)
        if "disconnect" in happens:
            raise DataError(f"{address.name}: disconnected at frame {number}")
        if "stall" in happens:
            time.sleep(_FOR_EVER)
        if "drop" in happens:
            continue
        data = image.read_bytes(paths[(number - 1) % len(paths)])
        if marked:
            data = stamp.encoded(image.decode(data, name=address.name), number, time.monotonic_ns())
        if "garbage" in happens:
            data = random.Random(number).randbytes(len(data))  # noqa: S311  nothing is kept secret
        if "half" in happens:
            data = data[: len(data) // 2]
        # a sensor never gives the same frame twice; a folder of a few pictures does, and means another one
        shot = Shot(data, time.monotonic_ns(), identity=str(number).encode())
        if happens & {"garbage", "half"}:
            try:
                image.header(data, name=address.name)
            except PictureError as error:
                yield error
                continue
        yield shot
        while "freeze" in happens:  # it is one frame, however often it comes: the numbers stand still too
            time.sleep(1 / (fps or _FROZEN_FPS))
            yield Shot(shot.content, time.monotonic_ns(), shot.identity)


def _rounds(address: Address) -> int | None:
    text = address.options.get("loop", YES[0]).lower()
    if text in NO:
        return 1
    if text in YES and text != "1":
        return None
    if not text.isdecimal():
        raise UsageError(f"{address.name}: loop={text}; yes, no, or how often")
    return int(text)


def _when(address: Address, fault: str) -> Callable[[int], bool]:
    """Return whether the frame of a number has this fault."""
    text = address.options.get(fault, "")
    parts = text.split(",") if text else []
    if all(part.isdecimal() for part in parts):
        numbers = frozenset(map(int, parts))
        return lambda number: number in numbers
    share = address.number(fault, 0, 0, 1)
    seed = int(address.number("seed", 0, 0, 2**31))
    return lambda number: random.Random(f"{seed} {fault} {number}").random() < share  # noqa: S311
