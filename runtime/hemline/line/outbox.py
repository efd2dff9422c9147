"""
From the outbox in the database to whoever has to know: a thread for each publisher, at least once, in order.

A thread takes what is pending, delivers it and notes that it was; what goes wrong is tried again after a while that
grows, and is told once, in an event, and once when it is over. Nothing here holds a decision up.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from hemline.errors import DataError
from hemline.line.publishers import Publisher, PublishError
from hemline.line.store import LineStore


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how much to take at once.

    first_s: after a failure, twice that after the next, and so on up to longest_s; a part of it by chance, so that a
        broker that comes back does not meet all lines at once. settings_s: where somebody has to change something.
    idle_s: between two looks whether deliveries would go through. drain_s: for what is pending when it ends.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    settings_s: float = 60.0
    idle_s: float = 5.0
    drain_s: float = 5.0
    batch: int = 100

    def delay_s(self, failures: int, *, settings: bool, chance: float) -> float:
        """Return how long to wait after so many failures in a row. chance: 0..1."""
        longest = self.settings_s if settings else min(self.longest_s, self.first_s * 2 ** min(failures - 1, 30))
        return longest * (0.5 + chance / 2)


@dataclass
class State:
    """How a publisher is doing. lost: why it does not deliver, None when it does. faults: bugs it went on after."""

    delivered: int = 0
    lost: str | None = None
    lost_since: float = 0.0  # time.monotonic()
    failures: int = 0  # in a row
    faults: int = 0


class Outbox:
    """Delivers for one store, from start() until close(); a context manager. Close it before the store."""

    def __init__(
        self, store: LineStore, publishers: Mapping[str, Publisher], *, patience: Patience | None = None
    ) -> None:
        self._couriers = [
            Courier(store, name, publisher, tuple(publishers), patience or Patience())
            for name, publisher in publishers.items()
        ]
        self._store = store

    def start(self) -> None:
        """Begin to deliver."""
        self._store.listen(self._wake)
        for courier in self._couriers:
            courier.thread.start()

    def close(self) -> None:
        """Deliver what can be delivered now, end the threads and close the publishers. A second time does nothing."""
        for courier in self._couriers:
            courier.end()
        for courier in self._couriers:
            if courier.thread.ident is not None:
                courier.thread.join()

    def states(self) -> dict[str, State]:
        """Return how each publisher is doing, as it goes on."""
        return {courier.name: courier.state for courier in self._couriers}

    def __enter__(self) -> Outbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake.set()


@dataclass
class Courier:
    """One publisher's thread. everybody: the names of all publishers, who are told of its failures."""

    store: LineStore
    name: str
    publisher: Publisher
    everybody: tuple[str, ...]
    patience: Patience
    state: State = field(default_factory=State)
    wake: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name=f"outbox-{self.name}", daemon=True)
        self._ending = threading.Event()
        self._end_at = float("inf")
        self._unmarked: list[str] = []  # delivered, and not noted yet because the disk is full
        self._told = ""  # the reason that the last broker_lost gave
        self._chance = random.Random()  # noqa: S311  # of waiting, not of secrets

    def end(self) -> None:
        """Ask the thread to end when nothing is pending, or nothing can be delivered, or time is up."""
        self._end_at = time.monotonic() + self.patience.drain_s
        self._ending.set()
        self.wake.set()

    def _run(self) -> None:
        try:
            while True:
                ending = self._ending.is_set()  # before the turn: one that began earlier has not seen everything
                try:
                    wait_s = self._turn()
                except Exception:  # noqa: BLE001  # a service goes on; a bug is counted, and seen in state.faults
                    self.state.faults += 1
                    self.state.failures += 1
                    wait_s = self._delay_s(settings=False)
                if ending and (wait_s > 0 or time.monotonic() >= self._end_at):
                    return
                if self.state.failures:
                    self._ending.wait(wait_s)  # something new to deliver does not make the next try come earlier
                elif wait_s > 0:
                    self.wake.wait(wait_s)
                self.wake.clear()
        finally:
            with suppress(DataError, OSError):
                self.publisher.close()

    def _turn(self) -> float:
        """Deliver what is pending, up to a batch, and return how long to wait before the next turn."""
        self.wake.clear()
        try:
            self._mark([])
            messages = self.store.pending(self.name, self.patience.batch)
            try:
                delivered = self.publisher.publish(messages)
            except PublishError as error:
                self._mark(error.delivered)
                if not error.refused:
                    return self._lost(error.reason, settings=error.settings)
                first = len(error.delivered)
                self.store.refuse(self.name, messages[first : first + error.refused], error.reason)
            else:
                self._mark(delivered)
        except DataError as error:  # of the store: a full disk, most of the time
            return self._lost(f"{self.name}: {error}", settings=False)
        self._back()
        return 0.0 if messages else self.patience.idle_s

    def _mark(self, delivered: Sequence[str]) -> None:
        """Note what was delivered; what cannot be noted on a full disk is not delivered once more, but noted later."""
        self.state.delivered += len(delivered)
        self._unmarked += delivered
        if self._unmarked:
            self.store.delivered(self.name, self._unmarked)
            self._unmarked = []

    def _lost(self, reason: str, *, settings: bool) -> float:
        state = self.state
        state.failures += 1
        if state.failures == 1:
            state.lost_since = time.monotonic()
        if state.lost is None or (settings and reason != self._told):
            with suppress(DataError):  # a full disk: told at the next try
                self.store.event("broker_lost", _named(self.name, reason), self.everybody)
                self._told = reason
                state.lost = reason
        return self._delay_s(settings=settings)

    def _back(self) -> None:
        state = self.state
        state.failures = 0
        if state.lost is not None:
            after_s = time.monotonic() - state.lost_since
            with suppress(DataError):
                self.store.event("broker_back", f"{self.name}: after {after_s:.1f} s", self.everybody)
                state.lost, self._told = None, ""

    def _delay_s(self, *, settings: bool) -> float:
        return self.patience.delay_s(self.state.failures, settings=settings, chance=self._chance.random())


def _named(name: str, reason: str) -> str:
    return reason if reason.startswith(name) else f"{name}: {reason}"
