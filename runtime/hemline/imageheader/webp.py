"""
The header of a WebP.
"""

from __future__ import annotations

import struct

from hemline.imageheader import exif
from hemline.imageheader.facts import MAX_PARTS, Header, damaged, truncated


def parse(data: bytes) -> Header:
    """Return what a WebP says about itself; raises Refused, or struct.error where it ends too early."""
    end = struct.unpack_from("<I", data, 4)[0] + 8
    if end > len(data):
        raise truncated(f"it has {len(data):,} of its {end:,} bytes")
    canvas = frame = None
    orientation = frames = parts = 0
    alpha = animated = False
    at = 12
    while at + 8 <= end and parts < MAX_PARTS:
        parts += 1
        kind, length = struct.unpack_from("<4sI", data, at)
        start = at + 8
        at = start + length + (length & 1)  # chunks begin at even offsets
        if start + length > end:
            raise damaged(f"its chunk {kind.decode('latin-1')!a} is longer than the file")
        if kind == b"VP8X":
            flags, wide, high = struct.unpack_from("<B3x3s3s", data, start)
            canvas = int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
            animated, alpha = bool(flags & 2), bool(flags & 16)
        elif kind == b"VP8 " and frame is None:
            code, wide14, high14 = struct.unpack_from("<3s2H", data, start + 3)
            if code != b"\x9d\x01\x2a":
                raise damaged("its picture has no start code")
            frame = wide14 & 0x3FFF, high14 & 0x3FFF  # the two high bits ask a player to scale it
        elif kind == b"VP8L" and frame is None:
            mark, bits = struct.unpack_from("<BI", data, start)
            if mark != 0x2F:
                raise damaged("its picture has no start code")
            frame = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            alpha = alpha or bool(bits >> 28 & 1)
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF" and not orientation:
            orientation = exif.orientation(data[start : start + length])
    size = canvas if animated else frame  # the frames of an animation may be smaller than its canvas
    if size is None:
        raise damaged("it has no pixels")
    if canvas and canvas != size:
        raise damaged(f"its header says {canvas[0]}x{canvas[1]} pixels, its picture {size[0]}x{size[1]}")
    width, height = size
    channels, frames = 4 if alpha else 3, frames if animated else 1
    return Header("WebP", width, height, channels, 8, orientation or 1, frames, animated, alpha)
