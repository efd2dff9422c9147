"""
A watched source for pages: one thread reads it, any number of browsers look.

Laws. A browser gets the newest picture when it asks and nothing is kept for it: a slow one misses frames. A picture is
called current for as long as its source's deadline, and a fault is shown as one until a frame has come after it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.errors import PictureError
from hemline.sources import Item, LiveSource
from hemline.watch.watcher import Observation, Watcher
from hemline.web.newest import Newest

EVERY_S = 0.08  # between two events to one browser: 12 a second look alive, and a phone keeps up
TICK_S = 1.0  # without a frame, until a browser is told that there is none
LONGEST = 960  # pixels of a picture that is looked at
QUALITY = 80
TOP = 3  # classes that are shown
CURRENT_S = 2.0  # after which a picture is not what the camera sees
_POLL_S = 0.25  # how soon an end is noticed


@dataclass(frozen=True, eq=False)
class View:
    """What is seen. observation: the last one with a picture; fault: what has gone wrong since, None when nothing.

    item: what it was made of. at: time.monotonic() of it. over: whether nothing comes any more.
    """

    observation: Observation | None = None
    item: Item | None = None
    at: float = 0.0
    fault: str | None = None
    over: bool = False


class LiveView:
    """One source under a watcher, read in a thread from __enter__ to __exit__. Both belong to the caller.

    still: whether a picture stays current until the next one, as in a folder that is being filled.
    failed: is told the error that has ended it. A film that is over is no error.
    """

    def __init__(
        self,
        source: LiveSource,
        watcher: Watcher,
        *,
        name: str,
        still: bool = False,
        failed: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        self.name, self.still = name, still
        self._source, self._watcher, self._failed = source, watcher, failed
        self._newest: Newest[View] = Newest()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hemline-watch")
        self._drawing = threading.Lock()
        self._drawn: tuple[Observation | None, bytes] = (None, b"")

    def __enter__(self) -> LiveView:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._newest.close()
        self._thread.join()

    @property
    def view(self) -> View:
        """What is seen now."""
        return self._newest.last[1] or View()

    def now(self) -> tuple[Item, NDArray[np.uint8]]:
        """Return what is there now and its picture (h, w, 3) RGB; PictureError, with why, when there is none."""
        seen = self.view
        if seen.fault is not None:
            raise PictureError(seen.fault)
        if seen.over:
            raise PictureError(f"{self.name}: the source has ended")
        if seen.item is None or seen.observation is None or seen.observation.picture is None:
            raise PictureError(f"{self.name}: no picture yet; wait a moment")
        age_s = time.monotonic() - seen.at
        if age_s > CURRENT_S and not self.still:
            raise PictureError(f"{self.name}: no new picture for {age_s:.1f} s")
        return seen.item, seen.observation.picture

    def jpeg(self) -> bytes | None:
        """Return the last picture as a JPEG of at most LONGEST pixels, drawn once for all who ask; None before it."""
        with self._drawing:
            seen = self.view.observation
            if seen is None or seen.picture is None:
                return None
            if self._drawn[0] is not seen:
                self._drawn = (seen, image.jpeg(image.shrunk(seen.picture, LONGEST), QUALITY))
            return self._drawn[1]

    def facts(self) -> dict[str, Any]:
        """Return what a page shows, as plain values; docs/wardrobe-page.md lists them."""
        seen = self.view
        facts: dict[str, Any] = {
            "name": self.name,
            "state": "ended" if seen.over else "lost" if seen.fault else "live" if seen.observation else "waiting",
            "fault": seen.fault,
            "age_s": round(time.monotonic() - seen.at, 1) if seen.observation else None,
        }
        observation = seen.observation
        if observation is None:
            return facts
        answer = observation.steady or observation.result
        scene = observation.scene
        return {
            **facts,
            "frame": observation.number,
            "answer": replace(answer, top=answer.top[:TOP]).as_dict(),
            "steady": observation.steady is not None,
            "still": scene is not None and scene.still,
            "sharp": scene is not None and scene.sharp,
            "ready": observation.ready,
            "fps": round(observation.fps, 1),
            "frame_ms": round(observation.frame_ms, 1),
        }

    async def events(self, more: Callable[[], dict[str, Any]] | None = None) -> AsyncIterator[str]:
        """Yield server-sent events: "seen" for what is new, at least every TICK_S. more: what else a page wants."""
        number = 0
        while True:
            number, _ = await self._newest.after(number, TICK_S)
            if self._newest.closed:
                return
            yield event("seen", {**self.facts(), **(more() if more else {})})
            await asyncio.sleep(EVERY_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self._source.ended:
                item = self._source.poll(_POLL_S)
                if item is not None:
                    self._put(item, self._watcher.observe(item))
        except BaseException as error:  # noqa: BLE001  raised again in the thread that waits, with its traceback
            self._newest.put(replace(self.view, over=True, fault=str(error)))
            self._failed(error)
        else:
            self._newest.put(replace(self.view, over=True))

    def _put(self, item: Item, observation: Observation) -> None:
        if observation.picture is None:
            self._newest.put(replace(self.view, fault=observation.result.reason))
        else:
            self._newest.put(View(observation, item, time.monotonic()))


def event(name: str, facts: dict[str, Any]) -> str:
    """Return one server-sent event; JSON has no newline of its own."""
    return f"event: {name}\ndata: {json.dumps(facts, allow_nan=False)}\n\n"
