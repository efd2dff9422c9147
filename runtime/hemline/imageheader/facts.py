"""
What is known of a picture file before it is decoded, and how one is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

# chunks or segments of one file; a 256 MB PNG in 8 KB pieces has 32,000, and walking 100,000 takes 0.1 s
MAX_PARTS = 100_000


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file says about itself.

    format: "JPEG", "PNG", "WebP" or "BMP".
    width, height: pixels as stored, before the orientation is applied; each 1 or more.
    channels: samples of one pixel, 1 (gray) to 4; a palette counts as 3, before any tRNS.
    depth: bits of one sample: 1 to 16 in a PNG; in a 16-bit BMP 5, or 6 where green has 6; 8 elsewhere.
    orientation: the EXIF value 1 to 8; 1, upright, where there is none or it cannot be read.
    frames: pictures in the file; an animation may have a single one.
    alpha: some pixels may be transparent.
    extras: a PNG holds chunks that its pixels do not depend on.
    """

    format: str
    width: int
    height: int
    channels: int
    depth: int = 8
    orientation: int = 1
    frames: int = 1
    animated: bool = False
    alpha: bool = False
    extras: bool = False


class Refused(Exception):
    """The rest of the line that refuses a picture, after its name and format."""


def truncated(found: str) -> Refused:
    """Return the refusal of a file that ends too early."""
    return Refused(f"truncated: {found}; copy it again from where it came")


def damaged(found: str) -> Refused:
    """Return the refusal of a file that contradicts its format."""
    return Refused(f"damaged: {found}; copy it again, or open it in an image editor and save it anew")
