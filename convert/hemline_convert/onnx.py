"""
Keras to ONNX: float32 through tf2onnx, int8 as static QDQ through onnxruntime.quantization.

The input is "pixels", uint8 (batch, H, W, C) with a free batch, so camera bytes go straight in here too; the
Cast costs nothing that could be measured (72.2 against 71.7 us with float pixels, which then cost 1 us to make).
Outputs are "logits" and "embedding", float, in this order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError, UsageError, unknown
from hemline_convert.source import DEFAULTS, OUTPUTS, Converted, Options, Source

PRECISIONS = ("float32", "int8")
METHODS = ("minmax", "percentile")
INPUT = "pixels"
OPSET = 17  # known to onnxruntime since 1.12; nothing here needs a newer one
MIN_RUNTIME = "onnxruntime 1.17.0"  # the oldest that was tried
CALIBRATION_BATCH = 100


def convert(source: Source, precision: str, *, options: Options = DEFAULTS) -> Converted:
    """Return the artifact file of one precision.

    Law: the file is whole, it never refers to external data.
    """
    import onnx

    if precision not in PRECISIONS:
        raise UsageError(f"onnx: {unknown('precision', precision, PRECISIONS)}")
    options.check("onnx", METHODS)
    model = float_model(source, f"onnx:{precision}")
    if precision == "int8":
        model = _quantized(model, source, options)
    _check(model, f"onnx:{precision}")
    content: bytes = model.SerializeToString(deterministic=True)
    onnx.checker.check_model(content, full_check=True)
    return Converted({f"onnx-{precision}.onnx": content}, OUTPUTS, MIN_RUNTIME)


def float_model(source: Source, artifact: str) -> Any:
    """Return the onnx.ModelProto of the float model; the OpenVINO formats start from it too.

    artifact: for the message of an error.
    """
    import tensorflow as tf
    import tf2onnx

    from hemline_convert import onnxgraph

    signature = [tf.TensorSpec((None, *source.preprocess.shape), tf.uint8, name=INPUT)]

    # from_keras fails on a Sequential and names outputs after layers; a function names them here
    def forward(pixels: Any) -> dict[str, Any]:
        outputs = source.model(tf.cast(pixels, tf.float32), training=False)
        named = outputs if isinstance(outputs, dict) else dict(zip(OUTPUTS, outputs, strict=True))
        return {name: named[name] for name in OUTPUTS}

    try:
        model, _ = tf2onnx.convert.from_function(
            tf.function(forward, input_signature=signature), input_signature=signature, opset=OPSET
        )
    except (ValueError, RuntimeError, NotImplementedError, KeyError, AssertionError) as error:
        raise DataError(f"{artifact}: tf2onnx cannot convert {source.name} ({_first_line(error)})") from error
    strange = onnxgraph.unsupported(model)
    if strange:
        found = ", ".join(f"{node.op_type} of layer {source.layer_of(node.name)}" for node in strange)
        raise DataError(f"{artifact}: ONNX has no operator for {found}; change the recipe's model")
    onnxgraph.order_outputs(model, OUTPUTS)
    onnxgraph.free_batch(model)
    onnxgraph.constant_shapes(model)
    return model


def _quantized(model: Any, source: Source, options: Options) -> Any:
    """Return the model as static QDQ: uint8 activations, int8 weights, float outputs."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from hemline_convert import onnxgraph

    methods = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile}
    with tempfile.TemporaryDirectory() as directory:
        given, prepared, quantized = (Path(directory) / f"{name}.onnx" for name in ("float", "prepared", "int8"))
        onnx.save(model, given)  # given a ModelProto, quant_pre_process turns its constants into external data
        try:
            # fuses MatMul and Add into Gemm; symbolic shapes fail on a named batch and are not needed
            quant_pre_process(given, prepared, skip_symbolic_shape=True)
            lines = onnxgraph.pixel_lines(onnx.load(prepared))
            quantize_static(
                prepared,
                quantized,
                _Reader(source.pictures(options)),
                quant_format=QuantFormat.QDQ,
                per_channel=options.per_channel,
                # int8 activations ran at 403 us against 46 in onnxruntime 1.31 on x86-64
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=methods[options.method],
                # what scales the pixels stays float and goes in direct_pixels; its range is known: 0..255
                nodes_to_exclude=[node.name for node in onnx.load(prepared).graph.node if node.output[0] in lines],
                extra_options={"TensorQuantOverrides": _ranges(lines)},
            )
        except (ValueError, RuntimeError, NotImplementedError, KeyError) as error:
            raise DataError(f"onnx:int8: cannot quantize {source.name} ({_first_line(error)})") from error
        model = onnx.load(quantized)
    onnxgraph.float_output(model, "logits")
    onnxgraph.direct_pixels(model)
    return model


def _ranges(lines: Mapping[str, tuple[float, float]]) -> dict[str, list[dict[str, Any]]]:
    """Return the ranges of tensors that are lines of the pixels, as onnxruntime.quantization is told them."""
    ends = {name: sorted((offset, 255 * factor + offset)) for name, (factor, offset) in lines.items()}
    return {name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ends.items()}


class _Reader:
    """Calibration pictures in batches, as onnxruntime's calibrators ask for them."""

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._pictures = pictures
        self._start = 0

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next batch by input name, None after the last."""
        batch = self._pictures[self._start : self._start + CALIBRATION_BATCH]
        self._start += CALIBRATION_BATCH
        return {INPUT: batch} if len(batch) else None


def _check(model: Any, artifact: str) -> None:
    """Refuse a model that is not what the runtime will feed and read."""
    from onnx import TensorProto

    from hemline_convert import onnxgraph

    given = [(value.name, value.type.tensor_type.elem_type) for value in model.graph.input]
    outputs = tuple(value.name for value in model.graph.output)
    if given != [(INPUT, TensorProto.UINT8)] or outputs != OUTPUTS:
        raise DataError(f"{artifact}: came out as {given} to {outputs}; expected uint8 {INPUT} to {OUTPUTS}")
    outside = onnxgraph.external(model)
    if outside:
        raise DataError(f"{artifact}: {outside[0]} lies in another file; hemline writes and reads whole files only")


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
