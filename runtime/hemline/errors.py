"""
The tree of errors. Each says what was asked, what was found and what to do, in one line.

    HemlineError
    |-- GateError        1  a gate failed: parity, accuracy, a reject when asked to fail on it
    |-- UsageError       2  the command line or a configuration file is wrong
    |-- MissingError     3  an engine, extra or device is not here
    `-- DataError        4  bad data
        |-- PictureError    one picture cannot be used
        |-- DatasetError    a data set cannot be used
        |-- RunError        a run directory cannot be used
        `-- BundleError     a bundle or one of its artifacts cannot be used

The number is the exit status. The command line catches HemlineError in one place and prints the line;
anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class HemlineError(Exception):
    """An error with a message for a person: one line, the file named."""

    exit_status = 4


class GateError(HemlineError):
    """A gate failed."""

    exit_status = 1


class UsageError(HemlineError):
    """The command line or a configuration file is wrong."""

    exit_status = 2


class MissingError(HemlineError):
    """An engine, an extra or a device is not here."""

    exit_status = 3


class DataError(HemlineError):
    """Something that was read cannot be used."""


class PictureError(DataError):
    """One picture cannot be used."""


class DatasetError(DataError):
    """A data set cannot be used."""


class RunError(DataError):
    """A run directory cannot be used."""


class BundleError(DataError):
    """A bundle or one of its artifacts cannot be used."""


def unknown(kind: str, asked: str, known: Iterable[str]) -> str:
    """Return the one line for a name that does not exist, with the nearest name that does.

    >>> unknown("recipe", "fashion-cn", ["fashion-cnn", "mlp-2"])
    "no recipe 'fashion-cn'; nearest: fashion-cnn; there are fashion-cnn, mlp-2"
    """
    import difflib  # only when something is already wrong

    names = sorted(known)
    near = difflib.get_close_matches(asked, names, n=1, cutoff=0.5)
    nearest = f"; nearest: {near[0]}" if near else ""
    there = f"; there are {', '.join(names)}" if names else "; there are none"
    return f"no {kind} {asked!r}{nearest}{there}"
