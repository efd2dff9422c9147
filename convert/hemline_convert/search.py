"""
Search under a budget: of each engine, the smallest artifact that loses no more accuracy than allowed; of those
that are as small, the one that agrees most.

Every precision is tried, the quantized ones with several ways to calibrate. All candidates are measured on the
validation pictures, and must keep the other gates there too; the test pictures, which the gates look at
afterwards, have chosen nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import IO, Any

from hemline import parity
from hemline.errors import GateError, UsageError
from hemline.gates import FLOATS, Gates, judge
from hemline.report.search import described
from hemline.report.table import table
from hemline_convert.capture import captured
from hemline_convert.measure import Pictures, opened
from hemline_convert.source import DEFAULTS, Converted, Options, Source

SIZES = (100, 300)  # calibration pictures, beside all of them
# Sizes this close count as equal, and agreement decides: scales per channel cost half a percent of the bytes and were
# the difference between agreement 0.998 and 0.985 in OpenVINO; 4.3 percent, and 0.997 and 0.985, in LiteRT. Where all
# agree, as on a few easy pictures, the one whose probabilities moved least is the safer one for others.
SAME_SIZE = 0.05


@dataclass(frozen=True)
class Candidate:
    """One converted artifact and what it costs, on the validation pictures.

    accuracy_drop_pp: percentage points lost against Keras. agreement: share of the same labels. dp_p95: what the
    largest difference of a probability stays below in 95 % of the pictures. missed: what of the budget and the other
    gates it does not keep, for a person.
    pareto: none of its engine's candidates is both no larger and no worse. kept: it goes into the bundle.
    """

    artifact: str
    options: Options
    converted: Converted
    bytes: int
    accuracy_drop_pp: float
    agreement: float
    dp_p95: float
    missed: str = ""
    pareto: bool = False
    kept: bool = False

    @property
    def within(self) -> bool:
        """Whether it keeps the budget and the other gates."""
        return not self.missed

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, without the files."""
        return {
            "artifact": self.artifact,
            "options": asdict(self.options) if quantized_by_calibration(self.artifact) else None,
            "bytes": self.bytes,
            "accuracy_drop_pp": self.accuracy_drop_pp,
            "agreement": self.agreement,
            "dp_p95": self.dp_p95,
            "within": self.within,
            "pareto": self.pareto,
            "kept": self.kept,
        }


def quantized_by_calibration(artifact: str) -> bool:
    """Return whether calibration pictures matter to an artifact: not to float ones, nor to dynamic ranges."""
    return artifact.partition(":")[2] not in (*FLOATS, "dynamic")


def choices(module: Any, precision: str) -> list[Options]:
    """Return the ways to quantize that are tried; a float format has one."""
    if not quantized_by_calibration(f":{precision}"):
        return [DEFAULTS]
    found = [DEFAULTS, *(Options(calibration=size) for size in SIZES)]
    found += [Options(method=method) for method in module.METHODS if method != DEFAULTS.method]
    found += [Options(per_channel=False)]
    return found


def search(
    source: Source,
    formats: dict[str, str],
    names: Sequence[str],
    validation: Pictures | None,
    *,
    max_drop_pp: float,
    bars: Gates,
    log: IO[bytes],
    say: Callable[[str], None],
) -> list[Candidate]:
    """Return every candidate, the kept ones marked; GateError when an engine has none within the budget.

    formats: engine to converter module. names: engine:precision to try. bars: the gates; max_drop_pp takes
    the place of theirs.
    """
    if max_drop_pp < 0:
        raise UsageError(f"--max-drop {max_drop_pp:g}; percentage points, 0 or more")
    if validation is None:
        raise UsageError("--max-drop measures on validation pictures; give --data PATH")
    limits = replace(bars, accuracy_drop_pp=max_drop_pp)
    found: list[Candidate] = []
    for name in names:
        found += _candidates(source, formats, name, validation, limits, log)
        say(f"{name}: {sum(row.artifact == name for row in found)} tried")
    marked = [
        candidate
        for engine in dict.fromkeys(name.partition(":")[0] for name in names)
        for candidate in _mark([row for row in found if row.artifact.startswith(f"{engine}:")])
    ]
    say(pareto_table(marked))
    lacking = {row.artifact.partition(":")[0] for row in marked}
    lacking -= {row.artifact.partition(":")[0] for row in marked if row.kept}
    if lacking:
        raise GateError(
            f"no artifact of {', '.join(sorted(lacking))} loses at most {max_drop_pp:g} points and keeps the gates"
        )
    return marked


def _candidates(
    source: Source, formats: dict[str, str], name: str, validation: Pictures, limits: Gates, log: IO[bytes]
) -> Iterator[Candidate]:
    engine_name, _, precision = name.partition(":")
    module = importlib.import_module(formats[engine_name])
    for options in choices(module, precision):
        if options.calibration is not None and options.calibration >= len(source.calibration):
            continue
        with captured(log):
            converted = module.convert(source, precision, options=options)
        with opened(name, converted, source.preprocess, source.widths) as engine:
            figures = parity.compare(engine.run(validation.pixels)[0], validation.reference, validation.targets)
        size = sum(map(len, converted.files.values()))
        missed = [verdict for verdict in judge(name, figures, limits) if not verdict.passed]
        drop, words = figures["accuracy_drop_pp"], ", ".join(f"{one.gate} {one.value:.4g}" for one in missed)
        yield Candidate(name, options, converted, size, drop, figures["agreement"], figures["dp_p95"], words)


def _mark(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return one engine's candidates with pareto and kept set."""
    within = [row for row in candidates if row.within]
    least = min((row.bytes for row in within), default=0)
    small = [row for row in within if row.bytes <= least * (1 + SAME_SIZE)]
    best = max(small, key=lambda row: (row.agreement, -row.dp_p95, -row.bytes), default=None)
    return [replace(row, pareto=not _beaten(row, candidates), kept=row is best) for row in candidates]


def _beaten(row: Candidate, others: Sequence[Candidate]) -> bool:
    return any(
        other.bytes <= row.bytes
        and other.accuracy_drop_pp <= row.accuracy_drop_pp
        and (other.bytes, other.accuracy_drop_pp) != (row.bytes, row.accuracy_drop_pp)
        for other in others
    )


def pareto_table(candidates: Sequence[Candidate]) -> str:
    """Return the candidates for a terminal: kept marked *, on the Pareto front marked +."""
    rows = [
        [
            "*" if row.kept else "+" if row.pareto else "",
            row.artifact,
            described(row.as_dict()["options"]),
            f"{row.bytes:,}",
            f"{row.accuracy_drop_pp:+.3f}",
            f"{row.agreement:.4f}",
            f"{row.dp_p95:.4f}",
            "yes" if row.within else f"no: {row.missed}",
        ]
        for row in sorted(candidates, key=lambda row: (row.artifact.partition(":")[0], row.bytes))
    ]
    return table(["", "artifact", "calibration", "bytes", "drop pp", "agreement", "|dp| p95", "within"], rows)
