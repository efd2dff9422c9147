"""The report on a data set: counts, sizes, balance, duplicates, what cannot be read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.datasets import duplicates
from hemline.datasets.check import check
from hemline.drawn import draw, drawn
from hemline.drawn.files import write


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """Drawn garments: four of each class to train, two to test."""
    write(tmp_path / "set" / "train", 4, seed=0, height=64, width=48)
    write(tmp_path / "set" / "test", 2, seed=1)
    for split in ("train", "test"):
        (tmp_path / "set" / split / "labels.txt").unlink()
    return tmp_path / "set"


def shaken(picture: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(-by, by + 1, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def test_a_sound_set_has_its_counts_and_no_findings(divided: Path) -> None:
    report = check(divided)
    assert (report["name"], report["n"]) == ("set", 60)
    assert set(report["splits"]) == {"train", "test"}
    assert set(report["splits"]["train"].values()) == {4}
    assert set(report["splits"]["test"].values()) == {2}
    assert report["balance"]["ratio"] == 1
    assert report["sizes"]["height"] == [28, 64, 64]
    assert report["sizes"]["width"] == [28, 48, 48]
    assert report["sizes"]["most_common"][0] == {"height": 64, "width": 48, "n": 40}
    assert report["exact_duplicates"]["groups"] == report["near_duplicates"]["pairs"] == 0
    assert report["unreadable"] == {"n": 0, "examples": []}
    assert report["groups"] is None
    assert json.loads(json.dumps(report)) == report


def test_progress_ends_at_the_number_of_pictures(divided: Path) -> None:
    seen: list[tuple[int, int]] = []
    check(divided, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (60, 60)


def test_copies_are_found_within_a_class_across_classes_and_across_splits(divided: Path) -> None:
    bag = divided / "train" / "Bag"
    shutil.copy(bag / "00000.png", bag / "copy.png")
    shutil.copy(bag / "00001.png", divided / "train" / "Coat" / "copy.png")
    shutil.copy(bag / "00002.png", divided / "test" / "Bag" / "copy.png")
    found = check(divided)["exact_duplicates"]
    assert {key: found[key] for key in ("groups", "pictures", "different_labels", "across_splits")} == {
        "groups": 3,
        "pictures": 6,
        "different_labels": 1,
        "across_splits": 1,
    }
    # what does most harm comes first
    assert str(divided / "train" / "Coat" / "copy.png") in found["examples"][0]
    assert str(divided / "test" / "Bag" / "copy.png") in found["examples"][1]


def test_pictures_saved_again_are_near_duplicates_and_not_exact_ones(divided: Path) -> None:
    picture = cv2.imread(str(divided / "train" / "Dress" / "00000.png"))
    assert picture is not None
    cv2.imwrite(str(divided / "test" / "Dress" / "again.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    larger = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(divided / "train" / "Coat" / "larger.png"), larger)
    report = check(divided)
    assert report["exact_duplicates"]["groups"] == 0
    found = report["near_duplicates"]
    assert (found["pairs"], found["pictures"], found["complete"]) == (3, 3, True)
    assert (found["across_splits"], found["different_labels"]) == (2, 2)


def test_files_that_cannot_be_read_are_counted_and_the_first_are_named(divided: Path) -> None:
    for number in range(12):
        (divided / "test" / "Bag" / f"broken{number:02}.jpg").write_bytes(b"\xff\xd8\xff broken")
    report = check(divided)
    assert report["unreadable"]["n"] == 12
    assert len(report["unreadable"]["examples"]) == 10
    first = report["unreadable"]["examples"][0]
    assert first["source"] == str(divided / "test" / "Bag" / "broken00.jpg")
    assert first["reason"]
    assert first["source"] not in first["reason"]
    assert report["splits"]["test"]["Bag"] == 14


def test_a_set_of_nothing_but_broken_files_still_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "set" / "hat").mkdir(parents=True)
    (tmp_path / "set" / "hat" / "a.png").write_bytes(b"")
    report = check(tmp_path / "set")
    assert report["unreadable"]["n"] == report["n"] == 1
    assert report["sizes"] is None


def test_an_empty_class_has_no_ratio(divided: Path) -> None:
    (divided / "train" / "Glove").mkdir()
    assert check(divided)["balance"] == {"largest": "Ankle boot", "smallest": "Glove", "ratio": None}


def test_a_group_in_two_splits_is_reported(divided: Path) -> None:
    rows = ["path,group"]
    for path in sorted(divided.glob("*/*/*.png")):
        name = path.relative_to(divided).as_posix()
        rows.append(f"{name},{'shared' if name.endswith('Bag/00000.png') else name}")
    (divided / "groups.csv").write_text("\n".join(rows))
    assert check(divided)["groups"] == {"n": 59, "crossing_splits": 1, "examples": ["shared"]}


def test_near_duplicates_are_those_that_every_pair_compared_would_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "BLOCK", 16)  # several blocks
    pictures, _ = drawn(10, seed=0)
    many = np.concatenate([pictures, *(shaken(pictures[::step], step) for step in (2, 3, 5, 7))])
    thumbnails = np.stack([duplicates.thumbnail(picture) for picture in many])
    flat = thumbnails.reshape(len(many), -1).astype(np.float64)
    correlation = np.asarray(np.corrcoef(flat))
    wanted = [
        (one, two)
        for one in range(len(many))
        for two in range(one + 1, len(many))
        if correlation[one, two] >= duplicates.CORRELATION
        and np.abs(flat[one] - flat[two]).mean() <= duplicates.MEAN_DIFFERENCE
    ]
    pairs, complete = duplicates.near(thumbnails)
    assert complete
    assert [tuple(pair) for pair in pairs.tolist()] == wanted
    assert len(wanted) > 50


def test_different_garments_are_not_near_duplicates() -> None:
    pictures, _ = drawn(50, seed=0)
    pairs, _ = duplicates.near(np.stack([duplicates.thumbnail(picture) for picture in pictures]))
    assert len(pairs) == 0


def test_a_set_made_of_one_picture_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 1000)
    monkeypatch.setattr(duplicates, "BLOCK", 50)
    many = np.repeat(duplicates.thumbnail(draw(0, seed=0))[None], 300, axis=0)
    pairs, complete = duplicates.near(many)
    assert not complete
    assert 1000 < len(pairs) < 5000


def test_pictures_of_one_colour_are_compared_without_complaint() -> None:
    flat = np.stack([np.full((32, 32), value, np.uint8) for value in (0, 0, 128, 255)])
    pairs, complete = duplicates.near(flat)
    assert complete
    assert len(pairs) == 0
    assert duplicates.near(flat[:0])[0].shape == (0, 2)


def test_a_digest_tells_sizes_and_pixels_apart() -> None:
    picture = draw(3, seed=0)
    other = picture.copy()
    other[5, 5] ^= 1
    digests = [duplicates.digest(one) for one in (picture, picture.copy(), other, picture.reshape(14, 56))]
    assert duplicates.same(digests) == [[0, 1]]
