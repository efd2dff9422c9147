"""
Which test pictures an artifact gets right: a bit a picture, so that two artifacts can be compared on the same pictures
by whoever has the files. 10,000 pictures are 1,668 letters. Law: unpack(pack(right), len(right)) == right.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

Right = NDArray[np.bool_]


def pack(right: Right) -> str:
    """Return right (N,) as base64 of its bits, the first picture in the highest bit of the first byte."""
    return base64.b64encode(np.packbits(right).tobytes()).decode("ascii")


def unpack(text: str, count: int) -> Right:
    """Return the (count,) booleans that pack() wrote; ValueError where it did not."""
    try:
        packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except binascii.Error as error:
        raise ValueError(f"not base64 ({error})") from None
    bits = np.unpackbits(packed)
    if len(packed) != -(-count // 8) or bits[count:].any():
        raise ValueError(f"{len(packed)} bytes, which are not {count:,} bits")
    return bits[:count].astype(np.bool_)
