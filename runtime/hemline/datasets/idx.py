"""
The IDX files of Fashion-MNIST and MNIST, packed with gzip or not: {train,t10k}-{images-idx3,labels-idx1}-ubyte.

A header is believed only as far as the file bears it out; nothing is allocated before that.
Format: http://yann.lecun.com/exdb/mnist/ (two zero bytes, type 8 = unsigned byte, number of dimensions,
each dimension as a big-endian uint32, then the bytes).
"""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline.datasets import Dataset, labels
from hemline.datasets.unpacked import opened
from hemline.errors import DatasetError

PREFIXES = {"train": "train", "test": "t10k"}
IMAGES, TARGETS = "images-idx3-ubyte", "labels-idx1-ubyte"
KINDS = {3: "pictures", 1: "labels"}

MAX_BYTES = 2**31  # unpacked; the largest set of this form, EMNIST, has 0.55 GB


def matches(path: Path) -> bool:
    """Say whether `path` is a folder with at least one of the files."""
    return bool(splits(path))


def splits(path: Path) -> list[str]:
    """Return those of "train" and "test" that have at least one of their two files."""
    return [split for split, prefix in PREFIXES.items() if _file(path, prefix, IMAGES) or _file(path, prefix, TARGETS)]


def read(path: Path, split: str | None) -> Dataset:
    """Return one split: "train" or "test"; None takes "test" when it is there."""
    there = splits(path)
    split = split or there[-1]
    if split not in there:
        advice = ": hold out part of train" if split == "validation" else ""
        raise DatasetError(f"{path} has no {split} split; it has {' and '.join(there)}{advice}")
    images, targets = (_existing(path, PREFIXES[split], kind) for kind in (IMAGES, TARGETS))
    numbers = load(targets, 1)
    pictures = load(images, 3)
    if len(pictures) != len(numbers):
        raise DatasetError(
            f"{images} has {len(pictures):,} pictures, {targets.name} {len(numbers):,} labels; "
            "they are not of one set: get both again"
        )
    return Dataset(
        name=path.resolve().name,
        split=split,
        labels=labels.named(targets, path, numbers),
        targets=numbers.astype(np.int64),
        sources=[f"{images.name}#{index}" for index in range(len(pictures))],
        picture=lambda index: pictures[index],
    )


def load(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Return the array in one IDX file of unsigned bytes with so many dimensions."""
    with opened(path) as (file, most):
        return _array(file, path, dimensions, most)


def _array(file: io.BufferedIOBase, path: Path, dimensions: int, most: int) -> NDArray[np.uint8]:
    """Return the array that follows the header; `most` is the number of bytes the file can unpack to."""
    kind = KINDS[dimensions]
    header = file.read(4 + 4 * dimensions)
    magic = bytes([0, 0, 8, dimensions])
    if header[:4] != magic:
        raise DatasetError(
            f"{path}: not an IDX file of {kind}: begins with {header[:4].hex() or 'nothing'}, "
            f"expected {magic.hex()}; get it again"
        )
    if len(header) < 4 + 4 * dimensions:
        raise DatasetError(f"{path}: truncated in its header; get it again")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = math.prod(shape)
    stated = f"{path}: header states {' x '.join(f'{length:,}' for length in shape)} = {size:,} bytes"
    if dimensions == 3 and shape[0] and not size:
        raise DatasetError(f"{stated}; a picture has pixels: get it again")
    if size > MAX_BYTES:
        raise DatasetError(f"{stated}; the limit is {MAX_BYTES:,}")
    if size > most - len(header):
        raise DatasetError(f"{stated}, the file has room for {most - len(header):,} at most; get it again")
    array = np.empty(size, np.uint8)
    filled = 0
    while filled < size and (count := file.readinto(array.data[filled:])):
        filled += count
    if filled < size:
        raise DatasetError(f"{stated}, found {filled:,}; get it again")
    # reading on to the end also makes gzip compare its checksum
    if file.read(1):
        raise DatasetError(f"{stated}, the file has more; get it again")
    return array.reshape(shape)


def _file(folder: Path, prefix: str, kind: str) -> Path | None:
    """Return the plain file, else the packed one, else None."""
    for suffix in ("", ".gz"):
        path = folder / f"{prefix}-{kind}{suffix}"
        if path.is_file():
            return path
    return None


def _existing(folder: Path, prefix: str, kind: str) -> Path:
    path = _file(folder, prefix, kind)
    if path is None:
        raise DatasetError(f"{folder}: no {prefix}-{kind} or {prefix}-{kind}.gz beside the other files; get it too")
    return path
