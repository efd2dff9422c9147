"""A labelled folder of dyed garments and one classifier of them, from which the models of the CI tests are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.drawn import draw

SIDE = 24
# shape and dye: both decide. None of the dyes is another one with red and blue exchanged
LABELS = ("green_bag", "green_trouser", "orange_bag", "orange_trouser")
SHAPES = {"trouser": 1, "bag": 8}
DYES = {"green": (60, 210, 90), "orange": (250, 140, 30)}
PER_CLASS = {"train": 60, "test": 25}


def garment(label: str, seed: int) -> NDArray[np.uint8]:
    """Return one dyed garment, (SIDE, SIDE, 3) RGB."""
    dye, shape = label.split("_")
    gray = draw(SHAPES[shape], seed=seed, height=SIDE, width=SIDE).astype(np.float64) / 255
    shade = np.random.default_rng(seed).uniform(0.75, 1.0, 3)
    return (gray[..., None] * np.array(DYES[dye]) * shade).astype(np.uint8)


def write_folder(root: Path) -> Path:
    """Write {train,test}/<class>/*.png."""
    for split, count in PER_CLASS.items():
        for label in LABELS:
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(count):
                picture = garment(label, index + 1000 * (split == "test"))
                cv2.imwrite(str(folder / f"{index:03}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return root


def train(seed: int = 1) -> Any:
    """Return a Keras classifier as a tutorial would write it: pixels 0..255 in, softmax out."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(len(LABELS), activation="softmax", name="last"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    pictures = [garment(label, index) for index in range(PER_CLASS["train"]) for label in LABELS]
    targets = np.tile(np.arange(len(LABELS)), PER_CLASS["train"])
    model.fit(np.stack(pictures).astype(np.float32), targets, batch_size=16, epochs=12, verbose=0)
    return model
