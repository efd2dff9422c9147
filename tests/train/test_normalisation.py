from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

import keras
import tensorflow as tf

from hemline_train import models
from hemline_train.architecture import parse
from hemline_train.normalisation import fuse

pytestmark = pytest.mark.tensorflow


def residual() -> Any:
    keras.utils.set_random_seed(1)
    return models.build(parse(["conv 4 norm=batch", "residual 6 stride=2", "average"]), (8, 8, 1), 3)


def step(model: Any) -> tuple[Any, list[Any]]:
    """Return the logits of one training step and the gradients of their squares; moving statistics move."""
    pixels = tf.constant(np.random.default_rng(0).integers(0, 255, (64, 8, 8, 1)), tf.float32)
    with tf.GradientTape() as tape:
        logits = model(pixels, training=True)["logits"]
        loss = tf.reduce_sum(logits**2)
    return logits, tape.gradient(loss, [variable.value for variable in model.trainable_variables])


def test_a_fused_step_gives_the_answers_gradients_and_statistics_of_keras_own() -> None:
    plain, fused = residual(), residual()
    fuse(fused)
    logits, gradients = step(plain)
    fused_logits, fused_gradients = step(fused)
    np.testing.assert_allclose(fused_logits, logits, rtol=1e-4, atol=1e-5)
    for one, other in zip(fused_gradients, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * float(np.abs(other).max()))
    before = residual()
    for one, other, start in zip(
        fused.non_trainable_variables, plain.non_trainable_variables, before.non_trainable_variables, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(one, start), "the statistics did not move"


def test_what_a_fused_model_answers_and_saves_is_keras_own(tmp_path: Path) -> None:
    plain, fused = residual(), residual()
    fuse(fused)
    pixels = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(fused(pixels)["logits"], plain(pixels)["logits"])
    fused.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", compile=False, safe_mode=True)
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in plain.layers]
    np.testing.assert_array_equal(loaded(pixels)["logits"], plain(pixels)["logits"])


def test_the_kernel_is_what_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    kernel = tf.compat.v1.nn.fused_batch_norm
    monkeypatch.setattr(
        tf.compat.v1.nn, "fused_batch_norm", lambda *args, **kwargs: asked.append(1) or kernel(*args, **kwargs)
    )
    model = residual()
    fuse(model)
    step(model)
    assert len(asked) == 4  # conv, two of the block, the way through
