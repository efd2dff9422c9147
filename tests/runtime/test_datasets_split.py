"""Holding out a part of a set: by index and seed alone, or whole groups, a share of every class."""

from __future__ import annotations

import numpy as np
import pytest

from hemline.datasets.split import folds, holdout, validation_part
from hemline.errors import DatasetError


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 42, -3, 2**70])
def test_about_the_asked_fraction_is_held_out(fraction: float, seed: int) -> None:
    count = 60_000
    held = holdout(count, fraction, seed=seed)
    assert held.dtype == np.bool_
    assert held.shape == (count,)
    # five standard deviations of a fair draw
    assert abs(held.mean() - fraction) <= 5 * (fraction * (1 - fraction) / count) ** 0.5


def test_a_picture_stays_on_its_side_when_the_set_grows() -> None:
    assert np.array_equal(holdout(1000, 0.1, seed=3), holdout(5000, 0.1, seed=3)[:1000])


def test_a_larger_fraction_keeps_what_a_smaller_one_held_out() -> None:
    assert not (holdout(5000, 0.1) & ~holdout(5000, 0.2)).any()


def test_another_seed_holds_out_others() -> None:
    one, two = holdout(10_000, 0.5, seed=0), holdout(10_000, 0.5, seed=1)
    assert 0.47 < (one == two).mean() < 0.53


def test_neighbours_are_independent() -> None:
    held = holdout(100_000, 0.5)
    assert abs((held[1:] == held[:-1]).mean() - 0.5) < 0.01


def test_these_are_the_pictures_in_every_version() -> None:
    # a change here moves pictures between training and validation of runs that are resumed
    assert np.flatnonzero(holdout(60, 0.1, seed=0)).tolist() == [6, 20, 23, 40, 45, 51, 53]
    assert np.flatnonzero(validation_part(np.zeros(60), 0.1, seed=0)).tolist() == [6, 20, 23, 40, 45, 51, 53]
    groups = [f"tile-{index // 2}" for index in range(20)]
    held = validation_part(np.arange(20) // 10, 0.3, seed=7, groups=groups)
    assert np.flatnonzero(held).tolist() == [4, 5, 10, 11]


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
def test_a_group_is_never_cut_and_every_class_has_its_share_held_out(fraction: float) -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2], [150, 40, 10])  # of 200 groups
    numbers = rng.integers(0, 200, 3000)
    groups = [f"tile {number}" for number in numbers]
    targets = kinds[numbers]
    for seed in range(5):
        held = validation_part(targets, fraction, seed=seed, groups=groups)
        assert set(np.array(groups)[held]).isdisjoint(np.array(groups)[~held])
        for kind in range(3):
            assert abs(held[targets == kind].mean() - fraction) < 0.06
    assert (held != validation_part(targets, fraction, seed=seed + 1, groups=groups)).any()


def test_a_class_of_one_group_stays_where_it_is_trained_on() -> None:
    targets, groups = np.array([0] * 8 + [1] * 3), [*"aabbccdd", *"eee"]
    held = validation_part(targets, 0.25, groups=groups)
    assert held[:8].sum() == 2
    assert not held[8:].any()
    with pytest.raises(DatasetError, match=r"class .common. has too few groups to hold out 0\.9 and leave one"):
        validation_part(targets, 0.9, groups=groups, labels=("common", "rare"))
    assert not validation_part(targets, 0.0, groups=groups).any()


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(DatasetError, match="a held-out fraction of 1; give 0 to below 1"):
        holdout(10, 1)
    with pytest.raises(DatasetError, match=r"a held-out fraction of -0\.1; give 0 to below 1"):
        validation_part(np.zeros(2, np.int64), -0.1, groups=["a", "b"])
    with pytest.raises(DatasetError, match="3 group names for 4 pictures"):
        validation_part(np.zeros(4, np.int64), 0.5, groups=["a", "b", "c"])
    assert holdout(0, 0.5).shape == (0,)
    assert validation_part(np.zeros(0, np.int64), 0.5, groups=[]).shape == (0,)


def test_folds_are_even_in_size_and_in_every_class() -> None:
    targets = np.random.default_rng(0).integers(0, 7, 1000)
    chosen = folds(targets, 3)

    assert set(np.bincount(chosen)) <= {333, 334}
    for target in range(7):
        counts = np.bincount(chosen[targets == target], minlength=3)
        assert counts.max() - counts.min() <= 1


def test_folds_never_change_and_another_seed_makes_others() -> None:
    targets = np.arange(12) % 2

    assert folds(targets, 3, seed=0).tolist() == [2, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2]
    assert not np.array_equal(folds(targets, 3, seed=0), folds(targets, 3, seed=1))


def test_folds_cut_no_group_and_stay_about_even() -> None:
    random = np.random.default_rng(1)
    groups = [f"g{number}" for number in random.integers(0, 60, 900)]
    kind = {name: int(name[1:]) % 3 for name in groups}  # a group is of one class, as one garment is
    targets = np.array([kind[name] for name in groups])
    chosen = folds(targets, 3, groups=groups)

    where = {name: set(chosen[[index for index, other in enumerate(groups) if other == name]]) for name in set(groups)}
    assert all(len(found) == 1 for found in where.values())
    for target in range(3):
        shares = np.bincount(chosen[targets == target], minlength=3) / (targets == target).sum()
        assert shares.min() > 0.25


@pytest.mark.parametrize(
    ("targets", "groups", "count", "message"),
    [
        ([0, 0, 0, 1, 1], None, 3, "class 1 has too few pictures for 3 folds: 2"),
        ([0, 0, 1, 1], ["a", "b", "c", "c"], 2, "class 1 has too few groups for 2 folds: 1"),
        ([0, 1], None, 1, "2 or more"),
        ([0, 1], ["a"], 2, "1 group names for 2 pictures"),
    ],
)
def test_folds_that_cannot_be_are_refused(
    targets: list[int], groups: list[str] | None, count: int, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        folds(np.array(targets), count, groups=groups)
