"""Batch normalisation folded into the layer before it: the same answers, and nothing touched that must not be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the convert extra")

import keras

from hemline_convert import batchnorm, tflitenames

pytestmark = pytest.mark.tensorflow

PIXELS = np.random.default_rng(3).integers(0, 256, (4, 12, 12, 3)).astype(np.float32)


def shaken(model: Any) -> Any:
    """Give every variable a value that training could have given it; variances stay above 0."""
    generator = np.random.default_rng(7)
    for variable in model.variables:
        value = generator.normal(0.3, 0.4, variable.shape)
        variable.assign(np.abs(value) + 0.1 if "variance" in variable.path else value)
    return model


def norms(model: Any) -> list[str]:
    return [layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def residual(*, bias: bool = False) -> Any:
    pixels = keras.Input((12, 12, 3))
    first = keras.layers.Conv2D(8, 3, padding="same", use_bias=bias)(pixels)
    through = keras.layers.ReLU()(keras.layers.BatchNormalization(epsilon=0.01)(first))
    deep = keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=bias)(through)
    deep = keras.layers.BatchNormalization(scale=False)(deep)
    deep = keras.layers.Conv2D(8, 1, use_bias=bias)(deep)
    deep = keras.layers.BatchNormalization(center=False)(deep)
    joined = keras.layers.ReLU()(keras.layers.Add()([through, deep]))
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(joined)
    dense = keras.layers.BatchNormalization()(keras.layers.Dense(6, use_bias=bias)(embedding))
    logits = keras.layers.Dense(4, name="logits")(dense)
    return shaken(keras.Model(pixels, {"logits": logits, "embedding": embedding}))


@pytest.mark.parametrize("bias", [False, True])
def test_a_folded_residual_network_answers_as_before(bias: bool) -> None:
    model = residual(bias=bias)
    before = model(PIXELS)
    folded = batchnorm.folded(model)
    assert len(norms(model)) == 4
    assert not norms(folded)
    after = folded(PIXELS)
    for name in ("logits", "embedding"):
        scale = float(np.abs(before[name]).max())
        np.testing.assert_allclose(after[name], before[name], atol=2e-6 * scale)
    # the model itself is left as it was
    np.testing.assert_array_equal(model(PIXELS)["logits"], before["logits"])


def test_what_something_else_looks_at_is_not_folded() -> None:
    pixels = keras.Input((12, 12, 3))
    conv = keras.layers.Conv2D(8, 3, padding="same")(pixels)
    joined = keras.layers.Add()([conv, keras.layers.BatchNormalization()(conv)])
    model = shaken(keras.Model(pixels, {"logits": joined, "embedding": joined}))
    assert batchnorm.folded(model) is model


def test_an_activation_between_the_two_is_not_folded() -> None:
    pixels = keras.Input((12, 12, 3))
    conv = keras.layers.Conv2D(8, 3, activation="relu")(pixels)
    model = shaken(keras.Model(pixels, keras.layers.BatchNormalization()(conv)))
    assert batchnorm.folded(model) is model


def test_an_output_of_the_model_is_not_folded() -> None:
    pixels = keras.Input((12, 12, 3))
    conv = keras.layers.Conv2D(8, 3)(pixels)
    model = keras.Model(pixels, {"logits": keras.layers.BatchNormalization()(conv), "embedding": conv})
    assert batchnorm.folded(model) is model


def test_shortened_names_are_different_ones_and_the_file_answers_the_same() -> None:
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    pixels = keras.Input(batch_shape=(1, 12, 12, 3))
    model = keras.Model(pixels, residual()(pixels))
    written = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    short = tflitenames.shortened(written)
    assert len(short) < len(written) - 500
    answers, names = [], []
    for content in (written, short):
        interpreter = Interpreter(model_content=content)
        runner = interpreter.get_signature_runner()
        (given,) = runner.get_input_details()
        answers.append(runner(**{given: PIXELS[:1]}))
        names.append([detail["name"] for detail in interpreter.get_tensor_details()])
    for name in ("logits", "embedding"):
        np.testing.assert_array_equal(answers[0][name], answers[1][name])
    # those that the file holds; the interpreter adds its own behind them
    held = [name for name in names[1] if name]
    assert len(set(held)) == len(held)
    assert max(len(name) for name in held) < 50
