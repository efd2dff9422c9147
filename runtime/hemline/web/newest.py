"""
The newest of something that threads make and any number of pages wait for.

Law: whoever waits gets the newest value, never one twice, and never a queue of older ones; whoever is slow misses some.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """One value at a time, with a number that rises; put() from any thread, after() from any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._value: T | None = None
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self.closed = False

    @property
    def last(self) -> tuple[int, T | None]:
        """The number and the value of now; 0 and None before the first."""
        with self._lock:
            return self._number, self._value

    def put(self, value: T) -> None:
        """Replace the value and wake who waits."""
        with self._lock:
            self._number += 1
            self._value = value
            self._wake()

    def close(self) -> None:
        """Wake everybody: nothing comes any more."""
        with self._lock:
            self.closed = True
            self._wake()

    async def after(self, number: int, timeout_s: float) -> tuple[int, T | None]:
        """Return what is newer than `number` as soon as there is such; what is there when the time is over."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._number > number or self.closed:
                return self._number, self._value
            woken: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, woken))
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(woken, timeout_s)
        finally:
            with self._lock, suppress(ValueError):
                self._waiting.remove((loop, woken))
        return self.last

    def _wake(self) -> None:
        for loop, woken in self._waiting:
            with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_set, woken)
        self._waiting = []


def _set(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
