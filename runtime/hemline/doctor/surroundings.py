"""
What the environment says: variables of hemline that lead nowhere, and a locale that cannot write every label.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline.doctor.finding import Finding, ok, problem
from hemline.doctor.system import System

MANIFEST = "manifest.json"


def check(system: System) -> Iterator[Finding]:
    """Say which variables lead nowhere."""
    environment = system.environment
    well = True
    for name in ("HEMLINE_DATA", "HEMLINE_BUNDLES", "HEMLINE_CACHE", "HEMLINE_WARDROBE"):
        value = environment.get(name)
        if not value:
            continue
        folder = system.at(value)
        if not folder.is_dir() and name in ("HEMLINE_DATA", "HEMLINE_BUNDLES"):
            well = False
            yield problem(f"{name} is {value}, where no folder is", f"unset {name}, or give it the right folder")
        elif folder.exists() and not folder.is_dir():
            well = False
            yield problem(f"{name} is {value}, which is a file", f"unset {name}, or give it a folder")
        elif name == "HEMLINE_BUNDLES" and not any(folder.glob(f"*/{MANIFEST}")):
            well = False
            inner = (folder / MANIFEST).exists()
            yield problem(
                f"{name} is {value}, {'which is a bundle itself' if inner else 'in which there is no bundle'}",
                f"export {name}={folder.parent}"
                if inner
                else f"unset {name}, or: hemline convert RUN --out {value}/NAME",
            )
    if well:
        there = sorted(name for name in environment if name.startswith("HEMLINE_") and "TOKEN" not in name)
        yield ok(", ".join(there) or "no variable of hemline is set")


def check_locale(system: System) -> Iterator[Finding]:
    """Say whether texts are UTF-8."""
    environment = system.environment
    name = next((name for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    value = environment.get(name, "")
    encoding = value.partition("@")[0].partition(".")[2].lower().replace("-", "")
    # with C and POSIX Python takes UTF-8 by itself (PEP 540)
    if environment.get("PYTHONUTF8") == "1" or value in ("", "C", "POSIX") or encoding == "utf8":
        yield ok(f"{name}={value}" if value else "none is set")
    else:
        yield problem(
            f"{name} is {value}: labels and file names outside of it cannot be printed", f"export {name}=C.UTF-8"
        )
