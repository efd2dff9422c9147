"""
How accurate models are under every shift, beside what they are on the clean pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.shifts import SHIFTS, STRENGTHS, SUITE, apply
from hemline.shifts.batch import Pixels

Logits = Callable[[Pixels], NDArray[np.float32]]
Progress = Callable[[str, int, int], None]

PIECE_BYTES = 1 << 22  # of pixels shifted at a time: eight times as much while they are floats


def measure(
    models: Mapping[str, Logits],
    pixels: Pixels,
    targets: NDArray[np.int64],
    *,
    pad: int,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Return for each model what `evaluate --json` writes as its "shifts".

    models: {name: pixels (N, H, W, C) -> logits (N, classes)}; all are asked about one shifted batch before the
    next is made. pixels: (N, H, W, C) uint8, N 1 or more. targets: (N,). pad: that of the preprocessing.
    progress: told the step's name, how many kinds at a strength are done, and of how many.
    mean is that over all kinds and strengths, each counted once.
    """
    clean = _accuracy(models, targets, lambda _, batch: batch, pixels)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in models}
    for number, kind in enumerate(SHIFTS):
        for strength in STRENGTHS:

            def shifted(first: int, batch: Pixels, kind: str = kind, strength: int = strength) -> Pixels:
                return apply(kind, batch, strength, pad=pad, first=first)

            for name, accuracy in _accuracy(models, targets, shifted, pixels).items():
                found[name].setdefault(kind, []).append(accuracy)
            if progress:
                progress("shifts", number * len(STRENGTHS) + strength, len(SHIFTS) * len(STRENGTHS))
    return {
        name: {
            "suite": SUITE,
            "clean": clean[name],
            "mean": float(np.mean(list(kinds.values()))),
            "kinds": kinds,
        }
        for name, kinds in found.items()
    }


def _accuracy(
    models: Mapping[str, Logits],
    targets: NDArray[np.int64],
    shifted: Callable[[int, Pixels], Pixels],
    pixels: Pixels,
) -> dict[str, float]:
    """Return {model: accuracy} on the pictures as `shifted(index of the first, batch)` returns them."""
    step = max(1, PIECE_BYTES // pixels[0].size)
    hits = dict.fromkeys(models, 0)
    for first in range(0, len(pixels), step):
        batch = shifted(first, pixels[first : first + step])
        for name, logits in models.items():
            hits[name] += int((logits(batch).argmax(axis=1) == targets[first : first + step]).sum())
    return {name: count / len(targets) for name, count in hits.items()}
