"""
Batch normalisation by TensorFlow's fused kernel while a network learns; Keras' own is a dozen operations.

The layer stays Keras' own, and so does what is written to a file. Only how it computes a training step is another:
the same numbers but for rounding, in less time on a CPU (train/README.md).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

Tensor = Any


def fuse(model: Any) -> None:
    """Let every batch normalisation of pictures in a Keras model train with the fused kernel, from now on."""
    for layer in model.layers:
        if type(layer) is keras.layers.BatchNormalization and len(layer.input.shape) == 4:
            layer.call = partial(_call, layer)


def _call(layer: Any, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
    if not training or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs, layer.gamma.value, layer.beta.value, epsilon=layer.epsilon, is_training=True
    )
    # the kernel's variance is that of a sample, Keras' that of the batch alone
    count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
    for moving, seen in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
        moving.assign(moving * layer.momentum + seen * (1.0 - layer.momentum))
    return outputs
