"""
What a picture file says about itself, read from its bytes alone: no decoder runs and no pixel is allocated.

The format is decided by the first bytes, never by the file's name. Every length is checked against the
bytes that are there, so a truncated file is refused here, before a decoder would fill the rest with gray.
Each parser follows the rules of the decoder that comes after it (libjpeg, libpng, libwebp, OpenCV's BMP):
both must find the same size in the same file, or the pixel cap would guard the wrong number.
"""

from __future__ import annotations

import struct

from hemline.errors import PictureError
from hemline.imageheader import bmp, jpeg, png, webp
from hemline.imageheader.facts import Header, Refused

__all__ = ["Header", "header", "shown"]


def header(data: bytes, *, name: str = "<bytes>") -> Header:
    """Return what the file says about itself; `name` names it in the PictureError that refuses it."""
    if data.startswith(png.SIGNATURE):
        kind, parse = "PNG", png.parse
    elif data.startswith(jpeg.SIGNATURE):
        kind, parse = "JPEG", jpeg.parse
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        kind, parse = "WebP", webp.parse
    elif data.startswith(b"BM") and data[15:18] == b"\0\0\0":  # "BM" alone also begins a text
        kind, parse = "BMP", bmp.parse
    else:
        from hemline.imageheader.other import guess  # only when something is already wrong

        raise PictureError(f"{shown(name)}: {guess(data)}")
    try:
        found = parse(data)
    except struct.error:  # a number was to be read beyond the last byte
        reason = "truncated: it ends too early; copy it again from where it came"
    except Refused as refused:
        reason = str(refused)
    else:
        if found.width > 0 and found.height > 0:
            return found
        reason = f"damaged: its header says {found.width}x{found.height} pixels; there is no picture in it"
    raise PictureError(f"{shown(name)}: {kind} {reason}")


def shown(name: str) -> str:
    """Return the name as it can stand in one line of a terminal: control characters and odd bytes escaped."""
    return name if name.isprintable() else ascii(name)
