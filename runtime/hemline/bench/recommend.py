"""
Which artifact with how many threads: what was measured, which are worth a look, which one it is and why.

A candidate is worth a look when no other is at least as good in accuracy, tail latency and memory and better in one of
them. Among those that keep the limits the quickest is taken; what is within a tenth of it counts as quick, and then
memory decides, and then threads, which others may need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemline.bench import document
from hemline.bench.document import Document
from hemline.bundle import Artifact, Bundle
from hemline.gates import FLOATS

ALIKE = 1.1  # times the quickest: what differs less is noise on most boards
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Limits:
    """What a choice has to keep. drop_pp: percentage points of accuracy. budget_ms: of p99, None for none."""

    drop_pp: float
    budget_ms: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One artifact with a number of threads.

    drop_pp: what it loses against the float reference on labelled pictures, None where that was not measured. p99_ms:
    with its upper end, None where there were too few inferences for one. memory: peak RSS in bytes. worth: whether no
    other is better in all. misses: which limits it does not keep, for a person; distance: how far it is from keeping
    them, 0 when it does. marks: why its measurement is invalid.
    """

    artifact: str
    threads: int
    drop_pp: float | None
    p50_ms: float
    p99_ms: float
    p99_high_ms: float | None
    memory: int
    marks: tuple[str, ...]
    worth: bool = True
    misses: tuple[str, ...] = ()
    distance: float = 0.0


def candidates(bundle: Bundle, found: Document, limits: Limits) -> list[Candidate]:
    """Return every row of a result as a candidate, those that keep the limits first, then the nearest to it."""
    rows = found["artifacts"]
    drops = {row["artifact"]: drop_of(bundle.artifact(row["artifact"])) for row in rows}
    costs = [_costs(row, drops[row["artifact"]]) for row in rows]
    made = [
        _candidate(row, drops[row["artifact"]], limits, worth=not any(_better(other, own) for other in costs))
        for row, own in zip(rows, costs, strict=True)
    ]
    return sorted(made, key=lambda one: (one.distance, one.p99_ms, one.memory, one.threads))


def choice(made: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate to take, None where none keeps the limits."""
    fitting = [one for one in made if not one.misses]
    if not fitting:
        return None
    quick = min(one.p99_ms for one in fitting)
    alike = [one for one in fitting if one.p99_ms <= ALIKE * quick]
    return min(alike, key=lambda one: (one.memory, one.threads, one.p99_ms))


def reason(chosen: Candidate, made: Sequence[Candidate], limits: Limits) -> str:
    """Return why it is the one, in one line."""
    fitting = [one for one in made if not one.misses]
    asked = f"a drop of at most {limits.drop_pp:g} pp"
    if limits.budget_ms is not None:
        asked += f", p99 within {limits.budget_ms:g} ms"
    others = sum(one is not chosen and one.p99_ms <= ALIKE * min(c.p99_ms for c in fitting) for one in fitting)
    quickest = f"p99 {chosen.p99_ms:.3g} ms is the lowest"
    if others:
        quickest = f"p99 {chosen.p99_ms:.3g} ms is within a tenth of the lowest, and it takes the least memory of those"
    return f"{len(fitting)} of {len(made)} keep {asked}; {quickest}"


def drop_of(artifact: Artifact) -> float | None:
    """Return the points of accuracy that an artifact lost when it was converted; None where nobody measured it."""
    for figures in (*(artifact.parity.get(split, {}) for split in ("test", "validation")), *artifact.parity.values()):
        if isinstance(figures, Mapping) and "accuracy_drop_pp" in figures:
            return float(figures["accuracy_drop_pp"])
    return 0.0 if artifact.precision in FLOATS else None


def _candidate(row: Row, drop: float | None, limits: Limits, *, worth: bool) -> Candidate:
    high = row["intervals"]["p99"]["ci95"][1]
    misses, distance = [], 0.0
    if drop is None:
        misses.append("its drop was not measured; convert it with --data PATH")
        distance += 10.0
    elif drop > limits.drop_pp:
        misses.append(f"drops {drop:.2f} pp")
        distance += (drop - limits.drop_pp) / max(limits.drop_pp, 0.1)
    if limits.budget_ms is not None and (high is None or high > limits.budget_ms):
        misses.append(f"p99 up to {high:.3g} ms" if high is not None else "too few inferences to bound its p99")
        distance += max((high or row["latency_max_ms"]) / limits.budget_ms - 1, 1e-9)
    memory = row["peak_rss_bytes"] or row["bytes"]
    latency = (row["latency_p50_ms"], row["latency_p99_ms"], high)
    marks = tuple(document.marks(row))
    return Candidate(row["artifact"], row["threads"], drop, *latency, memory, marks, worth, tuple(misses), distance)


def _costs(row: Row, drop: float | None) -> tuple[float, float, float]:
    return (float("inf") if drop is None else drop, row["latency_p99_ms"], row["peak_rss_bytes"] or row["bytes"])


def _better(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether one is at least as good in all and better in some."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
