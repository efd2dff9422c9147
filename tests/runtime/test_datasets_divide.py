"""hemline data split: no group is cut, each class is dealt out, nothing is left of a failure."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import datasets
from hemline.cli import main
from hemline.datasets.divide import Division, divide
from hemline.errors import DatasetError, UsageError


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """Two classes of 12 things, each seen three times; serial numbers beside the lots."""
    root = tmp_path / "tiles"
    random = np.random.default_rng(1)
    rows = []
    for label in ("good", "cracked"):
        (root / label).mkdir(parents=True)
        for thing in range(12):
            picture = random.integers(0, 256, (12, 12), np.uint8)
            for exposure in range(3):
                name = f"{label}/{thing}-{exposure}.png"
                cv2.imwrite(str(root / name), np.clip(picture.astype(int) + exposure, 0, 255).astype(np.uint8))
                rows.append([name, f"{label}{thing}", f"lot{thing % 4}"])
    with (root / "groups.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "group", "Lot"], *rows])
    return root


def splits_of(out: Path) -> dict[str, set[str]]:
    """Return group: the splits that it has pictures in."""
    found = defaultdict(set)
    for name in datasets.splits(out):
        dataset = datasets.read(out, name)
        assert dataset.groups is not None
        for group in dataset.groups:
            found[group].add(name)
    return found


@pytest.mark.parametrize("link", [False, True])
def test_no_group_is_cut_and_each_class_is_dealt_out(tiles: Path, tmp_path: Path, link: bool) -> None:
    out = tmp_path / "out"
    counts = divide(tiles, out, Division(validation=0.25, test=0.25, link=link))
    assert counts == {"train": 36, "validation": 18, "test": 18}
    groups = splits_of(out)
    assert len(groups) == 24
    assert all(len(names) == 1 for names in groups.values())
    for name in ("train", "validation", "test"):
        dataset = datasets.read(out, name)
        assert len(set(np.bincount(dataset.targets).tolist())) == 1
        for index in range(len(dataset)):
            source = Path(dataset.sources[index])
            assert source.is_symlink() is link
            assert source.read_bytes() == (tiles / source.parent.name / source.name).read_bytes()
    again = tmp_path / "again"
    divide(tiles, again, Division(validation=0.25, test=0.25))
    assert splits_of(again) == groups
    other = tmp_path / "other"
    divide(tiles, other, Division(validation=0.25, test=0.25, seed=1))
    assert splits_of(other) != groups


@pytest.mark.parametrize(("validation", "test"), [(0.4, 0.0), (0.15, 0.35), (0.0, 0.25), (0.45, 0.45)])
def test_each_split_has_the_share_that_was_asked_for(
    tiles: Path, tmp_path: Path, validation: float, test: float
) -> None:
    (tiles / "groups.csv").unlink()
    counts = divide(tiles, tmp_path / "out", Division(validation=validation, test=test))
    assert counts.get("validation", 0) == pytest.approx(72 * validation, abs=2)  # a picture of each class
    assert counts.get("test", 0) == pytest.approx(72 * test, abs=2)
    assert sum(counts.values()) == 72


def test_another_column_makes_other_groups(tiles: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    divide(tiles, out, Division(validation=0.25, column="lot"))
    assert {group: len(names) for group, names in splits_of(out).items()} == {f"lot{lot}": 1 for lot in range(4)}


@pytest.mark.parametrize(
    ("division", "error", "said"),
    [
        (
            Division(validation=0.01),
            DatasetError,
            "'cracked' has too few groups for 2 parts: 1 would have",
        ),
        (Division(column="serial"), DatasetError, "columns path, group, lot; expected path,serial"),
        (Division(table=Path("nowhere.csv")), DatasetError, "nowhere.csv: cannot be read"),
        (Division(validation=0.0), UsageError, "give --validation, --test or both"),
        (Division(validation=0.5, test=0.45), UsageError, "leave a tenth to train on"),
    ],
)
def test_what_cannot_be_divided_leaves_nothing(
    tiles: Path, tmp_path: Path, division: Division, error: type[Exception], said: str
) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(error, match=said):
        divide(tiles, tmp_path / "out", division)
    assert set(tmp_path.iterdir()) == before


def test_a_divided_set_and_a_full_folder_are_left_alone(tiles: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    divide(tiles, out, Division())
    with pytest.raises(UsageError, match="is divided already, into train, validation"):
        divide(out, tmp_path / "twice", Division())
    with pytest.raises(UsageError, match="give a new or empty folder"):
        divide(tiles, out, Division())


def test_the_verb_tells_what_is_alike_across_splits(
    tiles: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["data", "split", str(tiles), "--out", str(out), "--validation", "0.25", "--test", "0.25"]) == 0
    shown = capfd.readouterr().out
    assert "groups            24, each in one split" in shown
    (tiles / "groups.csv").unlink()
    assert main(["data", "split", str(tiles), "--out", str(tmp_path / "cut"), "--validation", "0.25"]) == 0
    shown = capfd.readouterr().out
    assert "across splits" in shown
    assert "name what belongs together with --group-by" in shown
    report = tmp_path / "report.json"
    assert main(["data", "check", str(tmp_path / "cut"), "--json", str(report)]) == 0
    assert json.loads(report.read_text())["near_duplicates"]["across_splits"] > 10
