"""
What happens on a line, stored as it happens; held in memory while nothing can be stored, and stored when it can.

Laws. A verdict that was not stored is not acknowledged: the part gets the safe decision instead, whatever the model
said, and that is what is held. When there is room again the newest is stored at once, as it is; what was held follows,
with its time in its reason. What is held is bounded, and what goes over is counted and told. A disk on the brink, that
takes one thing and not the next, is one outage: it is over when everything was stored for a while.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from math import inf
from typing import Protocol

from hemline.errors import DataError
from hemline.line.deciding import SAFE_VERDICT
from hemline.line.decision import Decision
from hemline.line.picturerule import PictureRule
from hemline.line.store import LineStore
from hemline.space import DiskFullError

HELD = 10_000  # decisions and events; without pictures and embeddings, about 1 KB each
TIDY_S = 1.0  # between two times of tidying
RETRY_S = 1.0  # between two tries to store: one that fails has looked for room, which takes its time
STEADY_S = 5.0  # of storing without a failure, after which an outage is over
_FAILURES = (DataError, sqlite3.Error, OSError)


class Listener(Protocol):
    """Who is told what happens, in the order in which it happens."""

    def decided(self, decision: Decision, sequence: int | None) -> None:
        """Take a decision; sequence None: it is held."""

    def happened(self, kind: str, detail: str) -> None:
        """Take an event."""


@dataclass(frozen=True, eq=False)
class Held:
    """What waits for room: a decision, or an event (kind, detail)."""

    decision: Decision | None = None
    event: tuple[str, str] = ("", "")


@dataclass
class Outage:
    """A time in which not everything could be stored. back: the event that ends it. since: time.monotonic().

    well_since: from when on everything was, inf when it is not. held, lost: decisions.
    """

    back: str
    since: float
    well_since: float = inf
    held: int = 0
    lost: int = 0

    def told(self) -> str:
        """Return it in words."""
        return f"after {time.monotonic() - self.since:.1f} s; {self.held:,} decisions were held, {self.lost:,} are lost"


class Ledger:
    """The store of a line, which belongs to the caller. Used by the line's own thread alone.

    publishers: by which everything is told. rule: whose pictures are kept. act: is given the verdict of a decision that
    is held, now: what is done to a part cannot wait until there is room.
    """

    def __init__(
        self,
        store: LineStore,
        publishers: Sequence[str],
        rule: PictureRule,
        listener: Listener,
        *,
        act: Callable[[str], None] | None = None,
    ) -> None:
        self._store, self._publishers, self._rule = store, tuple(publishers), rule
        self._listener, self._act = listener, act
        self._held: deque[Held] = deque()
        self._shut = False  # the last try to store failed
        self._outage: Outage | None = None
        self._retry_at = self._tidy_at = 0.0

    @property
    def held(self) -> int:
        """How many decisions and events wait to be stored."""
        return len(self._held)

    def decision(self, decision: Decision, picture: Callable[[], bytes | None]) -> tuple[Decision, int | None]:
        """Store a decision, and return it with its number; where it cannot be stored the safe one, and None.

        picture: makes the bytes of its picture file; asked when the rule keeps it.
        """
        sequence: int | None = None
        if self._open():
            try:
                why = self._rule.why(decision, self._store.next_sequence)
                data = None if why is None else picture()
                sequence = self._store.record(decision, data, self._publishers, why=why).sequence
            except _FAILURES as error:
                self._fail(error)
        if sequence is None:
            decision = unstored(decision)
            self._hold(Held(decision))
            if self._act is not None:
                with suppress(DataError):  # told by its publisher
                    self._act(decision.verdict)
        self._listener.decided(decision, sequence)
        return decision, sequence

    def heard(self, kind: str, detail: str) -> None:
        """Pass on an event that is stored already."""
        self._listener.happened(kind, detail)

    def event(self, kind: str, detail: str) -> None:
        """Store an event."""
        self._listener.happened(kind, detail)
        if self._open():
            try:
                self._store.event(kind, detail, self._publishers)
                return
            except _FAILURES as error:
                self._fail(error)
        self._hold(Held(event=(kind, detail)))

    def settle(self, until: float) -> None:
        """Store what is held, as far as there is room and time; until: time.monotonic()."""
        while self._held and time.monotonic() < until:
            if (self._shut and time.monotonic() < self._retry_at) or not self._put_oldest():
                return
        outage = self._outage
        if outage is not None and not self._held and time.monotonic() >= outage.well_since + STEADY_S:
            self._outage = None
            self.event(outage.back, outage.told())

    def tidy(self) -> None:
        """Do what the store has to do at some time, now that no part is waited for."""
        now = time.monotonic()
        if not self._shut and now >= self._tidy_at:
            self._tidy_at = now + TIDY_S
            with suppress(*_FAILURES):  # what matters meets the same fault, and tells it
                self._store.tidy()

    def close(self, seconds: float) -> None:
        """Store what is held, and say what could not be stored for all that."""
        self._retry_at = 0.0
        if self._outage is not None:
            self._outage.well_since = -inf
        self.settle(time.monotonic() + seconds)
        if self._held:
            decisions = sum(held.decision is not None for held in self._held)
            self._listener.happened("store_failed", f"{decisions:,} decisions could not be stored and are lost")

    def _open(self) -> bool:
        """Whether what comes may be stored; while nothing could, that is tried now and then, with the oldest."""
        return not self._shut or (time.monotonic() >= self._retry_at and self._put_oldest())

    def _put_oldest(self) -> bool:
        held = self._held[0]
        try:
            if held.decision is not None:
                self._store.record(held.decision, None, self._publishers)
            else:
                self._store.event(*held.event, self._publishers)
        except _FAILURES as error:
            self._fail(error)
            return False
        self._held.popleft()
        if self._shut and self._outage is not None:
            self._outage.well_since = time.monotonic()
        self._shut = False
        return True

    def _fail(self, error: Exception) -> None:
        """Say once that nothing is being stored, and hold that before all else."""
        now = time.monotonic()
        self._shut, self._retry_at = True, now + RETRY_S
        if self._outage is not None:
            self._outage.well_since = inf
            return
        full = isinstance(error, DiskFullError)
        kind, back = ("disk_full", "disk_back") if full else ("store_failed", "store_back")
        self._outage = Outage(back, now)
        self._listener.happened(kind, str(error))
        self._held.appendleft(Held(event=(kind, str(error))))

    def _hold(self, held: Held) -> None:
        assert self._outage is not None
        self._outage.held += held.decision is not None
        if len(self._held) >= HELD:
            self._outage.lost += self._held[1].decision is not None  # the first says why the others are held
            del self._held[1]
        self._held.append(held)


def unstored(decision: Decision) -> Decision:
    """Return the safe decision in place of one that cannot be stored now."""
    at = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    why = decision.reason if decision.safe else f"{decision.verdict} by the model"
    reason = f"could not be stored at {at}; {why}"
    return replace(decision, verdict=SAFE_VERDICT, safe=True, reason=reason, embedding=None)
