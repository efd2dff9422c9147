"""
The names of the classes, where the files of a data set hold numbers or folder names only.

`labels.txt` beside the files has the last word: one label a line, in the order of the numbers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline.drawn import LABELS as FASHION_MNIST
from hemline.drawn.files import folder_name
from hemline.errors import DatasetError

__all__ = ["DIGITS", "FASHION_MNIST", "FILE_NAME", "folder_name", "named", "parse", "read"]

FILE_NAME = "labels.txt"
DIGITS = tuple("0123456789")

# SHA-256 of the label bytes of the official files: MNIST has the same file names and sizes
FASHION_MNIST_TARGETS = (
    "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",  # train
    "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",  # test
)


def read(folder: Path) -> tuple[str, ...] | None:
    """Return the labels in the folder's labels.txt, or None when there is no such file."""
    path = folder / FILE_NAME
    return parse(path) if path.exists() else None


def parse(path: Path) -> tuple[str, ...]:
    """Return the labels in a file, one a line, in the order of the numbers."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    labels = [line.strip() for line in lines]
    while labels and not labels[-1]:
        labels.pop()
    if not labels:
        raise DatasetError(f"{path}: empty; write one label a line, in the order of the numbers")
    seen: dict[str, int] = {}
    for number, label in enumerate(labels, 1):
        if not label:
            raise DatasetError(f"{path}, line {number}: empty; write one label a line")
        if folder_name(label) in seen:
            raise DatasetError(f"{path}, line {number}: {label!r} again, as in line {seen[folder_name(label)]}")
        seen[folder_name(label)] = number
    return tuple(labels)


def named(path: Path, folder: Path, targets: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return the labels of numbered targets: labels.txt, else those of Fashion-MNIST, else the digits.

    path: the file of the targets, for messages. folder: where labels.txt would be.
    Fashion-MNIST is known by the targets of the official files, or by 'fashion' in the name of the file or folder.
    """
    labels = read(folder)
    if labels is None:
        names = f"{folder.resolve().name} {path.name}".lower()
        official = hashlib.sha256(targets.tobytes()).hexdigest() in FASHION_MNIST_TARGETS
        labels = FASHION_MNIST if official or "fashion" in names else DIGITS
    highest = int(targets.max(initial=0))
    if highest >= len(labels):
        index = int(targets.argmax())
        raise DatasetError(
            f"{path}: label {highest} at picture {index}; expected 0 to {len(labels) - 1}; "
            f"where there are more classes, name them in {folder / FILE_NAME}, one a line"
        )
    return labels
