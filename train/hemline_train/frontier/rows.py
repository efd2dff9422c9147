"""
Networks as the page shows them: measured, with what was published of them, and which of them no other beats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hemline.errors import DataError
from hemline_train.frontier.compare import Difference, Summary, difference, summary
from hemline_train.frontier.metrics import FLOAT, INT8, Metrics, read
from hemline_train.published.figures import Published

SHOWN = "litert:int8"  # the artifact that stands for a network: in the plots, the comparisons, the order
MACHINE = ("system", "processor")  # what two machines may not differ in, for their latencies to stand side by side


@dataclass(frozen=True)
class Network:
    """One recipe. published: the accuracy that others reported of it, one or least and most; empty for hemline's."""

    metrics: Metrics
    float32: Summary
    int8: Mapping[str, Summary]
    published: tuple[float, ...]

    @property
    def name(self) -> str:
        """Its recipe's name."""
        return self.metrics.recipe

    @property
    def rebuilt(self) -> bool:
        """Whether others published it."""
        return bool(self.published)

    @property
    def size_bytes(self) -> int:
        """Size of the artifact that stands for it."""
        return self.metrics.size_bytes(SHOWN)

    @property
    def accuracy(self) -> float:
        """Mean accuracy of the artifact that stands for it."""
        return self.int8[SHOWN].mean

    @property
    def latency_ms(self) -> float | None:
        """Latency of the artifact that stands for it."""
        return self.metrics.latency_ms(SHOWN)


@dataclass(frozen=True)
class Pair:
    """Two networks and what the first gets right more than the second, on the same pictures."""

    first: Network
    second: Network
    difference: Difference


def networks(directory: Path, theirs: Mapping[str, Published]) -> list[Network]:
    """Return the networks whose metrics lie in a folder, the smallest first.

    Raises DataError where there are none, and where two cannot be set side by side.
    """
    found = [read(path) for path in sorted(directory.glob("*.json"))]
    if not found:
        raise DataError(f"{directory}: no metrics in it; 'python scripts/frontier.py measure RUN...' writes them")
    _comparable(directory, found)
    rows = [_network(metrics, theirs.get(metrics.recipe)) for metrics in found]
    return sorted(rows, key=lambda row: (row.size_bytes, row.name))


def _network(metrics: Metrics, theirs: Published | None) -> Network:
    return Network(
        metrics,
        summary(metrics.accuracies(FLOAT)),
        {name: summary(metrics.accuracies(name)) for name in INT8},
        theirs.test_accuracy if theirs else (),
    )


def _comparable(directory: Path, found: Sequence[Metrics]) -> None:
    first = found[0]
    for metrics in found[1:]:
        if metrics.pictures_sha256 != first.pictures_sha256:
            raise DataError(
                f"{directory}: {metrics.recipe} was measured on other pictures than {first.recipe}; "
                "measure both with the same --data"
            )
    machines = {machine(metrics): metrics.recipe for metrics in found if metrics.timing}
    if len(machines) > 1:
        named = "; ".join(f"{recipe} on {' '.join(where)}" for where, recipe in sorted(machines.items()))
        raise DataError(f"{directory}: latencies of {len(machines)} machines ({named}); measure all of them on one")


def machine(metrics: Metrics) -> tuple[str, ...]:
    """Return what machine the latencies are of."""
    assert metrics.timing is not None
    return tuple(metrics.timing.machine[key] for key in MACHINE)


def unbeaten(rows: Iterable[Network], cost: Callable[[Network], float | None]) -> list[Network]:
    """Return the networks that no other beats, the cheapest first: none is as accurate at the same cost or a lower."""
    priced = [(price, row) for row in rows if (price := cost(row)) is not None]
    kept: list[Network] = []
    for _, row in sorted(priced, key=lambda pair: (pair[0], -pair[1].accuracy, pair[1].name)):
        if not kept or row.accuracy > kept[-1].accuracy:
            kept.append(row)
    return kept


def pairs(rows: Sequence[Network]) -> list[Pair]:
    """Return what to compare: each of hemline's with the next smaller, and with the most accurate rebuilt network."""
    ours = [row for row in rows if not row.rebuilt]
    theirs = [row for row in rows if row.rebuilt]
    chosen = [(larger, smaller) for smaller, larger in pairwise(ours)]
    if theirs:
        best = max(theirs, key=lambda row: row.accuracy)
        chosen += [(row, best) for row in ours]
    return [Pair(one, two, difference(one.metrics.right(SHOWN), two.metrics.right(SHOWN))) for one, two in chosen]
