"""Augmentation: a function of seed, epoch and index; what each amount does, and what it leaves alone."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from hemline.drawn import drawn
from hemline.errors import UsageError
from hemline_train import augment
from hemline_train import recipe as recipes
from hemline_train.augment import Augment, Pixels

EVERYTHING = Augment(
    crop=2,
    flip=0.5,
    rotation=15.0,
    translation=0.1,
    zoom=0.2,
    perspective=0.1,
    brightness=0.2,
    contrast=0.3,
    noise=8.0,
    erase=0.5,
    negative=0.5,
    surroundings=0.5,
    blur=2.0,
)
ONE_AT_A_TIME = [
    replace(Augment(), **{one.name: getattr(EVERYTHING, one.name)})
    for one in fields(Augment)
    if one.name not in ("erase_area", "often")
]


@pytest.fixture(scope="module", params=[1, 3], ids=["gray", "colour"])
def pictures(request: pytest.FixtureRequest) -> Pixels:
    gray, _ = drawn(4, seed=5)
    return np.repeat(gray[..., None], request.param, axis=3)


@pytest.mark.parametrize("chosen", [EVERYTHING, *ONE_AT_A_TIME], ids=lambda chosen: repr(chosen)[:60])
def test_the_same_numbers_give_the_same_pictures_in_any_batch(pictures: Pixels, chosen: Augment) -> None:
    numbers = augment.draw(len(pictures), seed=3, epoch=2)
    whole = augment.apply(chosen, pictures, numbers)
    assert (whole.shape, whole.dtype) == (pictures.shape, np.uint8)
    order = np.random.default_rng(0).permutation(len(pictures))
    for part in np.array_split(order, 5):
        np.testing.assert_array_equal(augment.apply(chosen, pictures[part], numbers[part]), whole[part])
    assert (whole != pictures).any(axis=(1, 2, 3)).mean() > 0.3  # it does something
    another = augment.apply(chosen, pictures, augment.draw(len(pictures), seed=3, epoch=3))
    assert (another != whole).any()
    before = pictures.copy()
    augment.apply(chosen, pictures, numbers)
    np.testing.assert_array_equal(pictures, before)


def test_the_numbers_of_a_picture_do_not_depend_on_how_many_there_are() -> None:
    np.testing.assert_array_equal(augment.draw(10, seed=1, epoch=4), augment.draw(100, seed=1, epoch=4)[:10])
    assert (augment.draw(10, seed=2, epoch=4) != augment.draw(10, seed=1, epoch=4)).any()


def test_nothing_is_nothing(pictures: Pixels) -> None:
    assert not Augment().any
    numbers = augment.draw(len(pictures), seed=1, epoch=1)
    np.testing.assert_array_equal(augment.apply(Augment(), pictures, numbers), pictures)


def test_a_flip_is_a_mirror_image(pictures: Pixels) -> None:
    numbers = augment.draw(len(pictures), seed=1, epoch=1)
    np.testing.assert_array_equal(augment.apply(Augment(flip=1.0), pictures, numbers), pictures[:, :, ::-1])
    some = augment.apply(Augment(flip=0.5), pictures, numbers)
    same = (some == pictures).all(axis=(1, 2, 3))
    assert 0.2 < same.mean() < 0.8
    # the interpolated way mirrors at the same place
    turned = augment.apply(Augment(flip=1.0, translation=1e-9), pictures, numbers)
    assert np.abs(turned.astype(int) - pictures[:, :, ::-1]).max() <= 1


def test_a_crop_moves_by_whole_pixels_and_fills_with_the_pad(pictures: Pixels) -> None:
    full = np.full((200, 9, 9, 1), 200, np.uint8)
    moved = augment.apply(Augment(crop=2), full, augment.draw(200, seed=0, epoch=1), pad=7)
    assert set(np.unique(moved).tolist()) == {7, 200}
    empty = {(int((one[:, 4] == 7).sum()), int((one[4] == 7).sum())) for one in moved}
    assert empty == {(tall, wide) for tall in range(3) for wide in range(3)}


def test_an_erased_rectangle_is_of_one_level_and_within_its_area() -> None:
    # two kinds of pixels, neither of which is a level that stands alone
    board = np.zeros((300, 20, 20, 1), np.uint8)
    board[:, ::2, ::2] = 255
    out = augment.apply(Augment(erase=1.0, erase_area=0.3), board, augment.draw(300, seed=0, epoch=1))
    changed = (out != board).sum(axis=(1, 2, 3))
    assert changed.max() <= 0.3 * 400 * 1.15  # whole pixels
    assert changed.min() > 0
    halves = augment.apply(Augment(erase=0.5), board, augment.draw(300, seed=0, epoch=1))
    assert 0.4 < (halves != board).any(axis=(1, 2, 3)).mean() < 0.6


def test_light_keeps_its_bounds() -> None:
    gray = np.full((500, 4, 4, 1), 100, np.uint8)
    numbers = augment.draw(500, seed=0, epoch=1)
    lit = augment.apply(Augment(brightness=0.2), gray, numbers)
    assert (lit.min(), lit.max()) >= (49, 140)
    assert lit.max() <= 151
    np.testing.assert_array_equal(augment.apply(Augment(contrast=0.9), gray, numbers), gray)  # of one level
    noisy = augment.apply(Augment(noise=10.0), gray, numbers).astype(float)
    assert 5.5 < noisy.std() < 6.1  # up to 10, evenly: 10 / sqrt(3)


def test_a_crop_as_wide_as_the_picture_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match=r"augment.crop 28: must be below the edge of a picture, 28"):
        recipes.override(recipes.load(tiny), ["augment.crop=28"])
    with pytest.raises(UsageError, match=r"augment.flip"):
        recipes.override(recipes.load(tiny), ["augment.flip=1.5"])
