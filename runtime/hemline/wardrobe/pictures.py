"""
The picture files of a catalogue: as they came, named by their sha256, so one that comes twice lies there once.

put() returns when the file is on the disk, and a row that names it is written after that: a picture that a catalogue
knows is there. What no row names is an orphan (a kill between the two), and sweep() takes it away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline import image, storage
from hemline.errors import DataError
from hemline.storage import sync_folder
from hemline.wardrobe.storehouse import Layout

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WebP": "webp", "BMP": "bmp"}
THUMBNAIL = 320  # pixels of the longer side: two a phone's width, sharp on its screen
_QUALITY = 92  # of a frame that came without a file; 12 Mpx are then about 3 MB


@dataclass(frozen=True)
class Stored:
    """A picture file that is on the disk. new: it was not there before."""

    sha256: str
    format: str
    width: int
    height: int
    bytes: int
    new: bool


def encoded(picture: NDArray[np.uint8]) -> bytes:
    """Return a frame (h, w, 3) RGB as the bytes of a JPEG file."""
    return image.jpeg(picture, _QUALITY)


class Pictures:
    """The files below one catalogue's folder. Holds nothing open."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._durable: set[str] = set()  # names that this process has synced

    def path(self, sha256: str, format: str) -> Path:
        """Return where a picture lies."""
        return self._layout.pictures / sha256[:2] / f"{sha256}.{EXTENSIONS[format]}"

    def put(self, data: bytes, name: str) -> Stored:
        """Make the bytes of a picture file durable; PictureError when they are none. name: what an error calls it."""
        header = image.header(data, name=name)
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256, header.format)
        new = not (path.exists() and path.read_bytes() == data)
        if new:
            for folder in (self._layout.pictures, path.parent):
                if not folder.exists():
                    folder.mkdir(mode=0o700)
                    sync_folder(folder.parent)
            storage.write_file(path, data)
        elif sha256 not in self._durable:
            sync_folder(path.parent)  # whoever wrote it may have been killed before this
        self._durable.add(sha256)
        width, height = header.width, header.height
        if header.orientation >= 5:  # lies on its side
            width, height = height, width
        return Stored(sha256, header.format, width, height, len(data), new)

    def read(self, sha256: str, format: str) -> bytes:
        """Return the bytes that were put; DataError when the file is gone or is another one now."""
        path = self.path(sha256, format)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: {(error.strerror or str(error)).lower()}; the garment is still there") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DataError(f"{path}: altered since it was entered (another sha256); put the original back")
        return data

    def put_thumbnail(self, sha256: str, data: bytes) -> None:
        """Keep a JPEG as the thumbnail of a picture."""
        storage.write_file(self._thumbnail(sha256), data)

    def thumbnail(self, sha256: str, format: str) -> bytes:
        """Return a JPEG of at most THUMBNAIL pixels a side; made when it is asked for the first time."""
        path = self._thumbnail(sha256)
        try:
            return path.read_bytes()
        except OSError:
            pass
        data = self._reduced(sha256, format)
        try:
            storage.write_file(path, data)
        except OSError:
            return data  # a full disk, a folder that may only be read: there is a picture all the same
        return data

    def discard(self, sha256: str) -> None:
        """Delete a picture and its thumbnail; one that is gone already is no error."""
        self._durable.discard(sha256)
        for format in EXTENSIONS:
            self.path(sha256, format).unlink(missing_ok=True)
        self._thumbnail(sha256).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> int:
        """Delete what no row knows, unfinished files too, and return how many pictures that were."""
        count = 0
        self._durable.clear()
        for root in (self._layout.pictures, self._layout.thumbnails):
            for path in root.glob("??/*"):
                if path.name.startswith(".") or path.name.partition(".")[0] not in known:
                    path.unlink(missing_ok=True)
                    count += root == self._layout.pictures
        return count

    def _thumbnail(self, sha256: str) -> Path:
        return self._layout.thumbnails / sha256[:2] / f"{sha256}.jpg"

    def _reduced(self, sha256: str, format: str) -> bytes:
        data = self.read(sha256, format)
        picture = image.decode(data, name=sha256, needed=(THUMBNAIL, THUMBNAIL), background=255)
        return image.jpeg(image.shrunk(picture, THUMBNAIL), 82)
