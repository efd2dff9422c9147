"""
The one number of EXIF that matters to pixels: which way up the camera was held.
"""

from __future__ import annotations

import struct


def orientation(exif: bytes) -> int:
    """Return the EXIF orientation 1 to 8; 1, upright, when there is none or it makes no sense.

    exif: a TIFF structure, with or without the "Exif" mark that JPEG puts before it.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        mark, first = struct.unpack_from(order + "HI", tiff, 2)
        (entries,) = struct.unpack_from(order + "H", tiff, first)
        for at in range(first + 2, first + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "2H", tiff, at)
            if tag == 0x0112:
                # type 3, SHORT, by the book; some writers use 4, LONG
                (value,) = struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, at + 8)
                return int(value) if mark == 42 and kind in (3, 4) and 1 <= value <= 8 else 1
    except struct.error:  # an offset or a count that leads out of the bytes
        pass
    return 1
