"""
Where pictures come from. A source is opened, gives one Item after another, and is closed again.

A source is one file beside this one and one line in SOURCES. Whatever goes wrong with one picture travels in
its Item, so that the others go on; only a source that cannot give any picture raises.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.errors import PictureError, UsageError, unknown

# kind: module with connect(arguments) -> Source
SOURCES = {
    "files": "hemline.sources.files",
}


@dataclass(frozen=True, eq=False)
class Item:
    """One picture of a source, which nobody has read yet.

    source: by which a person finds the picture again: a path, "-", camera:0#17.
    content: a path to read, the bytes of a picture file, a frame (h, w, 3) RGB uint8, or why there is none.
    """

    source: str
    content: str | bytes | NDArray[np.uint8] | PictureError

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


def connect(kind: str, arguments: Sequence[str]) -> Source:
    """Return the opened source of this kind; the module of no other kind is imported.

    arguments: as on the command line; for "files": files, folders, globs and "-".
    """
    if kind not in SOURCES:
        raise UsageError(unknown("source", kind, SOURCES))
    source: Source = importlib.import_module(SOURCES[kind]).connect(arguments)
    return source
