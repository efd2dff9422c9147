"""
Where pictures come from. A source is opened, gives one Item after another, and is closed again.

A source is one file beside this one and one line in SOURCES. Whatever goes wrong with one picture travels in
its Item, so that the others go on; only a source that cannot give any picture raises.

A live source (a camera, a stream, a film) reads in a process of its own, with a deadline for each frame: live.py.
"""

from __future__ import annotations

import importlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.errors import DataError, PictureError, UsageError, unknown

# kind: module with connect(arguments) -> Source
SOURCES = {
    "files": "hemline.sources.files",
    "camera": "hemline.sources.camera",
    "picamera": "hemline.sources.picamera",
    "stream": "hemline.sources.stream",
    "rtsp": "hemline.sources.rtsp",
    "video": "hemline.sources.video",
    "inbox": "hemline.sources.inbox",
    "stdin": "hemline.sources.stdin",
    "fake": "hemline.sources.fake",
}
# how the text of a live source begins: its kind
PREFIXES = {
    "camera:": "camera",
    "picamera:": "picamera",
    "inbox:": "inbox",
    "http://": "stream",
    "https://": "stream",
    "rtsp://": "rtsp",
    "rtsps://": "rtsp",
    "fake://": "fake",
}
EXAMPLES = "camera:0, picamera:0, rtsp://HOST/PATH, http://HOST/PATH, clip.mp4, a folder, - or fake://FOLDER"
STILLS = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


@dataclass(frozen=True, eq=False)
class Item:
    """One picture of a source, which nobody has read yet.

    source: by which a person finds the picture again: a path, "-", camera:0#17.
    content: a path to read, the bytes of a picture file, a frame (h, w, 3) RGB uint8, or why there is none.
    captured_ns: time.monotonic_ns() when the frame was complete in the capture process; None when it is no frame.
    sequence: of a live source, counts its frames: strictly rising, across reconnections; a gap was skipped.
    """

    source: str
    content: str | bytes | NDArray[np.uint8] | PictureError
    captured_ns: int | None = None
    sequence: int | None = None

    def picture(
        self,
        *,
        needed: tuple[int, int] | None = None,
        background: int = 0,
        max_pixels: int = image.MAX_PIXELS,
    ) -> NDArray[np.uint8]:
        """Return the picture, (h, w, 3) RGB uint8; a file is read and decoded now, with image.decode's options."""
        content = self.content
        if isinstance(content, str):
            return image.read(content, needed=needed, background=background, max_pixels=max_pixels)
        if isinstance(content, bytes):
            return image.decode(content, name=self.source, needed=needed, background=background, max_pixels=max_pixels)
        if isinstance(content, PictureError):
            raise content
        return content


class Source(Protocol):
    """An open source. Iterating it gives its items in a fixed order, each as soon as it is known."""

    def __iter__(self) -> Iterator[Item]: ...

    def __enter__(self) -> Source: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LiveSource(Source, Protocol):
    """A source that has to be waited for; every kind has this but "files"."""

    ended: bool  # no item will follow

    def poll(self, timeout_s: float | None = None) -> Item | None:
        """Return the next item; None when there is none within the timeout, or none will follow."""

    def close(self) -> None:
        """End the iteration, from any thread, and leave nothing behind."""

    def __enter__(self) -> LiveSource: ...


def connect(kind: str, arguments: Sequence[str]) -> Source:
    """Return the opened source of this kind; the module of no other kind is imported.

    arguments: as on the command line; for "files": files, folders, globs and "-"; for every other kind one text.
    """
    if kind not in SOURCES:
        raise UsageError(unknown("source", kind, SOURCES))
    source: Source = importlib.import_module(SOURCES[kind]).connect(arguments)
    return source


def open_source(text: str) -> LiveSource:
    """Return the opened live source that a text names; of a camera, stream or film the first frame is there.

    Raises UsageError for a text that names no source, MissingError when a camera is not there or not ours,
    DataError when it gives no picture.
    """
    kind = kind_of(text)
    source: LiveSource = importlib.import_module(SOURCES[kind]).connect([text])
    return source


def kind_of(text: str) -> str:
    """Return the kind of live source that a text names, as in SOURCES; whether it is there is not looked at.

    A folder is an "inbox"; any other file is a "video", by being no picture.
    """
    if text == "-" or text.startswith("-?"):
        return "stdin"
    for prefix, kind in PREFIXES.items():
        if text.startswith(prefix):
            return kind
    if (scheme := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)) is not None:
        raise UsageError(f"{unknown('source', scheme[0], [p for p in PREFIXES if '://' in p])}")
    path = text if os.path.lexists(text) else text.rpartition("?")[0] or text
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        if path.startswith("/dev/"):
            return "camera"
        hint = f"; camera {text} is camera:{text}" if text.isdigit() else f"; a source is {EXAMPLES}"
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise DataError(f"{image.shown(path)}: {reason}{hint}") from error
    if stat.S_ISDIR(mode):
        return "inbox"
    if stat.S_ISCHR(mode):
        return "camera"
    if path.lower().endswith(STILLS):
        raise UsageError(f"{image.shown(path)}: one picture, not a live source: hemline classify {image.shown(path)}")
    return "video"
