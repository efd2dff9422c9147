"""A finished run made by hand: a small CNN with seeded weights, so that conversion needs no training."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from hemline.bundle import class_lock
from hemline.preprocess import Preprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LABELS = ("bag", "shirt", "shoe", "trouser")
CONTRACT = Preprocess(12, 12, 1)
EMBEDDING = 9


def write_run(directory: Path, *, seed: int = 3) -> Path:
    """Write a run with a C6-P-F-9-4 network and random pictures."""
    import keras

    from hemline_convert.measure import reference

    keras.utils.set_random_seed(seed)
    pixels = keras.Input(CONTRACT.shape, name="pixels")
    tensor = keras.layers.Rescaling(1 / 255)(pixels)
    tensor = keras.layers.MaxPooling2D()(keras.layers.Conv2D(6, 3, activation="relu", name="conv2d")(tensor))
    embedding = keras.layers.Dense(EMBEDDING, activation="relu", name="embedding")(keras.layers.Flatten()(tensor))
    logits = keras.layers.Dense(len(LABELS), name="logits")(keras.layers.Dropout(0.3)(embedding))
    model = keras.Model(pixels, {"logits": logits, "embedding": embedding})
    directory.mkdir(parents=True)
    model.save(directory / "model.keras")
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 256, (40, *CONTRACT.shape), np.uint8)
    np.savez_compressed(
        directory / "calibration.npz",
        pictures=pictures[:30],
        targets=np.arange(30) % len(LABELS),
        data_name=np.array("closet"),
    )
    outputs = model(pictures[30:].astype(np.float32), training=False)
    np.savez_compressed(
        directory / "golden.npz",
        pictures=pictures[30:],
        logits=reference(model, pictures[30:]),
        embedding=np.asarray(outputs["embedding"]),
    )
    facts = {
        "schema": 1,
        "name": "tiny",
        "status": "finished",
        "labels": list(LABELS),
        "class_lock": class_lock(LABELS),
        "preprocess": CONTRACT.as_dict(),
        "data": {"name": "closet", "validation": 0.5, "split_seed": 0, "limit": 0},
        "parameters": 1,
        "epochs_done": 1,
    }
    (directory / "run.json").write_text(json.dumps(facts))
    return directory


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run directory; do not write to it, copy it."""
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="session")
def closet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of labelled pictures with the tiny run's labels: {train,test}/<class>/*.png."""
    import cv2

    root = tmp_path_factory.mktemp("data") / "closet"
    random = np.random.default_rng(8)
    for split in ("train", "test"):
        for label in LABELS:
            (root / split / label).mkdir(parents=True)
            for index in range(6):
                picture = random.integers(0, 256, (14, 12), np.uint8)
                cv2.imwrite(str(root / split / label / f"{index}.png"), picture)
    return root
