"""
Marks: where in training pictures a flaw is, so that a network need not find out. A few hundred rectangles, drawn by a
person in an hour, are worth more than as many pictures.

A CSV file, path,left,top,right,bottom: a row a flaw, in pixels of the upright picture, left and top included, right and
bottom not. A picture without a row is one that nobody has marked. Those of magnetic-tile came with hemline.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hemline.datasets import Dataset
from hemline.errors import DatasetError, HemlineError, UsageError, unknown
from hemline.imageheader import header
from hemline.preprocess import Preprocess

FOLDER = Path(__file__).parent / "marks"
COLUMNS = ("path", "left", "top", "right", "bottom")
HEAD_BYTES = 2**18  # of a picture's file: its size stands there, behind the EXIF data of a camera
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def names() -> list[str]:
    """Return the data sets whose marks came with hemline."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def find(name_or_path: str) -> Path:
    """Return the file of marks by the name of a data set, or a path that ends in .csv."""
    if name_or_path.endswith(".csv"):
        return Path(name_or_path)
    if name_or_path not in names():
        raise UsageError(f"flaws.marks: {unknown('marks', name_or_path, names())}; or give a PATH.csv")
    return FOLDER / f"{name_or_path}.csv"


def boxes(path: Path, root: Path, dataset: Dataset, preprocess: Preprocess) -> tuple[tuple[Box, ...], ...]:
    """Return for each picture of a data set where its flaws are, in pixels of the model's input.

    root: the folder that the paths of the file are below. Raises DatasetError for a row that cannot be, and where no
    picture has a mark.
    """
    table = read(path)
    found = []
    for source in dataset.sources:
        marks = table.get(Path(os.path.relpath(source, root)).as_posix(), ())
        found.append(tuple(_placed(marks, Path(source), preprocess)) if marks else ())
    if not any(found):
        raise DatasetError(f"{path}: none of the {len(dataset):,} pictures of {root} has a mark")
    return tuple(found)


def read(path: Path) -> dict[str, list[Box]]:
    """Return path: boxes of a file of marks, in pixels of the pictures."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    if not rows or tuple(cell.strip().lower() for cell in rows[0]) != COLUMNS:
        raise DatasetError(f"{path}: columns {', '.join(rows[0]) if rows else 'none'}; expected {','.join(COLUMNS)}")
    table: dict[str, list[Box]] = defaultdict(list)
    for number, row in enumerate(rows[1:], 2):
        try:
            name, left, top, right, bottom = row
            box = (float(left), float(top), float(right), float(bottom))
        except ValueError:
            raise DatasetError(f"{path}, line {number}: expected {','.join(COLUMNS)}, found {','.join(row)}") from None
        if not (0 <= box[0] < box[2] and 0 <= box[1] < box[3]):
            raise DatasetError(f"{path}, line {number}: {name}: no rectangle: left < right and top < bottom, from 0 on")
        table[name].append(box)
    return dict(table)


def _placed(marks: Sequence[Box], source: Path, preprocess: Preprocess) -> list[Box]:
    try:
        with source.open("rb") as file:
            head = header(file.read(HEAD_BYTES), name=str(source))
    except (OSError, HemlineError):
        return []  # who reads the picture says what is wrong with it
    width, height = (head.width, head.height) if head.orientation < 5 else (head.height, head.width)
    top, left, inner_height, inner_width = preprocess.placed(height, width)
    down, across = inner_height / height, inner_width / width
    return [(left + x0 * across, top + y0 * down, left + x1 * across, top + y1 * down) for x0, y0, x1, y1 in marks]
