"""
TensorFlow's operators on values that do not depend on the picture: weights, shapes, constants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError

Array = NDArray[Any]
MAX_CONSTANT = 1 << 28  # numbers

FOLDED: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Rsqrt": lambda value: 1 / np.sqrt(value),
    "Square": np.square,
    "Reshape": lambda value, shape: value.reshape(shape),
    "Transpose": np.transpose,
    "Pack": lambda *values: np.stack(values),
    "ConcatV2": lambda *values: np.concatenate([np.atleast_1d(value) for value in values[:-1]], int(values[-1])),
}


def constant(node: Any) -> Array:
    """Return the value of a Const."""
    import tensorflow as tf

    tensor = node.attr["value"].tensor
    # a few bytes may state a shape of any size
    if np.prod([float(dim.size) for dim in tensor.tensor_shape.dim]) > MAX_CONSTANT:
        raise ValueError(f"more than {MAX_CONSTANT:,} numbers")
    return np.asarray(tf.make_ndarray(tensor))


def folded(node: Any, inputs: list[Array]) -> Array:
    """Return what an operator gives for arrays."""
    if node.op in FOLDED:
        return np.asarray(FOLDED[node.op](*inputs))
    if node.op == "Squeeze":
        return np.squeeze(inputs[0], tuple(node.attr["squeeze_dims"].list.i) or None)
    if node.op == "ExpandDims":
        return np.expand_dims(inputs[0], int(inputs[1]))
    if node.op == "Cast":
        return inputs[0]
    if node.op == "StridedSlice":
        return _slice(node, inputs)
    raise refusal(node)


def refusal(node: Any) -> DataError:
    """Return the error that names an operator without a place in either table."""
    return DataError(
        f"operator {node.op} of {node.name!r} has no place in what hemline converts; save the model as .keras"
    )


def _slice(node: Any, inputs: list[Array]) -> Array:
    value, begin, end, stride = inputs
    masks = {name: node.attr[f"{name}_mask"].i for name in ("begin", "end", "shrink_axis")}
    if value.ndim != 1 or begin.size != 1:
        raise ValueError("a slice of more than one axis")
    if masks["shrink_axis"]:
        return np.asarray(value[int(begin[0])])
    start = None if masks["begin"] else int(begin[0])
    stop = None if masks["end"] else int(end[0])
    return np.asarray(value[start : stop : int(stride[0])])
