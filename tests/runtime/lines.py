"""A line for tests: a signed decision, parts to look at, a source that does what it is told, and who listens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.line.baseline import Baseline
from hemline.line.curve import Curve
from hemline.line.decision import Decision
from hemline.line.decision_file import DecisionFile, artifact_sha256, beside
from hemline.line.scores import defect_score
from hemline.line.thresholds import Thresholds
from hemline.sources import Item

GOOD, BAD = "free", "crack"
LABELS = (GOOD, BAD, "blowhole")


def part(seed: int, *, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Return a picture of a part, (height, width, 3) RGB, gray: blotches, that the fake engine scores as they fall."""
    coarse = np.random.default_rng(seed).integers(40, 216, (6, 8), np.uint8)
    gray = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.repeat(np.asarray(gray, np.uint8)[..., None], 3, axis=2)


def score(bundle: Bundle, picture: NDArray[np.uint8], artifact: str = "fake:float32") -> float:
    """Return what the bundle scores a picture."""
    with Classifier.open(bundle, artifact=artifact, top=len(bundle.labels)) as classifier:
        return defect_score(classifier.classify(picture), GOOD)


_FOUND: dict[str, tuple[int, float, int, float]] = {}


def extremes(bundle: Bundle) -> tuple[tuple[NDArray[np.uint8], float], tuple[NDArray[np.uint8], float]]:
    """Return the parts of a few seeds that the bundle scores lowest and highest, each with its score."""
    weights = bundle.artifacts[0].files[0].sha256
    if weights not in _FOUND:
        with Classifier.open(bundle, artifact=bundle.artifacts[0].name, top=len(bundle.labels)) as classifier:
            scores = [defect_score(classifier.classify(part(seed)), GOOD) for seed in range(12)]
        low, high = int(np.argmin(scores)), int(np.argmax(scores))
        _FOUND[weights] = low, scores[low], high, scores[high]
    low, least, high, greatest = _FOUND[weights]
    return (part(low), least), (part(high), greatest)


def sign(
    bundle: Bundle,
    *,
    pass_below: float,
    reject_from: float | None = None,
    artifact: str = "fake:float32",
    good: str = GOOD,
    path: Path | None = None,
) -> Path:
    """Write a decision file for a bundle, and return where."""
    chosen = bundle.artifact(artifact)
    signed = DecisionFile(
        bundle=bundle.title,
        artifact=chosen.name,
        artifact_sha256=artifact_sha256(chosen),
        temperature=chosen.temperature,
        class_lock=bundle.class_lock,
        good=good,
        thresholds=Thresholds(pass_below, pass_below if reject_from is None else reject_from),
        target={"escape": 0.01, "overkill": 0.02, "confidence": 0.95},
        claims={},
        promised=(),
        defects=(),
        good_parts={},
        data={},
        curve=Curve((), (), (), (), ()),
        baseline=Baseline((), 8, ""),
        signed_by="A. Tester",
        signed_utc="2026-01-01T00:00:00Z",
    )
    where = path or beside(bundle)
    signed.write(where)
    return where


@dataclass
class Told:
    """Whoever listens to a line. seen: decisions and events, in the order in which they came."""

    seen: list[tuple[str, str]] = field(default_factory=list)
    decisions: list[tuple[Decision, int | None]] = field(default_factory=list)
    after: Callable[[], None] = lambda: None

    def decided(self, decision: Decision, sequence: int | None) -> None:
        self.decisions.append((decision, sequence))
        self.seen.append((decision.verdict, decision.reason or ""))
        self.after()

    def happened(self, kind: str, detail: str) -> None:
        self.seen.append((kind, detail))

    @property
    def events(self) -> list[str]:
        return [kind for kind, _ in self.seen if kind not in ("pass", "review", "reject")]

    @property
    def verdicts(self) -> list[str]:
        return [decision.verdict for decision, _ in self.decisions]

    def detail(self, kind: str) -> str:
        return next(detail for found, detail in self.seen if found == kind)


class Script:
    """A live source of the things in a list: pictures, errors, or seconds in which nothing comes; then nothing more.

    ends: whether it is over after the last; else it is silent.
    """

    name = "script"

    def __init__(self, *steps: NDArray[np.uint8] | Exception | float, ends: bool = False) -> None:
        self.steps = deque(steps)
        self.ends = ends
        self.number = 0
        self.ended = False
        self._due: float | None = None  # of the step after the pause that has begun

    def poll(self, timeout_s: float | None = None) -> Item | None:
        until = time.monotonic() + (timeout_s or 0.0)
        while self.steps:
            step = self.steps[0]
            if isinstance(step, float):
                self._due = self._due or time.monotonic() + step
                time.sleep(max(0.0, min(self._due, until) - time.monotonic()))
                if time.monotonic() < self._due:
                    return None
                self._due = None
                self.steps.popleft()
                continue
            self.steps.popleft()
            if isinstance(step, Exception):
                return Item(self.name, step)  # type: ignore[arg-type]
            self.number += 1
            return Item(f"{self.name}#{self.number}", step, captured_ns=time.monotonic_ns(), sequence=self.number)
        self.ended = self.ends
        time.sleep(0 if self.ended else max(0.0, until - time.monotonic()))
        return None

    def close(self) -> None:
        self.ended = True

    def __iter__(self) -> Iterator[Item]:
        while not self.ended:
            if (item := self.poll(0.1)) is not None:
                yield item

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
