"""
Latency parity: bars that a measurement keeps or does not, whatever the milliseconds are.

An int8 artifact is there to be faster than its float one, and often is not; hemline is to add little to the engine; and
a device that is quick in the mean and slow now and then is slow. A bar is missed only when the whole interval misses
it. A measurement that is invalid can keep a bar, since who disturbs makes nothing faster; one that misses it there is
not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hemline.bench import document, noise
from hemline.bench.document import Document
from hemline.errors import UsageError, unknown

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
FLOATS = ("float32", "float16")


@dataclass(frozen=True)
class Bars:
    """int8_ratio: median of an int8 artifact over that of the same engine's float one, at most.

    overhead_ratio: our call over the library's own, at most. p99_ratio: the 99th percentile over the median, at most.
    """

    int8_ratio: float = 1.0
    overhead_ratio: float = 1.2
    p99_ratio: float = 3.0

    def override(self, assignments: Sequence[str]) -> Bars:
        """Return the bars with each NAME=NUMBER put in its place."""
        found = self
        for assignment in assignments:
            name, _, text = assignment.partition("=")
            if name not in asdict(self):
                raise UsageError(f"--gate {assignment}: {unknown('gate', name, asdict(self))}")
            try:
                value = float(text)
            except ValueError:
                value = 0.0
            if not 0 < value < float("inf"):
                raise UsageError(f"--gate {assignment}: write NAME=NUMBER above 0, such as p99_ratio=3")
            found = replace(found, **{name: value})
        return found


@dataclass(frozen=True)
class Judged:
    """One gate of one artifact. value, low, high: the figure with its interval; None where it is not known.

    why: of one that was not judged.
    """

    artifact: str
    gate: str
    value: float | None
    low: float | None
    high: float | None
    bar: float
    state: str
    why: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.artifact} {self.gate}: not judged, {self.why}"
        ends = "" if self.low is None else f" ({self.low:.3g} to {'?' if self.high is None else f'{self.high:.3g}'})"
        state = {PASSED: "passed", FAILED: "FAILED", SKIPPED: f"not judged, {self.why}"}[self.state]
        return f"{self.artifact} {self.gate} {self.value:.3g}{ends}, at most {self.bar:g}: {state}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def latency(found: Document, bars: Bars) -> list[Judged]:
    """Return the verdicts on every artifact of a result."""
    rows, judged = found["artifacts"], []
    together = noise.machine([[row] for row in rows], "p50")
    for row in rows:
        name, mark = row["artifact"], document.marks(row)
        engine, _, precision = name.partition(":")
        if precision == "int8":
            judged.append(_int8(row, _float_of(engine, rows), bars.int8_ratio, together))
        low, high = row["overhead_ci95"] or (None, None)
        judged.append(_at_most(name, "overhead_ratio", row["overhead_ratio"], low, high, bars.overhead_ratio, mark))
        middle, tail = row["intervals"]["p50"]["ci95"], row["intervals"]["p99"]["ci95"]
        value = row["latency_p99_ms"] / row["latency_p50_ms"]
        low = None if None in (tail[0], middle[1]) else tail[0] / middle[1]
        high = None if None in (tail[1], middle[0]) else tail[1] / middle[0]
        judged.append(_at_most(name, "p99_ratio", value, low, high, bars.p99_ratio, mark))
    return judged


def budget(found: Document, most_ms: float) -> list[Judged]:
    """Return whether the 99th percentile of each artifact stays under a budget: its upper end counts.

    What else runs on a device is part of what it has to stay under, so an invalid measurement is judged like any other.
    """
    judged = []
    for row in found["artifacts"]:
        low, high = row["intervals"]["p99"]["ci95"]
        value = row["latency_p99_ms"]
        # too few inferences for an upper end are too few to promise anything
        state = PASSED if high is not None and high <= most_ms else FAILED
        judged.append(Judged(row["artifact"], "budget_ms", value, low, high, most_ms, state))
    return judged


def _int8(row: Mapping[str, Any], base: Mapping[str, Any] | None, bar: float, together: noise.Noise) -> Judged:
    name = row["artifact"]
    if base is None:
        why = f"no float artifact of {name.partition(':')[0]} was measured beside it"
        return Judged(name, "int8_ratio", None, None, None, bar, SKIPPED, why)
    found = noise.ratio(base, row, "p50", together)
    marks = [*document.marks(row), *document.marks(base)]
    return _at_most(name, "int8_ratio", found.value, found.low, found.high, bar, marks)


def _float_of(engine: str, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    named = {row["artifact"]: row for row in rows}
    return next((named[key] for kind in FLOATS if (key := f"{engine}:{kind}") in named), None)


def _at_most(
    artifact: str,
    gate: str,
    value: float | None,
    low: float | None,
    high: float | None,
    bar: float,
    marks: Sequence[str],
) -> Judged:
    if value is None:
        return Judged(artifact, gate, None, None, None, bar, SKIPPED, "not measured")
    if (value if low is None else low) <= bar:
        return Judged(artifact, gate, value, low, high, bar, PASSED)
    if marks:
        return Judged(artifact, gate, value, low, high, bar, SKIPPED, marks[0])
    return Judged(artifact, gate, value, low, high, bar, FAILED)
