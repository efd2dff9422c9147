from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline.drawn import drawn
from hemline.errors import UsageError
from hemline_train import models
from hemline_train import recipe as recipes
from hemline_train.architecture import parse

pytestmark = pytest.mark.tensorflow
SHAPE = (28, 28, 1)


def test_fashion_cnn_has_225034_trainable_parameters() -> None:
    recipe = recipes.load("fashion-cnn")
    model = models.build(recipe.model.parsed(), recipe.preprocess.shape, 10)
    assert models.trainable_parameters(model) == 225_034


def test_the_model_takes_pixels_and_gives_logits_and_embedding() -> None:
    model = models.build(parse(["conv 4", "pool", "flatten", "dense 6", "dropout 0.5"]), SHAPE, 3)
    pictures, _ = drawn(1, seed=1)
    logits, embedding = models.outputs(model, pictures[..., None])
    assert (logits.shape, logits.dtype) == ((10, 3), np.float32)
    assert (embedding.shape, embedding.dtype) == ((10, 6), np.float32)
    assert (embedding >= 0).all()  # after its ReLU
    kernel, bias = (np.array(weight) for weight in model.get_layer("logits").get_weights())
    np.testing.assert_allclose(embedding @ kernel + bias, logits, rtol=1e-4, atol=1e-5)
    sums = logits.sum(axis=1)
    assert not np.allclose(sums, 1)  # no softmax inside


def test_normalisation_is_the_first_layer() -> None:
    model = models.build(parse(["flatten", "dense 4"]), SHAPE, 2)
    rescaling = model.layers[1]
    assert rescaling.name == "rescaling"
    assert float(rescaling.scale) == pytest.approx(1 / 255)
    assert model.input_shape == (None, *SHAPE)


def test_a_batch_and_its_pictures_one_by_one_are_answered_alike() -> None:
    model = models.build(parse(["conv 4", "pool", "flatten", "dense 6"]), SHAPE, 3)
    pixels = drawn(1, seed=1)[0][..., None]
    together, _ = models.outputs(model, pixels)
    apart, _ = models.outputs(model, pixels, batch=3)
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_a_network_without_a_hidden_dense_layer_embeds_what_it_flattened() -> None:
    model = models.build(parse(["conv 2 kernel=5 padding=same", "pool 4", "flatten"]), SHAPE, 3)
    assert model.output["embedding"].shape == (None, 7 * 7 * 2)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["conv 4"], r"end in \(26, 26, 4\) and not in one row; add 'flatten'"),
        (["pool 20", "conv 4"], r"conv number 1 cannot follow \(1, 1, 1\)"),
        (["flatten", "conv 4"], r"conv number 1 cannot follow \(784,\)"),
    ],
)
def test_layers_that_do_not_fit_together_are_named(layers: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        models.build(parse(layers), SHAPE, 10)


def test_the_maximum_over_the_picture_does_not_fade_with_its_size() -> None:
    layers = parse(["conv 4 kernel=1", "maximum"])
    spot = np.zeros((1, 28, 28, 1), np.uint8)
    spot[0, 5, 7] = 255
    model = models.build(layers, SHAPE, 2)
    wide = models.build(layers, (56, 56, 1), 2)
    assert models.take_over(wide, {layer.name: layer.get_weights() for layer in model.layers}) == 2
    _, small = models.outputs(model, spot)
    _, large = models.outputs(wide, np.pad(spot, ((0, 0), (14, 14), (14, 14), (0, 0))))
    assert small.shape == (1, 4)
    np.testing.assert_allclose(large, small, atol=1e-6)


def test_filters_of_zero_sum_do_not_see_how_bright_a_picture_is() -> None:
    layers = parse(["conv 6 kernel=5 sum=zero activation=none", "conv 4 sum=zero norm=batch", "flatten"])
    model = models.build(layers, SHAPE, 2)
    pixels = np.random.default_rng(0).integers(0, 100, (2, *SHAPE)).astype(np.uint8)
    dark, light = models.outputs(model, pixels)[0], models.outputs(model, pixels + 100)[0]
    np.testing.assert_allclose(dark, light, atol=1e-4)
    for name in ("conv1", "conv2_conv"):
        kernel = model.get_layer(name).get_weights()[0]
        np.testing.assert_allclose(kernel.sum(axis=(0, 1, 2)), 0, atol=1e-5)
        assert np.abs(kernel).max() > 0.01


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_sum_stays_zero_through_training_and_the_file_needs_nothing_of_ours(
    tiny: Path, tmp_path: Path, average: float
) -> None:
    import keras

    from hemline_train import loop
    from hemline_train.data import Part

    asked = ['model.layers=["conv 4 kernel=5 sum=zero norm=batch stride=4", "average"]', "training.keep=last"]
    recipe = recipes.override(recipes.load(tiny), [*asked, f"training.average={average}", "training.epochs=2"])
    pictures, targets = drawn(4, seed=1)
    part = Part(pictures[..., None], targets.astype(np.int64))
    before = models.build(recipe.model.parsed(), SHAPE, 10).get_layer("conv1_conv").get_weights()[0]
    trained = loop.fit(recipe, part, part, 10)
    trained.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    (kernel,) = loaded.get_layer("conv1_conv").get_weights()
    assert np.abs(kernel - before).max() > 1e-3  # it has learned
    np.testing.assert_allclose(kernel.sum(axis=(0, 1, 2)), 0, atol=1e-5)
