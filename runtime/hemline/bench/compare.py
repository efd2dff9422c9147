"""
Results of `hemline bench` against each other: over versions on one machine, or over machines.

Slower means: the whole interval of the ratio lies beyond the margin, so that neither the margin nor the noise explains
it. What lies beyond the margin and may be noise is said to be unclear, and so is what the machine explains: the files
have a yardstick, a computation that no model changes, and where that took longer, too, the machine was another one that
day. Law: a file against itself is never slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
    yardstick: how many times as slow the machine itself was where that leaves it unclear, else None.
    """

    artifact: str
    threads: int
    file: str
    latency_ms: float
    ratio: Ratio | None
    verdict: str
    marks: tuple[str, ...]
    same_machine: bool
    yardstick: Ratio | None = None

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
    held = [(name, _Held(first, other, margin, statistic)) for name, other in others]
    for key, row in base.items():
        rows.append(_compared(key, first_name, row, statistic=statistic))
        rows += [other.against(key, name) for name, other in held if key in other.pairs]
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


def yardstick(before: Sequence[Row], after: Sequence[Row]) -> Ratio | None:
    """Return how many times as slow the machine itself was for some rows as for others, None where a file is older."""
    one, other = ({"windows": [window for row in rows for window in row["windows"]]} for rows in (before, after))
    if any(document.YARDSTICK not in window for window in (*one["windows"], *other["windows"])):
        return None
    return noise.ratio(one, other, "yardstick", noise.own([one, other], "yardstick"))


def without(ratio: Ratio, machine: Ratio) -> Ratio:
    """Return a ratio as it would be had the machine been as quick as before."""
    return Ratio(ratio.value / machine.value, ratio.low / machine.high, ratio.high / machine.low)


class _Held:
    """A file held against the first: the rows that both have, and what holds for all of them."""

    def __init__(self, first: Document, other: Document, margin: float, statistic: str) -> None:
        self.pairs = _common(first, other)
        self._margin, self._statistic = margin, statistic
        pairs = list(self.pairs.values())
        self._together = noise.machine(pairs, statistic) if pairs else None
        self._same_machine = _machine(first) == _machine(other)
        self._yardstick = None
        if pairs and self._same_machine:
            self._yardstick = yardstick([row for row, _ in pairs], [row for _, row in pairs])

    def against(self, key: tuple[str, int], name: str) -> Compared:
        """Return an artifact of the file, which is called by this name, held against the first's."""
        assert self._together is not None
        before, after = self.pairs[key]
        found = noise.ratio(before, after, self._statistic, self._together, among=len(self.pairs))
        verdict = judged(found, self._margin)
        machine = self._yardstick if self._explains(found, verdict) else None
        return replace(
            _compared(key, name, after, statistic=self._statistic),
            ratio=found,
            verdict=verdict if machine is None else UNCLEAR,
            same_machine=self._same_machine,
            yardstick=machine,
        )

    def _explains(self, found: Ratio, verdict: str) -> bool:
        """Return whether the machine changed, and the verdict with it."""
        machine = self._yardstick
        if machine is None or machine.low <= 1 <= machine.high:
            return False
        return judged(without(found, machine), self._margin) != verdict


def _compared(key: tuple[str, int], name: str, row: Row, *, statistic: str) -> Compared:
    """Return an artifact that is held against nothing yet."""
    latency = row[f"latency_{statistic}_ms"]
    return Compared(*key, name, latency, None, "", tuple(document.marks(row)), same_machine=True)


def _key(row: dict[str, Any]) -> tuple[str, int]:
    return row["artifact"], row["threads"]


def _common(one: Document, other: Document) -> dict[tuple[str, int], tuple[Row, Row]]:
    """Return the rows of both files for each artifact that both have."""
    theirs = {_key(row): row for row in other["artifacts"]}
    return {_key(row): (row, theirs[_key(row)]) for row in one["artifacts"] if _key(row) in theirs}


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
