"""
What passes through a capture process: complete frames, and a few numbers that outlive it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

from hemline import image

_NUMBER = struct.Struct("=q")
NOTEBOOK_BYTES = 3 * _NUMBER.size
# rows between those that are compared first: two frames of a real sensor already differ there
_SPARSE = 61


@dataclass(frozen=True, eq=False)
class Shot:
    """One complete frame.

    content: the bytes of a picture file, decoded only when somebody asks for the frame, or (h, w, 3) RGB uint8.
    captured_ns: time.monotonic_ns() when its last byte was there.
    identity: what is compared to tell whether the camera is frozen; None for the content itself.
    """

    content: bytes | NDArray[np.uint8]
    captured_ns: int
    identity: bytes | None = None

    def same(self, other: Shot) -> bool:
        """Whether both show the same, bit for bit."""
        mine = self.content if self.identity is None else self.identity
        its = other.content if other.identity is None else other.identity
        if isinstance(mine, np.ndarray) and isinstance(its, np.ndarray):
            alike = mine.shape == its.shape and np.array_equal(mine[::_SPARSE], its[::_SPARSE])
            return alike and np.array_equal(mine, its)
        return isinstance(mine, bytes) and isinstance(its, bytes) and mine == its

    def pixels(self, name: str) -> NDArray[np.uint8]:
        """Return (h, w, 3) RGB uint8; PictureError when the bytes are no whole picture."""
        return image.decode(self.content, name=name) if isinstance(self.content, bytes) else self.content


class Notebook:
    """Three numbers, 0 at first, in memory that the capture processes of one source share, one after another.

    position: where a reader is; so it tells its successor when it is killed.
    refused, repeated: frames that were not whole, frames that came again. The parent reads them at any time: what
        was counted is known, however the process that counted it ended.
    """

    def __init__(self, memory: mmap | bytearray) -> None:
        self._memory = memory

    @property
    def position(self) -> int:
        """Where the reader is."""
        return self._number(0)

    @position.setter
    def position(self, value: int) -> None:
        _NUMBER.pack_into(self._memory, 0, value)

    @property
    def refused(self) -> int:
        """How many frames were not whole."""
        return self._number(1)

    @property
    def repeated(self) -> int:
        """How many frames were the same as the one before."""
        return self._number(2)

    def count_refused(self) -> None:
        """Count a frame that is not whole."""
        _NUMBER.pack_into(self._memory, _NUMBER.size, self.refused + 1)

    def count_repeated(self) -> None:
        """Count a frame that is the same as the one before."""
        _NUMBER.pack_into(self._memory, 2 * _NUMBER.size, self.repeated + 1)

    def close(self) -> None:
        """Let go of the shared memory; the numbers stay as they are."""
        shared, self._memory = self._memory, bytearray(self._memory[:])
        if isinstance(shared, mmap):
            shared.close()

    def _number(self, place: int) -> int:
        return int(_NUMBER.unpack_from(self._memory, place * _NUMBER.size)[0])
