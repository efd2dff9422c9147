"""
JUnit XML, as Jenkins, GitLab and the GitHub reporters read it: the elements and attributes they share.

Jenkins' xunit plugin validates against its junit-10.xsd; GitLab shows what stands inside `failure` and
never its message, and takes classname plus name for the identity of a case. So each line is said in both.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemline.report.verdicts import gates, reason, verdicts

# what XML 1.0 cannot hold, not even escaped
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FLIPS = 5  # the most frequent ones stand under a failed agreement


@dataclass(frozen=True)
class Case:
    """One test case. At most one of failure and skipped is not None; both are one line.

    seconds: what it took; None when it was not measured, and then nothing is claimed.
    output: more lines, for a reader who opens the case.
    """

    classname: str
    name: str
    seconds: float | None = None
    failure: str | None = None
    skipped: str | None = None
    output: str = ""


def document(
    name: str, cases: Sequence[Case], properties: Mapping[str, object], *, timestamp: str | None = None
) -> bytes:
    """Return one suite as a JUnit XML file in UTF-8; its time is the sum of its cases'.

    timestamp: ISO 8601, UTC; the trailing Z is left out, old schemas refuse it.
    """
    seconds = [case.seconds for case in cases if case.seconds is not None]
    failures = sum(case.failure is not None for case in cases)
    skipped = sum(case.skipped is not None for case in cases)
    counts = {"tests": len(cases), "failures": failures, "errors": 0, "skipped": skipped}
    times = {"time": f"{sum(seconds):.3f}" if seconds else None, "timestamp": timestamp and timestamp.removesuffix("Z")}
    root = ET.Element("testsuites")
    suite = _add(root, "testsuite", {"name": name, **counts, **times})
    held = _add(suite, "properties", {})
    for key, value in properties.items():
        _add(held, "property", {"name": key, "value": value})
    for case in cases:
        _case(suite, case)
    ET.indent(root, " ")
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def of_parity(report: Mapping[str, Any]) -> bytes:
    """Return a parity report as JUnit XML: one case for each artifact and gate.

    classname is the artifact, name the gate. What could not be judged is a skipped case with the reason.
    The seconds of an artifact are spread evenly over its gates: one run of it answers them all.
    """
    judged = verdicts(report)
    cases = []
    for row in report["artifacts"]:
        name = row["artifact"]
        seconds = row.get("seconds")
        share = None if seconds is None else seconds / max(1, sum(artifact == name for artifact, _ in judged))
        for gate in gates(report):
            verdict = judged.get((name, gate))
            if verdict is None:
                cases.append(Case(name, gate, skipped=reason(gate)))
                continue
            failure = None
            if not verdict.passed:
                failure = f"{verdict.value:.6g}, at {verdict.bound} {verdict.bar:g}"
            output = [str(verdict), *(_flips(row) if gate == "agreement" else ())]
            cases.append(Case(name, gate, share, failure, output="\n".join(output)))
    for name in report.get("not_run", ()):
        cases += [Case(name, gate, skipped="its engine is not here") for gate in gates(report)]
    return document(report["bundle"], cases, _properties(report), timestamp=report.get("created"))


def of_bench(report: Mapping[str, Any]) -> bytes:
    """Return a result of hemline bench as JUnit XML: one case for each artifact and gate that was asked for.

    An artifact that could not be measured is a case that failed; what could not be judged is a skipped one.
    """
    cases = []
    for gate in report["gates"]:
        value = "not known" if gate["value"] is None else f"{gate['value']:.4g}"
        ends = ["?" if gate[key] is None else f"{gate[key]:.4g}" for key in ("low", "high")]
        line = f"{value} ({ends[0]} to {ends[1]}), at most {gate['bar']:g}"
        failure = line if gate["state"] == "failed" else None
        skipped = gate["why"] if gate["state"] == "skipped" else None
        cases.append(Case(gate["artifact"], gate["gate"], failure=failure, skipped=skipped, output=line))
    cases += [Case(row["artifact"], "measured", failure=row["reason"]) for row in report["failures"]]
    cases += [Case(row["artifact"], "measured", skipped=row["reason"]) for row in report["not_run"]]
    facts: dict[str, object] = {key: report[key] for key in ("bundle", "class_lock", "seconds", "rounds")}
    facts |= report["machine"]
    for number, mark in enumerate(report["invalid"]):
        facts[f"invalid {number + 1}"] = f"{mark['what']}: {mark['detail']}"
    for row in report["artifacts"]:
        facts[f"engine of {row['artifact']}"] = row["backend"]
    return document(report["bundle"], cases, facts, timestamp=report["created"])


def _properties(report: Mapping[str, Any]) -> dict[str, object]:
    """Return what was compared, with what and where."""
    facts: dict[str, object] = {key: report[key] for key in ("bundle", "class_lock", "data", "n", "reference")}
    facts |= report.get("machine", {})
    for row in report["artifacts"]:
        if "backend" in row:
            facts[f"engine of {row['artifact']}"] = row["backend"]
        if row.get("second_engine"):
            facts[f"second engine of {row['artifact']}"] = row["second_engine"]
    return facts


def _flips(row: Mapping[str, Any]) -> list[str]:
    return [f"{flip['count']} x {flip['from']} -> {flip['to']}" for flip in row["flips"][:FLIPS]]


def _case(suite: ET.Element, case: Case) -> None:
    time = None if case.seconds is None else f"{case.seconds:.3f}"
    element = _add(suite, "testcase", {"classname": case.classname, "name": case.name, "time": time})
    if case.failure is not None:
        _add(element, "failure", {"type": "gate", "message": case.failure}, case.output or case.failure)
    elif case.skipped is not None:
        _add(element, "skipped", {"message": case.skipped}, case.skipped)
    elif case.output:
        _add(element, "system-out", {}, case.output)


def _add(parent: ET.Element, tag: str, attributes: Mapping[str, object], text: str | None = None) -> ET.Element:
    """Append an element; an attribute that is None is left out."""
    given = {name: _FORBIDDEN.sub("", str(value)) for name, value in attributes.items() if value is not None}
    element = ET.SubElement(parent, tag, given)
    if text is not None:
        element.text = _FORBIDDEN.sub("", text)
    return element
