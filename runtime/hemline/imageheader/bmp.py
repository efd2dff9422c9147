"""
The header of a BMP.
"""

from __future__ import annotations

import struct

from hemline.imageheader.facts import Header, Refused, damaged, truncated

_BYTES = frozenset({0xFF, 0xFF00, 0xFF0000, 0xFF000000})  # colour masks of a 32-bit pixel, whole bytes


def parse(data: bytes) -> Header:
    """Return what a BMP says about itself; raises Refused, or struct.error where it ends too early."""
    offset, size = struct.unpack_from("<2I", data, 10)
    if max(offset, 14 + size) > len(data):
        raise truncated(f"its pixels begin after the end of its {len(data):,} bytes")
    compression = alpha_mask = 0
    if size == 12:  # OS/2 1.x
        width, height, _, bits = struct.unpack_from("<4H", data, 18)
    elif size >= 40:
        width, height, _, bits, compression = struct.unpack_from("<2i2HI", data, 18)
        if bits <= 8 and struct.unpack_from("<I", data, 46)[0] > 256:
            raise damaged("its palette has more than 256 colours")
    else:
        raise Refused(f"has a header of {size} bytes; hemline reads 12 and from 40: save it as a PNG")
    if compression not in (0, 3):
        names = {1: "RLE", 2: "RLE", 4: "JPEG", 5: "PNG"}
        raise Refused(f"is compressed ({names.get(compression, compression)}); save it uncompressed or as a PNG")
    if bits not in (1, 4, 8, 16, 24, 32):
        raise Refused(f"has {bits} bits per pixel; hemline reads 1, 4, 8, 16, 24 and 32: save it as a PNG")
    depth = 5 if bits == 16 else 8
    if compression == 3:
        masks = struct.unpack_from("<3I", data, 54)
        alpha_mask = struct.unpack_from("<I", data, 66)[0] if size >= 56 else 0
        if bits == 16 and masks == (0xF800, 0x7E0, 0x1F):
            depth = 6
        elif masks != (0x7C00, 0x3E0, 0x1F) if bits == 16 else not {*masks} <= _BYTES or bits != 32:
            raise Refused("has unusual colour masks; save it as a PNG")
    # a negative height means: the first row is the top one
    height = abs(height)
    if width > 0 and offset + (width * bits + 31) // 32 * 4 * height > len(data):
        raise truncated(f"{width}x{height} pixels do not fit in its {len(data):,} bytes")
    return Header("BMP", max(width, 0), height, 4 if alpha_mask else 3, depth, alpha=bool(alpha_mask))
