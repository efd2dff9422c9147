"""
Figures beside the latency: what hemline adds to the engine, how many pictures a second, from a file to a label.
"""

from __future__ import annotations

import statistics
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.bench.measuring import CHUNK, Message, timed
from hemline.bench.plan import BATCHES, Plan
from hemline.bench.quantiles import ranks
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.drawn.photo import photo
from hemline.engines import Engine, open_engine
from hemline.errors import PictureError
from hemline.sources import Item
from hemline.timing import interleaved

CAMERA = (480, 640)  # height and width of the drawn photo: what a camera gives where nothing else is asked of it
PARTS = ("decode_ms", "preprocess_ms", "infer_ms")
LEAST_CALLS = 3  # of many pictures at once, however long one takes
BLOCK_MS = 10.0  # of calls of one kind before another takes its turn


def measured(bundle: Bundle, plan: Plan, engine: Engine, picture: NDArray[np.uint8]) -> Iterator[Message]:
    """Yield overhead, throughput and the whole path; plan.extra_s for each."""
    classifier = Classifier(bundle, plan.artifact, engine)
    yield {"overhead": overhead(engine, classifier, picture, plan.extra_s)}
    yield {"whole": [whole(classifier, *file, plan.extra_s / 2) for file in files(bundle, plan.picture, picture)]}
    rows = by_batch(engine, picture, plan.threads, plan.extra_s)
    best = max(rows, key=lambda row: row["pictures_per_second"])["batch"]
    others = [count for count in plan.thread_counts if count != plan.threads]
    for count in others:
        with open_engine(bundle, plan.artifact, threads=count, openvino_device=plan.openvino_device) as other:
            many = np.repeat(picture, best, axis=0)
            rows.append(_throughput(other, many, count, plan.extra_s / len(others)))
    yield {"throughput": rows}


def overhead(engine: Engine, classifier: Classifier, picture: NDArray[np.uint8], seconds: float) -> dict[str, Any]:
    """Return our call over the library's own fastest, and what the classifier adds, the calls measured in turns.

    overhead_ratio: the median of the turns' ratios of medians; overhead_ci95: its order-statistic interval.
    """
    ready = picture[0]
    calls: dict[str, Callable[[], object]] = {
        "bare": engine.bare(picture),
        "engine": lambda: engine.logits(picture),
        "classifier": lambda: classifier.answer(ready),
    }
    once = statistics.median(timed(calls["engine"], 0, 1)[0] for _ in range(3)) / 1e6
    block = max(1, min(50, int(BLOCK_MS / max(once, 1e-3))))
    times = interleaved(calls, seconds=seconds, block=block)
    medians = {name: np.median(values.reshape(-1, block), axis=1) for name, values in times.items()}
    ratios = np.sort(medians["engine"] / medians["bare"])
    first, last = ranks(len(ratios), 0.5)
    ends = None if first is None or last is None else [float(ratios[first - 1]), float(ratios[last - 1])]
    median = {name: float(np.median(values)) for name, values in times.items()}
    return {
        "bare_p50_ms": median["bare"],
        "overhead_ratio": float(np.median(ratios)),
        "overhead_ci95": ends,
        "classifier_adds_us": 1000 * (median["classifier"] - median["engine"]),
    }


def by_batch(engine: Engine, picture: NDArray[np.uint8], threads: int, seconds: float) -> list[dict[str, Any]]:
    """Return pictures a second of Engine.run on 1, 2, 4 and more pictures at once, until one call takes too long."""
    rows = []
    each = seconds / len(BATCHES)
    for batch in BATCHES:
        rows.append(_throughput(engine, np.repeat(picture, batch, axis=0), threads, each))
        if 2 * batch / rows[-1]["pictures_per_second"] > 4 * each:
            break
    return rows


def _throughput(engine: Engine, pictures: NDArray[np.uint8], threads: int, seconds: float) -> dict[str, Any]:
    engine.run(pictures)
    times = timed(lambda: engine.run(pictures), time.perf_counter_ns() + int(1e9 * seconds), CHUNK)
    while len(times) < LEAST_CALLS:
        times.extend(timed(lambda: engine.run(pictures), 0, 1))
    rate = len(pictures) / statistics.median(times) * 1e9
    return {"batch": len(pictures), "threads": threads, "pictures_per_second": rate}


def files(bundle: Bundle, given: str | None, picture: NDArray[np.uint8]) -> list[tuple[str, bytes]]:
    """Return [(what it is, its bytes)]: the picture that was given, else a drawn photo, JPEG, and a ready one, PNG."""
    if given is not None:
        try:
            return [(Path(given).name, Path(given).read_bytes())]
        except OSError as error:
            raise PictureError(f"{given}: {error.strerror}") from None
    height, width = CAMERA
    jpeg = image.jpeg(photo(0, seed=1, height=height, width=width)[0], 90)
    done, png = cv2.imencode(".png", np.ascontiguousarray(picture[0][..., ::-1]))
    assert done
    high, wide = picture.shape[1:3]
    return [(f"drawn photo, JPEG {width}x{height}", jpeg), (f"ready picture, PNG {wide}x{high}", png.tobytes())]


def whole(classifier: Classifier, name: str, data: bytes, seconds: float) -> dict[str, Any]:
    """Return what a picture file takes from its bytes to a label, and its parts (medians)."""
    item = Item(name, data)
    first = classifier.classify_item(item)
    if first.top == ():
        raise PictureError(first.reason or f"{name}: cannot be read")
    parts: dict[str, array[float]] = {part: array("d") for part in PARTS}

    def call() -> None:
        result = classifier.classify_item(item)
        for part, values in parts.items():
            values.append(getattr(result, part))

    times = timed(call, time.perf_counter_ns() + int(1e9 * seconds), CHUNK)
    p50, p90, p99 = np.percentile(np.asarray(times) / 1e6, [50, 90, 99])
    return {
        "picture": name,
        "bytes": len(data),
        "inferences": len(times),
        "p50_ms": float(p50),
        "p90_ms": float(p90),
        "p99_ms": float(p99),
        **{part: statistics.median(values) for part, values in parts.items()},
    }
