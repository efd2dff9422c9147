"""
An engine that asks another about each mirror image too, and answers with the mean (hemline.mirror).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hemline import mirror

if TYPE_CHECKING:
    from hemline.engines import Engine


class MirroredEngine:
    """An Engine over an Engine. images: a key of mirror.MIRRORS. It owns the other, and closes it."""

    def __init__(self, engine: Engine, images: str) -> None:
        self._engine = engine
        self._images = images
        self._local = threading.local()
        self.backend = engine.backend

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, classes) float32 for pixels (1, H, W, C) uint8, contiguous."""
        logits, self._local.embedding = mirror.mean(self._once, pixels, self._images)
        return logits

    def _once(self, pixels: NDArray[np.uint8]) -> mirror.Outputs:
        return self._engine.logits(pixels), self._engine.embedding()

    def embedding(self) -> NDArray[np.float32]:
        """Return (1, D) float32 of this thread's last logits call."""
        embedding: NDArray[np.float32] = self._local.embedding
        return embedding

    def run(self, pixels: NDArray[np.uint8]) -> mirror.Outputs:
        """Return logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8."""
        return mirror.mean(self._engine.run, pixels, self._images)

    def bare(self, pixels: NDArray[np.uint8]) -> Callable[[], object]:
        """Return the library's own fastest call, once for each image: what an answer takes at the least."""
        calls = [self._engine.bare(image) for image in mirror.images(pixels, self._images)]
        return lambda: [call() for call in calls]

    def close(self) -> None:
        """Close the other engine."""
        self._engine.close()

    def __enter__(self) -> MirroredEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
