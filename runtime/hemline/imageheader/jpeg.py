"""
The header of a JPEG, found by walking all of its markers as libjpeg does.
"""

from __future__ import annotations

import re
import struct

from hemline.imageheader import exif
from hemline.imageheader.facts import MAX_PARTS, Header, Refused, damaged, truncated

SIGNATURE = b"\xff\xd8\xff"
# each scan of a progressive JPEG passes over every pixel again; encoders write about 10
MAX_SCANS = 100

# a marker that opens a segment, SOI or EOI; not a stuffed FF 00, TEM (01), a restart (D0-D7) or fill (FF)
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]").search
# the frame headers: C0 to CF without DHT (C4), JPG (C8) and DAC (CC)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_U16 = struct.Struct(">H").unpack_from


def parse(data: bytes) -> Header:
    """Return what a JPEG says about itself; raises Refused, or struct.error where it ends too early."""
    width = height = channels = scans = parts = orientation = 0
    adobe = False
    at = 2
    while found := _MARKER(data, at):
        at = found.end()
        marker = data[at - 1]
        if marker == 0xD9:  # EOI; what follows (a motion photo's film, a second view) is not this picture
            break
        if marker == 0xD8:
            raise damaged("a second picture begins inside it")
        parts += 1
        (length,) = _U16(data, at)
        if length < 2 or parts > MAX_PARTS:
            raise damaged("a segment has no length" if length < 2 else f"it has more than {MAX_PARTS:,} segments")
        if marker in _FRAMES:
            if channels:
                raise damaged("it has two frame headers")
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 2)
            if depth != 8:
                raise Refused(f"has {depth} bits per sample; hemline reads 8: save it as an 8-bit JPEG or a PNG")
        elif marker == 0xDA:
            scans += 1
            if scans > MAX_SCANS:
                raise Refused(f"has more than {MAX_SCANS} scans; save it anew")
        elif marker == 0xE1 and not orientation and data.startswith(b"Exif\0\0", at + 2):
            # this segment's own bytes only; the thumbnail in it, with its own end marker, is skipped with it
            orientation = exif.orientation(data[at + 2 : at + length])
        elif marker == 0xEE and data.startswith(b"Adobe", at + 2):
            adobe = True
        at += length
    else:
        size = f", {width}x{height} pixels" if channels else ""
        raise truncated(f"no end marker in its {len(data):,} bytes{size}")
    if not channels or not scans:
        raise damaged("it has no pixels")
    if channels not in (1, 3, 4):
        raise Refused(f"has {channels} colour components; hemline reads gray, RGB and CMYK: save it as RGB")
    if channels == 4 and not adobe:
        # Adobe stores CMYK inverted and says so; without that mark, black and white may be exchanged
        raise Refused("has 4 colour components and does not say what they mean; save it as RGB")
    return Header("JPEG", width, height, channels, orientation=orientation or 1)
