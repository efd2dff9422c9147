"""
Faults of a live source: which there are, what is said about each, and how long to wait after it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import inf
from typing import Any

from hemline.sources.limits import Limits

# kind of fault: what it means
FAULTS = {
    "late": "no frame was complete in time",
    "frozen": "the same picture came again and again",
    "refused": "no frame was whole",
    "lost": "the source said that it is lost, or hung up",
    "died": "the capture process died",
    "silent": "the capture process did not answer",
    "unopened": "it could not be opened again",
}
# Python and OpenCV, from an SD card or on a machine that is busy; a camera is not to blame for it
START_SECONDS = 60.0


def unopened(limits: Limits, started: bool, answer: Mapping[str, Any] | None) -> str:
    """Return what to say about a source whose first frame is not there in time.

    answer: to "why", None when none came.
    """
    if not started:
        return f"the capture process has not started within {START_SECONDS:g} s"
    line = f"no frame within {limits.opening_s:g} s of opening"
    return f"{line}; {answer['refusal']}" if answer is not None and answer["refusal"] else line


def overdue(answer: Mapping[str, Any] | None, *, refused: int, repeated: int) -> tuple[str, str]:
    """Return the kind of fault, and what to say about it, when a frame is not there in time.

    answer: to "why", None when none came. refused, repeated: frames since the last one that was given.
    """
    if answer is None:
        return "silent", "the capture process does not answer"
    if repeated and repeated >= refused:
        hint = "a source that shows stills says so with the option still"
        return "frozen", f"frozen, {repeated} times the same picture bit for bit; {hint}"
    age_s = time.monotonic() - answer["newest_ns"] / 1e9
    if refused:
        return "refused", f"no whole picture for {age_s:.1f} s, {refused} refused; {answer['refusal']}"
    return "late", f"no frame for {age_s:.1f} s"


class Outage:
    """Failures in a row: each waits longer than the one before, and not each is worth a line."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reported: dict[str, float] = {}  # kind: when, time.monotonic()
        self.failures = 0

    def over(self) -> None:
        """Frames have come for a while."""
        self.failures = 0
        self._reported = {}

    def failed(self, kind: str) -> tuple[float, bool]:
        """Return how long to wait now, and whether to report this failure."""
        self.failures += 1
        now = time.monotonic()
        report = now - self._reported.get(kind, -inf) >= self._limits.report_s
        if report:
            self._reported[kind] = now
        return self._limits.pause(self.failures), report

    @property
    def hopeless(self) -> bool:
        """Whether the source has failed more often than it may."""
        return self._limits.retries is not None and self.failures > self._limits.retries
