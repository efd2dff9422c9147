"""
Results of `hemline bench` against each other: over versions on one machine, or over machines.

Slower means: the whole interval of the ratio lies beyond the margin, so that neither the margin nor the noise explains
it. What lies beyond the margin and may be noise is said to be unclear. Law: a file against itself is never slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hemline.bench import document, noise
from hemline.bench.document import Document
from hemline.bench.noise import Ratio
from hemline.errors import DataError

STATISTICS = ("p50", "p90", "p99")
SLOWER, FASTER, SAME, UNCLEAR = "slower", "faster", "same", "unclear"
MARGIN = 0.05
Row = dict[str, Any]
# what says that two files were measured on the same machine
MACHINE = ("processor", "system", "cores")


@dataclass(frozen=True)
class Compared:
    """One artifact of one file against the first file that has it.

    verdict: SLOWER, FASTER, SAME (within the margin), UNCLEAR (the noise is too great to say), or "" for the first.
    marks: why its measurement is invalid. same_machine: as the first's; only then a slower one is a regression.
    """

    artifact: str
    threads: int
    file: str
    latency_ms: float
    ratio: Ratio | None
    verdict: str
    marks: tuple[str, ...]
    same_machine: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "marks": list(self.marks)}


def compare(
    files: Sequence[tuple[str, Document]], *, margin: float = MARGIN, statistic: str = "p50", force: bool = False
) -> list[Compared]:
    """Return every artifact of every file, (name, document), held against the first file's.

    Raises DataError where files are of different bundles or artifacts, unless `force`, or have nothing in common.
    """
    (first_name, first), *others = files
    if not force:
        for name, other in others:
            _require_same(first_name, first, name, other)
    rows = []
    base = {_key(row): row for row in first["artifacts"]}
    for key, row in base.items():
        rows.append(_compared(key, first_name, row, None, "", same_machine=True, statistic=statistic))
        for name, other in others:
            after = next((own for own in other["artifacts"] if _key(own) == key), None)
            if after is None:
                continue
            pairs = _common(first, other)
            together = noise.machine(pairs, statistic)
            found = noise.ratio(row, after, statistic, together, among=len(pairs))
            same = _machine(first) == _machine(other)
            rows.append(
                _compared(key, name, after, found, judged(found, margin), same_machine=same, statistic=statistic)
            )
    if others and len(rows) == len(base):
        raise DataError(f"{first_name}: has no artifact in common with {', '.join(name for name, _ in others)}")
    return rows


def judged(ratio: Ratio, margin: float) -> str:
    """Return what a ratio means at a margin."""
    if ratio.low > 1 + margin:
        return SLOWER
    if ratio.high < 1 / (1 + margin):
        return FASTER
    return SAME if 1 / (1 + margin) <= ratio.value <= 1 + margin else UNCLEAR


def regressions(rows: Sequence[Compared]) -> list[Compared]:
    """Return what became slower on the same machine."""
    return [row for row in rows if row.verdict == SLOWER and row.same_machine]


def _compared(
    key: tuple[str, int],
    name: str,
    row: dict[str, Any],
    ratio: Ratio | None,
    verdict: str,
    *,
    same_machine: bool,
    statistic: str,
) -> Compared:
    latency = row[f"latency_{statistic}_ms"]
    return Compared(*key, name, latency, ratio, verdict, tuple(document.marks(row)), same_machine)


def _key(row: dict[str, Any]) -> tuple[str, int]:
    return row["artifact"], row["threads"]


def _common(one: Document, other: Document) -> list[tuple[Row, Row]]:
    """Return the rows of both files for each artifact that both have."""
    theirs = {_key(row): row for row in other["artifacts"]}
    return [(row, theirs[_key(row)]) for row in one["artifacts"] if _key(row) in theirs]


def _machine(found: Document) -> list[object]:
    return [found["machine"].get(key) for key in MACHINE]


def _require_same(first_name: str, first: Document, name: str, other: Document) -> None:
    if (first["bundle"], first["class_lock"]) != (other["bundle"], other["class_lock"]):
        raise DataError(
            f"{name}: is of {other['bundle']}, {first_name} of {first['bundle']}; "
            "give --force to compare them all the same"
        )
    ours = {row["artifact"]: row["sha256"] for row in first["artifacts"]}
    for row in other["artifacts"]:
        if ours.get(row["artifact"], row["sha256"]) != row["sha256"]:
            raise DataError(
                f"{name}: its {row['artifact']} is another file than that of {first_name}, though both are "
                f"{first['bundle']}; give --force to compare them all the same"
            )
