"""
What a check says. Law: what is not well has one line that mends it; what is well has none.
"""

from __future__ import annotations

from dataclasses import dataclass

# the worst first. fatal: nothing can run. problem: something goes wrong. note: good to know, and what can be done
STATES = ("fatal", "problem", "note", "ok")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    state: one of STATES. about: what was found, a line. fix: one line to type or to do, "" only where all is well.
    link: who found it out, or "". check: the name of the check, set by examine().
    """

    state: str
    about: str
    fix: str = ""
    link: str = ""
    check: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES or (self.state == "ok") == bool(self.fix) or len(self.about.splitlines()) != 1:
            raise ValueError(f"no finding: {self}")
        if len(self.fix.splitlines()) > 1:
            raise ValueError(f"a fix is one line: {self.fix!r}")


def ok(about: str) -> Finding:
    """Return that all is well."""
    return Finding("ok", _line(about))


def note(about: str, fix: str, link: str = "") -> Finding:
    """Return what is good to know."""
    return Finding("note", _line(about), fix, link)


def problem(about: str, fix: str, link: str = "") -> Finding:
    """Return what will go wrong."""
    return Finding("problem", _line(about), fix, link)


def fatal(about: str, fix: str, link: str = "") -> Finding:
    """Return why nothing can run."""
    return Finding("fatal", _line(about), fix, link)


def _line(text: str) -> str:
    return " ".join(text.split())  # names of devices and what a library said are of others
