"""
Many pictures through arrays of a fixed size: whole batches in one call each, what is left one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Slot(Protocol):
    """Arrays that an engine reads and writes: pixels (n, H, W, C), outputs by name (n, width), and the call."""

    @property
    def pixels(self) -> NDArray[np.uint8]: ...

    @property
    def outputs(self) -> Mapping[str, NDArray[np.float32]]: ...

    def run(self) -> object:
        """Compute the outputs of the pixels."""
        ...


def in_batches(
    pixels: NDArray[np.uint8],
    widths: Mapping[str, int],
    size: int,
    *,
    many: Callable[[], Slot],
    one: Callable[[], Slot],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8.

    many: gives the slot for `size` pictures, asked for only when there are as many. one: the slot for one.
    """
    logits = np.empty((len(pixels), widths["logits"]), np.float32)
    embeddings = np.empty((len(pixels), widths["embedding"]), np.float32)
    start = 0
    while start < len(pixels):
        whole = len(pixels) - start >= size
        slot, end = (many(), start + size) if whole else (one(), start + 1)
        np.copyto(slot.pixels, pixels[start:end])
        slot.run()
        logits[start:end] = slot.outputs["logits"]
        embeddings[start:end] = slot.outputs["embedding"]
        start = end
    return logits, embeddings
