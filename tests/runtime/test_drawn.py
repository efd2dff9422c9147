"""Drawn garments: the same for the same seed, different otherwise, and garments to look at."""

from __future__ import annotations

import numpy as np
import pytest

from hemline.drawn import LABELS, draw, drawn
from hemline.errors import UsageError


def test_one_seed_gives_one_picture_and_another_seed_another() -> None:
    for label in range(len(LABELS)):
        assert np.array_equal(draw(label, seed=4), draw(label, seed=4))
        assert not np.array_equal(draw(label, seed=4), draw(label, seed=5))


def test_a_larger_set_begins_with_the_pictures_of_a_smaller_one() -> None:
    pictures, targets = drawn(3, seed=1)
    more, more_targets = drawn(5, seed=1)
    assert np.array_equal(more[:30], pictures)
    assert np.array_equal(more_targets[:30], targets)


def test_classes_take_turns_so_every_front_part_is_balanced() -> None:
    pictures, targets = drawn(4, seed=0)
    assert pictures.shape == (40, 28, 28)
    assert pictures.dtype == np.uint8
    assert targets.dtype == np.int64
    assert targets.tolist() == list(range(10)) * 4


@pytest.mark.parametrize(("height", "width"), [(28, 28), (96, 64), (40, 200), (256, 256)])
def test_a_garment_fills_the_frame_on_a_black_background(height: int, width: int) -> None:
    for label in range(len(LABELS)):
        picture = draw(label, seed=2, height=height, width=width)
        assert picture.shape == (height, width)
        rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
        reach = max((rows[-1] - rows[0] + 1) / height, (columns[-1] - columns[0] + 1) / width)
        assert reach >= 0.9
        # sandals are the thinnest
        assert 0.04 < (picture > 0).mean() < 0.9
        assert picture[picture > 0].mean() > 40


def test_shoes_point_left() -> None:
    for name in ("Sandal", "Sneaker", "Ankle boot"):
        label = LABELS.index(name)
        heights = np.zeros(2)
        for seed in range(20):
            garment = draw(label, seed=seed) > 0
            tops = np.array([column.argmax() if column.any() else 27 for column in garment.T])
            columns = np.flatnonzero(garment.any(axis=0))
            quarter = max(1, len(columns) // 4)
            heights += [-tops[columns[:quarter]].mean(), -tops[columns[-quarter:]].mean()]
        assert heights[1] > heights[0], f"{name}: the toe stands higher than the heel"


def test_the_nearest_mean_picture_tells_most_classes_apart() -> None:
    pictures, targets = drawn(30, seed=0)
    fresh, wanted = drawn(10, seed=99)
    flat = pictures.reshape(len(pictures), -1) / 255
    means = np.stack([flat[targets == label].mean(axis=0) for label in range(len(LABELS))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    answers = (fresh.reshape(len(fresh), -1) @ means.T).argmax(axis=1)
    assert (answers == wanted).mean() > 0.6  # chance is 0.1


def test_nothing_but_a_garment_class_a_sensible_size_and_a_seed_is_drawn() -> None:
    with pytest.raises(UsageError, match="drawn garment 10: there are classes 0 to 9"):
        draw(10, seed=0)
    with pytest.raises(UsageError, match="drawn garment of 4x28: each side is 8 to 2048"):
        draw(0, seed=0, height=4)
    with pytest.raises(UsageError, match="seed -1; give 0 or more"):
        draw(0, seed=-1)
    with pytest.raises(UsageError, match="-1 drawn garments a class"):
        drawn(-1, seed=0)
    assert drawn(0, seed=0)[0].shape == (0, 28, 28)
