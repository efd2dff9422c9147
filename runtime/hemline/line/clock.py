"""
Whether the wall clock has jumped: somebody set it, a network found it, the machine slept.

Times of decisions are those of the wall clock; their order is that of their numbers. So a jump harms nothing, but who
reads the times has to know.
"""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_S = 60.0  # less is a clock that is being steered


class ClockWatch:
    """Compares the wall clock with one that only goes forward.

    wall, monotonic: the clocks, in seconds.
    """

    def __init__(
        self, *, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._apart = wall() - monotonic()

    def jump(self) -> float | None:
        """Return by how many seconds the wall clock has jumped since the last call; None when it has not."""
        apart = self._wall() - self._monotonic()
        moved, self._apart = apart - self._apart, apart
        return moved if abs(moved) >= JUMP_S else None
