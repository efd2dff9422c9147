"""
The header of a PNG, and its chunks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from zlib import crc32

from hemline.imageheader import exif
from hemline.imageheader.facts import MAX_PARTS, Header, Refused, damaged, truncated

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# all that the pixels depend on here; the rest (text, profiles, animation) never reaches the decoder
ESSENTIAL = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})

# colour type: bit depths it may have, samples of a pixel
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_HEADER = struct.Struct(">IIBBBBB").unpack_from
_CHUNK = struct.Struct(">I4s").unpack_from
_U32 = struct.Struct(">I").unpack_from


def parse(data: bytes) -> Header:
    """Return what a PNG says about itself; raises Refused, or struct.error where it ends too early."""
    width, height, depth, colour, compression, filtering, interlace = _HEADER(data, 16)
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise damaged("it does not begin with IHDR")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise damaged(f"no PNG has bit depth {depth} with colour type {colour}")
    orientation = headers = pixels = frames = 0
    palette = transparent = extras = False
    view = memoryview(data)
    for kind, start, end in chunks(data):
        if kind not in ESSENTIAL:
            extras = True
            if kind == b"eXIf" and not orientation:
                orientation = exif.orientation(data[start:end])
            elif kind == b"acTL" and end - start == 8:
                frames = _U32(data, start)[0]
            continue
        # libpng would find it too, and print its own line on stderr
        if crc32(view[start - 4 : end]) != _U32(data, end)[0]:
            raise damaged(f"the checksum of {kind.decode()} is wrong")
        if kind == b"IDAT":
            pixels += end - start
        elif kind == b"IHDR":
            headers += 1
        elif kind == b"PLTE":
            palette = True
        elif kind == b"tRNS":
            transparent = True
    if headers != 1:
        raise damaged(f"it has {headers} IHDR")
    if not pixels or (colour == 3 and not palette):
        raise damaged("it has no pixels" if palette or colour != 3 else "its palette is missing")
    alpha = colour in (4, 6) or transparent
    # one frame is a still picture; its animation chunk goes with the other extras
    return Header(
        "PNG", width, height, _CHANNELS[colour], depth, orientation or 1, frames or 1, frames > 1, alpha, extras
    )


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of each chunk's data, IHDR to IEND; the checksum is the 4 bytes at `end`."""
    at, size = 8, len(data)
    for _ in range(MAX_PARTS):
        if at + 12 > size:
            raise truncated("no IEND at its end")
        length, kind = _CHUNK(data, at)
        start = at + 8
        at = start + length + 4
        if at > size:
            raise truncated(f"it ends inside a chunk, {at - size:,} bytes short")
        yield kind, start, at - 4
        if kind == b"IEND":
            return
    raise Refused(f"has more than {MAX_PARTS:,} chunks; save it anew")


def essential(data: bytes) -> bytes:
    """Return the PNG with the chunks that its pixels depend on, and no others.

    libpng unpacks profiles and text that nobody asked for, complains about common ones on stderr, and newer
    OpenCV versions follow animation chunks.
    """
    parts = [data[start - 8 : end + 4] for kind, start, end in chunks(data) if kind in ESSENTIAL]
    return b"".join((SIGNATURE, *parts))


def clear_gray(data: bytes, depth: int) -> int:
    """Return the gray value that tRNS declares transparent, as decoded to 8 or 16 bits; -1 when there is none."""
    for kind, start, end in chunks(data):
        if kind == b"tRNS" and end - start == 2:
            value: int = struct.unpack_from(">H", data, start)[0]
            return value if depth >= 8 else value * 255 // (2**depth - 1)
    return -1
