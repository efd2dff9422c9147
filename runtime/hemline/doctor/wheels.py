"""
Which Python can have which engine: what is on the package index, as a table.

A wheel is for some versions of Python, for a processor and for a C library that is at least so old. Where none fits,
pip says "no matching distribution" and leaves it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.interpreter import Python, dotted
from hemline.doctor.system import System
from hemline.processor import NARROW

OLDEST, NEWEST = (3, 10), (3, 13)  # requires-python of pyproject.toml
NEW_PYTHON = "pyenv install 3.13, then ~/.pyenv/versions/3.13*/bin/python -m venv ~/hemline"
NEW_SYSTEM = "update the system: Debian 12, Raspberry Pi OS Bookworm and Ubuntu 22.04 have glibc 2.35 or newer"
GLIBC_SYSTEM = "use a system with glibc; in a container python:3.13-slim in the place of python:3.13-alpine"
WIDE_SYSTEM = "write the 64-bit image of the system on the card (Raspberry Pi Imager: Raspberry Pi OS, 64-bit)"
PEP_668 = "https://peps.python.org/pep-0668/"


@dataclass(frozen=True)
class Wheel:
    """The wheels of a package, all versions that hemline takes together.

    engine: what it serves. pythons: oldest and newest. glibc: {machine: the oldest that one of them loads with}.
    """

    package: str
    engine: str
    pythons: tuple[tuple[int, int], tuple[int, int]]
    glibc: Mapping[str, tuple[int, int]]

    def lacking(self, python: Python) -> tuple[str, str]:
        """Return why none fits and what to do about it; "" and "" where one fits."""
        oldest, newest = self.pythons
        if python.libc == "musl":
            return "musl has none", GLIBC_SYSTEM
        if python.machine not in self.glibc:
            return (
                f"none for {python.machine}",
                WIDE_SYSTEM if python.bits == 32 else "use a machine of x86_64 or aarch64",
            )
        if not oldest <= python.version <= newest:
            return f"for Python {dotted(oldest)} to {dotted(newest)}", NEW_PYTHON
        least = self.glibc[python.machine]
        if (0, 0) < python.libc_version < least:
            return f"from glibc {dotted(least)} on", NEW_SYSTEM
        return "", ""


# read from the package index in November 2026; of openvino on aarch64 what came after 2025.2 wants glibc 2.35
WHEELS = (
    Wheel("ai-edge-litert", "litert", ((3, 10), (3, 14)), {"x86_64": (2, 27), "aarch64": (2, 27)}),
    Wheel("onnxruntime", "onnx", ((3, 10), (3, 14)), {"x86_64": (2, 27), "aarch64": (2, 27)}),
    Wheel("openvino", "openvino", ((3, 10), (3, 14)), {"x86_64": (2, 17), "aarch64": (2, 31)}),
)
TFLITE = Wheel(
    "tflite-runtime", "litert", ((3, 8), (3, 11)), {"x86_64": (2, 17), "aarch64": (2, 34), "armv7l": (2, 34)}
)
OPENCV = Wheel("opencv-python-headless", "", ((3, 7), (3, 14)), {"x86_64": (2, 17), "aarch64": (2, 17)})


def check_python(system: System) -> Iterator[Finding]:
    """Say whether hemline runs in this Python, and whether programs and kernel are as wide as each other."""
    python = system.python
    well = True
    if not OLDEST <= python.version <= NEWEST:
        well = False
        yield problem(f"Python {python.full}: hemline is for {dotted(OLDEST)} to {dotted(NEWEST)}", NEW_PYTHON)
    kernel = system.text("/proc/sys/kernel/arch").strip()
    if python.bits == 32:
        well = False
        below = f" on a 64-bit kernel ({kernel})" if kernel in NARROW else ""
        yield problem(f"programs of 32 bits ({python.machine}){below}: no engine but tflite-runtime", WIDE_SYSTEM)
    if python.managed:
        well = False
        yield note("the system's own Python, into which pip refuses to install", "python3 -m venv ~/hemline", PEP_668)
    if well:
        yield ok(python.title)


def check_wheels(system: System) -> Iterator[Finding]:
    """Say which engines can be installed here."""
    python = system.python
    why = {wheel.package: wheel.lacking(python) for wheel in (*WHEELS, TFLITE)}
    there = [package for package, (reason, _) in why.items() if not reason]
    missing = {package: found for package, found in why.items() if found[0] and package != TFLITE.package}
    reason, fix = OPENCV.lacking(python)
    if reason:
        yield problem(f"{OPENCV.package} has no wheel for {python.title} ({reason})", fix)
    if not there:
        first = why[WHEELS[0].package]
        yield problem(f"no engine has a wheel for {python.title} ({first[0]})", first[1])
        return
    for package, (reason, fix) in missing.items():
        yield note(f"{package} has no wheel for {python.title} ({reason}); there are {', '.join(there)}", fix)
    reason, _ = why[TFLITE.package]
    if reason and not system.version("ai-edge-litert"):
        successor = "pip install 'hemline[litert]': ai-edge-litert is its successor, with the same interpreter"
        yield note(f"{TFLITE.package} has no wheel for {python.title} ({reason})", successor)
    if not missing:
        yield ok(f"there are {', '.join(there)}")
