"""Folders of labelled pictures: one number for a class in every split, groups, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import datasets
from hemline.drawn import LABELS, draw, drawn
from hemline.drawn.files import write
from hemline.errors import DatasetError, PictureError
from hemline.preprocess import Preprocess


def save(path: Path, *, label: int = 0, seed: int = 0, size: int = 28) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), draw(label, seed=seed, height=size, width=size))
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A set without splits: two hats, one shoe."""
    root = tmp_path / "wardrobe"
    for name in ("shoe/a.png", "hat/b.png", "hat/a.png"):
        save(root / name, seed=len(name))
    return root


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """A set with splits; validation has no coat."""
    root = tmp_path / "divided"
    for name in ("train/hat/a.png", "train/coat/b.png", "train/shoe/c.png", "validation/shoe/d.png"):
        save(root / name)
    return root


def test_classes_and_pictures_are_sorted_by_name(plain: Path) -> None:
    found = datasets.read(plain)
    assert found.labels == ("hat", "shoe")
    assert found.targets.tolist() == [0, 0, 1]
    assert found.sources == [str(plain / name) for name in ("hat/a.png", "hat/b.png", "shoe/a.png")]
    assert found.groups is None
    assert found.name == "wardrobe"


def test_drawn_garments_come_back_with_their_labels_and_pixels(tmp_path: Path) -> None:
    assert write(tmp_path / "out", 3, seed=5) == 30
    pictures, targets = drawn(3, seed=5)
    found = datasets.read(tmp_path / "out")
    assert found.labels == LABELS
    order = np.argsort(targets, kind="stable")
    assert np.array_equal(found.targets, targets[order])
    assert np.array_equal(found.pixels(Preprocess(28, 28))[..., 0], pictures[order])


def test_a_class_has_one_number_in_every_split(divided: Path) -> None:
    train, validation = datasets.read(divided, "train"), datasets.read(divided)
    assert datasets.splits(divided) == ("train", "validation")
    assert train.labels == validation.labels == ("coat", "hat", "shoe")
    assert validation.split == "validation"
    assert validation.targets.tolist() == [2]
    with pytest.raises(DatasetError, match="has no test split; it has train and validation"):
        datasets.read(divided, "test")


