"""
Gates: the bars that an artifact must keep, and whether what was measured keeps them.

The bars stand in the recipe, travel in the manifest, and can be overridden on the command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hemline.errors import UsageError, unknown

FLOATS = ("float32", "float16")


@dataclass(frozen=True)
class Gates:
    """The bars of a bundle.

    accuracy_drop_pp: percentage points of accuracy that an artifact may lose against the float reference.
    agreement_*: least share of pictures with the reference's top label, 0..1.
    dp_p95_*: greatest 95th percentile of a picture's largest difference in probability, 0..1.
    engines_agreement: least share of equal top labels when two engines run the same file.
    """

    accuracy_drop_pp: float = 0.3
    agreement_float: float = 0.9995
    agreement_quantized: float = 0.985
    dp_p95_float: float = 0.005
    dp_p95_quantized: float = 0.08
    engines_agreement: float = 0.998

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
                raise UsageError(f"gates.{name} {value!r}; a number, 0 or more")
            if name != "accuracy_drop_pp" and value > 1:
                raise UsageError(f"gates.{name} {value}; a share, 0 to 1")

    @classmethod
    def from_dict(cls, bars: Mapping[str, Any]) -> Gates:
        """Return the gates written by as_dict; a bar that is left out keeps its default."""
        for name in bars:
            if name not in cls.__dataclass_fields__:
                raise UsageError(f"gates: {unknown('gate', name, cls.__dataclass_fields__)}")
        return cls(**bars)

    def as_dict(self) -> dict[str, float]:
        """Return the bars as plain values."""
        return asdict(self)

    def override(self, assignments: Sequence[str]) -> Gates:
        """Return the gates with each NAME=NUMBER put in its place."""
        changed: dict[str, float] = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            try:
                changed[name] = float(text)
            except ValueError:
                equals = ""
            if not equals:
                raise UsageError(f"--gate {assignment}: write NAME=NUMBER, such as agreement_quantized=0.98")
        Gates.from_dict(changed)  # names the nearest gate when one is unknown
        return replace(self, **changed)


@dataclass(frozen=True)
class Verdict:
    """One gate of one artifact. bound is "least" or "most"."""

    artifact: str
    gate: str
    value: float
    bound: str
    bar: float

    @property
    def passed(self) -> bool:
        """Whether the value keeps the bar; a value that is not a number never does."""
        return self.value >= self.bar if self.bound == "least" else self.value <= self.bar

    def __str__(self) -> str:
        state = "passed" if self.passed else "FAILED"
        return f"{self.artifact} {self.gate} {self.value:.6g}, at {self.bound} {self.bar:g}: {state}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, with "passed"."""
        return {**asdict(self), "passed": self.passed}


def judge(artifact: str, figures: Mapping[str, Any], bars: Gates) -> list[Verdict]:
    """Return the verdicts for the figures that there are, as hemline.parity names them."""
    kind = "float" if artifact.partition(":")[2] in FLOATS else "quantized"
    limits = bars.as_dict()
    rows = (
        ("accuracy_drop_pp", "most", limits["accuracy_drop_pp"]),
        ("agreement", "least", limits[f"agreement_{kind}"]),
        ("dp_p95", "most", limits[f"dp_p95_{kind}"]),
        ("engines_agreement", "least", limits["engines_agreement"]),
    )
    return [
        Verdict(artifact, figure, float(figures[figure]), bound, bar)
        for figure, bound, bar in rows
        if figures.get(figure) is not None
    ]
