"""Augmentation: a function of seed, epoch and index; what each amount does, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from hemline.drawn import drawn
from hemline.drawn.photo import photo
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
    aspect=0.3,
    flip_vertical=0.5,
    exposure=1.0,
)
COLOURED = replace(EVERYTHING, saturation=0.5, hue=20.0, tint=0.1)
ONE_AT_A_TIME = [
    replace(Augment(), **{one.name: getattr(EVERYTHING, one.name)})
    for one in fields(Augment)
    if one.name not in ("erase_area", "often", "mixup", "cutmix", *augment.COLOUR)
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


@pytest.mark.parametrize("names", [augment.COLOUR, *([name] for name in augment.COLOUR)])
def test_colours_change_alike_in_any_batch_and_grays_stay_gray(names: Sequence[str]) -> None:
    chosen = replace(Augment(), **{name: getattr(COLOURED, name) for name in names})
    photos = np.stack([photo(4, seed=seed, cloth="red", height=32, width=32)[0] for seed in range(30)])
    numbers = augment.draw(len(photos), seed=3, epoch=2)
    whole = augment.apply(chosen, photos, numbers)
    assert (whole != photos).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(augment.apply(chosen, photos[10:20], numbers[10:20]), whole[10:20])
    gray = np.full((30, 4, 4, 3), 128, np.uint8)
    changed = np.abs(augment.apply(chosen, gray, numbers).astype(int) - gray)
    assert changed.max() <= (0 if "tint" not in names else 14)


def test_saturation_keeps_the_brightness_and_reaches_from_gray_to_twice_the_colour() -> None:
    red = np.full((400, 2, 2, 3), (150, 90, 80), np.uint8)
    out = augment.apply(Augment(saturation=1.0), red, augment.draw(400, seed=0, epoch=1)).astype(float)
    luma = out @ augment.LUMA
    assert np.abs(luma - np.array([150, 90, 80]) @ augment.LUMA).max() < 1
    spread = np.ptp(out[:, 0, 0], axis=1) / 70
    assert spread.min() < 0.02
    assert 1.95 < spread.max() < 2.05


def test_a_hue_turns_red_to_green_and_back() -> None:
    red = np.full((2000, 1, 1, 3), (200, 100, 100), np.uint8)
    out = augment.apply(Augment(hue=180.0), red, augment.draw(2000, seed=0, epoch=1)).reshape(-1, 3).astype(int)
    assert {int(row.argmax()) for row in out} == {0, 1, 2}
    assert np.abs(out.sum(axis=1) - 400).max() <= 2
    little = augment.apply(Augment(hue=5.0), red, augment.draw(2000, seed=0, epoch=1)).reshape(-1, 3)
    assert (little.argmax(axis=1) == 0).all()


def test_an_aspect_stretches_one_side_and_shrinks_the_other() -> None:
    square = np.zeros((200, 41, 41, 1), np.uint8)
    square[:, 13:28, 13:28] = 255
    out = augment.apply(Augment(aspect=0.5), square, augment.draw(200, seed=0, epoch=1)) / 255
    tall, wide = out[:, :, 20, 0].sum(axis=1), out[:, 20, :, 0].sum(axis=1)
    assert np.abs(tall * wide / 225 - 1).max() < 0.06
    assert (tall / wide).min() < 0.7
    assert (tall / wide).max() > 1.4


def test_colours_of_gray_pictures_are_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match=r"augment.hue: needs pictures in colour; preprocess.channels is 1"):
        recipes.override(recipes.load(tiny), ["augment.hue=10"])


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


def test_a_vertical_flip_is_a_mirror_image_of_its_own(pictures: Pixels) -> None:
    numbers = augment.draw(len(pictures), seed=1, epoch=1)
    np.testing.assert_array_equal(augment.apply(Augment(flip_vertical=1.0), pictures, numbers), pictures[:, ::-1])
    both = augment.apply(Augment(flip=1.0, flip_vertical=1.0), pictures, numbers)
    np.testing.assert_array_equal(both, pictures[:, ::-1, ::-1])
    turned = augment.apply(Augment(flip=1.0, flip_vertical=1.0, translation=1e-9), pictures, numbers)
    assert np.abs(turned.astype(int) - both).max() <= 1
    some = augment.draw(400, seed=0, epoch=1)
    one = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1).repeat(400, axis=0)
    ways = {out.tobytes() for out in augment.apply(Augment(flip=0.5, flip_vertical=0.5), one, some)}
    assert len(ways) == 4  # each with and without the other


def test_a_stop_of_exposure_doubles_or_halves_the_levels_and_white_stays_white() -> None:
    levels = np.array([0, 40, 100, 255], np.uint8).reshape(1, 2, 2, 1).repeat(2000, axis=0)
    out = augment.apply(Augment(exposure=1.0), levels, augment.draw(2000, seed=0, epoch=1)).reshape(-1, 4).astype(int)
    assert (out[:, 0] == 0).all()
    assert (out[:, 1].min(), out[:, 1].max()) == (20, 80)
    assert (out[:, 2].min(), out[:, 2].max()) == (50, 200)
    assert out[:, 3].max() == 255
    assert 0.45 < (out[:, 1] > 40).mean() < 0.55  # as often more as less
    some = augment.apply(Augment(exposure=1.0, often=0.1), levels, augment.draw(2000, seed=0, epoch=1))
    assert 0.05 < (some != levels).any(axis=(1, 2, 3)).mean() < 0.15


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


def test_what_is_asked_for_leaves_out_what_is_off() -> None:
    assert Augment().asked == {}
    assert Augment(crop=2, flip=0.5, often=1.0).asked == {"crop": 2, "flip": 0.5}
    assert augment.gentle(EVERYTHING).asked == {"crop": 2, "flip": 0.5, "flip_vertical": 0.5}
