"""
TensorFlow's operators, each answered by a Keras layer or, where nothing depends on the picture, by folding.

What goes in and out of an operator is an array (known now) or a Keras tensor (follows from the picture). A shape
is an array with -1 for the size of the batch. Operators: https://www.tensorflow.org/api_docs/python/tf/raw_ops
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError
from hemline_convert.folding import constant, folded, refusal

Array = NDArray[Any]
Tensor = Any  # a Keras tensor; the library ships no types

SAME = ("Identity", "StopGradient", "PreventGradient", "ReadVariableOp", "Snapshot")
ACTIVATIONS: dict[str, Callable[[Any, str], Any]] = {
    "Relu": lambda node, name: keras.layers.ReLU(name=name),
    "Relu6": lambda node, name: keras.layers.ReLU(6.0, name=name),
    "LeakyRelu": lambda node, name: keras.layers.LeakyReLU(node.attr["alpha"].f, name=name),
    "Elu": lambda node, name: keras.layers.ELU(name=name),
    "Selu": lambda node, name: keras.layers.Activation("selu", name=name),
    "Sigmoid": lambda node, name: keras.layers.Activation("sigmoid", name=name),
    "Tanh": lambda node, name: keras.layers.Activation("tanh", name=name),
    "Softplus": lambda node, name: keras.layers.Activation("softplus", name=name),
    "Softmax": lambda node, name: keras.layers.Softmax(name=name),
}
MERGES = {"Add": "Add", "AddV2": "Add", "Mul": "Multiply", "Sub": "Subtract"}
POOLS = {"MaxPool": "MaxPooling2D", "AvgPool": "AveragePooling2D"}
GLOBAL = {"Mean": "GlobalAveragePooling2D", "Max": "GlobalMaxPooling2D"}


class Layers:
    """Answers operators; holds what the next one may be joined with, as a bias with its convolution."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        # id of a tensor: (the tensor, how to make it with another scale and offset of its last axis)
        self._open: dict[int, tuple[Tensor, Callable[[Array, Array], Tensor]]] = {}

    def answer(self, node: Any, inputs: list[Any]) -> Any:
        """Return what an operator gives."""
        try:
            if node.op in SAME:
                return inputs[0]
            if node.op == "Const":
                return constant(node)
            if all(isinstance(value, np.ndarray) for value in inputs):
                return folded(node, inputs)
            return self._layer(node, inputs)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{node.op} of {node.name!r} cannot be converted ({reason})") from None

    def _layer(self, node: Any, inputs: list[Any]) -> Tensor:
        tensor, name = inputs[0], self._name(node)
        if node.op in ACTIVATIONS:
            return ACTIVATIONS[node.op](node, name)(tensor)
        if node.op in ("Conv2D", "DepthwiseConv2dNative"):
            return self._convolution(node, tensor, inputs[1], name)
        if node.op == "MatMul":
            kernel = inputs[1].T if node.attr["transpose_b"].b else inputs[1]
            return self._linear(lambda bias: keras.layers.Dense(kernel.shape[1], use_bias=bias), tensor, kernel, name)
        if node.op == "BiasAdd":
            return self._affine(tensor, np.float32(1), inputs[1], name)
        if node.op == "FusedBatchNormV3":
            return self._normalised(node, inputs, name)
        if node.op in POOLS:
            size, strides = _spatial(node, "ksize"), _spatial(node, "strides")
            layer = getattr(keras.layers, POOLS[node.op])
            return layer(size, strides, padding=_padding(node), name=name)(tensor)
        if node.op in GLOBAL and sorted(axis % 4 for axis in np.ravel(inputs[1])) == [1, 2]:
            return getattr(keras.layers, GLOBAL[node.op])(keepdims=node.attr["keep_dims"].b, name=name)(tensor)
        if node.op == "Shape":
            return np.array([-1 if side is None else side for side in tensor.shape])
        if node.op == "Reshape" and inputs[1][0] in (-1, 1):
            return keras.layers.Reshape([int(side) for side in inputs[1][1:]], name=name)(tensor)
        if node.op == "Squeeze":
            gone = [axis % len(tensor.shape) for axis in node.attr["squeeze_dims"].list.i]
            kept = [side for axis, side in enumerate(tensor.shape) if axis not in gone]
            return keras.layers.Reshape(kept[1:], name=name)(tensor)
        if node.op == "Pad" and inputs[1].shape == (4, 2) and not inputs[1][[0, 3]].any():
            return keras.layers.ZeroPadding2D([[int(n) for n in side] for side in inputs[1][1:3]], name=name)(tensor)
        if node.op == "ConcatV2":
            return keras.layers.Concatenate(axis=int(inputs[-1]), name=name)(inputs[:-1])
        if node.op == "Cast":
            return tensor  # pixels come in as float32 whatever the model declares
        if node.op in MERGES and len(inputs) == 2 and not any(isinstance(value, np.ndarray) for value in inputs):
            return getattr(keras.layers, MERGES[node.op])(name=name)(inputs)
        return self._arithmetic(node, inputs, name)

    def _arithmetic(self, node: Any, inputs: list[Any], name: str) -> Tensor:
        """Return a tensor with numbers added or multiplied."""
        if len(inputs) != 2:
            raise refusal(node)
        first = isinstance(inputs[0], np.ndarray)
        number, tensor = (inputs[0], inputs[1]) if first else (inputs[1], inputs[0])
        one, zero = np.float32(1), np.float32(0)
        if node.op == "Mul":
            return self._affine(tensor, number, zero, name)
        if node.op in ("Add", "AddV2"):
            return self._affine(tensor, one, number, name)
        if node.op == "Sub":
            return self._affine(tensor, -one if first else one, number if first else -number, name)
        if node.op == "RealDiv" and not first:
            return self._affine(tensor, one / number, zero, name)
        raise refusal(node)

    def _affine(self, tensor: Tensor, scale: Any, offset: Any, name: str) -> Tensor:
        """Return tensor * scale + offset, each one number or one for each channel."""
        scale, offset = (_by_channel(value, tensor) for value in (scale, offset))
        if id(tensor) in self._open:
            return self._open[id(tensor)][1](scale, offset)
        return self._scaled(tensor, scale, offset, name)

    def _scaled(self, tensor: Tensor, scale: Array, offset: Array, name: str) -> Tensor:
        if scale.size == offset.size == 1:
            scaled = keras.layers.Rescaling(float(scale[0]), float(offset[0]), name=name)(tensor)
        else:
            channels = tensor.shape[-1]
            values = [np.broadcast_to(value, channels) for value in (scale, offset, np.zeros(1), np.ones(1))]
            scaled = _with(keras.layers.BatchNormalization(epsilon=0.0, name=name), tensor, values)
        again = self._again(name)
        self._open[id(scaled)] = (
            scaled,
            lambda more, shift: self._scaled(tensor, scale * more, offset * more + shift, again()),
        )
        return scaled

    def _linear(self, layer: Callable[[bool], Any], tensor: Tensor, kernel: Array, name: str) -> Tensor:
        """Return the tensor of a layer without a bias, and let what is added next become its bias."""

        def made(bias: Array | None, name: str) -> Tensor:
            built = layer(bias is not None)
            built.name = name
            return _with(built, tensor, [kernel] if bias is None else [kernel, bias])

        again = self._again(name)

        def joined(scale: Array, offset: Array) -> Tensor:
            if np.all(scale == 1):
                return made(np.broadcast_to(offset, plain.shape[-1]), again())
            return self._scaled(plain, scale, offset, again())

        plain = made(None, name)
        self._open[id(plain)] = (plain, joined)
        return plain

    def _convolution(self, node: Any, tensor: Tensor, kernel: Array, name: str) -> Tensor:
        size, strides, padding = kernel.shape[:2], _spatial(node, "strides"), _padding(node)
        dilations = _spatial(node, "dilations") if node.attr["dilations"].list.i else (1, 1)

        def layer(bias: bool) -> Any:
            if node.op == "Conv2D":
                groups = tensor.shape[-1] // kernel.shape[2]
                return keras.layers.Conv2D(
                    kernel.shape[3], size, strides, padding, dilation_rate=dilations, groups=groups, use_bias=bias
                )
            return keras.layers.DepthwiseConv2D(
                size, strides, padding, kernel.shape[3], dilation_rate=dilations, use_bias=bias
            )

        return self._linear(layer, tensor, kernel, name)

    def _normalised(self, node: Any, inputs: list[Any], name: str) -> Tensor:
        if node.attr["is_training"].b:
            raise ValueError("it is a graph for training; export the model for inference")
        layer = keras.layers.BatchNormalization(epsilon=node.attr["epsilon"].f, name=name)
        return _with(layer, inputs[0], inputs[1:5])

    def _name(self, node: Any) -> str:
        name = node.name.strip("/").replace("/", "_")
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"

    def _again(self, name: str) -> Callable[[], str]:
        def again() -> str:
            count = self._names[name] = self._names.get(name, 1) + 1
            return f"{name}_{count}"

        return again


def _with(layer: Any, tensor: Tensor, weights: Sequence[Array]) -> Tensor:
    """Return a new layer's tensor after the layer was given its weights."""
    result = layer(tensor)
    layer.set_weights([np.asarray(value, np.float32) for value in weights])
    return result


def _by_channel(value: Any, tensor: Tensor) -> Array:
    """Return one number or one for each channel, as a row."""
    array = np.asarray(value, np.float32)
    if array.size not in (1, tensor.shape[-1]) or (array.size > 1 and array.shape[-1] != array.size):
        raise ValueError(f"numbers of shape {array.shape} with a tensor of {tuple(tensor.shape)}")
    return array.ravel()


def _spatial(node: Any, attribute: str) -> tuple[int, int]:
    if node.attr["data_format"].s not in (b"NHWC", b""):
        raise ValueError("channels first; hemline converts channels last")
    values = list(node.attr[attribute].list.i)
    return int(values[1]), int(values[2])


def _padding(node: Any) -> str:
    padding: str = node.attr["padding"].s.decode().lower()
    if padding not in ("same", "valid"):
        raise ValueError(f"padding {padding}; hemline converts same and valid")
    return padding
