"""
Pictures that a shift is applied to, with the random numbers that belong to each.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

SUITE = 1  # of the kinds, their amounts and their random numbers together
_NUMBERS = 16  # of 16 bits in one block of Philox, which is four words of 64


@dataclass(frozen=True)
class Batch:
    """Consecutive pictures of a data set.

    pixels: (N, H, W, 1 or 3) uint8. pad: level 0..255 beside the garment. first: index of the first picture.
    """

    pixels: Pixels
    pad: int
    kind: str
    first: int

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[3] not in (1, 3):
            raise ValueError(f"expected uint8 (N, H, W, 1 or 3), found {self.pixels.dtype} {self.pixels.shape}")

    @property
    def edge(self) -> int:
        """The shorter edge in pixels; lengths are shares of it."""
        return int(min(self.pixels.shape[1:3]))

    def chance(self, count: int) -> NDArray[np.uint16]:
        """Return `count` random numbers for each picture, (N, count) uint16, each 0 to 65535.

        Philox counts: every picture has blocks of its own, found by its index, so no cut into batches matters.
        The bits themselves, none of NumPy's distributions, which may change with its version.
        """
        blocks = -(-count // _NUMBERS)
        key = np.array([SUITE, zlib.crc32(self.kind.encode())], np.uint64)
        words = np.random.Philox(key=key, counter=self.first * blocks).random_raw(len(self.pixels) * blocks * 4)
        numbers = np.asarray(words).astype("<u8").view("<u2").reshape(len(self.pixels), blocks * _NUMBERS)
        return numbers[:, :count].astype(np.uint16, copy=False)
