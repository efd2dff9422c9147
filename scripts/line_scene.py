"""
What a line's benchmarks stand before a line: drawn parts, a source that hands them over, an engine that takes a stated
time, a decision file that nobody signed, and somebody who notes when each decision was stored.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import defects
from hemline.bundle import Artifact, Bundle, File
from hemline.classifier import Classifier
from hemline.line.baseline import Baseline
from hemline.line.curve import Curve
from hemline.line.decision import Decision
from hemline.line.decision_file import DecisionFile, artifact_sha256
from hemline.line.scores import defect_score
from hemline.line.thresholds import Thresholds
from hemline.preprocess import Preprocess
from hemline.sources import Item

WIDTH, HEIGHT = 640, 480
SCENES = 24  # that come again and again
LABELS = ("free", "crack", "blowhole")


def drawn(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[NDArray[np.uint8]]:
    """Return pictures of parts, (height, width, 3) RGB and gray: a ground metal plate, on some a crack or a hole."""
    random = np.random.default_rng(7)
    out = []
    for number in range(count):
        grain = cv2.GaussianBlur(random.normal(0, 22, (height, width)).astype(np.float32), (0, 0), 9, sigmaY=0.6)
        light = np.linspace(-18, 18, width, dtype=np.float32)[None] + 120
        plate = grain * 3 + light + random.normal(0, 2.5, (height, width)).astype(np.float32)
        if number % 3 == 1:
            begin = np.array([width // 4, height // 4])
            points = begin + np.cumsum(random.integers(-25, 40, (9, 2)), axis=0)
            cv2.polylines(plate, [points.astype(np.int32)], isClosed=False, color=45.0, thickness=3)
        if number % 3 == 2:
            centre = (int(random.integers(width // 4, width // 2)), int(random.integers(height // 4, height // 2)))
            cv2.circle(plate, centre, max(3, height // 40), 40.0, -1)
        out.append(np.repeat(np.clip(plate, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    return out


class Parts:
    """A source that hands pictures over as a camera's capture process does; each is a part.

    rate: a second; None for as fast as they are taken.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], *, rate: float | None) -> None:
        self.name, self.ended = "drawn", False
        self._pictures, self._rate = pictures, rate
        self._number = 0
        self._begun = 0.0
        self.noticed_ns: dict[str, int] = {}

    def poll(self, timeout_s: float | None = None) -> Item:
        now = time.monotonic()
        self._begun = self._begun or now
        due = now if self._rate is None else self._begun + self._number / self._rate
        if due > now:
            time.sleep(due - now)
        self._number += 1
        picture = self._pictures[self._number % len(self._pictures)].copy()  # as from the shared block
        name = f"{self.name}#{self._number}"
        at_ns = int(due * 1e9) if self._rate is not None else time.monotonic_ns()
        self.noticed_ns[name] = at_ns
        return Item(name, picture, captured_ns=at_ns, sequence=self._number)

    def close(self) -> None:
        self.ended = True

    def __iter__(self) -> Iterator[Item]:
        while not self.ended:
            yield self.poll()

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Watch:
    """Listens to the line: when each decision was stored, and whether it was an answer's."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.latency_ms: list[float] = []
        self.at: list[float] = []
        self.cpu: list[float] = []
        self.safe = 0
        self.each: Callable[[int], None] = lambda count: None

    def decided(self, decision: Decision, sequence: int | None) -> None:
        now = time.monotonic_ns()
        self.latency_ms.append((now - self._parts.noticed_ns.pop(decision.part)) / 1e6)
        self.at.append(now / 1e9)
        self.cpu.append(time.process_time())
        self.safe += decision.safe or sequence is None
        self.each(len(self.at))

    def happened(self, kind: str, detail: str) -> None:
        if kind not in ("started", "stopped"):
            print(f"{kind}: {detail}", file=sys.stderr)


def fake_bundle(folder: Path, *, side: int, spin_us: float) -> Bundle:
    """Write a bundle of the fake engine: gray, side x side, an answer in the stated time."""
    rule = json.dumps({"weights_seed": 3, "spin_us": spin_us}).encode()
    widths = {"logits": len(LABELS), "embedding": 64}
    bundle = Bundle(
        name=f"fake-{spin_us:g}",
        version="1",
        created="2026-01-01T00:00:00Z",
        labels=LABELS,
        preprocess=Preprocess(side, side),
        outputs=widths,
        artifacts=(Artifact("fake", "int8", (File.of("fake.json", rule),)),),
    )
    bundle.write(folder / bundle.name, {"fake.json": rule})
    return Bundle.load(folder / bundle.name)


def signed(bundle: Bundle, artifact: str, path: Path, pictures: Sequence[NDArray[np.uint8]], passing: float) -> Path:
    """Write a decision file by which this share of the drawn parts passes and the others are rejected."""
    with Classifier.open(bundle, artifact=artifact, top=len(bundle.labels)) as classifier:
        answers = [classifier.classify(picture) for picture in pictures]
    good = defects.good_label(bundle, None) or answers[0].label or bundle.labels[0]
    scores = [defect_score(answer, good) for answer in answers]
    at = float(np.quantile(scores, passing, method="higher")) if passing < 1 else 1.0
    chosen = bundle.artifact(artifact)
    DecisionFile(
        bundle=bundle.title,
        artifact=artifact,
        artifact_sha256=artifact_sha256(chosen),
        temperature=chosen.temperature,
        class_lock=bundle.class_lock,
        good=good,
        thresholds=Thresholds(at, at),
        target={},
        claims={},
        promised=(),
        defects=(),
        good_parts={},
        data={},
        curve=Curve((), (), (), (), ()),
        baseline=Baseline((), bundle.outputs["embedding"], ""),
        signed_by="nobody: a benchmark",
        signed_utc="2026-01-01T00:00:00Z",
    ).write(path)
    return path
