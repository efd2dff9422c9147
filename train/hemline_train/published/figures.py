"""
What others reported, read from figures.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hemline import toml

FIGURES = Path(__file__).with_name("figures.toml")


@dataclass(frozen=True)
class Published:
    """The published figures of one network; None or empty where none is published.

    recipe: the one that rebuilds it. Accuracies: 0 to 1. test_accuracy, seconds_per_epoch: one value, or the
    least and the most. against: recipe of the same network without dropout. reason: why ours may differ.
    """

    recipe: str
    test_accuracy: tuple[float, ...]
    parameters: int | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    cv_accuracy: float | None = None
    seconds_per_epoch: tuple[float, ...] = ()
    against: str | None = None
    reason: str | None = None


@cache
def published() -> Mapping[str, Published]:
    """Return what is published, by recipe, in the order of the file."""
    return MappingProxyType({recipe: _read(recipe, table) for recipe, table in toml.read(FIGURES).items()})


def _read(recipe: str, table: Mapping[str, Any]) -> Published:
    tuples = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    return Published(recipe, **{**table, **tuples})
