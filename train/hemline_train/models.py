"""
From layers as data to a Keras model: pixels 0..255 in, logits and embedding out.

Normalisation is the model's first layer, so a device hands over camera bytes as they are. Softmax is
not in the model: the runtime applies it, with a temperature that belongs to each converted artifact.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline.mirror import Outputs, mean
from hemline_train.architecture import (
    KINDS,
    Average,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Maximum,
    Pool,
    Residual,
)

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


def with_places(model: Any) -> Any:
    """Return a model's logits, and after them those of every place: (N, classes + places x classes).

    A place is a position of the feature map that the network takes the maximum or the mean of; the classifying layer
    answers for it as for the whole.
    """
    classify = model.get_layer("logits")
    whole = model.output["logits"]
    each = classify(model.get_layer("embedding").input)
    return keras.ops.concatenate([whole, keras.ops.reshape(each, (-1, math.prod(each.shape[1:])))], axis=1)


def take_over(model: Any, layers: Mapping[str, Sequence[Any]]) -> int:
    """Put weights into the layers of the same names where their shapes are the same; return how many took them."""
    taken = 0
    for layer in model.layers:
        found = layers.get(layer.name, ())
        if found and [one.shape for one in found] == [one.shape for one in layer.get_weights()]:
            layer.set_weights(list(found))
            taken += 1
    return taken


def trainable_parameters(model: Any) -> int:
    """Return how many numbers training adjusts."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def outputs(model: Any, pixels: NDArray[np.uint8], *, mirror: str = "none", batch: int = 500) -> Outputs:
    """Return (logits (N, classes), embedding (N, D)) of pixels (N, H, W, C), as in inference.

    mirror: of the preprocessing contract; the means over the pixels and their mirror images.
    Called directly and not through model.predict: in such batches TensorFlow is as fast so, it does not compile a
    function for each shape, and it answers the same with one device or with several. JAX is not: it is compiled.
    """
    ask = model.predict_on_batch if keras.backend.backend() == "jax" else partial(model, training=False)

    def once(fed: NDArray[np.uint8]) -> Outputs:
        logits, embedding = [], []
        for start in range(0, len(fed), batch):
            answer = ask(fed[start : start + batch].astype(np.float32))
            logits.append(keras.ops.convert_to_numpy(answer["logits"]))
            embedding.append(keras.ops.convert_to_numpy(answer["embedding"]))
        return np.concatenate(logits), np.concatenate(embedding)

    return mean(once, pixels, mirror)


# ---- one function a kind of layer


def _conv(layer: Conv, name: str, tensor: Tensor) -> Tensor:
    activation = None if layer.activation == "none" else layer.activation
    if layer.norm == "none":
        conv = keras.layers.Conv2D(
            layer.size, layer.kernel, layer.stride, padding=layer.padding, activation=activation, name=name
        )
        return _summed(layer, conv, tensor)
    tensor = _normalised(tensor, layer, f"{name}_conv")
    return keras.layers.Activation(activation or "linear", name=name)(tensor)


def _normalised(tensor: Tensor, layer: Conv, name: str) -> Tensor:
    """Return a convolution without bias, then batch normalisation: conversion folds the two into one."""
    weights = keras.initializers.HeNormal()  # for ReLU; He et al. 2015, "Delving Deep into Rectifiers"
    conv = keras.layers.Conv2D(
        layer.size,
        layer.kernel,
        layer.stride,
        padding=layer.padding,
        use_bias=False,
        kernel_initializer=weights,
        name=name,
    )
    return keras.layers.BatchNormalization(name=f"{name}_norm")(_summed(layer, conv, tensor))


def _summed(layer: Conv, conv: Any, tensor: Tensor) -> Tensor:
    """Return what a convolution makes of the tensor, the sums of its filters as the layer has them."""
    tensor = conv(tensor)
    if layer.sum == "zero":
        conv.kernel.assign(without_sum(conv.kernel))
        # of the variable, not of the layer: a file would name this function, and nobody but training needs it
        conv.kernel.constraint = without_sum
    return tensor


def without_sum(kernel: Tensor) -> Tensor:
    """Return the weights (H, W, C, filters) less the mean of each filter."""
    return kernel - keras.ops.mean(kernel, axis=(0, 1, 2), keepdims=True)


def _residual(layer: Residual, name: str, tensor: Tensor) -> Tensor:
    through = tensor
    if layer.stride != 1 or tensor.shape[-1] != layer.size:
        through = _normalised(tensor, Conv(layer.size, 1, "same", stride=layer.stride), f"{name}_through")
    tensor = _normalised(tensor, Conv(layer.size, padding="same", stride=layer.stride), f"{name}_first")
    tensor = keras.layers.ReLU(name=f"{name}_relu")(tensor)
    tensor = _normalised(tensor, Conv(layer.size, padding="same"), f"{name}_second")
    tensor = keras.layers.Add(name=f"{name}_add")([tensor, through])
    return keras.layers.ReLU(name=name)(tensor)


def _average(layer: Average, name: str, tensor: Tensor) -> Tensor:
    return keras.layers.GlobalAveragePooling2D(name=name)(tensor)


def _maximum(layer: Maximum, name: str, tensor: Tensor) -> Tensor:
    return keras.layers.GlobalMaxPooling2D(name=name)(tensor)


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
    Residual: _residual,
    Average: _average,
    Maximum: _maximum,
    Pool: _pool,
    BatchNorm: _batchnorm,
    Dropout: _dropout,
    Flatten: _flatten,
    Dense: _dense,
}
