"""
What can keep a part from an answer, and the states that are told once when they begin and once when they are over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

Cause = Literal["camera", "picture", "model", "budget", "store"]

# state: (event when it begins, event when it is over)
STATES: dict[str, tuple[str, str]] = {
    "camera": ("camera_lost", "camera_back"),
    "picture": ("frame_refused", "frames_back"),
    "model": ("model_failed", "model_back"),
    "budget": ("budget_missed", "budget_kept"),
}


class Fault(Exception):
    """Why there is no answer about a part; the reason is one line for a person. source: what it is about."""

    def __init__(self, cause: Cause, reason: str, *, source: str = "") -> None:
        super().__init__(reason)
        self.cause: Cause = cause
        self.reason = reason
        self.source = source


class Ended(Exception):
    """No part will come any more, and why."""


class States:
    """Which of the states of STATES the line is in. tell: is given the kind of an event and its detail."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._since: dict[str, tuple[float, int]] = {}  # state: when it began, how often it was seen since

    def bad(self, state: str, reason: str) -> None:
        """Say that it is so now; the first time it is an event."""
        since = self._since.get(state)
        if since is None:
            self._since[state] = (time.monotonic(), 1)
            self._tell(STATES[state][0], reason)
        else:
            self._since[state] = (since[0], since[1] + 1)

    def good(self, state: str) -> None:
        """Say that it is not so; when it was, that is an event."""
        if (since := self._since.pop(state, None)) is not None:
            times = "once" if since[1] == 1 else f"{since[1]:,} times"
            self._tell(STATES[state][1], f"after {time.monotonic() - since[0]:.1f} s, {times}")

    def __contains__(self, state: str) -> bool:
        return state in self._since

    @property
    def bad_now(self) -> list[str]:
        """The states that it is in, the oldest first."""
        return list(self._since)
