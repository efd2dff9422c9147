"""What `hemline devices install` says and asks: differences, notes, what systemd says, whether to write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from hemline.deploy.checks import Finding
from hemline.deploy.plan import Change
from hemline.errors import UsageError

_BOLD, _RED, _GREEN, _CYAN, _RESET = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[0m"
_MARKS = {"---": _BOLD, "+++": _BOLD, "@@": _CYAN, "-": _RED, "+": _GREEN}  # the first that a line begins with


def differences(planned: Iterable[Change]) -> None:
    """Print each change as a unified difference, in colour on a terminal."""
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for change in planned:
        if not change.needed:
            print(f"same: {change.path}")
        elif change.after is None:
            print(f"gone: {change.path}")
        else:
            for line in change.difference():
                print(_painted(line) if coloured else line)


def notes(lines: Iterable[str]) -> None:
    """Print what has to be known."""
    for line in lines:
        print(f"note: {line}")


def findings(found: Iterable[Finding]) -> bool:
    """Print what systemd says, complaints on stderr; return whether there are any."""
    wrong = False
    for finding in found:
        for complaint in finding.complaints:
            print(f"{finding.program}: {complaint}", file=sys.stderr)
            wrong = True
        if not finding.complaints:
            print(f"{finding.program}: {finding.said}")
    return wrong


def agreed(count: int, *, yes: bool) -> bool:
    """Return whether to write this many files; asks on a terminal. UsageError where nobody can be asked."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("standard input is no terminal, so nobody can be asked: --yes writes, --dry-run only shows")
    print(f"{_files(count)} to change. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def done(changed: Sequence[Change], lines: Iterable[str]) -> None:
    """Print what was written, and what is to be typed now."""
    for change in changed:
        print(f"{'removed' if change.after is None else 'wrote'} {change.path}")
    print("now:")
    for line in lines:
        print(f"  {line}")


def nothing_written(count: int) -> None:
    """Say that it was a trial."""
    print(f"nothing was written; {_files(count)} would change" if count else "nothing would change")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _painted(line: str) -> str:
    mark = next((mark for begins, mark in _MARKS.items() if line.startswith(begins)), "")
    return f"{mark}{line}{_RESET}" if mark else line
