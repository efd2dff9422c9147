"""
Keras to TFLite: float32, float16, dynamic, and full-integer int8 with uint8 pixels in.

What was measured: with a dynamic batch tflite-runtime 2.14 applies no XNNPACK (148 us against 47), so the
batch is 1 and static. A float32 Keras input with pixels 0..255 and Rescaling first gives an input
quantization of exactly scale 1.0, zero point 0; a uint8 Keras input would insert a CAST instead.

float16 halves the stored weights and is computed in float32. dynamic has 8-bit weights and finds the range of
the activations at each call: nothing to calibrate, float in and out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.engines.litert import interpreter_class
from hemline.errors import DataError, UsageError, unknown
from hemline_convert import tflitenames
from hemline_convert.source import DEFAULTS, OUTPUTS, Converted, Options, Source

PRECISIONS = ("float32", "float16", "dynamic", "int8")
METHODS = ("minmax",)
# the oldest interpreter that is tried, and the TensorFlow Lite that a file may ask for to load in it
OLDEST = "tflite-runtime 2.14.0"
OLDEST_FORMAT = (2, 14)


def convert(
    source: Source, precision: str, *, options: Options = DEFAULTS, dense_per_tensor: bool = False
) -> Converted:
    """Return the artifact file of one precision.

    dense_per_tensor: one scale for all weights of a dense layer in int8, for readers older than TensorFlow 2.17;
        dynamic always has one: with more it would be FULLY_CONNECTED version 12, which tflite-runtime 2.14 does
        not load. int8 with a scale for each row stays at version 4.
    Law: the input of int8 is uint8 with scale 1.0 and zero point 0, so camera bytes go straight in.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    if precision not in PRECISIONS:
        raise UsageError(f"litert: {unknown('precision', precision, PRECISIONS)}")
    options.check("litert", METHODS)
    converter = tf.lite.TFLiteConverter.from_keras_model(_static(source.model, source.preprocess.shape))
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel = not options.per_channel
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "dynamic":
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if precision == "int8":
        pictures = source.pictures(options)
        converter.representative_dataset = lambda: _samples(pictures)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
        converter._experimental_disable_per_channel_quantization_for_dense_layers = dense_per_tensor
    try:
        content = tflitenames.shortened(converter.convert())
    except (ConverterError, ValueError, RuntimeError) as error:
        raise DataError(f"litert:{precision}: cannot convert {source.name} ({_named(error, source)})") from error
    order = _check(content, precision, source)
    return Converted({f"litert-{precision}.tflite": content}, order, min_runtime=_min_runtime(content))


def _named(error: Exception, source: Source) -> str:
    """Return what the converter says of an operator and its layer, out of pages of locations."""
    text = str(error)
    operator = re.search(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text)
    place = re.search(r'fused\["\w+:", "([^"@]+)', text)
    if operator and place:
        return (
            f"TFLite has no operator for {operator[1]} of layer {source.layer_of(place[1])}; change the recipe's model"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _min_runtime(content: bytes) -> str:
    """Return the oldest runtime for a file, from the version that the converter writes into it."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for entry in model.metadata or []:
        if entry.name == b"min_runtime_version":
            written = bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode()
            if tuple(int(part) for part in written.split(".")[:2]) > OLDEST_FORMAT:
                return f"a runtime of TensorFlow Lite {written}"
    return OLDEST


def _static(model: Any, shape: tuple[int, int, int]) -> Any:
    import keras

    pixels = keras.Input(batch_shape=(1, *shape), dtype="float32", name="pixels")
    outputs = model(pixels)
    return keras.Model(pixels, {name: outputs[name] for name in OUTPUTS} if isinstance(outputs, dict) else outputs)


def _samples(pictures: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    for picture in pictures:
        yield [picture[None].astype(np.float32)]


def _check(content: bytes, precision: str, source: Source) -> tuple[str, ...]:
    """Return the outputs by position, and refuse a file whose input is not what the runtime will feed it."""
    interpreter = interpreter_class()(model_content=content)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    wanted = np.uint8 if precision == "int8" else np.float32
    if given["dtype"] is not wanted or tuple(given["shape"]) != (1, *source.preprocess.shape):
        raise DataError(f"litert:{precision}: input came out as {given['dtype'].__name__} {tuple(given['shape'])}")
    if precision == "int8" and tuple(given["quantization"]) != (1.0, 0):
        raise DataError(
            f"litert:int8: input quantization came out as {given['quantization']}, expected (1.0, 0); "
            "the model must take pixels 0..255 and start with Rescaling"
        )
    # the converter orders outputs as it likes; the signature says which is which
    (signature,) = interpreter.get_signature_list().values()
    runner = interpreter.get_signature_runner()
    by_index = {int(detail["index"]): name for name, detail in runner.get_output_details().items()}
    names = [by_index[int(detail["index"])] for detail in interpreter.get_output_details()]
    if sorted(names) != sorted(OUTPUTS) or sorted(signature["outputs"]) != sorted(OUTPUTS):
        raise DataError(f"litert:{precision}: outputs came out as {', '.join(names)}, expected {', '.join(OUTPUTS)}")
    return tuple(names)
