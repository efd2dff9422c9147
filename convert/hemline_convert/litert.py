"""
Keras to TFLite: float32 and full-integer int8 with uint8 pixels in.

What was measured: with a dynamic batch tflite-runtime 2.14 applies no XNNPACK (148 us against 47), so the
batch is 1 and static. A float32 Keras input with pixels 0..255 and Rescaling first gives an input
quantization of exactly scale 1.0, zero point 0; a uint8 Keras input would insert a CAST instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.engines.litert import interpreter_class
from hemline.errors import DataError, UsageError, unknown
from hemline_convert.source import Converted, Source

PRECISIONS = ("float32", "int8")
OUTPUTS = ("logits", "embedding")


def convert(source: Source, precision: str, *, dense_per_tensor: bool = False) -> Converted:
    """Return the artifact file of one precision.

    dense_per_tensor: one scale for all weights of a dense layer, for readers older than TensorFlow 2.17.
    Law: the input of int8 is uint8 with scale 1.0 and zero point 0, so camera bytes go straight in.
    """
    import tensorflow as tf

    if precision not in PRECISIONS:
        raise UsageError(f"litert: {unknown('precision', precision, PRECISIONS)}")
    converter = tf.lite.TFLiteConverter.from_keras_model(_static(source.model, source.preprocess.shape))
    if precision == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _samples(source.calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
        converter._experimental_disable_per_channel_quantization_for_dense_layers = dense_per_tensor
    content: bytes = converter.convert()
    order = _check(content, precision, source)
    return Converted({f"litert-{precision}.tflite": content}, order, min_runtime="tflite-runtime 2.14.0")


def _static(model: Any, shape: tuple[int, int, int]) -> Any:
    import keras

    pixels = keras.Input(batch_shape=(1, *shape), dtype="float32", name="pixels")
    outputs = model(pixels)
    return keras.Model(pixels, {name: outputs[name] for name in OUTPUTS} if isinstance(outputs, dict) else outputs)


def _samples(calibration: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    whole_range = calibration[:1].copy()
    # the input scale comes from the least and greatest pixel seen: two corners make that 0 and 255 always
    whole_range[0, 0, 0, :], whole_range[0, -1, -1, :] = 0, 255
    for picture in (whole_range[0], *calibration[1:]):
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
