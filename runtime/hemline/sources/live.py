"""
A live source: its capture process watched, killed when it is late, and started again.

The laws, for whatever happens to a camera:
- no frame is given twice, and none that is older than the deadline: sequence and captured_ns rise strictly;
- a frame that is late is a fault: the process is killed, one item says why, and it is opened again after a pause;
- the newest frame wins (unless the limits say every), and nothing is queued;
- what cannot be opened at first raises; what is lost later comes back, or raises after limits.retries.
"""

from __future__ import annotations

import importlib
import mmap
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from math import inf
from types import MappingProxyType, TracebackType
from typing import Any

from hemline.errors import DataError, HemlineError, MissingError, PictureError, UsageError
from hemline.sources import Item, faults, process
from hemline.sources.address import Address
from hemline.sources.kind import Kind
from hemline.sources.limits import Limits
from hemline.sources.shot import NOTEBOOK_BYTES, Notebook
from hemline.sources.statistics import Statistics

# a request is answered within this when the process is alive, on a busy machine too
_ANSWER_SECONDS = 0.4
_ERRORS = {error.exit_status: error for error in (UsageError, MissingError, DataError)}


def connect(module: str, arguments: Sequence[str], limits: Limits | None = None) -> Live:
    """Return the opened live source of a module that is a Kind; its first frame is there.

    limits: in place of those that fit the kind; options in the text change either.
    """
    if len(arguments) != 1:
        raise UsageError(f"{len(arguments)} live sources; give one: {', '.join(arguments) or 'camera:0'}")
    kind: Kind = importlib.import_module(module)
    address = kind.parse(arguments[0])
    chosen = (limits or kind.limits(address)).with_options(address)
    kind.check(address)
    return Live(module, address, chosen)


