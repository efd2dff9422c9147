"""Flaws drawn into good parts: where, how often, towards which class; and the windows that learning begins with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hemline.errors import UsageError
from hemline_train import augment, flaws, windows
from hemline_train import recipe as recipes
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.data.feed import Feed
from hemline_train.flaws import KINDS, Flaws, FlawsConfig

LABELS = ("cracked", "good", "holed")
CONFIG = FlawsConfig(share=0.5, hole="holed", crack="cracked")
TABLE = """
[flaws]
share = 0.5
hole = "holed"
crack = "cracked"
window = 16
windows = 60
window_epochs = 2
"""


def part(count: int = 200) -> Part:
    """Noise in a frame of the padding's level; every third picture is good."""
    pixels = np.zeros((count, 40, 48, 1), np.uint8)
    pixels[:, 4:36, 8:40] = np.random.default_rng(0).integers(120, 136, (count, 32, 32, 1))
    return Part(pixels, np.arange(count, dtype=np.int64) % 3)


@pytest.fixture
def drawn_on() -> Flaws:
    found = Flaws.of(CONFIG, "good", LABELS)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_flaw_changes_a_part_of_the_part_and_nothing_around_it(kind: str, channels: int) -> None:
    picture = np.repeat(part(1).pixels[0], channels, axis=2)
    seen = 0
    for seed in range(40):
        out = flaws.draw(kind, picture, np.random.Generator(np.random.SFC64(seed)))
        assert (out.shape, out.dtype) == (picture.shape, np.uint8)
        changed = (out != picture).any(axis=2)
        assert not changed[:4].any()
        assert not changed[:, :8].any()
        assert not changed.all()
        seen += changed.sum() >= 3
        again = flaws.draw(kind, picture, np.random.Generator(np.random.SFC64(seed)))
        np.testing.assert_array_equal(out, again)
    assert seen >= 32  # a flaw that nobody sees would teach that good is bad
    assert (flaws.draw(kind, np.zeros_like(picture), np.random.Generator(np.random.SFC64(0))) == 0).all()


def test_only_good_pictures_get_flaws_and_are_trained_towards_their_class(drawn_on: Flaws) -> None:
    pictures = part(3000)
    feed = Feed(pictures, batch=8, seed=3, flaws=drawn_on)
    numbers = feed.numbers(1)
    assert numbers is not None
    targets = feed.targets(1, numbers)
    became = targets != pictures.targets
    assert not became[pictures.targets != 1].any()
    assert 0.45 < became[pictures.targets == 1].mean() < 0.55
    counts = np.bincount(targets[became], minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - counts[2]) < 0.2 * counts.sum()
    pixels = feed.pictures(np.arange(300), numbers)
    changed = (pixels != pictures.pixels[:300]).any(axis=(1, 2, 3))
    assert not changed[~became[:300]].any()
    assert changed[became[:300]].mean() > 0.9
    assert (feed.targets(2, feed.numbers(2)) != targets).any()  # others in another epoch


def test_what_a_picture_becomes_does_not_depend_on_its_batch(drawn_on: Flaws) -> None:
    feed = Feed(part(), batch=8, seed=3, augmentation=Augment(flip=0.5, exposure=0.5), flaws=drawn_on)
    numbers = feed.numbers(4)
    whole = feed.pictures(np.arange(200), numbers)
    order = np.random.default_rng(0).permutation(200)
    for some in np.array_split(order, 7):
        np.testing.assert_array_equal(feed.pictures(some, numbers), whole[some])


def test_no_share_draws_nothing_and_a_full_share_draws_into_every_good_picture(drawn_on: Flaws) -> None:
    gates = augment.draw(300, seed=1, epoch=1)[:, augment.FLAW]
    targets = np.ones(300, np.int64)
    assert (replace(drawn_on, share=0.0).chosen(targets, gates) == -1).all()
    assert set(replace(drawn_on, share=1.0).chosen(targets, gates).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FlawsConfig(share=0.5, hole="hole"), "flaws.hole: no defect 'hole'; nearest: holed; there are cracked, holed"),
        (FlawsConfig(share=0.5, hole="good"), "flaws.hole: no defect 'good'; there are cracked, holed"),
    ],
)
def test_a_flaw_of_a_class_that_is_no_defect_is_refused(config: FlawsConfig, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Flaws.of(config, "good", LABELS)


@pytest.mark.parametrize(
    ("good", "table", "message"),
    [
        ("", "[flaws]\nshare = 0.5\nhole = 'a'", "name their class: data.good"),
        ("good", "[flaws]\nshare = 0.5", "no flaw is named; give the class of one or more of hole, crack"),
        ("good", TABLE.replace("16", "29"), "flaws.window 29: above augment.crop, and at most the picture's 28"),
        ("good", TABLE + '[distill]\nteachers = ["x"]', "the teachers have not seen what is drawn"),
        ("good", "class_weights = 'balanced'" + TABLE, "would do so again"),
    ],
)
def test_a_recipe_whose_flaws_cannot_be_is_refused(tiny: Path, good: str, table: str, message: str) -> None:
    text = tiny.read_text().replace("validation = 0.25", f"validation = 0.25\ngood = '{good}'")
    tiny.write_text(text + table)
    with pytest.raises(UsageError, match=message):
        recipes.load(tiny)


def test_windows_are_of_good_pictures_and_most_have_a_flaw(tiny: Path, drawn_on: Flaws) -> None:
    text = tiny.read_text().replace("validation = 0.25", "validation = 0.25\ngood = 'good'")
    tiny.write_text(text + TABLE)
    recipe = recipes.load(tiny)
    seen, watched = windows.parts(recipe, part(), drawn_on)
    assert (seen.pixels.shape, watched.pixels.shape) == ((60, 16, 16, 1), (windows.WATCHED, 16, 16, 1))
    share = np.bincount(watched.targets, minlength=3) / len(watched)
    assert share.min() > 0.2
    levels = watched.pixels[watched.targets == 1]
    assert set(np.unique(levels).tolist()) <= {0, *range(120, 136)}  # a good window shows what was there
    darkest = np.where(watched.pixels > 0, watched.pixels, 255).min(axis=(1, 2, 3))
    assert (darkest[watched.targets == 2] < 118).mean() > 0.8  # and the hole is in the window
    again, _ = windows.parts(recipe, part(), drawn_on)
    np.testing.assert_array_equal(again.pixels, seen.pixels)
    small = windows.recipe_of(recipe)
    assert (small.preprocess.shape, small.training.epochs, small.flaws) == ((16, 16, 1), 2, None)
    with pytest.raises(UsageError, match="no good picture to draw on, 'good' has none to train on"):
        windows.parts(recipe, part().take(part().targets != 1), drawn_on)
