"""
Dividing a folder of labelled pictures into train, validation and test folders, without cutting a group.

Law: pictures of one group lie in one split; each class is dealt out as evenly as its groups allow. What goes
where follows from the names and the seed alone.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline import datasets
from hemline.datasets import SPLITS, Dataset, folder, labels, split
from hemline.errors import DatasetError, UsageError


@dataclass(frozen=True)
class Division:
    """How a set is divided. validation, test: shares, 0 to below 1; 0 leaves a split out.

    column: of the table, whose values are the groups; None takes "group" where the folder has a groups.csv.
    table: a CSV file with a column path or file, relative to the folder; None takes groups.csv in the folder.
    link: make symbolic links instead of copies.
    """

    validation: float = 0.1
    test: float = 0.0
    seed: int = 0
    column: str | None = None
    table: Path | None = None
    link: bool = False


def divide(root: Path, out: Path, division: Division) -> dict[str, int]:
    """Write the pictures of `root` into OUT/{train,validation,test}/<class>/, and return how many each split has.

    out: new or empty; a failure leaves nothing there. Beside the splits lies groups.csv where there are groups.
    Raises DatasetError when a class has too few pictures or groups, UsageError when `out` is in use.
    """
    there = datasets.splits(root)
    if len(there) > 1:
        raise UsageError(f"{root}: is divided already, into {', '.join(there)}; give the folder of classes")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists already; give a new or empty folder")
    dataset = datasets.read(root, there[0])
    groups = _groups(root, dataset, division)
    chosen = _chosen(dataset, groups, division)
    rows = [
        (SPLITS[number], f"{Path(source).parent.name}/{Path(source).name}", source)
        for number, source in zip(chosen.tolist(), dataset.sources, strict=True)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as directory:
        staging = Path(directory) / "whole"
        for name, relative, source in rows:
            target = staging / name / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if division.link:
                target.symlink_to(Path(source).resolve())
            else:
                shutil.copyfile(source, target)
        if groups is not None:
            (staging / folder.GROUPS_NAME).write_text(_table([row[1] for row in rows], groups), encoding="utf-8")
        if (root / labels.FILE_NAME).is_file():
            shutil.copyfile(root / labels.FILE_NAME, staging / labels.FILE_NAME)
        staging.rename(out)
    return {name: int((chosen == number).sum()) for number, name in enumerate(SPLITS) if (chosen == number).any()}


def _groups(root: Path, dataset: Dataset, division: Division) -> Sequence[str] | None:
    if division.column is None and division.table is None:
        return dataset.groups
    return folder.groups_by(root, dataset.sources, division.column or "group", division.table)


def _chosen(dataset: Dataset, groups: Sequence[str] | None, division: Division) -> NDArray[np.int64]:
    """Return the number in SPLITS of each picture's split, (N,)."""
    if not (division.validation or division.test) or division.validation + division.test > 0.9:
        raise UsageError(
            f"shares of {division.validation:g} and {division.test:g}: give --validation, --test or both, "
            "and leave a tenth to train on"
        )
    shares = (1 - division.validation - division.test, division.validation, division.test)  # in the order of SPLITS
    asked = [number for number, share in enumerate(shares) if share]
    try:
        parts = split.parts(
            dataset.targets,
            [shares[number] for number in asked],
            seed=division.seed,
            groups=groups,
            labels=dataset.labels,
        )
    except DatasetError as error:
        raise DatasetError(f"{dataset.name}: {error}; give larger shares, or more pictures") from None
    return np.array(asked, np.int64)[parts]


def _table(paths: Sequence[str], groups: Sequence[str]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "group"])
    writer.writerows(zip(paths, groups, strict=True))
    return stream.getvalue()
