"""
A 12-megapixel JPEG to its label, one core: decode, isolate, preprocess and infer apart, beside a full decode and Keras.

    python scripts/bench_photo.py [--bundle wardrobe] [--artifact litert:int8] [--rounds 15] [--json F]

The photo is drawn. The peer decodes it at full size with OpenCV, shrinks it to the model's pixels and calls
`model.predict` on the bundle's architecture, untrained: the weights' values cost nothing. Both take turns in one
process on one core; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

SIZE = 3024, 4032  # of a phone's picture, height and width
QUALITY = 92


def drawn_jpeg() -> bytes:
    """Return the bytes of the photo."""
    import cv2

    from hemline.drawn import LABELS
    from hemline.drawn.photo import photo

    picture, _ = photo(LABELS.index("Coat"), seed=1, cloth="navy", floor="wood", height=1512, width=2016)
    large = cv2.resize(picture, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    _, encoded = cv2.imencode(".jpg", large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return encoded.tobytes()


def ours(classifier: Any, data: bytes) -> dict[str, float]:
    """Return the milliseconds of each step of hemline's way."""
    from hemline import garment, image

    contract = classifier.bundle.preprocess
    started = time.perf_counter()
    picture = image.decode(data, needed=contract.needed, background=contract.pad)
    decoded = time.perf_counter()
    found = garment.isolate(picture) if contract.isolation != "none" else None
    isolated = time.perf_counter()
    seen = classifier.look(picture)
    ended = time.perf_counter()
    isolate_ms = 1000 * (isolated - decoded)
    row = {
        "decode_ms": 1000 * (decoded - started),
        "isolate_ms": isolate_ms if found is not None else 0.0,
        # look() isolates again: what is left of its preprocessing is the layout
        "preprocess_ms": max(0.0, seen.result.preprocess_ms - isolate_ms),
        "infer_ms": seen.result.infer_ms,
    }
    return {**row, "total_ms": row["decode_ms"] + 1000 * (ended - isolated)}


def peer(bundle: Any) -> Any:
    """Return bytes -> milliseconds of the peer's steps."""
    import cv2
    import keras
    import numpy as np

    from hemline_train import models
    from hemline_train import recipe as recipes

    recipe = recipes.load(bundle.name)
    height, width, channels = recipe.preprocess.shape
    model: Any = models.build(recipe.model.parsed(), recipe.preprocess.shape, len(bundle.labels))
    assert keras.backend.backend()

    def run(data: bytes) -> dict[str, float]:
        started = time.perf_counter()
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY if channels == 1 else cv2.COLOR_BGR2RGB)
        decoded = time.perf_counter()
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        batch = small.reshape(1, height, width, channels).astype("float32")
        shrunk = time.perf_counter()
        model.predict(batch, verbose=0)
        ended = time.perf_counter()
        return {
            "decode_ms": 1000 * (decoded - started),
            "preprocess_ms": 1000 * (shrunk - decoded),
            "infer_ms": 1000 * (ended - shrunk),
            "total_ms": 1000 * (ended - started),
        }

    return run


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--bundle", default="wardrobe")
    parser.add_argument("--artifact", default="litert:int8")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import cv2

    from hemline.classifier import Classifier

    cv2.setNumThreads(1)
    data = drawn_jpeg()
    rows: dict[str, list[dict[str, float]]] = {"hemline": [], "full decode and Keras": []}
    with Classifier.open(options.bundle, artifact=options.artifact) as classifier:
        other = peer(classifier.bundle)
        for number in range(options.rounds + 2):
            pair = ours(classifier, data), other(data)
            if number >= 2:  # the first ones build graphs and fill caches
                for name, row in zip(rows, pair, strict=True):
                    rows[name].append(row)
    figures = {
        name: {key: statistics.median(row[key] for row in found) for key in found[0]} for name, found in rows.items()
    }
    print(f"{len(data) / 1e6:.1f} MB JPEG of {SIZE[1]}x{SIZE[0]}, one core, medians of {options.rounds}")
    for name, row in figures.items():
        parts = ", ".join(f"{key.removesuffix('_ms')} {value:.1f}" for key, value in row.items() if key != "total_ms")
        print(f"{name:<22} {row['total_ms']:7.1f} ms  ({parts})")
    both = [row["total_ms"] for row in figures.values()]
    print(f"{'ratio':<22} {both[1] / both[0]:7.1f} times faster")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
