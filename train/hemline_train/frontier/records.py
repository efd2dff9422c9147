"""
Public records, read from records.toml: reference points in their authors' figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hemline import toml

RECORDS = Path(__file__).with_name("records.toml")


@dataclass(frozen=True)
class Record:
    """What others reported of a network that is not rebuilt here; records.toml says what each key is."""

    name: str
    label: str
    parameters: int
    accuracy: float
    how: str
    source: str
    note: str = ""
    see: tuple[str, ...] = ()


@cache
def records() -> tuple[Record, ...]:
    """Return the records, in the order of the file."""
    return tuple(
        Record(name, **{**table, "see": tuple(table.get("see", ()))}) for name, table in toml.read(RECORDS).items()
    )
