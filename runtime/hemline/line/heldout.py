"""
Which of a data set's pictures a bundle was trained on, as far as its manifest says.

The manifest names the data set, the share that was held out and the seed it was drawn with; pictures that a model has
learnt by heart look easier than those to come, and thresholds set on them promise too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hemline import datasets
from hemline.bundle import Bundle
from hemline.datasets import Dataset
from hemline.errors import DatasetError, UsageError


def held_out(bundle: Bundle, path: Path) -> Dataset:
    """Return the pictures of the data set at `path` that the bundle's training held out.

    They have chosen among its epochs and set its temperature, which takes little; the network did not learn them.
    Raises UsageError when the bundle was not trained on that data set, or does not say.
    """
    data = _data(bundle)
    if data is None:
        raise UsageError(f"{bundle.title}: its manifest does not say what it was trained on; give --split instead")
    held = _divided(data, path)[1]
    if held.name != data["name"]:
        raise UsageError(
            f"{bundle.title}: was trained on {data['name']!r}, this is {held.name!r}; leave out --held-out"
        )
    return held


def trained_on(bundle: Bundle, path: Path, dataset: Dataset) -> int | None:
    """Return how many pictures of `dataset`, a split of the set at `path`, the bundle was trained on; None: not known.

    Known is the name of the set, not its content: another set of the same name is taken for it.
    """
    data = _data(bundle)
    if data is None or data["name"] != dataset.name:
        return None
    try:
        learnt = set(_divided(data, path)[0].sources)
    except DatasetError:
        return None
    return sum(source in learnt for source in dataset.sources)


def _data(bundle: Bundle) -> Mapping[str, Any] | None:
    """Return what the manifest says of the data set, None when it is not enough to divide it again."""
    data = bundle.provenance.get("data")
    whole = isinstance(data, Mapping) and {"name", "validation", "split_seed"} <= set(data)
    return data if whole else None


def _divided(data: Mapping[str, Any], path: Path) -> tuple[Dataset, Dataset]:
    share, seed, limit = float(data["validation"]), int(data["split_seed"]), int(data.get("limit", 0))
    return datasets.training(path, validation=share, seed=seed, limit=limit)
