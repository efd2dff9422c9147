"""The CSV form of Fashion-MNIST: fast on the whole, exact about the line that is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hemline import datasets
from hemline.datasets import csv
from hemline.drawn import LABELS, drawn
from hemline.errors import DatasetError

HEADER = "label," + ",".join(f"pixel{number}" for number in range(1, 785))


def lines(count_per_class: int = 2) -> list[str]:
    pictures, targets = drawn(count_per_class, seed=0)
    return [
        f"{target}," + ",".join(map(str, picture.ravel())) for picture, target in zip(pictures, targets, strict=True)
    ]


def write(path: Path, rows: list[str], *, end: str = "\n") -> Path:
    data = (end.join(rows) + end).encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("block_bytes", [1000, 5000, 4 * 2**20])
@pytest.mark.parametrize("name", ["fashion-mnist_test.csv", "fashion-mnist_test.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n"])
def test_what_was_written_is_read_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str, block_bytes: int
) -> None:
    monkeypatch.setattr(csv, "BLOCK_BYTES", block_bytes)
    rows = [HEADER, *lines()]
    path = tmp_path / name
    data = ("\n".join(rows) + end).replace("\n", "\r\n" if "\r" in end else "\n").encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    pictures, targets = drawn(2, seed=0)
    found = datasets.read(path)
    assert np.array_equal(np.stack([found.picture(index) for index in range(len(found))]), pictures)
    assert np.array_equal(found.targets, targets)
    assert (found.name, found.split, found.labels) == ("fashion-mnist_test", "test", LABELS)
    assert found.sources[3] == f"{name}#3"


def test_the_header_line_may_be_missing_or_carry_a_byte_order_mark(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare.csv", lines())
    marked = write(tmp_path / "marked.csv", ["\ufeff" + HEADER, *lines()])
    assert len(datasets.read(bare)) == len(datasets.read(marked)) == 20


def test_a_folder_has_one_file_for_each_split(tmp_path: Path) -> None:
    write(tmp_path / "fashion-mnist_train.csv", [HEADER, *lines(3)])
    write(tmp_path / "fashion-mnist_test.csv.gz", [HEADER, *lines(1)])
    assert datasets.splits(tmp_path) == ("train", "test")
    assert (len(datasets.read(tmp_path)), len(datasets.read(tmp_path, "train"))) == (10, 30)
    with pytest.raises(DatasetError, match="has no validation split; it has train and test"):
        datasets.read(tmp_path, "validation")
    write(tmp_path / "train.csv", lines(1))
    with pytest.raises(DatasetError, match=r"fashion-mnist_train\.csv and train\.csv are both train; leave one"):
        datasets.read(tmp_path)


def test_a_file_whose_name_says_no_split_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", lines())
    assert [datasets.read(path, split).split for split in (None, "test", "train")] == ["train", "test", "train"]
    with pytest.raises(DatasetError, match="has no train split; it has test"):
        datasets.read(path.rename(tmp_path / "mine_test.csv"), "train")


def test_labels_are_digits_unless_something_says_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", lines())
    assert datasets.read(path).labels == tuple("0123456789")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    assert datasets.read(path).labels == LABELS


def changed(number: int, old: str, new: str) -> list[str]:
    """Return good lines with one cell of line `number` (the header is line 1) changed."""
    rows = [HEADER, *lines()]
    cells = rows[number - 1].split(",")
    cells[int(old)] = new
    rows[number - 1] = ",".join(cells)
    return rows


BAD = {
    "too bright": (changed(5, "10", "256"), "line 5, column 11: '256'; expected a whole number from 0 to 255"),
    "negative": (changed(2, "1", "-1"), "line 2, column 2: '-1'"),
    "a fraction": (changed(21, "784", "1.0"), "line 21, column 785: '1.0'"),
    "a word": (changed(9, "3", "abc"), "line 9, column 4: 'abc'"),
    "an empty cell": (changed(9, "3", ""), "line 9, column 4: ''"),
    "a blank in a cell": (changed(9, "3", " 1"), "line 9, column 4: ' 1'"),
    "four digits": (changed(9, "3", "0001"), "line 9, column 4: '0001'"),
    "a cell too many": (changed(7, "3", "1,2"), "line 7: 786 columns; expected 785"),
    "a line cut short": ([HEADER, *lines()[:4], "3,1,2"], "line 6: 3 columns; expected 785"),
    "two lines that make up for each other": (
        [HEADER, *lines()[:2], lines()[2] + ",1", lines()[3].rpartition(",")[0], *lines()[4:]],
        "line 4: 786 columns; expected 785",
    ),
    "an empty line between": ([HEADER, *lines()[:3], "", *lines()[3:]], "line 5: empty"),
    "a picture that is not square": ([f"0,{','.join('1' * 783)}"], "line 1: 784 columns; expected a label and the"),
    "labels last": ([f"pixel1,pixel2,pixel3,pixel4,{'label'}"], "line 1: the first column is 'pixel1'"),
    "only a header": ([HEADER], "no pictures"),
    "nothing": ([], "no pictures"),
}


@pytest.mark.parametrize("block_bytes", [3000, 4 * 2**20])
@pytest.mark.parametrize("case", BAD)
def test_the_line_that_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, block_bytes: int
) -> None:
    monkeypatch.setattr(csv, "BLOCK_BYTES", block_bytes)
    rows, message = BAD[case]
    with pytest.raises(DatasetError) as caught:
        datasets.read(write(tmp_path / "train.csv", rows))
    assert message in str(caught.value)
    assert "train.csv" in str(caught.value)


def test_a_file_without_line_ends_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "BLOCK_BYTES", 500)
    monkeypatch.setattr(csv, "MAX_LINE_BYTES", 1000)
    (tmp_path / "train.csv").write_bytes(b"1," * 5000)
    with pytest.raises(DatasetError, match="a line of more than 1,000 bytes"):
        datasets.read(tmp_path / "train.csv")


def test_a_label_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="label 12 at picture 3; expected 0 to 9"):
        datasets.read(write(tmp_path / "train.csv", changed(5, "0", "12")))
