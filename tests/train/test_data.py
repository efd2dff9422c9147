from __future__ import annotations

from pathlib import Path

import cv2
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


def folder_of(tmp_path: Path, *, bad: int = 0, classes: tuple[str, ...] = ("a", "b")) -> Path:
    """A folder of 20 pictures a class; `bad` of the first class cannot be read."""
    root = tmp_path / "folder"
    for number, label in enumerate(classes):
        (root / "train" / label).mkdir(parents=True)
        for index in range(20):
            file = root / "train" / label / f"{index:02}.png"
            if number == 0 and index < bad:
                file.write_bytes(b"no picture")
            else:
                cv2.imwrite(str(file), np.full((9, 12, 3), 10 * index + number, np.uint8))
    return root


def test_pictures_that_cannot_be_read_are_listed_and_left_out_only_when_told_to(tmp_path: Path) -> None:
    root = folder_of(tmp_path, bad=12)
    recipe = recipes.override(recipes.load("fashion-cnn"), [f"data.name={root}"])
    with pytest.raises(DatasetError) as error:
        pictures.load(recipe)
    said = str(error.value).splitlines()
    assert said[0].endswith("12 of 40 pictures cannot be read:")
    assert (
        len([line for line in said if line.endswith("text, not a picture; hemline reads JPEG, PNG, WebP and BMP")])
        == 10
    )
    assert said[-2:] == ["  and 2 more", "repair or remove them, or leave them out with --skip-bad"]
    kept = pictures.load(recipe, skip_bad=True)
    assert kept.skipped == 12
    assert len(kept.train) + len(kept.validation) == 28
    # what is left is on the side where it would have been
    for file in (root / "train" / "a").glob("*.png"):
        if file.read_bytes() == b"no picture":
            cv2.imwrite(str(file), np.full((9, 12, 3), 255, np.uint8))
    whole = pictures.load(recipe)
    for part, full in ((kept.train, whole.train), (kept.validation, whole.validation)):
        there = {pixels.tobytes() for pixels in full.pixels}
        assert all(pixels.tobytes() in there for pixels in part.pixels)


def test_the_validation_split_of_a_set_is_taken_where_no_share_is_held_out(tmp_path: Path) -> None:
    root = folder_of(tmp_path)
    recipe = recipes.override(recipes.load("fashion-cnn"), [f"data.name={root}", "data.validation=0"])
    with pytest.raises(DatasetError, match=r"no validation split; set data.validation to the share to hold out"):
        pictures.load(recipe)
    for label in ("a", "b"):
        (root / "validation" / label).mkdir(parents=True)
        (root / "validation" / label / "00.png").write_bytes((root / "train" / label / "00.png").read_bytes())
    loaded = pictures.load(recipe)
    assert len(loaded.train) == 40
    assert loaded.validation.targets.tolist() == [0, 1]
    assert loaded.test is None


def test_a_folder_of_one_class_has_nothing_to_tell_apart(tmp_path: Path) -> None:
    root = folder_of(tmp_path, classes=("only",))
    recipe = recipes.override(recipes.load("fashion-cnn"), [f"data.name={root}"])
    with pytest.raises(DatasetError, match="one class, 'only'; there is nothing to tell apart"):
        pictures.load(recipe)


def test_a_split_that_cuts_a_group_is_refused(tmp_path: Path) -> None:
    root = folder_of(tmp_path)
    for label in ("a", "b"):
        (root / "test" / label).mkdir(parents=True)
        for index in (0, 1):
            source = root / "train" / label / f"{index:02}.png"
            (root / "test" / label / f"again-{index}.png").write_bytes(source.read_bytes())
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [f"{name},{Path(name).parent.name}{int(Path(name).stem[-2:].strip('-'))}" for name in files]
    (root / "groups.csv").write_text("\n".join(["path,group", *rows]) + "\n")
    recipe = recipes.override(recipes.load("fashion-cnn"), [f"data.name={root}"])
    with pytest.raises(DatasetError, match=r"4 groups have pictures in both .* \(a0 is one\)"):
        pictures.load(recipe)
