"""IDX files: what they hold, and that a header is believed only as far as the file bears it out."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import datasets
from hemline.drawn import LABELS, drawn
from hemline.errors import DatasetError


def idx(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small set named fashion: 20 packed training pictures, 10 plain test pictures."""
    path = tmp_path / "fashion"
    path.mkdir()
    pictures, targets = drawn(3, seed=0)
    numbers = targets.astype(np.uint8)
    (path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures[:20])))
    (path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(numbers[:20])))
    (path / "t10k-images-idx3-ubyte").write_bytes(idx(pictures[20:]))
    (path / "t10k-labels-idx1-ubyte").write_bytes(idx(numbers[20:]))
    return path


def test_packed_and_plain_files_give_the_same_pictures_back(folder: Path) -> None:
    pictures, targets = drawn(3, seed=0)
    train, test = datasets.read(folder, "train"), datasets.read(folder, "test")
    both = [*(train.picture(index) for index in range(20)), *(test.picture(index) for index in range(10))]
    assert np.array_equal(np.stack(both), pictures)
    assert np.array_equal(np.concatenate([train.targets, test.targets]), targets)
    assert train.targets.dtype == np.int64
    assert train.sources[7] == "train-images-idx3-ubyte.gz#7"
    assert (train.name, train.split, test.split) == ("fashion", "train", "test")


def test_without_a_wish_the_test_split_is_read(folder: Path) -> None:
    assert datasets.splits(folder) == ("train", "test")
    assert datasets.read(folder).split == "test"


def test_there_is_no_validation_split(folder: Path) -> None:
    with pytest.raises(DatasetError, match="has no validation split; it has train and test: hold out part of train"):
        datasets.read(folder, "validation")


def test_a_file_unpacked_by_a_browser_is_read_under_its_packed_name(folder: Path) -> None:
    file = folder / "train-labels-idx1-ubyte.gz"
    file.write_bytes(gzip.decompress(file.read_bytes()))
    assert len(datasets.read(folder, "train")) == 20


def test_labels_come_from_labels_txt_then_from_the_name_and_are_digits_otherwise(folder: Path) -> None:
    assert datasets.read(folder).labels == LABELS
    digits = folder.rename(folder.parent / "mnist")
    assert datasets.read(digits).labels == tuple("0123456789")
    (digits / "labels.txt").write_text("".join(f"class {number}\n" for number in range(12)))
    assert datasets.read(digits).labels == tuple(f"class {number}" for number in range(12))


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("HEMLINE_DATA"), reason="HEMLINE_DATA is not set")
def test_the_official_files_are_known_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "garments").symlink_to(Path(os.environ["HEMLINE_DATA"]).resolve() / "fashion-mnist")
    for split, count in (("train", 60_000), ("test", 10_000)):
        found = datasets.read(tmp_path / "garments", split)
        assert found.labels == LABELS
        assert np.bincount(found.targets).tolist() == [count // 10] * 10


BAD = {
    "another magic number": (b"\x00\x00\x0d\x03" + bytes(12), "begins with 00000d03, expected 00000803"),
    "an empty file": (b"", "begins with nothing, expected 00000803"),
    "a header cut short": (b"\x00\x00\x08\x03" + bytes(5), "truncated in its header"),
    "four billion pictures": (
        b"\x00\x00\x08\x03" + struct.pack(">3I", 2**32 - 1, 28, 28),
        r"header states 4,294,967,295 x 28 x 28 = 3,367,254,359,280 bytes; the limit is",
    ),
    "more pictures than the file has": (
        b"\x00\x00\x08\x03" + struct.pack(">3I", 1000, 28, 28) + bytes(28 * 28),
        "= 784,000 bytes, the file has room for 784 at most",
    ),
    "pictures without pixels": (b"\x00\x00\x08\x03" + struct.pack(">3I", 10, 0, 28), "a picture has pixels"),
    "bytes after the last picture": (
        b"\x00\x00\x08\x03" + struct.pack(">3I", 1, 2, 2) + bytes(5),
        "= 4 bytes, the file has more",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_header_that_lies_is_refused(folder: Path, case: str) -> None:
    data, message = BAD[case]
    (folder / "t10k-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(DatasetError, match=message) as caught:
        datasets.read(folder, "test")
    assert "t10k-images-idx3-ubyte" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_packed_header_that_lies_is_refused(folder: Path) -> None:
    header = b"\x00\x00\x08\x03" + struct.pack(">3I", 1_000_000, 28, 28)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(1000)))
    with pytest.raises(DatasetError, match=r"= 784,000,000 bytes, the file has room for [\d,]+ at most"):
        datasets.read(folder, "train")
    header = b"\x00\x00\x08\x03" + struct.pack(">3I", 20, 28, 28)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + os.urandom(15_000)))
    with pytest.raises(DatasetError, match="= 15,680 bytes, found 15,000; get it again"):
        datasets.read(folder, "train")


def test_a_damaged_gzip_file_is_refused(folder: Path) -> None:
    file = folder / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(DatasetError, match="truncated, the gzip stream has no end"):
        datasets.read(folder, "train")
    file.write_bytes(whole + b"and more")
    with pytest.raises(DatasetError, match="damaged gzip file"):
        datasets.read(folder, "train")
    # a wrong checksum, with everything else right
    file.write_bytes(whole[:-8] + bytes(4) + whole[-4:])
    with pytest.raises(DatasetError, match="damaged gzip file"):
        datasets.read(folder, "train")


def test_pictures_and_labels_of_different_counts_are_refused(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(9, np.uint8)))
    with pytest.raises(DatasetError, match="has 10 pictures, t10k-labels-idx1-ubyte 9 labels; they are not of one set"):
        datasets.read(folder, "test")


def test_a_label_without_a_name_is_refused(folder: Path) -> None:
    numbers = np.arange(10, dtype=np.uint8)
    numbers[3] = 10
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(numbers))
    with pytest.raises(DatasetError, match=r"label 10 at picture 3; expected 0 to 9; .*name them in .*labels\.txt"):
        datasets.read(folder, "test")


def test_a_missing_half_is_named(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DatasetError, match=r"no train-labels-idx1-ubyte or train-labels-idx1-ubyte\.gz"):
        datasets.read(folder, "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; write one label a line"),
        ("a\n\nb\n", "line 2: empty"),
        ("a\nb\na\n", "line 3: 'a' again, as in line 1"),
    ],
)
def test_a_labels_txt_that_names_nothing_or_twice_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "labels.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        datasets.read(folder)
