"""Drawn garments as a data set and a recipe that trains on them in a second."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.drawn import LABELS, drawn

TINY = """
name = "tiny"
seed = 3

[data]
name = "garments"
validation = 0.25

[preprocess]
height = 28
width = 28

[model]
layers = ["conv 4", "pool 4", "dropout 0.2", "flatten", "dense 12", "dropout 0.2"]

[training]
learning_rate = 0.01
batch = 16
epochs = 4
patience = 0
"""


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the data set `garments`: 400 training and 100 test pictures, no data set's own."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "garments"
    folder.mkdir()
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    for prefix, count, seed in (("train", 40, 1), ("t10k", 10, 2)):
        pictures, targets = drawn(count, seed=seed)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", pictures)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", targets.astype(np.uint8))
    return root


@pytest.fixture(scope="session")
def tiny_text() -> str:
    """A recipe of 4 epochs; one is a tenth of a second."""
    return TINY


@pytest.fixture
def tiny(tiny_text: str, tmp_path: Path) -> Path:
    """The path of that recipe, to change as a test likes."""
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_text)
    return path
