"""
SQLite, which keeps the catalogue of a wardrobe and the decisions of a line.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.system import System, numbers

LINK = "https://sqlite.org/wal.html#walresetbug"
# the releases of older lines that have the mending of 3.51.3 too
MENDED = ((3, 44, 6), (3, 50, 7))
FIRST, WHOLE = (3, 7, 0), (3, 51, 3)


def check(system: System) -> Iterator[Finding]:
    """Say whether this SQLite keeps what it is given."""
    told = system.trials.told("database")
    if told.error:
        yield problem(
            f"SQLite cannot be loaded ({told.error}): no wardrobe and no line",
            "sudo apt install -y libsqlite3-dev, then build this Python again: pyenv install --force 3.13",
        )
        return
    version = str(told.values["version"])
    if "THREADSAFE=0" in told.values["options"]:
        yield problem(
            f"SQLite {version} was made for one thread; a line and a wardrobe page have several",
            "use a Python whose SQLite has THREADSAFE=1: that of the system has (/usr/bin/python3 -m venv ~/hemline)",
        )
    elif damages(numbers(version)):
        yield note(
            f"SQLite {version}: two programs that write at once can damage a database; hemline writes from one alone",
            "sudo apt full-upgrade (3.51.3 is mended); until then let no other program write to hemline's databases",
            LINK,
        )
    else:
        yield ok(f"SQLite {version}")


def damages(version: tuple[int, ...]) -> bool:
    """Say whether a version has the WAL-reset bug."""
    if any(version[:2] == mended[:2] and version >= mended for mended in MENDED):
        return False
    return FIRST <= version < WHOLE
