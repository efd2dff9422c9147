"""
Keras to OpenVINO IR: float32, float16 and int8, from the float ONNX model through openvino.convert_model.

The ONNX model is the start because its input is uint8 NHWC with a free batch and its outputs have names and an
order; the IR keeps all of it. int8 is quantized by NNCF from the float model, never from a quantized one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hemline.engines.openvino import library
from hemline.errors import DataError, UsageError, unknown
from hemline_convert import onnx
from hemline_convert.colour import accept_colour
from hemline_convert.source import DEFAULTS, OUTPUTS, Converted, Options, Source

PRECISIONS = ("float32", "float16", "int8")
METHODS = ("minmax", "percentile")
ZERO = 1e-4  # of the sizes of a filter's weights: their sum, where only rounding is left of it
MIN_RUNTIME = "openvino 2024.0.0"  # the oldest that was tried


def convert(source: Source, precision: str, *, options: Options = DEFAULTS) -> Converted:
    """Return the .xml and the .bin of one precision.

    float16 halves the stored weights; the engine computes in float32 all the same.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"openvino: {unknown('precision', precision, PRECISIONS)}")
    options.check("openvino", METHODS)
    artifact = f"openvino:{precision}"
    openvino = library()  # first: it keeps the telemetry of openvino and of nncf out
    import onnx as onnx_library

    start = onnx.float_model(source, artifact)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{source.name}.onnx"
        onnx_library.save(start, path)
        try:
            model = openvino.convert_model(path)
            if precision == "int8":
                model = _quantized(model, source, options)
        except (RuntimeError, ValueError) as error:  # OpConversionFailure and its like are RuntimeErrors
            raise DataError(f"{artifact}: OpenVINO cannot convert {source.name} ({_named(error, source)})") from error
        _check(model, artifact, source)
        accept_colour(model)
        written = Path(directory) / f"openvino-{precision}.xml"
        openvino.save_model(model, written, compress_to_fp16=precision == "float16")
        files = {file.name: file.read_bytes() for file in (written, written.with_suffix(".bin"))}
    return Converted(files, OUTPUTS, MIN_RUNTIME)


def _quantized(model: Any, source: Source, options: Options) -> Any:
    """Return the model with NNCF's fake quantizers; activations have one scale, weights as the options say.

    NNCF gives the first layer's weights seven bits, because products of eight overflow on many processors. On the
    one where this was measured eight took the agreement with Keras from 0.997 to 0.947. A first layer whose filters sum
    to zero stays float: what it answers to is the difference of large products, and with seven bits
    the probabilities of the bundle tiles moved by 0.131 (95 of 100 pictures by less), without them by 0.044.

    Biases are corrected layer by layer, each behind those that are corrected already. NNCF's fast way corrects each
    by itself; where residual blocks add up what it did, agreement fell from 0.993 to 0.977.
    """
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, QuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    pictures = source.pictures(options)
    kept = _differences(model)
    ranges = {"minmax": RangeEstimatorParametersSet.MINMAX, "percentile": RangeEstimatorParametersSet.MEAN_QUANTILE}
    return nncf.quantize(
        model,
        nncf.Dataset([picture[None] for picture in pictures]),
        subset_size=len(pictures),
        fast_bias_correction=False,
        ignored_scope=nncf.IgnoredScope(names=kept) if kept else None,
        advanced_parameters=AdvancedQuantizationParameters(
            activations_range_estimator_params=ranges[options.method],
            weights_quantization_params=QuantizationParameters(per_channel=options.per_channel),
        ),
    )


def _differences(model: Any) -> list[str]:
    """Return the name of the first convolution where each of its filters sums to zero, else nothing."""
    first = next((node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"), None)
    weights = None if first is None else first.input_value(1).get_node()
    if first is None or weights is None or weights.get_type_name() != "Constant":
        return []
    filters = weights.data.astype(np.float64).reshape(weights.data.shape[0], -1)  # (filters, C, H, W)
    sums, sizes = np.abs(filters.sum(axis=1)), np.abs(filters).sum(axis=1)
    return [first.get_friendly_name()] if sizes.any() and (sums <= ZERO * sizes).all() else []


def _check(model: Any, artifact: str, source: Source) -> None:
    """Refuse a model that is not what the runtime will feed and read."""
    (given,) = model.inputs
    wanted = f"[?,{','.join(map(str, source.preprocess.shape))}]"
    names = [sorted(entry.get_names()) for entry in model.outputs]
    if given.element_type.get_type_name() != "u8" or str(given.partial_shape) != wanted:
        raise DataError(
            f"{artifact}: input came out as {given.element_type} {given.partial_shape}, expected u8 {wanted}"
        )
    if len(names) != len(OUTPUTS) or not all(name in found for name, found in zip(OUTPUTS, names, strict=True)):
        raise DataError(f"{artifact}: outputs came out as {names}, expected {', '.join(OUTPUTS)}")


def _named(error: Exception, source: Source) -> str:
    """Return the line of an error that names an operator, with the layer it came from."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = next((line for line in lines if "perat" in line), lines[0] if lines else type(error).__name__)
    layers = {source.layer_of(word.strip("'\",;:()")) for word in line.split() if "/" in word}
    return f"{line}; layer {', '.join(sorted(layers))}" if layers else line
