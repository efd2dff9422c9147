"""
Changes to an ONNX graph that converters leave undone. Each keeps the answers and takes operators away.

What they are worth in onnxruntime at batch 1, one thread, fashion-cnn: constant_shapes 3.5 of 75 us;
float_output takes int8's agreement with Keras from 0.991 to 0.998; direct_pixels 9 of 55 us of int8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper, shape_inference

BATCH = "batch"  # the name of the dimension that is free


def unsupported(model: ModelProto) -> list[NodeProto]:
    """Return the nodes whose operator ONNX does not know at the model's opset.

    tf2onnx leaves what it cannot translate as it is, under TensorFlow's name, and returns.
    """
    versions = {entry.domain: entry.version for entry in model.opset_import}
    return [node for node in model.graph.node if not defs.has(node.op_type, versions.get(node.domain, 0), node.domain)]


def free_batch(model: ModelProto) -> None:
    """Give the first dimension of every input and output the name BATCH."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH


def order_outputs(model: ModelProto, names: Sequence[str]) -> None:
    """Put the graph's outputs into the order of `names`, which are all of them."""
    by_name = {value.name: value for value in model.graph.output}
    ordered = [by_name[name] for name in names]
    del model.graph.output[:]
    model.graph.output.extend(ordered)


def constant_shapes(model: ModelProto) -> None:
    """Reshape to constants where all but one size is known, instead of to a shape computed at run time.

    With a free batch, tf2onnx makes Shape, Gather, Cast, Slice and Concat of each Flatten.
    """
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    sizes = {
        value.name: [dimension.dim_value or None for dimension in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.HasField("shape")
    }
    constants = _constants(model)
    for node in model.graph.node:
        found = sizes.get(node.output[0], []) if node.op_type == "Reshape" else []
        if found.count(None) == 1 and node.input[1] not in constants:
            name = f"{node.name or node.output[0]}/sizes"
            wanted = np.array([-1 if size is None else size for size in found], np.int64)
            model.graph.initializer.append(numpy_helper.from_array(wanted, name))
            node.input[1] = name
    prune(model)


def float_output(model: ModelProto, name: str) -> None:
    """Take the QuantizeLinear and DequantizeLinear before an output away: it comes out as float.

    The last layer accumulates in 32 bits and could have given that; eight bits for the logits cost five times
    as many changed answers as eight bits everywhere else.
    """
    made_by = _made_by(model)
    dequantize = made_by[name]
    quantize = made_by.get(dequantize.input[0]) if dequantize.op_type == "DequantizeLinear" else None
    if quantize is None or quantize.op_type != "QuantizeLinear":
        return
    value = quantize.input[0]
    if sum(value in node.input for node in model.graph.node) > 1 or value not in made_by:
        return
    maker = made_by[value]
    maker.output[list(maker.output).index(value)] = name
    model.graph.node.remove(quantize)
    model.graph.node.remove(dequantize)
    prune(model)


def pixel_lines(model: ModelProto) -> dict[str, tuple[float, float]]:
    """Return {tensor: (a, b)} of every tensor that is a * pixels + b, with the pixels 0..255 of the uint8 input."""
    constants, made_by = _constants(model), _made_by(model)
    found = {name: _line(name, model.graph.input[0].name, made_by, constants, []) for name in made_by}
    return {name: line for name, line in found.items() if line is not None}


def direct_pixels(model: ModelProto) -> None:
    """Feed the uint8 input to the first quantized operator as it is, where that is what quantizing gives.

    Before: pixels, Cast, Mul a, Add b, (Reshape or Transpose), QuantizeLinear(scale, zero point). When
    (a * pixel + b) / scale + zero point is the pixel, all but the Reshape can go. It is so for Rescaling(1 / 255)
    and a range of 0..1; a zero point of 127.5, as Rescaling(1 / 127.5, -1) would need, does not exist.
    """
    pixels = model.graph.input[0].name
    constants, made_by = _constants(model), _made_by(model)
    for quantize in [node for node in model.graph.node if node.op_type == "QuantizeLinear"]:
        scale, zero_point = constants[quantize.input[1]], constants[quantize.input[2]]
        movers: list[NodeProto] = []
        line = _line(quantize.input[0], pixels, made_by, constants, movers)
        if line is None or zero_point.dtype != np.uint8 or scale.size != 1:
            continue
        ends = np.array([line[1], 255 * line[0] + line[1]]) / float(scale.item()) + int(zero_point.item())
        if not np.allclose(ends, (0, 255), rtol=0, atol=1e-3):
            continue
        last = pixels
        for mover in movers:
            moved = helper.make_node(mover.op_type, [last, *mover.input[1:]], [f"{mover.output[0]}/uint8"])
            moved.name = f"{mover.name}/uint8"
            moved.attribute.extend(mover.attribute)
            model.graph.node.insert(list(model.graph.node).index(quantize), moved)
            last = moved.output[0]
        for node in model.graph.node:
            for index, name in enumerate(node.input):
                if name == quantize.output[0]:
                    node.input[index] = last
    prune(model)


def prune(model: ModelProto) -> None:
    """Take away nodes, constants, remembered shapes and operator sets that nothing uses any more."""
    graph = model.graph
    outputs = {value.name for value in graph.output}
    while True:
        used = outputs.union(*(node.input for node in graph.node))
        idle = [node for node in graph.node if not used.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for constant in [constant for constant in graph.initializer if constant.name not in used]:
        graph.initializer.remove(constant)
    del graph.value_info[:]  # of before the changes; onnxruntime infers its own
    domains = {node.domain for node in graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain not in domains]:
        model.opset_import.remove(entry)


def external(model: ModelProto) -> list[str]:
    """Return the names of the constants that lie in another file."""
    return [tensor.name for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]


def _constants(model: ModelProto) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _made_by(model: ModelProto) -> dict[str, NodeProto]:
    return {output: node for node in model.graph.node for output in node.output}


def _line(
    name: str,
    pixels: str,
    made_by: Mapping[str, NodeProto],
    constants: Mapping[str, NDArray[Any]],
    movers: list[NodeProto],
) -> tuple[float, float] | None:
    """Return (a, b) when tensor `name` is a * pixels + b, else None; `movers` takes what moves values, in order."""
    node = made_by.get(name)
    if node is None:
        return None
    if node.op_type == "Cast" and node.input[0] == pixels:
        return 1.0, 0.0
    if node.op_type in ("Reshape", "Transpose"):
        line = _line(node.input[0], pixels, made_by, constants, movers)
        movers.append(node)
        return line
    if node.op_type not in ("Mul", "Add"):
        return None
    known = [index for index in (0, 1) if node.input[index] in constants and constants[node.input[index]].size == 1]
    if len(known) != 1:
        return None
    line = _line(node.input[1 - known[0]], pixels, made_by, constants, movers)
    if line is None:
        return None
    value = float(constants[node.input[known[0]]].item())
    return (line[0] * value, line[1] * value) if node.op_type == "Mul" else (line[0], line[1] + value)