class Live:
    """An open live source: iterate it, or poll it when there is something else to do.

    Use it as a context manager. It is for one reader; close() may come from any thread and ends the reader's wait.
    Raises what the source says when it cannot be opened, DataError when its first frame is not there in time.
    """

    def __init__(self, module: str, address: Address, limits: Limits) -> None:
        self.name = address.name
        self.limits = limits
        self.ended = False
        self._module, self._address = module, address
        self._reading = threading.Lock()
        self._once = threading.Lock()
        self._closing = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._notebook = process.notebook()
        self._process: process.Process | None = None
        self._asked = self._started = False
        self._due = self._reopen_at = 0.0  # time.monotonic()
        self._good_since = 0.0  # when this process gave its first frame; 0 before
        self._opened = False  # ever
        self._outage = faults.Outage(limits)
        self._sequence, self._captured_ns = 0, 0  # of the last frame
        self._notes = Notebook(mmap.mmap(self._notebook, NOTEBOOK_BYTES))
        self._noted = (0, 0)  # refused, repeated: when the last frame was given, or this process started
        self._facts = {"frames": 0, "skipped": 0, "reopenings": 0}
        self._faults: dict[str, int] = {}
        try:
            self._start()
            while not self._good_since and not self.ended:
                self._step(inf)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float | None = None) -> Item | None:
        """Return the next item: the newest frame that was not given yet, or a fault.

        None when there is none within the timeout (None: wait for it), or when the source has ended or was closed.
        Raises DataError when the source is given up.
        """
        until = inf if timeout_s is None else time.monotonic() + timeout_s
        with self._reading:
            while not self.ended and not self._closing.is_set():
                item = self._step(until)
                if item is not None:
                    return item
                if time.monotonic() >= until:
                    break
        return None

    def statistics(self) -> Statistics:
        """Return what has come, and what has gone wrong, until now."""
        age_ms = (time.monotonic_ns() - self._captured_ns) / 1e6 if self._captured_ns else None
        faults_now = MappingProxyType(dict(self._faults))
        refused, repeated = self._notes.refused, self._notes.repeated
        return Statistics(**self._facts, refused=refused, repeated=repeated, faults=faults_now, age_ms=age_ms)

    @property
    def pid(self) -> int | None:
        """Process id of the capture process, None while there is none."""
        running = self._process
        return None if running is None else running.pid

    def close(self) -> None:
        """Kill the capture process and end the iteration; may be called again."""
        with self._once:
            if self._closing.is_set():
                return
            self._closing.set()
            os.eventfd_write(self._wake, 1)
            with self._reading:
                self.ended = True
                self._stop()
                self._notes.close()
                os.close(self._notebook)
                os.close(self._wake)

    def __iter__(self) -> Iterator[Item]:
        while (item := self.poll()) is not None:
            yield item

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self, until: float) -> Item | None:
        """Wait for one thing to happen, at most until then; return the item that comes of it, if any."""
        if self._process is None:
            left = min(self._reopen_at, until) - time.monotonic()
            if left > 0:
                select.select([self._wake], [], [], left)
            elif time.monotonic() >= self._reopen_at:
                self._facts["reopenings"] += 1
                self._start()
            return None
        if self._good_since and not self._asked:
            self._ask()
        try:
            answer = self._process.receive(min(self._due, until) - time.monotonic(), self._wake)
            if answer is None:
                late = time.monotonic() >= self._due and not self._closing.is_set()
                return self._late() if late else None
        except process.Gone:
            return self._fault("died", "the capture process died")
        return self._heard(answer)

    def _start(self) -> None:
        self._noted = (self._notes.refused, self._notes.repeated)
        self._asked, self._started, self._good_since = False, False, 0.0
        self._process = process.Process(
            self._module,
            self._address,
            first=self._sequence + 1,
            every=self.limits.every,
            still=self.limits.still or self.limits.every,
            notebook=self._notebook,
            stdin=self._address.kind == "stdin",
        )
        self._due = time.monotonic() + faults.START_SECONDS

    def _stop(self) -> str:
        """Kill the capture process, when there is one; return how it had ended by itself."""
        running, self._process = self._process, None
        return "" if running is None else running.close()

    def _ask(self) -> None:
        """Ask for a frame. It is due a deadline after the last one: while nobody asked, it had that time already."""
        assert self._process is not None
        self._asked = True  # before it is so: asked twice, the block would be written while it is read
        self._process.ask("next")
        now = time.monotonic()
        since = now if self.limits.every else max(self._captured_ns / 1e9, self._good_since)
        self._due = max(since + self.limits.frame_s, now + _ANSWER_SECONDS)

    def _heard(self, answer: dict[str, Any]) -> Item | None:
        if "frame" in answer:
            return self._frame(answer)
        if "started" in answer:
            self._started = True
            self._due = time.monotonic() + self.limits.opening_s
            return None
        if "bad" in answer:
            self._asked = False
            return Item(self.name, PictureError(answer["bad"]))
        if "opened" in answer:
            self._good_since = time.monotonic()
            self._opened = True
        elif "ended" in answer:
            self._stop()
            self.ended = True
        elif "failed" in answer:
            return self._fault("lost" if self._good_since else "unopened", answer["failed"], answer["status"])
        return None

    def _frame(self, answer: dict[str, Any]) -> Item | None:
        assert self._process is not None
        self._asked = False
        number, captured_ns = answer["frame"], answer["captured_ns"]
        now = time.monotonic()
        if not self.limits.every and now - captured_ns / 1e9 > self.limits.frame_s:
            return self._late()  # complete in time, but nobody asked then; nothing came after it
        assert number > self._sequence
        assert captured_ns > self._captured_ns
        pixels = self._process.pixels(answer["height"], answer["width"])
        self._facts["frames"] += 1
        self._facts["skipped"] += number - self._sequence - 1
        self._sequence, self._captured_ns = number, captured_ns
        self._noted = (self._notes.refused, self._notes.repeated)
        if now - self._good_since >= self.limits.frame_s:  # one good frame is no recovery, a deadline of them is
            self._outage.over()
        return Item(f"{self.name}#{number}", pixels, captured_ns=captured_ns, sequence=number)

    def _late(self) -> Item | None:
        """Find out why no frame has come in time."""
        assert self._process is not None
        try:
            self._process.ask("why")
            answer = self._process.receive(_ANSWER_SECONDS, self._wake)
        except process.Gone:
            return self._fault("died", "the capture process died")
        if answer is not None and "why" not in answer:
            age_s = (time.monotonic_ns() - answer["newest_ns"]) / 1e9
            if "frame" not in answer or age_s <= self.limits.frame_s:
                return self._heard(answer)  # it came at the last moment
        if not self._good_since:
            return self._fault("unopened", faults.unopened(self.limits, self._started, answer))
        refused, repeated = self._notes.refused - self._noted[0], self._notes.repeated - self._noted[1]
        return self._fault(*faults.overdue(answer, refused=refused, repeated=repeated))

    def _fault(self, kind: str, reason: str, status: int = DataError.exit_status) -> Item | None:
        """Kill the process, plan the next opening, and return the item that says so when it is to be said."""
        first = not self._opened
        how = self._stop()
        reason = f"{reason} ({how})" if kind == "died" and how else reason
        line = f"{self.name}: " + reason.replace(f"{self.name}: ", "").replace("\n", " ")
        error: type[HemlineError] = _ERRORS.get(status, DataError)
        if first:
            raise error(line)
        self._faults[kind] = self._faults.get(kind, 0) + 1
        pause, report = self._outage.failed(kind)
        if self._outage.hopeless:
            self.ended = True
            raise error(f"{line}; given up after {self.limits.retries} reopenings in a row")
        self._reopen_at = time.monotonic() + pause
        return Item(self.name, PictureError(f"{line}; reopening in {pause:g} s")) if report else None
