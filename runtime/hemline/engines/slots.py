"""
Engines whose library reads and writes fixed arrays: a slot is such a set of arrays and the call on them.

What onnxruntime and OpenVINO have in common stands here: a slot for one picture and one for a batch, made for
each thread at its first call; checked pixels are copied in, outputs are copied out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hemline.engines import Model, wrong_pixels

# the type of the engine in a with statement; typing.Self is there from Python 3.11 on
_Engine = TypeVar("_Engine", bound="SlotEngine")


class Slot(Protocol):
    """Arrays that an engine reads and writes: pixels (n, H, W, C), outputs by name (n, width), and the call."""

    @property
    def pixels(self) -> NDArray[np.uint8]: ...

    @property
    def logits(self) -> NDArray[np.float32]: ...

    @property
    def outputs(self) -> Mapping[str, NDArray[np.float32]]: ...

    def run(self) -> object:
        """Compute the outputs of the pixels."""
        ...


def _closed(count: int) -> Slot:
    raise ValueError("the engine is closed")


class SlotEngine:
    """An engine over slots; it adds bare().

    make: pictures in a slot -> the slot. batch: pictures that are fastest at once.
    """

    def __init__(self, model: Model, make: Callable[[int], Slot], *, batch: int, backend: str) -> None:
        self._model = model
        self._make = make
        self._batch = batch
        self._shape = (1, *model.shape)
        self._local = threading.local()
        self._one()  # a file that cannot be run is found out now
        self.backend = backend

    def _one(self) -> Slot:
        try:
            slot: Slot = self._local.one
        except AttributeError:
            slot = self._local.one = self._make(1)
        return slot

    def _many(self) -> Slot:
        try:
            slot: Slot = self._local.many
        except AttributeError:
            slot = self._local.many = self._make(self._batch)
        return slot

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, classes) float32 for pixels (1, H, W, C) uint8."""
        if pixels.shape != self._shape or pixels.dtype != np.uint8:
            raise wrong_pixels(pixels, self._shape)
        slot = self._one()
        np.copyto(slot.pixels, pixels)
        slot.run()
        return slot.logits.copy()

    def embedding(self) -> NDArray[np.float32]:
        """Return (1, D) float32 of this thread's last logits call."""
        return self._one().outputs["embedding"].copy()

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8.

        Whole batches go in one call each, what is left one by one.
        """
        if pixels.shape[1:] != self._shape[1:] or pixels.dtype != np.uint8:
            raise wrong_pixels(pixels, ("N", *self._shape[1:]))
        widths = self._model.widths
        logits = np.empty((len(pixels), widths["logits"]), np.float32)
        embeddings = np.empty((len(pixels), widths["embedding"]), np.float32)
        start = 0
        while start < len(pixels):
            whole = len(pixels) - start >= self._batch
            slot, end = (self._many(), start + self._batch) if whole else (self._one(), start + 1)
            np.copyto(slot.pixels, pixels[start:end])
            slot.run()
            logits[start:end] = slot.outputs["logits"]
            embeddings[start:end] = slot.outputs["embedding"]
            start = end
        return logits, embeddings

    def close(self) -> None:
        """Let go of the slots and of the model."""
        self._local = threading.local()
        self._make = _closed

    def __enter__(self: _Engine) -> _Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
