"""
An OpenVINO model of gray pictures that takes colour ones too.

OpenVINO Model API feeds every model three channels, whatever its input is. With a free channel axis and a choice
in front, (N, H, W, 3) RGB becomes the gray that Preprocess makes of it, to the last bit, and (N, H, W, 1) stays
as it is. Once the model is reshaped to one channel, as the engine does, OpenVINO drops the choice when it compiles:
84.6 us against 84.4 without for float32, 39.9 against 39.7 for int8 (fashion-cnn, batch 1, one thread). A product
with the weights of the channels and no choice would stay, and keep the pixels out of the int8 kernels: 69.7 us.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# OpenCV's fixed-point RGB2GRAY, ITU-R BT.601 in 15 bits. The products are exact in float32 and OpenVINO keeps them
# there when it computes a network in bfloat16; whole numbers it would divide with rounding, against its own rules
LUMA = np.array((9798, 19235, 3735), np.float32) / (1 << 15)


def accept_colour(model: Any) -> None:
    """Give the channel axis of a gray model's input a free size: 1 or 3. A model of colour stays as it is.

    model: openvino.Model of one input, (N, H, W, C) u8; changed in place.
    """
    import openvino
    from openvino import opset13 as ops

    (given,) = model.get_parameters()
    shape = given.get_partial_shape()
    if len(shape) != 4 or shape[3] != 1:
        return
    readers = list(given.output(0).get_target_inputs())
    shape[3] = openvino.Dimension()
    mixed, first = _mixed(shape), _first(shape)
    channels = ops.gather(ops.shape_of(given), _integers(3), _integers(0))
    choice = ops.if_op(ops.equal(channels, _integers(3)).output(0))
    choice.set_then_body(mixed)
    choice.set_else_body(first)
    choice.set_input(given.output(0), mixed.get_parameters()[0], first.get_parameters()[0])
    gray = choice.set_output(mixed.get_results()[0], first.get_results()[0])
    for reader in readers:
        reader.replace_source_output(gray)
    given.set_partial_shape(shape)
    model.validate_nodes_and_infer_types()


def _mixed(shape: Any) -> Any:
    """Return a model of colour pixels to gray ones, both u8. It has to be valid for one channel too."""
    import openvino
    from openvino import opset13 as ops

    pixels = ops.parameter(shape, np.uint8)
    channels = ops.gather(ops.shape_of(pixels), _integers([3]), _integers(0))
    luma = ops.slice(ops.constant(LUMA), _integers([0]), channels, _integers([1]))
    weighed = ops.multiply(ops.convert(pixels, "f32"), luma)
    total = ops.reduce_sum(weighed, _integers([3]), keep_dims=True)
    rounded = ops.floor(ops.add(total, ops.constant(np.float32(0.5))))
    return openvino.Model([ops.result(ops.convert(rounded, "u8"))], [pixels], "mixed")


def _first(shape: Any) -> Any:
    """Return a model of gray pixels to themselves; OpenVINO sees that a slice of all is nothing to do."""
    import openvino
    from openvino import opset13 as ops

    pixels = ops.parameter(shape, np.uint8)
    gray = ops.slice(pixels, _integers([0]), _integers([1]), _integers([1]), _integers([3]))
    return openvino.Model([ops.result(gray)], [pixels], "first")


def _integers(values: int | list[int]) -> Any:
    from openvino import opset13 as ops

    return ops.constant(np.array(values, np.int64))
