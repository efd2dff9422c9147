"""
Pictures that follow each other in one stream of bytes, JPEG or PNG, as `ffmpeg -f mjpeg -` or `cat *.png` write them.

Where a picture ends, its own structure says: segments and chunks are skipped by their lengths, so a thumbnail inside
one does not end it. After damage the next signature is looked for. Nothing is kept beyond MAX_PICTURE_BYTES.
"""

from __future__ import annotations

import re

from hemline.errors import PictureError
from hemline.imageheader import jpeg, png

MAX_PICTURE_BYTES = 32 * 2**20
_JUNK_BYTES = 2**10  # newlines or a multipart head between two pictures are no picture that was lost
_START = re.compile(re.escape(jpeg.SIGNATURE) + b"|" + re.escape(png.SIGNATURE))
# what opens a segment, SOI or EOI; not a stuffed FF 00, a restart or fill
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
_SOI, _EOI = 0xD8, 0xD9


class Concatenated:
    """Feed it what arrives; it returns the pictures that are complete, or why one is refused."""

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._buffer = bytearray()
        self._at = 0  # of the picture at the front: how far it was followed
        self._junk = 0

    @property
    def unfinished(self) -> int:
        """How many bytes of a picture are there whose end is not."""
        return len(self._buffer) if _START.match(self._buffer) else 0

    def feed(self, data: bytes) -> list[bytes | PictureError]:
        """Return what became complete with these bytes."""
        self._buffer += data
        complete: list[bytes | PictureError] = []
        while self._front(complete):
            try:
                end = self._follow_jpeg() if self._buffer.startswith(jpeg.SIGNATURE) else self._follow_png()
            except ValueError as damage:
                complete.append(PictureError(f"{self._name}: {damage}"))
                self._drop(len(jpeg.SIGNATURE))  # what comes next may be within what was skipped
                continue
            if end is None:
                if len(self._buffer) <= MAX_PICTURE_BYTES:
                    break
                complete.append(PictureError(f"{self._name}: a picture of more than {MAX_PICTURE_BYTES:,} bytes"))
                end = len(self._buffer)
                self._drop(end)
                break
            complete.append(bytes(self._buffer[:end]))
            self._drop(end)
        return complete

    def _front(self, complete: list[bytes | PictureError]) -> bool:
        """Drop what is before the next signature; False when there is none yet."""
        found = _START.search(self._buffer)
        dropped = found.start() if found else max(0, len(self._buffer) - len(png.SIGNATURE))
        if dropped:
            self._junk += dropped
            self._drop(dropped)
        if found and self._junk > _JUNK_BYTES:
            complete.append(PictureError(f"{self._name}: {self._junk:,} bytes that belong to no picture"))
        if found:
            self._junk = 0
        return found is not None

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._at = 0

    def _follow_jpeg(self) -> int | None:
        """Return where the JPEG at the front ends, None when that has not arrived; ValueError when it is damaged."""
        buffer = self._buffer
        self._at = max(self._at, 2)
        while found := _MARKER.search(buffer, self._at):
            marker, at = buffer[found.end() - 1], found.end()
            if marker == _EOI:
                return at
            if marker == _SOI:
                raise ValueError(f"JPEG truncated: the next picture begins after {found.start():,} bytes")
            self._at = found.start()
            if len(buffer) < at + 2:
                return None
            length = int.from_bytes(buffer[at : at + 2], "big")
            if length < 2:
                raise ValueError("JPEG damaged: a segment has no length")
            self._at = at + length
        self._at = max(self._at, len(buffer) - 1)  # its last byte may be the first of a marker
        return None

    def _follow_png(self) -> int | None:
        """The same for a PNG."""
        buffer = self._buffer
        self._at = max(self._at, len(png.SIGNATURE))
        while len(buffer) >= self._at + 8:
            length = int.from_bytes(buffer[self._at : self._at + 4], "big")
            kind = bytes(buffer[self._at + 4 : self._at + 8])
            if length > MAX_PICTURE_BYTES or not kind.isalpha():
                raise ValueError("PNG damaged: no chunk where one should be")
            end = self._at + 12 + length
            if kind == b"IEND":
                return end if len(buffer) >= end else None
            self._at = end
        return None
