"""hemline doctor: what can run here, what is wrong, and the line that mends it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemline.doctor.finding import Finding
    from hemline.doctor.system import System


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the findings as JSON; - is stdout")
    parser.add_argument("--check", action="append", metavar="NAME", help="this check only; may be given several times")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when there is a problem")
    parser.add_argument("--user", metavar="NAME", help="ask what this user may do, a service's for instance")
    parser.add_argument(
        "--root", default="/", metavar="DIR", help="look at the system below a folder, a memory card's for instance"
    )


def run(options: argparse.Namespace) -> int:
    """Print the findings; 3 when nothing can run, 1 for --strict and a problem."""
    from hemline import doctor
    from hemline.commands.output import require_writable, write_json
    from hemline.doctor.system import System

    require_writable({"--json": options.json})
    system = System.of(options.root, user_name=options.user)
    findings = doctor.examine(system, options.check or ())
    rows = [] if options.check else _engines(system)
    if options.json:
        write_json(options.json, _answer(system, findings, rows, whole=not options.check))
    if options.json != "-":
        _print(system, findings, rows)
    states = {finding.state for finding in findings}
    return 3 if "fatal" in states else 1 if options.strict and "problem" in states else 0


def _facts(system: System) -> dict[str, str]:
    import platform

    from hemline import __version__
    from hemline.doctor.packages import OPENCVS

    opencv = next((version for package in OPENCVS if (version := system.version(package))), "missing")
    return {
        "hemline": __version__,
        "python": system.python.full,
        "machine": f"{platform.system()} {system.python.machine}",
        "numpy": system.version("numpy") or "missing",
        "opencv": opencv,
    }


def _engines(system: System) -> list[dict[str, Any]]:
    from hemline.doctor.engines import ENGINES, probe_of

    rows = []
    for name in ENGINES:
        told = system.trials.told(name)
        probe = dict(probe_of(told))
        broken = bool(told.error)
        rows.append(
            {
                "engine": name,
                "available": bool(probe.get("available")) and not broken,
                "package": probe.get("package", ""),
                "version": probe.get("version", ""),
                "install": probe.get("install", ""),
                "error": told.error,
            }
        )
    return rows


def _answer(
    system: System, findings: Iterable[Finding], engines: list[dict[str, Any]], *, whole: bool
) -> dict[str, Any]:
    from dataclasses import asdict

    from hemline.doctor import cameras, device

    profile = device.fitting(system)
    needs = system.trials.told("libraries").values.get("picamera") if whole and system.here else None
    return {
        "schema": 1,
        **_facts(system),
        "device": profile.name if profile else None,
        "engines": engines,
        "cameras": cameras.listed(system) if whole else [],
        "picamera": needs,
        "findings": [{"check": finding.check, **asdict(finding)} for finding in findings],
    }


def _print(system: System, findings: list[Finding], engines: list[dict[str, Any]]) -> None:
    from hemline.report.table import table

    print("  ".join(f"{name} {value}" for name, value in _facts(system).items()))
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        if finding.state == "ok":
            continue
        print(f"\n{finding.state:<8} {finding.check:<{width}}  {finding.about}")
        print(f"{'':8} {'':{width}}  fix: {finding.fix}")
        if finding.link:
            print(f"{'':8} {'':{width}}  see: {finding.link}")
    print()
    for finding in findings:
        if finding.state == "ok":
            print(f"{'ok':<8} {finding.check:<{width}}  {finding.about}")
    if engines:
        cells = [[row["engine"], *_cells(row)] for row in engines]
        print(f"\n{table(['engine', 'state', 'with'], cells)}")
    counts = {state: sum(finding.state == state for finding in findings) for state in ("fatal", "problem", "note")}
    told = [
        f"{count} {state}{'s' if count > 1 and state != 'fatal' else ''}" for state, count in counts.items() if count
    ]
    print(f"\n{', '.join(told) or 'nothing is wrong'}")


def _cells(row: dict[str, Any]) -> tuple[str, str]:
    if row["available"]:
        return "runs", f"{row['package']} {row['version']}".strip()
    return ("broken", row["error"]) if row["error"] else ("missing", row["install"])
