"""
What an artifact costs on this machine: load, first answer, latency of the engine, what hemline adds to it.

Each engine's call is measured in turns with the library's own fastest call on the same artifact, so the
overhead is a ratio within one run and noise meets both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import golden
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.engines import Engine, open_engine
from hemline.timing import interleaved, percentiles

PICTURES = 1024  # of one throughput call: many batches, so that what is left over does not count


def picture_for(bundle: Bundle) -> NDArray[np.uint8]:
    """Return one picture (1, H, W, C): the first golden one, else noise."""
    inputs = golden.load(bundle)
    if inputs is not None:
        return np.ascontiguousarray(inputs.pictures[:1])
    return np.random.default_rng(0).integers(0, 256, (1, *bundle.preprocess.shape), np.uint8)


def measure(bundle: Bundle, artifacts: list[str], *, seconds: float, threads: int = 1) -> Iterator[dict[str, Any]]:
    """Yield the figures of each artifact; `seconds` are spent on each.

    overhead_ratio: median of our call (uint8 in, float logits out) over the median of the library's own.
    pictures_per_second: of Engine.run on many pictures, which takes the batch that is best for the engine.
    classifier_adds_us: median of Classifier.answer less that of the engine's call: softmax, result, quality.
    """
    picture = picture_for(bundle)
    for name in artifacts:
        started = perf_counter_ns()
        with open_engine(bundle, name, threads=threads) as engine:
            loaded = perf_counter_ns()
            engine.logits(picture)
            answered = perf_counter_ns()
            times = interleaved(_calls(bundle, name, engine, picture), seconds=seconds)
            figures: dict[str, Any] = {
                "artifact": name,
                "backend": engine.backend,
                "bytes": bundle.artifact(name).bytes,
                "threads": threads,
                "load_ms": (loaded - started) / 1e6,
                "first_ms": (answered - loaded) / 1e6,
                **percentiles(times["engine"]),
            }
            median = {call: float(np.median(values)) for call, values in times.items()}
            figures["bare_p50_ms"] = median["bare"]
            figures["overhead_ratio"] = median["engine"] / median["bare"]
            figures["pictures_per_second"] = _throughput(engine, picture, seconds / 4)
            figures["classifier_adds_us"] = 1000 * (median["classifier"] - median["engine"])
            yield figures


def _throughput(engine: Engine, picture: NDArray[np.uint8], seconds: float) -> float:
    many = np.repeat(picture, PICTURES, axis=0)
    times = interleaved({"run": lambda: engine.run(many)}, seconds=seconds, block=1)["run"]
    return PICTURES / float(np.median(times)) * 1000


def _calls(bundle: Bundle, name: str, engine: Engine, picture: NDArray[np.uint8]) -> dict[str, Callable[[], object]]:
    classifier = Classifier(bundle, name, engine)
    ready = picture[0]
    return {
        "bare": engine.bare(picture),
        "engine": lambda: engine.logits(picture),
        "classifier": lambda: classifier.answer(ready),
    }
