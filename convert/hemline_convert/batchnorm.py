"""
Batch normalisation folded into the convolution before it, once and before any converter sees the model.

In inference it multiplies each channel by one number and adds another, which the convolution's own weights and bias can
do: gamma * (x - mean) / sqrt(variance + epsilon) + beta. Each converter has a folding of its own; with this one
all of them quantize the same weights. Law: the folded model answers as the model did, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def folded(model: Any) -> Any:
    """Return a functional Keras model without the batch normalisation that follows a Conv2D, DepthwiseConv2D or Dense.

    Left as it is: one whose input is looked at by something else too, or comes with an activation. The layers that
    are not concerned are shared with the model, not copied.
    """
    import keras

    if not isinstance(model, keras.Model) or isinstance(model, keras.Sequential):
        return model
    pairs = {id(layer): norm for norm in model.layers for layer in _before(norm, model)}
    if not pairs:
        return model
    gone = {id(norm) for norm in pairs.values()}

    def clone(layer: Any) -> Any:
        if id(layer) not in pairs:
            return layer
        return type(layer).from_config({**layer.get_config(), "use_bias": True})

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if id(layer) in gone else layer(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        if id(layer) in pairs:
            copy.get_layer(layer.name).set_weights(_weights(layer, pairs[id(layer)]))
    return copy


def _before(norm: Any, model: Any) -> Sequence[Any]:
    """Return the layer that a batch normalisation can be folded into, in a list; an empty one where there is none."""
    import keras

    if not isinstance(norm, keras.layers.BatchNormalization) or norm.axis not in (-1, norm.input.ndim - 1):
        return ()
    if len(norm._inbound_nodes) != 1:
        return ()
    (given,) = norm._inbound_nodes[0].input_tensors
    layer = given._keras_history.operation
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    # exactly these: a subclass may do something else with its weights
    if type(layer) not in kinds or layer.activation is not keras.activations.linear or layer not in model.layers:
        return ()
    outputs = model.output.values() if isinstance(model.output, dict) else model.output
    seen = any(given is output for output in outputs)
    return () if seen or len(layer._inbound_nodes) != 1 or len(layer._outbound_nodes) != 1 else (layer,)


def _weights(layer: Any, norm: Any) -> list[Array]:
    """Return kernel and bias of the layer and the batch normalisation behind it in one."""
    import keras

    def values(variable: Any, otherwise: float) -> Any:
        return otherwise if variable is None else np.asarray(variable, np.float64)

    kernel, *rest = (np.asarray(value, np.float64) for value in layer.get_weights())
    scale = values(norm.gamma, 1.0) / np.sqrt(values(norm.moving_variance, 1.0) + norm.epsilon)
    bias = (rest[0] if rest else 0.0) - values(norm.moving_mean, 0.0)
    # a depthwise kernel is (h, w, channels, multiplier), its outputs in the order of the last two
    shaped = scale.reshape(kernel.shape[2:]) if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
    return [kernel * shaped, bias * scale + values(norm.beta, 0.0)]
