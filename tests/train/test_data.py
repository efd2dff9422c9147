from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hemline.errors import DatasetError
from hemline_train import data as pictures
from hemline_train import recipe as recipes
from hemline_train.data import Part


def rows(part: Part) -> set[bytes]:
    return {picture.tobytes() for picture in part.pixels}


def test_training_validation_and_test_pictures_are_disjoint_and_complete(tiny: Path, data: Path) -> None:
    loaded = pictures.load(recipes.load(tiny), data=str(data))
    assert loaded.test is not None
    parts = [loaded.train, loaded.validation, loaded.test]
    assert len(loaded.train) + len(loaded.validation) == 400
    assert len(loaded.test) == 100
    together = set().union(*(rows(part) for part in parts))
    assert len(together) == sum(len(rows(part)) for part in parts) == 500
    assert 60 <= len(loaded.validation) <= 140  # a quarter of 400, by hash


def test_the_split_is_the_recipes_and_another_seed_makes_another(tiny: Path, data: Path) -> None:
    recipe = recipes.load(tiny)
    once, again = (pictures.load(recipe, data=str(data)) for _ in range(2))
    assert once.fingerprint() == again.fingerprint()
    other = pictures.load(recipes.override(recipe, ["data.split_seed=1"]), data=str(data))
    assert other.fingerprint() != once.fingerprint()
    assert rows(other.validation) != rows(once.validation)


def test_a_limit_takes_evenly_from_every_split(tiny: Path, data: Path) -> None:
    loaded = pictures.load(recipes.override(recipes.load(tiny), ["data.limit=50"]), data=str(data))
    assert loaded.test is not None
    assert len(loaded.train) + len(loaded.validation) == len(loaded.test) == 50


def test_a_limit_that_leaves_nothing_to_hold_out_is_refused(tiny: Path, data: Path) -> None:
    with pytest.raises(DatasetError, match=r"1 training pictures leave none to"):
        pictures.load(recipes.override(recipes.load(tiny), ["data.limit=1"]), data=str(data))


def test_a_data_set_that_is_not_there_is_answered_with_the_command_that_gets_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HEMLINE_DATA", raising=False)
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DatasetError, match=r"no data set 'fashion-mnist' .*--data PATH.*hemline data fetch"):
        pictures.load(recipes.load("fashion-cnn"))


def test_calibration_pictures_are_even_over_the_classes_and_seeded() -> None:
    targets = np.repeat(np.arange(3), (50, 8, 200)).astype(np.int64)
    part = Part(np.arange(258, dtype=np.uint8).repeat(4).reshape(258, 2, 2, 1) % 251, targets)
    chosen = pictures.balanced(part, 3, 60, seed=1)
    assert np.bincount(chosen.targets).tolist() == [26, 8, 26]
    same = pictures.balanced(part, 3, 60, seed=1)
    other = pictures.balanced(part, 3, 60, seed=2)
    assert chosen.pixels.tobytes() == same.pixels.tobytes()
    assert chosen.pixels.tobytes() != other.pixels.tobytes()
    assert len(pictures.balanced(part, 3, 1000, seed=1)) == 258