def test_a_split_folder_can_be_given_as_the_root(divided: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = datasets.read(divided / "train")
    assert (found.name, found.split, len(found)) == ("divided", "train", 3)
    with pytest.raises(DatasetError, match="has no test split; it has train"):
        datasets.read(divided / "train", "test")
    monkeypatch.chdir(divided / "validation")
    here = datasets.read(Path())
    assert (here.name, here.split, len(here)) == ("divided", "validation", 1)


def test_a_set_without_splits_is_all_train(plain: Path) -> None:
    assert datasets.splits(plain) == ("train",)
    assert len(datasets.read(plain, "train")) == 3
    with pytest.raises(DatasetError, match="has no validation split; it has train: hold out part of it"):
        datasets.read(plain, "validation")


def test_hidden_files_notes_and_empty_classes_do_no_harm(plain: Path) -> None:
    (plain / ".cache" / "x").mkdir(parents=True)
    (plain / "README").write_text("a note")
    (plain / "hat" / ".DS_Store").write_bytes(b"\0")
    (plain / "hat" / "Thumbs.db").write_bytes(b"\0")
    (plain / "hat" / "source.txt").write_text("a note")
    (plain / "glove").mkdir()
    found = datasets.read(plain)
    assert found.labels == ("glove", "hat", "shoe")
    assert np.bincount(found.targets).tolist() == [0, 2, 1]


def test_one_class_alone_can_be_read(tmp_path: Path) -> None:
    save(tmp_path / "set" / "hat" / "a.png")
    assert datasets.read(tmp_path / "set").labels == ("hat",)


def test_an_unreadable_picture_is_an_error_only_when_it_is_asked_for(plain: Path) -> None:
    (plain / "hat" / "a.png").write_bytes(b"not a picture")
    found = datasets.read(plain)
    assert found.picture(1).shape == (28, 28, 3)
    with pytest.raises(PictureError, match=r"hat/a\.png"):
        found.picture(0)


def test_pictures_for_a_model_are_decoded_as_the_runtime_decodes_them(plain: Path) -> None:
    # transparent pixels take the contract's pad, which the picture alone cannot know
    cv2.imwrite(str(plain / "hat" / "a.png"), np.zeros((28, 28, 4), np.uint8))
    found = datasets.read(plain)
    first = found.subset(np.array([0]))
    for pad in (0, 255):
        assert (first.pixels(Preprocess(28, 28, pad=pad)) == pad).all()


def test_a_subset_keeps_labels_groups_and_pictures(plain: Path) -> None:
    (plain / "groups.csv").write_text("path,group\nhat/a.png,one\nhat/b.png,two\nshoe/a.png,one\n")
    found = datasets.read(plain)
    part = found.subset(np.array([2, 0]))
    assert part.targets.tolist() == [1, 0]
    assert part.groups == ["one", "one"]
    assert part.labels == found.labels
    assert part.sources == [found.sources[2], found.sources[0]]
    assert np.array_equal(part.picture(0), found.picture(2))


def test_labels_txt_fixes_names_and_order(plain: Path) -> None:
    (plain / "hat").rename(plain / "hat_cap")
    (plain / "labels.txt").write_text("shoe\nhat/cap\nglove\n")
    found = datasets.read(plain)
    assert found.labels == ("shoe", "hat/cap", "glove")
    assert found.targets.tolist() == [0, 1, 1]
    (plain / "labels.txt").write_text("shoe\nhat\n")
    with pytest.raises(DatasetError, match="no label for folder 'hat_cap'; nearest: hat"):
        datasets.read(plain)


def test_labels_txt_of_the_whole_set_holds_for_a_split_folder(divided: Path) -> None:
    (divided / "labels.txt").write_text("shoe\nhat\ncoat\n")
    assert datasets.read(divided / "validation").labels == ("shoe", "hat", "coat")


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_groups_are_found_with_and_without_the_split_in_their_path(divided: Path, prefix: str) -> None:
    rows = [f"{prefix}{name},{group}" for name, group in (("hat/a.png", 1), ("coat/b.png", 2), ("shoe/c.png", 1))]
    (divided / "groups.csv").write_text("\n".join(["file,group", *rows]))
    assert datasets.read(divided, "train").groups == ["2", "1", "1"]
    assert datasets.read(divided / "train").groups == ["2", "1", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns none; expected path,group"),
        ("name,tile\n", "columns name, tile; expected path,group"),
        ("path,group\nhat/a.png,1\n", "no row for hat/b.png; every picture needs one"),
        ("path,group\nhat/a.png,1,2\n", "line 2: 3 columns; expected 2"),
        ("path,group\nhat/a.png,1\nhat/a.png,2\n", "line 3: hat/a.png is in group 2 and in 1"),
    ],
)
def test_groups_that_do_not_cover_the_set_are_refused(plain: Path, text: str, message: str) -> None:
    (plain / "groups.csv").write_text(text)
    with pytest.raises(DatasetError) as caught:
        datasets.read(plain)
    assert message in str(caught.value)
    assert "groups.csv" in str(caught.value)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    empty, loose, hollow = tmp_path / "empty", tmp_path / "loose", tmp_path / "hollow"
    empty.mkdir()
    save(loose / "a.png")
    (hollow / "hat").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"empty: nothing; expected <class>/<pictures>"):
        datasets.read(empty)
    with pytest.raises(DatasetError, match=r"loose: 1 files and no class folders; expected <class>/<pictures>"):
        datasets.read(loose)
    with pytest.raises(DatasetError, match=r"hollow: no pictures; expected them in .*hollow/<class>/"):
        datasets.read(hollow)


def test_a_folder_of_data_sets_is_not_taken_for_one(plain: Path, divided: Path) -> None:
    assert plain.parent == divided.parent
    with pytest.raises(DatasetError, match="give the folder that holds the classes"):
        datasets.read(plain.parent)


def test_a_folder_beside_the_splits_is_refused_rather_than_ignored(divided: Path) -> None:
    (divided / "validation").rename(divided / "val")
    with pytest.raises(DatasetError, match=r"val/ beside train; splits are named train, validation, test"):
        datasets.read(divided)
