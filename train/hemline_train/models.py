"""
From layers as data to a Keras model: pixels 0..255 in, logits and embedding out.

Normalisation is the model's first layer, so a device hands over camera bytes as they are. Softmax is
not in the model: the runtime applies it, with a temperature that belongs to each converted artifact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline_train.architecture import KINDS, BatchNorm, Conv, Dense, Dropout, Flatten, Layer, Pool

Tensor = Any  # a Keras tensor; the library ships no types
Build = Callable[[Any, str, Tensor], Tensor]


def build(layers: Sequence[Layer], shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained keras.Model with the outputs {"logits": (N, classes), "embedding": (N, D)}.

    shape: (H, W, C) of its input, float32 pixels 0..255.
    The embedding is what the last hidden layer gives after its activation. That layer and the classifying
    one are named "embedding" and "logits"; every other by its kind and number.
    """
    pixels = keras.Input(shape, name="pixels")
    tensor = keras.layers.Rescaling(1 / 255, name="rescaling")(pixels)
    embedding = tensor
    last_hidden = max((i for i, layer in enumerate(layers) if not isinstance(layer, Dropout)), default=-1)
    counts: Counter[str] = Counter()
    for index, layer in enumerate(layers):
        kind = next(name for name, known in KINDS.items() if isinstance(layer, known))
        counts[kind] += 1
        name = "embedding" if index == last_hidden else f"{kind}{counts[kind]}"
        try:
            tensor = BUILDERS[type(layer)](layer, name, tensor)
        except ValueError as error:  # a picture that has become too small, a flat vector into a convolution
            reason = str(error).splitlines()[0]
            raise UsageError(
                f"model.layers: {kind} number {counts[kind]} cannot follow {tuple(tensor.shape[1:])}: {reason}"
            ) from None
        if index == last_hidden:
            embedding = tensor
    if len(embedding.shape) != 2:
        raise UsageError(f"model.layers: end in {tuple(embedding.shape[1:])} and not in one row; add 'flatten'")
    logits = keras.layers.Dense(classes, name="logits")(tensor)
    return keras.Model(pixels, {"logits": logits, "embedding": embedding}, name="hemline")


def trainable_parameters(model: Any) -> int:
    """Return how many numbers training adjusts."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def outputs(
    model: Any, pixels: NDArray[np.uint8], *, batch: int = 500
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (logits (N, classes), embedding (N, D)) of pixels (N, H, W, C), as in inference.

    Called directly and not through model.predict: in such batches that is as fast, it does not compile a
    function for each shape, and it answers the same with one device or with several.
    """
    logits, embedding = [], []
    for start in range(0, len(pixels), batch):
        answer = model(pixels[start : start + batch].astype(np.float32), training=False)
        logits.append(keras.ops.convert_to_numpy(answer["logits"]))
        embedding.append(keras.ops.convert_to_numpy(answer["embedding"]))
    return np.concatenate(logits), np.concatenate(embedding)


# ---- one function a kind of layer


def _conv(layer: Conv, name: str, tensor: Tensor) -> Tensor:
    activation = None if layer.activation == "none" else layer.activation
    return keras.layers.Conv2D(layer.size, layer.kernel, padding=layer.padding, activation=activation, name=name)(
        tensor
    )


def _pool(layer: Pool, name: str, tensor: Tensor) -> Tensor:
    return keras.layers.MaxPooling2D(layer.size, padding=layer.padding, name=name)(tensor)


def _batchnorm(layer: BatchNorm, name: str, tensor: Tensor) -> Tensor:
    return keras.layers.BatchNormalization(name=name)(tensor)


def _dropout(layer: Dropout, name: str, tensor: Tensor) -> Tensor:
    return keras.layers.Dropout(layer.size, name=name)(tensor)


def _flatten(layer: Flatten, name: str, tensor: Tensor) -> Tensor:
    return keras.layers.Flatten(name=name)(tensor)


def _dense(layer: Dense, name: str, tensor: Tensor) -> Tensor:
    activation = None if layer.activation == "none" else layer.activation
    return keras.layers.Dense(layer.size, activation=activation, name=name)(tensor)


BUILDERS: dict[type[Layer], Build] = {
    Conv: _conv,
    Pool: _pool,
    BatchNorm: _batchnorm,
    Dropout: _dropout,
    Flatten: _flatten,
    Dense: _dense,
}
