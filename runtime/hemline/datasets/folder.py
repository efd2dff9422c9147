"""
A folder of labelled pictures: <root>/<class>/* or <root>/{train,validation,test}/<class>/*.

The folder's name is the label. Classes are sorted by name, over all splits together, so that a class has one
number everywhere; `labels.txt` at the root fixes order and names instead (folder T-shirt_top for T-shirt/top).
`groups.csv` at the root (path,group) says which pictures show one physical thing. A split folder may be given
as if it were the root. Hidden files are skipped; pictures are decoded one at a time, when asked for.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.datasets import SPLITS, Dataset, labels
from hemline.errors import DatasetError, unknown
from hemline.preprocess import Preprocess

GROUPS_NAME = "groups.csv"
# lie among pictures and are none; any other file counts as a picture, and is told of when it cannot be read
NOTES = frozenset((".csv", ".db", ".html", ".ini", ".json", ".md", ".txt", ".xml", ".yaml", ".yml"))


def matches(path: Path) -> bool:
    """Say whether `path` is a folder; what is wrong inside is for read to say."""
    return path.is_dir()


def splits(path: Path) -> list[str]:
    """Return the names of the split folders; one name where there are none."""
    return list(_splits(path))


def read(path: Path, split: str | None) -> Dataset:
    """Return one split; None takes "test", else "validation", else "train", of those that are there.

    A folder without split folders is one split: the one it is named after, else "train".
    """
    there = _splits(path)
    split = split or next(name for name in reversed(SPLITS) if name in there)
    if split not in there:
        raise DatasetError(f"{path} has no {split} split; it has {' and '.join(there)}: hold out part of it")
    listed = {name: _classes(folder) for name, folder in there.items()}
    names = _labels(path, sorted({name for classes in listed.values() for name in classes}))
    by_folder = {labels.folder_name(name): name for name in names}
    files: list[Path] = []
    targets: list[int] = []
    for target, folder_name in enumerate(by_folder):
        pictures = listed[split].get(folder_name, [])
        files += pictures
        targets += [target] * len(pictures)
    if not files:
        raise DatasetError(f"{there[split]}: no pictures; expected them in {there[split]}/<class>/")
    return Dataset(
        name=_homes(path)[-1].resolve().name,
        split=split,
        labels=names,
        targets=np.array(targets, np.int64),
        sources=[str(file) for file in files],
        picture=lambda index: image.read(files[index]),
        groups=_groups(path, files),
        fitted=lambda index, preprocess: _fitted(files[index], preprocess),
    )


def _fitted(path: Path, preprocess: Preprocess) -> NDArray[np.uint8]:
    return image.read(path, needed=preprocess.needed, background=preprocess.pad)


def _splits(root: Path) -> dict[str, Path]:
    """Return split: folder of classes, in the order of SPLITS."""
    folders = [entry.name for entry in _visible(root) if entry.is_dir()]
    found = {name: root / name for name in SPLITS if name in folders}
    if not any(_holds_folders(folder) for folder in found.values()):
        name = root.resolve().name
        return {name if name in SPLITS else "train": root}
    beside = [name for name in folders if name not in found]
    if beside:
        raise DatasetError(
            f"{root}: {beside[0]}/ beside {' and '.join(found)}; splits are named {', '.join(SPLITS)} "
            "and have no classes beside them: rename or move it"
        )
    return found


def _classes(root: Path) -> dict[str, list[Path]]:
    """Return folder name: its files, both sorted; an empty class is a class."""
    classes = {}
    for folder in _visible(root):
        if not folder.is_dir():
            continue
        entries = _visible(folder)
        inner = next((entry for entry in entries if entry.is_dir()), None)
        if inner is not None:
            raise DatasetError(
                f"{inner}: a folder in what would be class {folder.name!r}; pictures lie directly in "
                "<class>/ or {train,validation,test}/<class>/: give the folder that holds the classes"
            )
        classes[folder.name] = [entry for entry in entries if entry.suffix.lower() not in NOTES]
    if not classes:
        found = sum(1 for entry in _visible(root) if entry.suffix.lower() not in NOTES)
        there = f"{found} files and no class folders" if found else "nothing"
        raise DatasetError(f"{root}: {there}; expected <class>/<pictures>, one folder for each label")
    return classes


def _labels(root: Path, folders: list[str]) -> tuple[str, ...]:
    """Return the labels in order: those of labels.txt, else the names of the folders."""
    for home in _homes(root):
        names = labels.read(home)
        if names is None:
            continue
        known = [labels.folder_name(name) for name in names]
        for folder in folders:
            if folder not in known:
                raise DatasetError(f"{home / labels.FILE_NAME}: {unknown('label for folder', folder, known)}")
        return names
    return tuple(folders)


def _groups(root: Path, files: list[Path]) -> list[str] | None:
    """Return the group of each file, or None when there is no groups.csv."""
    for home in _homes(root):
        path = home / GROUPS_NAME
        if not path.is_file():
            continue
        by_path = group_table(path)
        keys = [file.relative_to(root).as_posix() for file in files]
        if home != root:
            keys = [f"{root.resolve().name}/{key}" for key in keys]
        groups: list[str] = []
        for key in keys:
            # without its first folder: a set may be divided into splits after its groups were written
            group = by_path.get(key, by_path.get(key.partition("/")[2]))
            if group is None:
                raise DatasetError(f"{path}: no row for {key}; every picture needs one (path,group)")
            groups.append(group)
        return groups
    return None


def groups_by(root: Path, sources: Sequence[str], column: str, table: Path | None = None) -> list[str]:
    """Return the group of each picture by a column of a table of pictures.

    sources: paths of pictures under `root`. table: a CSV file with a column path or file, relative to the root; None
    takes groups.csv there.
    """
    path = table or root / GROUPS_NAME
    by_path = group_table(path, column)
    keys = [Path(os.path.relpath(source, root)).as_posix() for source in sources]
    missing = next((key for key in keys if key not in by_path), None)
    if missing is not None:
        raise DatasetError(f"{path}: no row for {missing}; every picture needs one")
    return [by_path[key] for key in keys]


def group_table(path: Path, wanted: str = "group") -> dict[str, str]:
    """Return path: group of a groups.csv, the groups being those of the column `wanted`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in ("path", "file") if name in header), None)
    if column is None or wanted.lower() not in header:
        raise DatasetError(f"{path}: columns {', '.join(header) or 'none'}; expected path,{wanted}")
    table: dict[str, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise DatasetError(f"{path}, line {number}: {len(row)} columns; expected {len(header)}")
        key, group = row[column], row[header.index(wanted.lower())]
        if table.setdefault(key, group) != group:
            raise DatasetError(f"{path}, line {number}: {key} is in group {group} and in {table[key]}")
    return table


def _homes(root: Path) -> list[Path]:
    """Return where labels.txt and groups.csv may lie: the root, and above it when the root is a split folder."""
    whole = root.resolve()  # of ".", too
    return [root, whole.parent] if whole.name in SPLITS else [root]


def _visible(folder: Path) -> list[Path]:
    """Return what is in a folder and not hidden, sorted by name."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"{folder}: {(error.strerror or str(error)).lower()}") from error


def _holds_folders(folder: Path) -> bool:
    return any(entry.is_dir() for entry in _visible(folder))
