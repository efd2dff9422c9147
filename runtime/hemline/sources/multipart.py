"""
The parts of a multipart/x-mixed-replace stream, as they arrive, for cameras as they are.

Content-Length is believed only as far as the boundary agrees with it. Without one a part ends where its JPEG does,
or at the next boundary, whichever is first: waiting for the boundary would delay each frame by one. The declared
boundary may or may not have its dashes. Nothing is kept beyond MAX_PART_BYTES, whatever the server sends.
"""

from __future__ import annotations

import re
from contextlib import suppress

from hemline.errors import PictureError
from hemline.imageheader import header

MAX_PART_BYTES = 32 * 2**20  # a JPEG of 64 Mpx has about 25 MB
MAX_HEAD_BYTES = 8 * 2**10
_JUNK_BYTES = 4 * 2**10  # between two parts; more of it counts as a refused picture
_LENGTH = re.compile(rb"content-length\s*:\s*(\d{1,12})", re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_END_OF_JPEG = b"\xff\xd9"


class Multipart:
    """Feed it what arrives; it returns the parts that are complete, or why one is refused.

    boundary: as the Content-Type declares it.
    """

    def __init__(self, boundary: bytes, *, name: str) -> None:
        core = boundary.strip().strip(b'"').lstrip(b"-")
        self._delimiter = re.compile(rb"(?:\A|\r?\n)-{2,}" + re.escape(core))
        self._margin = len(core) + 8  # how much of a delimiter may have arrived
        self._name = name
        self._buffer = bytearray()
        self._read = self._seek
        self._length: int | None = None
        self._junk = self._searched = 0

    def feed(self, data: bytes) -> list[bytes | PictureError]:
        """Return what became complete with these bytes."""
        self._buffer += data
        complete: list[bytes | PictureError] = []
        while self._read(complete):
            pass
        return complete

    def _seek(self, complete: list[bytes | PictureError]) -> bool:
        """Drop everything up to the next delimiter."""
        found = self._delimiter.search(self._buffer)
        dropped = found.start() if found else max(0, len(self._buffer) - self._margin)
        self._junk += dropped
        if found:
            del self._buffer[: found.end()]
            self._read = self._head
        elif dropped:
            # a newline of our own would be taken for the start of a delimiter; what is left may begin with one
            del self._buffer[:dropped]
        if self._junk > _JUNK_BYTES:
            self._junk = 0
            complete.append(self._refused(f"more than {_JUNK_BYTES:,} bytes between two pictures"))
        return found is not None

    def _head(self, complete: list[bytes | PictureError]) -> bool:
        """Read the head of a part."""
        found = _BLANK.search(self._buffer, 0, MAX_HEAD_BYTES)
        if found is None:
            if len(self._buffer) < MAX_HEAD_BYTES:
                return False
            complete.append(self._refused(f"a part's head has more than {MAX_HEAD_BYTES:,} bytes"))
            return self._next()
        stated = _LENGTH.search(self._buffer, 0, found.start())
        self._length = int(stated[1]) if stated else None
        del self._buffer[: found.end()]
        self._searched = 0
        self._read = self._body
        if self._length is not None and not 0 < self._length <= MAX_PART_BYTES:
            complete.append(self._refused(f"a picture of {self._length:,} bytes; the limit is {MAX_PART_BYTES:,}"))
            return self._next()
        return True

    def _body(self, complete: list[bytes | PictureError]) -> bool:
        """Take the picture of a part: up to the next delimiter, or its length where none comes before."""
        limit = len(self._buffer) if self._length is None else self._length
        found = self._delimiter.search(self._buffer, self._searched, limit)
        if found is not None:
            body = bytes(self._buffer[: found.start()])
            complete.append(body or self._refused("a picture of 0 bytes"))
            return self._next(found.start())
        self._searched = max(0, min(limit, len(self._buffer)) - self._margin)
        if self._length is not None:
            if len(self._buffer) < self._length:
                return False
            complete.append(bytes(self._buffer[: self._length]))
            return self._next(self._length)
        if self._buffer[-4:].rstrip(b"\r\n").endswith(_END_OF_JPEG):
            arrived = bytes(self._buffer.rstrip(b"\r\n"))
            with suppress(PictureError):  # the end of a thumbnail: more is to come
                header(arrived, name=self._name)
                complete.append(arrived)
                return self._next(len(self._buffer))
        if len(self._buffer) > MAX_PART_BYTES:
            complete.append(self._refused(f"a picture of more than {MAX_PART_BYTES:,} bytes"))
            return self._next(len(self._buffer))
        return False

    def _next(self, used: int = 0) -> bool:
        """Go on with the next part behind the `used` bytes."""
        del self._buffer[:used]
        self._junk = 0
        self._read = self._seek
        return True

    def _refused(self, reason: str) -> PictureError:
        return PictureError(f"{self._name}: {reason}")
