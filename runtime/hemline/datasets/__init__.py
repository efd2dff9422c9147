"""
Labelled pictures for training, evaluation and parity: what a data set is and how one is found.

A reader is one file beside this one and one line in READERS. No TensorFlow: a device can evaluate itself.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.datasets.split import validation_part
from hemline.errors import DatasetError, PictureError, unknown
from hemline.preprocess import Preprocess

# format: module with matches(path) -> bool, splits(path) -> names and read(path, split) -> Dataset;
# the first that matches wins
READERS = {
    "idx": "hemline.datasets.idx",
    "csv": "hemline.datasets.csv",
    "folder": "hemline.datasets.folder",
}
SPLITS = ("train", "validation", "test")
SHOWN = 10  # pictures that cannot be read, in an error
FETCHABLE = ("fashion-mnist",)  # what `hemline data fetch` knows


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures in a fixed order.

    labels: the class names in the order of the targets' numbers.
    targets: (N,) int64, 0 to len(labels) - 1.
    sources: N names by which a person finds a picture again (a path, or file#index).
    picture: index -> (h, w, 3) RGB or (h, w) gray uint8; raises PictureError naming the source.
    groups: N group names (pictures of one physical thing), or None when the set has none.
    fitted: (index, contract) -> the picture as the runtime decodes a file for that contract: a large JPEG
        at reduced size, transparent pixels over the contract's pad. None where pictures are arrays already.
    """

    name: str
    split: str
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    sources: Sequence[str]
    picture: Callable[[int], NDArray[np.uint8]]
    groups: Sequence[str] | None = None
    fitted: Callable[[int, Preprocess], NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def pixels(self, preprocess: Preprocess) -> NDArray[np.uint8]:
        """Return every picture through Preprocess.apply, (N, H, W, C) uint8.

        Raises DatasetError naming those that cannot be read.
        """
        pixels, bad = self.readable(preprocess)
        if bad:
            raise unreadable(self.name, list(bad.values()), len(self))
        return pixels

    def readable(self, preprocess: Preprocess) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """Return (pixels (N, H, W, C) uint8, index -> why a picture cannot be read; its pixels are zeros)."""
        pixels = np.zeros((len(self), *preprocess.shape), np.uint8)
        bad: dict[int, str] = {}
        for index in range(len(self)):
            try:
                picture = self.fitted(index, preprocess) if self.fitted else self.picture(index)
            except PictureError as error:
                bad[index] = str(error)
                continue
            pixels[index] = preprocess.apply(picture)
        return pixels, bad

    def thinned(self, limit: int) -> Dataset:
        """Return `limit` pictures, evenly spaced: a folder lists one class after the other. 0 returns all.

        Training and conversion both call this, so that a run's held-out pictures are the same in both.
        """
        if not limit or limit >= len(self):
            return self
        return self.subset(np.arange(limit) * len(self) // limit)

    def subset(self, indices: NDArray[np.int64]) -> Dataset:
        """Return the pictures at `indices`, in that order, with the same labels."""
        fitted = self.fitted
        return replace(
            self,
            targets=self.targets[indices],
            sources=[self.sources[index] for index in indices],
            picture=lambda position: self.picture(int(indices[position])),
            groups=None if self.groups is None else [self.groups[index] for index in indices],
            fitted=None if fitted is None else lambda position, contract: fitted(int(indices[position]), contract),
        )

    def relabelled(self, labels: tuple[str, ...], targets: NDArray[np.int64]) -> Dataset:
        """Return the same pictures with other labels: targets (N,) are numbers of the new ones."""
        return replace(self, labels=labels, targets=targets)


def unreadable(name: str, reasons: Sequence[str], count: int) -> DatasetError:
    """Return the error that names those of `count` pictures that cannot be read, the first SHOWN of them."""
    shown = [f"\n  {reason}" for reason in reasons[:SHOWN]]
    more = f"\n  and {len(reasons) - SHOWN:,} more" if len(reasons) > SHOWN else ""
    return DatasetError(f"{name}: {len(reasons):,} of {count:,} pictures cannot be read:{''.join(shown)}{more}")


def locate(name_or_path: str, *, data: str | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder or file of a data set.

    name_or_path: a path that exists, or a name such as "fashion-mnist".
    data: what the user gave as --data: the set itself, or a folder that holds it under its name.
    A name is looked for in `data`, then in HEMLINE_DATA, then in the cache that `hemline data fetch` fills.
    """
    if data is not None:
        return _under(Path(data), name_or_path)
    if Path(name_or_path).exists():
        return Path(name_or_path)
    looked = []
    for root in (environment.get("HEMLINE_DATA"), str(cache(environment))):
        if root:
            # HEMLINE_DATA may be the set itself, named as asked
            for path in (Path(root) / name_or_path, Path(root)):
                if _holds_something(path) and path.resolve().name == Path(name_or_path).name:
                    return path
        looked.append(root or "HEMLINE_DATA (not set)")
    fetch = f", or run: hemline data fetch {name_or_path}" if name_or_path in FETCHABLE else ""
    raise DatasetError(
        f"no data set {name_or_path!r} in {' or '.join(looked)}; give --data PATH or set HEMLINE_DATA{fetch}"
    )


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that fetched data sets lie in; it need not exist."""
    if environment.get("HEMLINE_CACHE"):
        return Path(environment["HEMLINE_CACHE"])
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hemline"


def _holds_something(path: Path) -> bool:
    """Whether there is a file, or a folder with more in it than what a broken-off fetch leaves."""
    return path.is_file() or (path.is_dir() and any(entry.suffix != ".part" for entry in path.iterdir()))


def _under(path: Path, name: str) -> Path:
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder")
    inner = path / name
    return inner if path.is_dir() and inner.is_dir() and not Path(name).is_absolute() else path


def read(path: Path, split: str | None = None) -> Dataset:
    """Return one split of the data set at `path`, in whichever format it is.

    split: "train", "validation" or "test"; None takes the one kept for judging: "test", else "validation",
        else the only one there is.
    """
    if split is not None and split not in SPLITS:
        raise DatasetError(unknown("split", split, SPLITS))
    dataset: Dataset = _reader(path).read(path, split)
    return dataset


def training(path: Path, *, validation: float, seed: int = 0, limit: int = 0) -> tuple[Dataset, Dataset]:
    """Return what a network is trained on and what it is validated on, neither of them from the test split.

    validation: the share of the train split that is held out, by split.validation_part and this seed, never a part of
        a group; 0 takes the set's own validation split. limit: that of Dataset.thinned, for each split.
    Training and conversion both call this: what the network has learnt must not choose a temperature or a threshold.
    """
    train = read(path, "train").thinned(limit)
    if validation:
        try:
            held_out = validation_part(train.targets, validation, seed=seed, groups=train.groups, labels=train.labels)
        except DatasetError as error:
            raise DatasetError(f"{path}: {error}; lower data.validation, or divide the set yourself") from None
        return train.subset(np.flatnonzero(~held_out)), train.subset(np.flatnonzero(held_out))
    if "validation" not in splits(path):
        raise DatasetError(f"{path}: no validation split; set data.validation to the share to hold out, such as 0.1")
    own = read(path, "validation").thinned(limit)
    apart(path, train, own)
    return train, own


def apart(path: Path, train: Dataset, other: Dataset) -> None:
    """Raise DatasetError where two splits of the set at `path` have other labels, or pictures of one group."""
    if other.labels != train.labels:
        raise DatasetError(f"{path}: the {other.split} split has other labels than the training split")
    both = set(train.groups or ()) & set(other.groups or ())
    if both:
        raise DatasetError(
            f"{path}: {len(both):,} groups have pictures in both the train and the {other.split} split ({min(both)} is "
            "one); what is learned of one picture answers for the other: divide it with 'hemline data split --group-by'"
        )


def splits(path: Path) -> tuple[str, ...]:
    """Return the splits that the data set at `path` has, in the order of SPLITS; at least one."""
    there: Sequence[str] = _reader(path).splits(path)
    return tuple(there)


def _reader(path: Path) -> Any:
    for module_name in READERS.values():
        reader = importlib.import_module(module_name)
        if reader.matches(path):
            return reader
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder")
    raise DatasetError(
        f"{path}: not a data set; expected IDX files, a CSV of label and pixels, or a folder of <class>/<pictures>"
    )
