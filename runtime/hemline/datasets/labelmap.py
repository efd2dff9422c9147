"""
What the classes of a data set are called by a model with other classes: a TOML file, never code.

Under a map both speak the data set's words. An answer's probability of a class is the sum over the model's names for
it; what the model knows and the map does not name stays, as an answer that is never right.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline import toml
from hemline.datasets import Dataset
from hemline.errors import UsageError, unknown


@dataclass(frozen=True)
class LabelMap:
    """A map. names: label of the data set -> the model's labels that mean it; no label of the model occurs twice."""

    name: str
    names: Mapping[str, tuple[str, ...]]

    def labels(self, model: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels of mapped answers: those of the data set, then what else the model knows."""
        mapped = {label for labels in self.names.values() for label in labels}
        for label in sorted(mapped):
            if label not in model:
                raise UsageError(f"labels map {self.name}: {unknown('class of the model', label, model)}")
        return (*self.names, *(label for label in model if label not in mapped))

    def part(self, dataset: Dataset) -> Dataset:
        """Return the pictures whose class is mapped, with the map's labels alone."""
        for label in self.names:
            if label not in dataset.labels:
                raise UsageError(
                    f"labels map {self.name}: {unknown('class in ' + dataset.name, label, dataset.labels)}"
                )
        kept = np.flatnonzero([dataset.labels[target] in self.names for target in dataset.targets])
        if not len(kept):
            raise UsageError(f"{dataset.name}: no picture of a class that labels map {self.name} names")
        order = list(self.names)
        chosen = dataset.subset(kept)
        targets = np.array([order.index(dataset.labels[target]) for target in chosen.targets], np.int64)
        return chosen.relabelled(tuple(order), targets)

    def rest(self, dataset: Dataset) -> Dataset:
        """Return the pictures whose class is not mapped, which the model has no name for; there may be none."""
        return dataset.subset(np.flatnonzero([dataset.labels[target] not in self.names for target in dataset.targets]))

    def logits(self, logits: NDArray[np.float32], model: tuple[str, ...], temperature: float) -> NDArray[np.float32]:
        """Return logits (N, mapped classes) whose softmax at the temperature sums that of logits (N, classes)."""
        columns = []
        for label in self.labels(model):
            places = [model.index(name) for name in self.names.get(label, (label,))]
            columns.append(temperature * np.logaddexp.reduce(logits[:, places] / temperature, axis=1))
        return np.stack(columns, axis=1).astype(np.float32)


def load(name_or_path: str) -> LabelMap:
    """Return the map of this name that hemline carries, or the one in a file: a table [labels] of lists of labels."""
    carried = importlib.resources.files("hemline.datasets") / "maps"
    names = {entry.name.removesuffix(".toml"): entry for entry in carried.iterdir() if entry.name.endswith(".toml")}
    if name_or_path in names:
        return parse(names[name_or_path].read_text(encoding="utf-8"), name=name_or_path)
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise UsageError(f"{unknown('labels map', name_or_path, names)}; or give a file, PATH.toml")
    toml.read(path)  # says what is wrong with the file
    return parse(path.read_text(encoding="utf-8"), name=path.stem)


def parse(text: str, *, name: str) -> LabelMap:
    """Return the map in TOML text."""
    table = toml.loads(text, name=name).get("labels")
    if not isinstance(table, dict) or not table:
        raise UsageError(f'labels map {name}: no table [labels] with lines such as "pants" = ["Trouser"]')
    names: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for label, meant in table.items():
        if not isinstance(meant, list) or not meant or not all(isinstance(one, str) for one in meant):
            raise UsageError(f"labels map {name}: {label!r} is {meant!r}; give a list of the model's labels")
        for one in meant:
            if one in seen:
                raise UsageError(f"labels map {name}: {one!r} means both {seen[one]!r} and {label!r}; one of them")
            seen[one] = label
        names[label] = tuple(meant)
    return LabelMap(name, names)
