"""
What everything here stands on: numpy and OpenCV, loaded in a child process, and the bundles that came along.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hemline.doctor.finding import Finding, fatal, ok, problem
from hemline.doctor.packages import HEADLESS, OPENCVS
from hemline.doctor.system import System
from hemline.doctor.trials import NO_ANSWER

# of the graphical builds of OpenCV; a system without a desktop has none of them
GUI = ("libGL.so", "libgthread-2.0.so", "libglib-2.0.so", "libSM.so", "libXext.so", "libXrender.so", "libEGL.so")
REINSTALL = "pip install --force-reinstall --no-cache-dir"
BASELINE_LINK = "https://numpy.org/devdocs/building/cpu_simd.html"


def check(system: System) -> Iterator[Finding]:
    """Say whether numpy and OpenCV load."""
    told = system.trials.told("libraries")
    if not told.error:
        yield ok(f"numpy {told.values['numpy']} and OpenCV {told.values['opencv']} load")
        return
    failed = told.values.get("failed", "numpy or OpenCV")
    about = f"{failed} cannot be loaded ({told.error})"
    here = [package for package in OPENCVS if system.version(package)] or [HEADLESS]
    if any(name in told.error for name in GUI):
        names = " ".join(here)
        yield fatal(f"{about}: a library of a desktop", f"pip uninstall -y {names} && pip install {HEADLESS}")
    elif told.death.startswith(NO_ANSWER):
        yield fatal(about, "hemline doctor --check libraries, when the machine has less to do")
    elif "X86_V2" in told.error:
        yield fatal(about, "pip install 'numpy<2.4': newer ones want a processor with SSE4.2", BASELINE_LINK)
    elif "ModuleNotFoundError" in told.error:
        yield fatal(about, "pip install hemline")
    elif failed == "OpenCV" and ("_ARRAY_API" in told.error or "multiarray" in told.error):
        yield fatal(about, f"pip install --upgrade {here[0]}")
    else:
        yield fatal(about, f"{REINSTALL} numpy {' '.join(here)}")


def check_bundles(system: System) -> Iterator[Finding]:
    """Say whether every file of every bundle is the one that was released."""
    told = system.trials.told("libraries")
    found = told.values.get("bundles")
    if found is None:
        yield problem("bundles cannot be looked at before numpy and OpenCV load", "hemline doctor --check libraries")
        return
    named = system.environment.get("HEMLINE_BUNDLES")
    for folder, wrong in found.items():
        if wrong:
            own = named is not None and Path(folder).is_relative_to(named)
            again = f"copy {folder} again from where it was made" if own else f"{REINSTALL} --no-deps hemline"
            yield problem(wrong, again)
    if not any(found.values()):
        yield ok(", ".join(Path(folder).name for folder in found))
