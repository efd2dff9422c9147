"""
From a live source to observations: a frame, its answer, the answer of the last second, and whether it is time to scan.

Law: an observation is of a frame that came after every frame before it, or says that there is none. One scene is ready
once: it has to change, or be emptied, before it is ready again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.classifier import Classifier, Seen, usable_from
from hemline.errors import PictureError
from hemline.prediction import Result
from hemline.sources import Item, LiveSource
from hemline.watch.consensus import Consensus
from hemline.watch.scene import Scene, SceneWatch

RATE_S = 2.0  # over which frames per second are counted


@dataclass(frozen=True, eq=False)
class Observation:
    """One frame, or why there is none.

    picture: (h, w, 3) RGB; None with a fault, and then result says why in quality "bad".
    result: of this frame. seen: what it came from. steady: of the frames of the last second; None until there are
    enough. ready: whether to scan now: a new scene that is still, sharp, and has one garment.
    fps: frames classified per second. frame_ms: from the capture of the frame to now.
    """

    number: int
    source: str
    picture: NDArray[np.uint8] | None
    result: Result
    seen: Seen | None = None
    steady: Result | None = None
    scene: Scene | None = None
    ready: bool = False
    fps: float = 0.0
    frame_ms: float = 0.0

    def as_dict(self, top: int) -> dict[str, Any]:
        """Return plain values, with `top` labels each: the frame's result, with those of the window and the scene."""
        scene = None
        if self.scene is not None:
            scene = {
                "motion": round(self.scene.motion, 2),
                "sharpness": round(self.scene.sharpness, 1),
                "still": self.scene.still,
                "sharp": self.scene.sharp,
            }
        return {
            **replace(self.result, top=self.result.top[:top]).as_dict(),
            "frame": self.number,
            "steady": None if self.steady is None else replace(self.steady, top=self.steady.top[:top]).as_dict(),
            "scene": scene,
            "ready": self.ready,
            "fps": round(self.fps, 2),
            "frame_ms": round(self.frame_ms, 3),
        }


class Watcher:
    """A classifier over a live source. Both belong to the caller, who closes them.

    classifier: opened with top at the number of its labels; the consensus needs the probability of each.
    """

    def __init__(self, source: LiveSource, classifier: Classifier, *, max_risk: float | None = None) -> None:
        self._source, self._classifier = source, classifier
        good, _ = usable_from(classifier.bundle, classifier.artifact, max_risk)
        self._consensus = Consensus(good)
        self._scenes = SceneWatch()
        self._times: deque[float] = deque()
        self._number = 0
        self._armed = True  # whether the scene may still become ready

    def __iter__(self) -> Iterator[Observation]:
        for item in self._source:
            yield self.observe(item)

    def observe(self, item: Item) -> Observation:
        """Return the observation of an item of the source."""
        self._number += 1
        started = time.monotonic()
        try:
            picture = item.picture()
        except PictureError as error:
            self._consensus.clear()
            return Observation(self._number, item.source, None, self._classifier.refuse(item.source, str(error)))
        decode_ms = 1000 * (time.monotonic() - started)
        scene = self._scenes.update(picture, started)
        seen = self._classifier.look(picture, source=item.source, decode_ms=decode_ms)
        if scene.changed:
            self._consensus.clear()
            self._armed = True
        steady = self._consensus.update(seen.result, started)
        if steady is not None and steady.quality == "bad":
            self._armed = True  # the table is empty: what comes next is new
        ready = self._armed and scene.still and scene.sharp and steady is not None and steady.quality != "bad"
        if ready:
            self._armed = False
        now = time.monotonic()
        self._times.append(now)
        while now - self._times[0] > RATE_S:
            self._times.popleft()
        span = now - self._times[0]
        observation = Observation(
            self._number,
            item.source,
            picture,
            seen.result,
            seen,
            steady,
            scene,
            ready,
            fps=(len(self._times) - 1) / span if span > 0 else 0.0,
        )
        since = item.captured_ns
        return observation if since is None else replace(observation, frame_ms=(time.monotonic_ns() - since) / 1e6)
