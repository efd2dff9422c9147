"""The places of a feature map: where they are, what they should answer, and a training that asks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline.errors import UsageError
from hemline_train import loop, losses, models
from hemline_train import recipe as recipes
from hemline_train.architecture import parse
from hemline_train.augment import Augment
from hemline_train.checkpoint import Checkpoints
from hemline_train.data import Part
from hemline_train.data.feed import Feed
from hemline_train.flaws import Flaws, FlawsConfig
from hemline_train.places import NEAR, UNKNOWN, Axis, Grid, Places
from hemline_train.recipe import Recipe

LABELS = ("cracked", "good", "holed")
SPOT = (20.0, 16.0, 26.0, 22.0)  # left, top, right, bottom
LAYERS = ("conv 4 kernel=5 padding=same norm=batch stride=2", "residual 6 stride=2", "maximum", "dropout 0.2")
TABLE = """
[flaws]
share = 0.5
hole = "holed"
marks = "x.csv"
copied = ["holed"]
places = 1.0
"""


def marked(count: int = 90) -> Part:
    """Noise in a frame; every third part is good, every third has a dark spot where its mark is."""
    pixels = np.zeros((count, 40, 48, 1), np.uint8)
    pixels[:, 4:36, 8:40] = np.random.default_rng(0).integers(120, 136, (count, 32, 32, 1))
    targets = np.arange(count, dtype=np.int64) % 3
    pixels[targets == 2, 16:22, 20:26] = 30
    return Part(pixels, targets, tuple((SPOT,) if target == 2 else () for target in targets))


@pytest.fixture
def drawn_on() -> Flaws:
    found = Flaws.of(FlawsConfig(share=0.5, crack="cracked", marks="x.csv", copied=("holed",)), "good", LABELS)
    assert found is not None
    return found.knowing(marked())


@pytest.fixture
def recipe(tiny: Path) -> Recipe:
    text = tiny.read_text().replace("validation = 0.25", "validation = 0.25\ngood = 'good'")
    text = text.replace("height = 28\nwidth = 28", "height = 40\nwidth = 48")
    layers = ", ".join(f'"{layer}"' for layer in LAYERS)
    tiny.write_text(
        f"{text.partition('layers =')[0]}layers = [{layers}]\n\n[training]{text.partition('[training]')[2]}{TABLE}"
    )
    return recipes.load(tiny)


# ---- where they are


@pytest.mark.parametrize(
    "layers",
    [
        LAYERS,
        ("conv 3 kernel=3", "pool 2", "conv 3 kernel=5 stride=2", "average"),
        ("conv 3 padding=same stride=3", "batchnorm", "pool 3 padding=same", "residual 3", "maximum"),
    ],
)
@pytest.mark.parametrize("size", [(40, 48), (37, 51)])
def test_a_place_is_in_the_middle_of_the_pixels_that_it_sees(layers: tuple[str, ...], size: tuple[int, int]) -> None:
    import keras

    grid = Grid.of(parse(layers), *size)
    model = models.build(parse(layers), (*size, 1), 3)
    features = keras.Model(model.input, model.get_layer("embedding").input)
    for layer in features.layers:
        if isinstance(layer, keras.layers.Conv2D):  # no weight is nothing, and no place is silent
            layer.set_weights([np.abs(weights) + 0.05 for weights in layer.get_weights()])
    random = np.random.default_rng(0)
    corners = [(0, 0), (size[0] - 1, size[1] - 1)]
    lit = np.array([*corners, *zip(*(random.integers(0, edge, 60) for edge in size), strict=True)])
    pixels = np.zeros((len(lit), *size, 1), np.float32)
    pixels[np.arange(len(lit)), lit[:, 0], lit[:, 1]] = 255
    dark = np.asarray(features(np.zeros((1, *size, 1), np.float32), training=False)).sum(axis=-1)
    seen = np.asarray(features(pixels, training=False)).sum(axis=-1) > dark + 1e-6
    assert seen.shape[1:] == (grid.down.count, grid.across.count)
    for (row, column), places in zip(lit, seen, strict=True):
        near = [
            np.abs(axis.first + axis.stride * np.arange(axis.count) - at) <= axis.reach
            for axis, at in ((grid.down, row), (grid.across, column))
        ]
        np.testing.assert_array_equal(places, near[0][:, None] & near[1])


def test_the_tile_recipe_has_260_places_that_see_89_pixels() -> None:
    tiles = recipes.load("tiles")
    grid = Grid.of(tiles.model.parsed(), tiles.preprocess.height, tiles.preprocess.width)
    assert grid == Grid(Axis(13, 15.0, 16, 44.0), Axis(20, 15.0, 16, 44.0))
    assert grid.count == 260


def test_a_network_without_places_is_refused() -> None:
    for layers in (["conv 4", "flatten", "dense 8"], ["conv 4", "maximum", "dense 8"], ["conv 4", "dense 8"]):
        with pytest.raises(UsageError, match=r"flaws\.places: only a network that ends in 'maximum' or 'average'"):
            Grid.of(parse(layers), 28, 28)


# ---- what they should answer


def test_a_place_answers_the_flaw_where_it_is_good_where_none_is_seen_and_nothing_between() -> None:
    grid = Grid(Axis(10, 3.5, 8, 12.0), Axis(10, 3.5, 8, 12.0))
    mask = np.zeros((80, 80), bool)
    mask[34:40, 42:50] = True
    answers = grid.answers(mask, 2, 1).reshape(10, 10)
    for row, down in enumerate(grid.down.middles()):
        for column, across in enumerate(grid.across.middles()):
            rows, columns = np.nonzero(mask)
            away = np.maximum(np.abs(rows - down), np.abs(columns - across)).min()
            wanted = 2 if away <= NEAR * 8 else UNKNOWN if away <= 12 else 1
            assert answers[row, column] == wanted
    assert set(answers.ravel().tolist()) == {2, 1, UNKNOWN}


def test_a_good_part_is_good_everywhere_and_of_a_flaw_that_is_nowhere_nothing_is_known() -> None:
    grid = Grid(Axis(3, 4.0, 8, 12.0), Axis(4, 4.0, 8, 12.0))
    nowhere = np.zeros((24, 32), bool)
    assert (grid.answers(nowhere, 1, 1) == 1).all()
    assert (grid.answers(nowhere, 0, 1) == UNKNOWN).all()


def test_pictures_and_what_their_places_answer_are_moved_alike(drawn_on: Flaws) -> None:
    places = Places(Grid(Axis(40), Axis(48)), 1, 1.0)  # a place a pixel: the answers are the mask itself
    moves = Augment(flip=0.5, flip_vertical=0.5, rotation=20, translation=0.1, zoom=0.2, exposure=0.1)
    feed = Feed(marked(), batch=8, seed=3, augmentation=moves, flaws=drawn_on, places=places)
    numbers = feed.numbers(2)
    assert numbers is not None
    indices = np.arange(60)
    pictures, answers = feed.examples(indices, numbers)
    np.testing.assert_array_equal(pictures, feed.pictures(indices, numbers))
    labels = feed.targets(2, numbers)[indices]
    answers = answers.reshape(60, 40, 48)
    for picture, answer, label, before in zip(pictures[..., 0], answers, labels, marked().targets, strict=False):
        if label == 1:
            assert (answer == 1).all()
        if before == 2 and label == 2:
            at = answer == 2
            assert at.any()
            assert picture[at].mean() < 60
            inside = (picture > 0) & ~at
            assert picture[inside].mean() > 100
    made = (labels != marked().targets[:60]) & (labels == 2)
    assert made.sum() >= 3
    for picture, answer in zip(pictures[made][..., 0], answers[made], strict=True):
        dark = (picture > 0) & (picture < 60)  # the copied spot, wherever it came to
        assert dark.any()
        assert (answer[cv2.erode(dark.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] == 2).all()


def test_a_mark_that_a_crop_cut_off_is_where_the_rest_of_it_is(drawn_on: Flaws) -> None:
    cut = marked(3)
    cut = Part(cut.pixels, cut.targets, ((), (), ((-6.0, -4.0, 5.0, 3.0),)))
    feed = Feed(cut, batch=3, seed=3, flaws=drawn_on, places=Places(Grid(Axis(40), Axis(48)), 1, 1.0))
    numbers = feed.numbers(1)
    assert numbers is not None
    _, answers = feed.examples(np.array([2]), numbers)
    rows, columns = np.nonzero(answers.reshape(40, 48) == 2)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 2, 0, 4)


def test_of_parts_that_may_have_other_flaws_the_rest_is_not_asked(drawn_on: Flaws) -> None:
    places = Places(Grid.of(parse(LAYERS), 40, 48), 1, 1.0)
    for other, found in ((frozenset(), {1.0, 2.0, -1.0}), (frozenset({2}), {2.0, -1.0})):
        feed = Feed(marked(), batch=8, seed=3, flaws=replace(drawn_on, other=other), places=places)
        numbers = feed.numbers(1)
        assert numbers is not None
        _, answers = feed.examples(np.arange(2, 90, 3), numbers)
        assert set(answers.ravel().tolist()) == found
        _, answers = feed.examples(np.arange(1, 90, 3), numbers)  # in a good part there is none but what is drawn
        assert (answers == 1).any()


def test_what_places_answer_does_not_depend_on_the_batch(drawn_on: Flaws) -> None:
    places = Places(Grid.of(parse(LAYERS), 40, 48), 1, 1.0)
    feed = Feed(marked(), batch=8, seed=3, augmentation=Augment(flip=0.5, noise=4), flaws=drawn_on, places=places)
    numbers = feed.numbers(1)
    assert numbers is not None
    whole = feed.examples(np.arange(90), numbers)
    for some in np.array_split(np.random.default_rng(0).permutation(90), 7):
        for found, wanted in zip(feed.examples(some, numbers), whole, strict=True):
            np.testing.assert_array_equal(found, wanted[some])


# ---- what is minimised


def test_the_loss_is_that_of_the_picture_and_half_of_flaws_and_half_of_the_hardest_elsewhere() -> None:
    random = np.random.default_rng(4)
    logits = random.normal(0, 2, (3, 3 + 32 * 3)).astype(np.float32)
    wanted = random.choice([1, UNKNOWN], (3, 32))
    wanted[0, :5], wanted[1, 7] = 2, 0  # of the third nothing is flawed
    labels = np.array([2, 0, 1])
    truth = np.concatenate([labels[:, None], wanted], axis=1).astype(np.float32)

    def cross(given: np.ndarray, classes: np.ndarray) -> np.ndarray:
        given = given - given.max(axis=-1, keepdims=True)
        logarithms = given - np.log(np.exp(given).sum(axis=-1, keepdims=True))
        found: np.ndarray = -np.take_along_axis(logarithms, np.maximum(classes, 0)[..., None], -1)[..., 0]
        return found

    each = cross(logits[:, 3:].reshape(3, 32, 3), wanted)
    there = np.mean([each[0, :5].mean(), each[1, 7]])
    elsewhere = np.mean(
        [np.sort(np.where(row == 1, own, 0))[-2:].mean() for row, own in zip(wanted, each, strict=True)]
    )
    expected = cross(logits[:, :3], labels) + 0.7 * (there + elsewhere) / 2
    found = losses.Placed(losses.Smoothed(0.0), 3, 1, 0.7).call(truth, logits)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)
    blind = truth.copy()
    blind[:, 1:] = UNKNOWN
    found = losses.Placed(losses.Smoothed(0.0), 3, 1, 0.7).call(blind, logits)
    np.testing.assert_allclose(np.asarray(found), cross(logits[:, :3], labels), rtol=1e-5)


def test_each_place_is_asked_as_the_whole_picture_is(recipe: Recipe) -> None:
    model = models.build(recipe.model.parsed(), recipe.preprocess.shape, 3)
    import keras

    whole = keras.Model(model.input, models.with_places(model))
    pixels = marked(4).pixels.astype(np.float32)
    out = np.asarray(whole(pixels, training=False))
    logits = np.asarray(model(pixels, training=False)["logits"])
    np.testing.assert_allclose(out[:, :3], logits, rtol=1e-5)
    features = np.asarray(keras.Model(model.input, model.get_layer("embedding").input)(pixels, training=False))
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(out[:, 3:].reshape(4, 10, 12, 3), features @ kernel + bias, atol=1e-4)


# ---- a training that asks them

Fit = Callable[..., loop.Trained]


@pytest.fixture
def fit(recipe: Recipe) -> Fit:
    def train(stop_after: int = 0, checkpoints: Checkpoints | None = None, epochs: int = 4) -> loop.Trained:
        def stop(row: object, history: object) -> None:
            if len(history) == stop_after:  # type: ignore[arg-type]
                raise KeyboardInterrupt

        flaws = Flaws.of(recipe.flaws, "good", LABELS)
        watch = loop.Watch(epoch=stop)
        longer = recipes.override(recipe, [f"training.epochs={epochs}"])
        return loop.fit(longer, marked(), marked(12), 3, checkpoints=checkpoints, watch=watch, flaws=flaws)

    return train


def test_it_exports_the_same_network_and_resumes_bit_identical(fit: Fit, recipe: Recipe, tmp_path: Path) -> None:
    whole, cut = fit(), Checkpoints(tmp_path)
    plain = models.build(recipe.model.parsed(), recipe.preprocess.shape, 3)
    assert [weight.shape for weight in whole.model.variables] == [weight.shape for weight in plain.variables]
    with pytest.raises(KeyboardInterrupt):
        fit(stop_after=2, checkpoints=cut)
    again = fit(checkpoints=cut)
    for one, other in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()
    assert [row.loss for row in again.history] == [row.loss for row in whole.history]
    assert whole.history[-1].loss < whole.history[0].loss


def test_its_places_learn_where_the_flaw_is(fit: Fit) -> None:
    import keras

    trained = fit(epochs=20)
    ask = keras.Model(trained.model.input, models.with_places(trained.model))
    holed = marked(12).pixels[marked(12).targets == 2].astype(np.float32)
    logits = np.asarray(ask(holed, training=False))[:, 3:].reshape(len(holed), 10, 12, 3)
    most = (logits[..., 2] - logits[..., 1]).reshape(len(holed), -1).argmax(axis=1)
    rows, columns = 4 * (most // 12) + 3, 4 * (most % 12) + 3
    assert ((np.abs(rows - 19) <= 10) & (np.abs(columns - 23) <= 10)).all()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            'marks = "x.csv"\ncopied = ["holed"]\n',
            "",
            r"flaws\.places: where flaws are is not known; give flaws\.marks",
        ),
        ("[flaws]", "[augment]\nmixup = 0.2\n\n[flaws]", r"flaws\.places: of a mixed picture no place has one class"),
        ('"maximum"', '"maximum", "dense 8"', r"flaws\.places: only a network that ends in 'maximum' or 'average'"),
    ],
)
def test_a_recipe_whose_places_cannot_be_asked_is_refused(
    recipe: Recipe, tiny: Path, before: str, after: str, message: str
) -> None:
    assert recipe.flaws is not None
    tiny.write_text(tiny.read_text().replace(before, after))
    with pytest.raises(UsageError, match=message):
        recipes.load(tiny)
