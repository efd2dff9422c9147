"""
Verdicts in words: what each gate asks, in the order in which every report names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hemline.gates import Verdict
from hemline.report.digits import beside

# gate: (its title, why an artifact has no verdict on it)
GATES = {
    "accuracy_drop_pp": ("accuracy drop", "golden inputs have no true labels; give --data"),
    "agreement": ("agreement", "not measured"),
    "dp_p95": ("|dp| at p95", "not measured"),
    "engines_agreement": ("engines agree", "no second engine here runs the same file"),
}


def verdicts(report: Mapping[str, Any]) -> dict[tuple[str, str], Verdict]:
    """Return {(artifact, gate): verdict} of a parity report, in its order."""
    return {
        (row["artifact"], row["gate"]): Verdict(row["artifact"], row["gate"], row["value"], row["bound"], row["bar"])
        for row in report["gates"]
    }


def gates(report: Mapping[str, Any]) -> list[str]:
    """Return every gate, those in the report that GATES does not know at the end: none is ever left out."""
    return [*GATES, *dict.fromkeys(row["gate"] for row in report["gates"] if row["gate"] not in GATES)]


def title(gate: str) -> str:
    """Return what the gate is called in a table's head."""
    return GATES[gate][0] if gate in GATES else gate


def reason(gate: str) -> str:
    """Return why an artifact has no verdict on the gate."""
    return GATES[gate][1] if gate in GATES else "not measured"


def sentence(verdict: Verdict) -> str:
    """Return the verdict for a person who does not know the gates' names."""
    name, value, bar = verdict.artifact, verdict.value, verdict.bar
    if verdict.gate == "accuracy_drop_pp":
        change = f"loses {beside(value, bar, 2)}" if value > 0 else f"gains {-value:.2f}"
        return f"{name} {change} percentage points of accuracy; a loss of {bar:g} is allowed"
    share = f"{beside(100 * value, 100 * bar, 2)} %"
    if verdict.gate == "agreement":
        return f"{name} gives the reference's answer for {share} of the pictures; {100 * bar:g} % is asked"
    if verdict.gate == "engines_agreement":
        return f"{name} gives the same answer in two engines for {share} of the pictures; {100 * bar:g} % is asked"
    if verdict.gate == "dp_p95":
        moved = beside(value, bar, 3)
        return f"{name} moves a probability by more than {moved} in one picture of twenty; {bar:g} is allowed"
    return f"{name} {verdict.gate} {value:g}, at {verdict.bound} {bar:g}"
