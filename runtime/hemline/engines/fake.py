"""
The fake engine: answers computed from the pixels by a stated rule, in a stated time. For tests and for
checking the measuring itself; it needs nothing installed.

Its one file is JSON: {"weights_seed": int, "spin_us": number, "sleep_us": number, "repeat": int}. Logits are a fixed
random projection of the pixels, so equal pixels give equal answers and different ones differ. A picture takes spin_us
of looking at the clock and sleep_us of waiting, 0 where they are left out; the projection is computed `repeat` times.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hemline.engines import Model, Probe, wrong_pixels
from hemline.errors import BundleError


def probe() -> Probe:
    """Return that it can run; it always can."""
    return Probe(True, "hemline", "fake", "nothing")


def open(model: Model) -> FakeEngine:
    """Return the engine that follows the rule in the artifact's file."""
    (content,) = model.files.values()
    try:
        rule = json.loads(content)
        takes = Takes(
            float(rule.get("spin_us", 0.0)), float(rule.get("sleep_us", 0.0)), max(1, int(rule.get("repeat", 1)))
        )
        return FakeEngine(model, seed=int(rule["weights_seed"]), takes=takes)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{model.name}: not a fake artifact ({error})") from None


@dataclass(frozen=True)
class Takes:
    """What a picture takes: microseconds of computing, of waiting as for a device, and how often it is computed."""

    spin_us: float = 0.0
    sleep_us: float = 0.0
    repeat: int = 1

    def since(self, started_ns: int, pictures: int) -> None:
        """Return when so many pictures have taken their time."""
        if self.sleep_us:
            left = started_ns + int(1000 * self.sleep_us * pictures) - time.perf_counter_ns()
            time.sleep(max(0, left) / 1e9)
        until = started_ns + int(1000 * (self.spin_us + self.sleep_us) * pictures)
        while time.perf_counter_ns() < until:
            pass


class FakeEngine:
    """A fixed random projection; see the module."""

    backend = "fake"

    def __init__(self, model: Model, *, seed: int, takes: Takes) -> None:
        random = np.random.default_rng(seed)
        size = int(np.prod(model.shape))
        self._shape = model.shape
        self._takes = takes
        self._embed = random.normal(size=(size, model.widths["embedding"])).astype(np.float32) / np.float32(size)
        self._head = random.normal(size=(model.widths["embedding"], model.widths["logits"])).astype(np.float32)
        self._local = threading.local()

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, classes) float32 for pixels (1, H, W, C) uint8."""
        if pixels.shape != (1, *self._shape):
            raise wrong_pixels(pixels, (1, *self._shape))
        logits, self._local.embedding = self.run(pixels)
        return logits

    def embedding(self) -> NDArray[np.float32]:
        """Return (1, D) float32 of this thread's last logits call."""
        embedding: NDArray[np.float32] = self._local.embedding
        return embedding.copy()

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8."""
        if pixels.shape[1:] != self._shape or pixels.dtype != np.uint8:
            raise wrong_pixels(pixels, ("N", *self._shape))
        started = time.perf_counter_ns()
        for _ in range(self._takes.repeat):
            embedding: NDArray[np.float32] = (
                pixels.reshape(len(pixels), len(self._embed)).astype(np.float32) @ self._embed
            )
        logits: NDArray[np.float32] = embedding @ self._head
        self._takes.since(started, len(pixels))
        return logits, embedding

    def bare(self, pixels: NDArray[np.uint8]) -> Callable[[], object]:
        """Return the same call; there is no library below."""
        return lambda: self.logits(pixels)

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
