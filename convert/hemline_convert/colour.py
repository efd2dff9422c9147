"""
An OpenVINO model of gray pictures that takes colour ones too.

OpenVINO Model API feeds every model three channels, whatever its input is. With a free channel axis and a weighted
sum in front, (N, H, W, 3) RGB becomes the gray that Preprocess makes of it and (N, H, W, 1) stays as it is, to the
last bit. The sum is over three picked channels, of which all are the first where there is one: reshaped to one
channel, as the engine does, it melts into the kernel that scales the pixels. It costs 0.3 of 84 us in float32 and
0.2 of 39 in int8 (fashion-cnn, batch 1, one thread). What does not melt: a product with the weights takes 31 us
more in int8, a reduction 7. What does not work: an If, whose first answer is garbage while its shape is free
(openvino 2026.4.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hemline.errors import DataError

# OpenCV's fixed-point RGB2GRAY: ITU-R BT.601 in 15 bits, all of it exact in float32
LUMA = np.array((9798, 19235, 3735), np.float32) / (1 << 15)


def accept_colour(model: Any) -> None:
    """Give the channel axis of a gray model's input a free size: 1 or 3. A model of colour stays as it is.

    model: openvino.Model of one input, (N, H, W, C) u8, that is converted to float first; changed in place.
    """
    import openvino
    from openvino import opset13 as ops

    (given,) = model.get_parameters()
    shape = given.get_partial_shape()
    if len(shape) != 4 or shape[3] != 1:
        return
    users = [user.get_node() for user in given.output(0).get_target_inputs()]
    if any(user.get_type_name() != "Convert" for user in users):
        found = ", ".join(sorted({user.get_type_name() for user in users}))
        raise DataError(f"openvino: the pixels go into {found}; expected Convert, whose floats can be mixed to gray")
    readers = [(convert, list(convert.output(0).get_target_inputs())) for convert in users]
    axis = _integers(3)
    channels = ops.gather(ops.shape_of(given), axis, _integers(0))
    last = ops.subtract(channels, _integers(1))
    only_one = ops.equal(last, _integers(0))
    weights = ops.select(only_one, ops.constant(np.array((1, 0, 0), np.float32)), ops.constant(LUMA))
    for pixels, consumers in readers:
        mixed = None
        for index in range(3):
            channel = ops.gather(pixels, ops.minimum(_integers([index]), last), axis)
            part = ops.multiply(channel, ops.gather(weights, _integers([index]), _integers(0)))
            mixed = part if mixed is None else ops.add(mixed, part)
        gray = ops.floor(ops.add(mixed, ops.constant(np.float32(0.5))))  # of whole numbers, the same numbers
        for consumer in consumers:
            consumer.replace_source_output(gray.output(0))
    shape[3] = openvino.Dimension()
    given.set_partial_shape(shape)
    model.validate_nodes_and_infer_types()


def _integers(values: int | list[int]) -> Any:
    from openvino import opset13 as ops

    return ops.constant(np.array(values, np.int64))
