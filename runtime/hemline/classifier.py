"""
From a picture to a Result: decode, Preprocess.apply, engine, softmax, quality.

The Classifier is the one open resource of a device; open it once and keep it.
"""

from __future__ import annotations

from math import exp
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hemline.bundle import Bundle
from hemline.engines import Engine, open_engine
from hemline.errors import PictureError, UsageError
from hemline.prediction import Result
from hemline.select import choose, find_bundle
from hemline.sources import Item


class Classifier:
    """An open bundle: one artifact in one engine.

    Use it as a context manager. Calls may come from several threads.
    """

    def __init__(self, bundle: Bundle, artifact: str, engine: Engine, *, top: int = 3) -> None:
        if top < 1:
            raise UsageError(f"top {top}; at least 1")
        chosen = bundle.artifact(artifact)
        self.bundle = bundle
        self.artifact = artifact
        self.engine = engine
        self._top = min(top, len(bundle.labels))
        self._title = bundle.title
        self._sharpness = 1.0 / chosen.temperature
        self._good = float(chosen.thresholds.get("good", 0.5))
        self._labels = bundle.labels
        self._preprocess = bundle.preprocess
        # reduced decoding keeps twice the pixels that averaging needs; other interpolations look at single ones
        averages = bundle.preprocess.interpolation == "area"
        self._needed = bundle.preprocess.shape[:2] if averages else None

    @classmethod
    def open(
        cls,
        bundle: Bundle | Path | str | None = None,
        *,
        artifact: str | None = None,
        device: str | None = None,
        top: int = 3,
    ) -> Classifier:
        """Return a classifier of a bundle (default: the one in the wheel) on the best engine that is here.

        device: name or path of a device profile: it orders the artifacts and sets the threads.
        """
        facts = bundle if isinstance(bundle, Bundle) else Bundle.load(find_bundle(bundle))
        choice = choose(facts, artifact=artifact, device=device)
        engine = open_engine(facts, choice.artifact, threads=choice.threads)
        return cls(facts, choice.artifact, engine, top=top)

    def answer(
        self,
        pixels: NDArray[np.uint8],
        *,
        source: str = "",
        decode_ms: float = 0.0,
        preprocess_ms: float = 0.0,
    ) -> Result:
        """Return the answer for pixels (H, W, C) uint8 as Preprocess.apply returns them."""
        started = perf_counter_ns()
        logits = self.engine.logits(pixels[None])
        infer_ms = (perf_counter_ns() - started) / 1e6
        # ten numbers: Python's floats are several times faster here than six numpy calls
        values: list[float] = logits[0].tolist()
        highest, sharpness = max(values), self._sharpness
        shares = [exp((value - highest) * sharpness) for value in values]
        scale = 1.0 / sum(shares)
        order = sorted(range(len(shares)), key=shares.__getitem__, reverse=True)[: self._top]
        labels = self._labels
        top = tuple([(labels[index], shares[index] * scale) for index in order])
        label, confidence = top[0]
        good = confidence >= self._good
        return Result(
            source,
            label,
            confidence,
            "good" if good else "uncertain",
            None if good else f"confidence {confidence:.2f} is below {self._good:.2f}",
            top,
            self.artifact,
            self._title,
            decode_ms,
            preprocess_ms,
            infer_ms,
        )

    def classify(self, picture: NDArray[np.uint8], *, source: str = "", decode_ms: float = 0.0) -> Result:
        """Return the answer for a decoded picture, (h, w, 3) RGB or (h, w) gray uint8."""
        started = perf_counter_ns()
        pixels = self._preprocess.apply(picture)
        preprocess_ms = (perf_counter_ns() - started) / 1e6
        return self.answer(pixels, source=source, decode_ms=decode_ms, preprocess_ms=preprocess_ms)

    def classify_item(self, item: Item) -> Result:
        """Return the answer for an item of a source; one that cannot be read gives quality "bad"."""
        started = perf_counter_ns()
        try:
            picture = item.picture(needed=self._needed, background=self._preprocess.pad)
            decode_ms = (perf_counter_ns() - started) / 1e6
            return self.classify(picture, source=item.source, decode_ms=decode_ms)
        except PictureError as error:
            return self.refuse(item.source, str(error))

    def classify_file(self, path: Path | str) -> Result:
        """Return the answer for a picture file; one that cannot be read gives quality "bad"."""
        return self.classify_item(Item(str(path), str(path)))

    def refuse(self, source: str, reason: str) -> Result:
        """Return the result of a picture that there is no answer about."""
        return Result(source, None, 0.0, "bad", reason, (), self.artifact, self._title)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
