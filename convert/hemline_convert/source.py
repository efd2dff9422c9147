"""
What a converter is given and what it gives back. A format is one module with PRECISIONS and
convert(source, precision) -> Converted, and one line in FORMATS of pipeline.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.preprocess import Preprocess


@dataclass(frozen=True)
class Source:
    """A float model and what it was trained for.

    model: Keras model, float32 pixels 0..255 (N, H, W, C) in, logits and embedding out.
    calibration: (N, H, W, C) uint8, training pictures as Preprocess.apply returned them.
    """

    name: str
    model: Any
    labels: tuple[str, ...]
    preprocess: Preprocess
    calibration: NDArray[np.uint8]


@dataclass(frozen=True)
class Converted:
    """An artifact's files, its outputs by position, and the oldest runtime that loads it."""

    files: Mapping[str, bytes]
    outputs: tuple[str, ...]
    min_runtime: str | None = None
