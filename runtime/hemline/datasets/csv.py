"""
The CSV form of Fashion-MNIST: a line is a label and the pixels of a square picture, row by row.

A header line (label,pixel1,pixel2,...) may come first. One file, or a folder with *train.csv and *test.csv;
each may be packed with gzip. 60,000 lines are some 47 million numbers, so lines are parsed in blocks with
NumPy; only a block that has something wrong is looked at line by line, to name the line.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline.datasets import SPLITS, Dataset, labels
from hemline.datasets.unpacked import opened
from hemline.errors import DatasetError

BLOCK_BYTES = 4 * 2**20
MAX_LINE_BYTES = 16 * 2**20  # a picture of 2048x2048
MAX_BYTES = 2**31  # of pixels, unpacked
NAME = re.compile(r"(?:.*[_-])?(train|validation|test)\.csv(?:\.gz)?", re.IGNORECASE)


def matches(path: Path) -> bool:
    """Say whether `path` is a .csv or .csv.gz file, or a folder with one for a split."""
    if path.is_file():
        return path.name.lower().endswith((".csv", ".csv.gz"))
    return bool(_files(path))


def splits(path: Path) -> list[str]:
    """Return the splits that there are files for."""
    return list(_files(path))


def read(path: Path, split: str | None) -> Dataset:
    """Return one split; None takes "test", else "validation", else "train", of those that are there.

    A single file is the split in its name; one whose name says none is whatever was asked for.
    """
    there = _files(path, split or "train")
    split = split or next(name for name in reversed(SPLITS) if name in there)
    if split not in there:
        raise DatasetError(f"{path} has no {split} split; it has {' and '.join(there)}")
    file = there[split]
    targets, pictures = load(file)
    return Dataset(
        name=path.resolve().name.partition(".")[0],
        split=split,
        labels=labels.named(file, file.parent, targets),
        targets=targets.astype(np.int64),
        sources=[f"{file.name}#{index}" for index in range(len(targets))],
        picture=lambda index: pictures[index],
    )


def load(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the labels (N,) and the pictures (N, side, side) of one file."""
    with opened(path) as (file, _):
        table = _table(file, path)
    side = math.isqrt(table.shape[1] - 1)
    return table[:, 0].copy(), table[:, 1:].reshape(-1, side, side)


def _table(file: io.BufferedIOBase, path: Path) -> NDArray[np.uint8]:
    """Return every line as a row of numbers, (N, 1 + pixels)."""
    blocks, columns, line, total = [], 0, 1, 0
    for block in _lines(file, path):
        if line == 1:
            block = block.removeprefix(b"\xef\xbb\xbf")  # a byte order mark, as spreadsheets write it
            first = block.partition(b"\n")[0]
            columns = first.count(b",") + 1
            if math.isqrt(columns - 1) ** 2 != columns - 1 or columns < 2:
                raise DatasetError(
                    f"{path}, line 1: {columns} columns; expected a label and the pixels of a square picture, "
                    "785 for Fashion-MNIST"
                )
            if not first[:1].isdigit():
                heading = first.partition(b",")[0].decode(errors="replace").strip().strip('"')
                if heading.lower() != "label":
                    raise DatasetError(f"{path}, line 1: the first column is {heading!r}; expected 'label'")
                block, line = block[len(first) + 1 :], 2
        rows = _parsed(block, columns)
        if rows is None:
            raise DatasetError(f"{path}, {_fault(block, columns, line)}")
        total += rows.size
        if total > MAX_BYTES:
            raise DatasetError(f"{path}: more than {MAX_BYTES:,} pixels; that is the limit")
        blocks.append(rows)
        line += len(rows)
    if not total:
        raise DatasetError(f"{path}: no pictures; expected lines of a label and its pixels")
    return np.concatenate(blocks)


def _lines(file: io.BufferedIOBase, path: Path) -> Iterator[bytes]:
    """Yield the file in blocks of whole lines, each ended by \\n; empty lines at its end are left out."""
    rest = b""
    while data := file.read(BLOCK_BYTES):
        rest += data
        # the last line waits, even when it is whole: only then is it known whether empty lines end the file
        cut = rest.rfind(b"\n", 0, len(rest.rstrip(b"\r\n"))) + 1
        if cut:
            yield rest[:cut].replace(b"\r\n", b"\n")
            rest = rest[cut:]
        elif len(rest) > MAX_LINE_BYTES:
            raise DatasetError(f"{path}: a line of more than {MAX_LINE_BYTES:,} bytes; expected a label and its pixels")
    rest = rest.rstrip(b"\r\n")
    if rest:
        yield rest + b"\n"


def _parsed(block: bytes, columns: int) -> NDArray[np.uint8] | None:
    """Return the numbers of the block, (lines, columns), or None when anything in it is not as it should be."""
    if not block:
        return np.empty((0, columns), np.uint8)
    text = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((text == ord(",")) | (text == ord("\n")))
    if len(ends) % columns:
        return None
    newlines = text[ends] == ord("\n")
    if newlines.sum() * columns != len(ends) or not newlines[columns - 1 :: columns].all():
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    # what is neither a digit nor one of the `ends` counted above makes the sum too small
    digits = text - ord("0")  # wraps below "0", so that one comparison is enough
    if np.count_nonzero(digits <= 9) != len(text) - len(ends):
        return None
    values = digits[ends - 1].astype(np.uint16)
    for place, weight in ((2, 10), (3, 100)):
        longer = lengths >= place
        values[longer] += digits[ends[longer] - place] * np.uint16(weight)
    if values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(-1, columns)


def _fault(block: bytes, columns: int, first: int) -> str:
    """Return what is wrong with the first bad line of a block, with its number."""
    for number, line in enumerate(block.decode("latin-1").removesuffix("\n").split("\n"), first):
        cells = line.split(",")
        if not line:
            return f"line {number}: empty; expected a label and its pixels"
        if len(cells) != columns:
            return f"line {number}: {len(cells)} columns; expected {columns}"
        for column, cell in enumerate(cells, 1):
            if not (cell.isascii() and cell.isdigit() and len(cell) <= 3 and int(cell) <= 255):
                return f"line {number}, column {column}: {cell[:20]!r}; expected a whole number from 0 to 255"
    raise AssertionError("a block was refused that has nothing wrong")


def _files(path: Path, unnamed: str = "train") -> dict[str, Path]:
    """Return split: file, in the order of SPLITS; `unnamed` is the split of a single file that does not say."""
    if path.is_file():
        name = NAME.fullmatch(path.name)
        return {name[1].lower() if name else unnamed: path}
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()) if path.is_dir() else []:
        name = NAME.fullmatch(file.name)
        if name is None or not file.is_file():
            continue
        split = name[1].lower()
        if split in found:
            raise DatasetError(f"{path}: {found[split].name} and {file.name} are both {split}; leave one")
        found[split] = file
    return {split: found[split] for split in SPLITS if split in found}
