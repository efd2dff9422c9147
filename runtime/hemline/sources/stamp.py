"""
A number and a time as a bar code in the top rows of a picture, which survives JPEG.

Who reads it back from the pixels knows which frame they are and how old, whatever anybody else says about them.
read(draw(picture, number, time_ns)) == (number, time_ns).
"""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError

CELL = 8  # pixels a side of one bit: a block of JPEG, so that neighbours do not blur it
_FACTS = struct.Struct(">IQ")
_BITS = 8 * (_FACTS.size + 4)  # and their CRC
_QUALITY = 90


def draw(picture: NDArray[np.uint8], number: int, time_ns: int) -> NDArray[np.uint8]:
    """Return a copy of the picture, (h, w, 3) uint8, with the stamp on it.

    number: 0 to 2**32 - 1. time_ns: 0 to 2**64 - 1.
    Raises UsageError when the picture is too small for it: 128x64 is enough, and so is 64x128.
    """
    rows, columns = _grid(picture)
    if rows * CELL > len(picture) or not columns:
        height, width = picture.shape[:2]
        raise UsageError(f"{width}x{height} pixels are too few for a stamp; 128x64 are enough")
    facts = _FACTS.pack(number, time_ns)
    data = facts + struct.pack(">I", zlib.crc32(facts))
    bits = np.zeros(rows * columns, np.uint8)
    bits[:_BITS] = np.unpackbits(np.frombuffer(data, np.uint8))
    cells = np.kron(bits.reshape(rows, columns) * np.uint8(255), np.ones((CELL, CELL), np.uint8))
    stamped = picture.copy()
    stamped[: rows * CELL, : columns * CELL] = cells[..., None]
    return stamped


def read(picture: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return (number, time_ns), None when there is no stamp that is whole."""
    rows, columns = _grid(picture)
    if not columns or rows * CELL > len(picture):
        return None
    middle = slice(CELL // 2, None, CELL)
    bits = (picture[: rows * CELL, : columns * CELL, 1][middle, middle] > 127).ravel()[:_BITS]
    data = np.packbits(bits).tobytes()
    facts, crc = data[: _FACTS.size], data[_FACTS.size :]
    if struct.pack(">I", zlib.crc32(facts)) != crc:
        return None
    number, time_ns = _FACTS.unpack(facts)
    return number, time_ns


def encoded(picture: NDArray[np.uint8], number: int, time_ns: int) -> bytes:
    """Return a JPEG of an RGB picture with the stamp on it."""
    bgr = cv2.cvtColor(draw(picture, number, time_ns), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def _grid(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many rows and columns of cells the stamp has on this picture."""
    columns = picture.shape[1] // CELL
    return (-(-_BITS // columns) if columns else 0), columns
