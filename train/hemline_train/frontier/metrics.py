"""
The metrics file of one recipe: every seed's artifacts with the pictures that they get right, and the latency.

Written by measuring, never by hand: an accuracy that is not that of its bits is refused. Law: parse(m.dump()) == m.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hemline.errors import DataError
from hemline_train.frontier.right import Right, unpack

SCHEMA = 1
FLOAT = "keras:float32"
INT8 = ("litert:int8", "onnx:int8", "openvino:int8")


@dataclass(frozen=True)
class Measured:
    """One artifact of one seed. bytes: of its files. right: as right.pack() writes it."""

    artifact: str
    bytes: int
    accuracy: float
    right: str


@dataclass(frozen=True)
class Trained:
    """One seed. minutes: of its epochs, validation included. validation_accuracy: of the float model."""

    seed: int
    epochs: int
    minutes: float
    validation_accuracy: float
    artifacts: tuple[Measured, ...]

    def artifact(self, name: str) -> Measured:
        """Return one of its artifacts."""
        return next(row for row in self.artifacts if row.artifact == name)


@dataclass(frozen=True)
class Latency:
    """Batch 1 of one artifact. latency_p50_ms: the median of the rounds' medians, which follow in their order."""

    artifact: str
    backend: str
    latency_p50_ms: float
    rounds_p50_ms: tuple[float, ...]


@dataclass(frozen=True)
class Timing:
    """Latencies of the first seed's artifacts. machine: as hemline.report.machine describes it. seconds: a round."""

    machine: Mapping[str, str]
    threads: int
    seconds: float
    artifacts: tuple[Latency, ...]


@dataclass(frozen=True)
class Metrics:
    """What was measured of one recipe.

    data: set and split. n: its pictures, the same for every artifact. pictures_sha256: of pictures, targets and labels.
    train_count, validation_count: pictures that each seed learned from, and was stopped or chosen by.
    parameters: trainable ones. teachers: runs whose answers it learned from; their training is not in the minutes.
    timing: None where the latency was left out.
    """

    recipe: str
    data: str
    n: int
    pictures_sha256: str
    train_count: int
    validation_count: int
    parameters: int
    seeds: tuple[Trained, ...]
    teachers: tuple[str, ...] = ()
    timing: Timing | None = None

    def dump(self) -> bytes:
        """Return the file."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False) + "\n").encode()

    def right(self, artifact: str) -> Right:
        """Return (seeds, n) booleans: the pictures that each seed's artifact gets right."""
        return self._rights[artifact]

    @cached_property
    def _rights(self) -> dict[str, Right]:
        names = [row.artifact for row in self.seeds[0].artifacts]
        return {
            name: np.stack([unpack(trained.artifact(name).right, self.n) for trained in self.seeds]) for name in names
        }

    def accuracies(self, artifact: str) -> list[float]:
        """Return the accuracy of each seed's artifact."""
        return [trained.artifact(artifact).accuracy for trained in self.seeds]

    def size_bytes(self, artifact: str) -> int:
        """Return the size of an artifact; seeds differ by a few bytes at most, the largest counts."""
        return max(trained.artifact(artifact).bytes for trained in self.seeds)

    def latency_ms(self, artifact: str) -> float | None:
        """Return the median latency of an artifact, None where it was not measured."""
        rows = self.timing.artifacts if self.timing else ()
        return next((row.latency_p50_ms for row in rows if row.artifact == artifact), None)


def read(path: Path) -> Metrics:
    """Return the metrics in a file; DataError where they are not what measuring writes."""
    try:
        metrics = parse(path.read_bytes())
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]!r} is missing; measure it again") from None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: {error}; measure it again") from None
    if metrics.recipe != path.stem:
        raise DataError(f"{path}: is of recipe {metrics.recipe}; the file has its recipe's name")
    return metrics


def parse(data: bytes) -> Metrics:
    """Return the metrics in a file's bytes; KeyError, TypeError or ValueError say what is wrong with them."""
    table = json.loads(data)
    if table["schema"] != SCHEMA:
        raise ValueError(f"schema {table['schema']!r}, this version reads {SCHEMA}")
    seeds = tuple(_trained(row) for row in table["seeds"])
    timing = _timing(table["timing"]) if table["timing"] else None
    rest = {key: value for key, value in table.items() if key != "schema"}
    metrics = Metrics(**{**rest, "seeds": seeds, "teachers": tuple(table["teachers"]), "timing": timing})
    _check(metrics)
    return metrics


def _trained(row: Mapping[str, Any]) -> Trained:
    return Trained(**{**row, "artifacts": tuple(Measured(**one) for one in row["artifacts"])})


def _timing(table: Mapping[str, Any]) -> Timing:
    rows = tuple(Latency(**{**row, "rounds_p50_ms": tuple(row["rounds_p50_ms"])}) for row in table["artifacts"])
    return Timing(**{**table, "artifacts": rows})


def _check(metrics: Metrics) -> None:
    if not metrics.seeds or len({trained.seed for trained in metrics.seeds}) != len(metrics.seeds):
        raise ValueError(f"seeds {[trained.seed for trained in metrics.seeds]}; at least one, each once")
    for trained in metrics.seeds:
        if [row.artifact for row in trained.artifacts] != [FLOAT, *INT8]:
            raise ValueError(f"seed {trained.seed} has other artifacts than {', '.join((FLOAT, *INT8))}")
        for row in trained.artifacts:
            counted = int(unpack(row.right, metrics.n).sum()) / metrics.n
            if row.accuracy != counted:
                raise ValueError(
                    f"{row.artifact} of seed {trained.seed} says accuracy {row.accuracy}, its pictures say {counted}"
                )
