"""A day of a line for tests: decisions with times, scores, embeddings and pictures, stored in one transaction."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from hemline.line import recording, writing
from hemline.line.baseline import Baseline
from hemline.line.curve import Curve
from hemline.line.decision import Decision
from hemline.line.decision_file import DecisionFile
from hemline.line.period import microseconds
from hemline.line.store import LineStore
from hemline.line.thresholds import Thresholds
from hemline.line.writing import Transaction

BEGIN = datetime(2026, 11, 26, 6, tzinfo=timezone.utc)
UNTIL = BEGIN + timedelta(hours=8)
WIDTH = 8  # of an embedding
FACTS = {"bundle": "tiles@1", "artifact": "litert:int8", "artifact_sha256": "a" * 64}


@dataclass(frozen=True)
class Row:
    """A decision as it will be stored. kept: the rule by which its picture is kept, None for no picture."""

    decision: Decision
    at: datetime
    kept: str | None = None
    picture: bytes | None = None


def signed(*, seed: int = 1, pictures: int = 200, shift: float = 0.0) -> DecisionFile:
    """Return a decision file whose baseline is drawn as parts() draws, moved by `shift`."""
    random = np.random.default_rng(seed)
    scores = tuple(float(score) for score in _scores(random, pictures, shift))
    vectors = (random.normal(size=(pictures, WIDTH)) + shift).astype("<f2")
    claim = {"asked": 0.02, "at_most": 0.02, "supported": True}
    return DecisionFile(
        bundle="tiles@1",
        artifact="litert:int8",
        artifact_sha256="a" * 64,
        temperature=1.0,
        class_lock="c" * 64,
        good="free",
        thresholds=Thresholds(0.2, 0.5),
        target={},
        claims={"escape": claim, "overkill": claim},
        promised=("at most 2 % of good parts are rejected",),
        defects=(),
        good_parts={},
        data={},
        curve=Curve((), (), (), (), ()),
        baseline=Baseline(scores, WIDTH, base64.b64encode(vectors.tobytes()).decode()),
        signed_by="A. Tester",
        signed_utc="2026-11-01T00:00:00Z",
    )


def parts(count: int, by: DecisionFile | None = None, *, seed: int = 2, shift: float = 0.0) -> list[Row]:
    """Return good parts, evenly over eight hours, most of which pass. shift: of scores and embeddings."""
    by = by or signed()
    random, sha256 = np.random.default_rng(seed), by.sha256
    rows = []
    for place, score in enumerate(_scores(random, count, shift).tolist()):
        verdict = by.thresholds.verdict(score)
        decision = Decision(
            f"part-{place}",
            verdict,
            label="free" if verdict == "pass" else "crack",
            confidence=0.9,
            score=score,
            decision_file_sha256=sha256,
            latency_ms=float(random.gamma(10, 2)),
            embedding=(random.normal(size=WIDTH) + shift).astype(np.float32),
            **FACTS,
        )
        rows.append(Row(decision, BEGIN + timedelta(hours=8) * (place + 0.5) / count))
    return rows


def judged(name: str, verdict: str, at: datetime = BEGIN, kept: str | None = None) -> Row:
    """Return one part with a verdict, and a picture when that is kept."""
    score = {"pass": 0.1, "review": 0.3, "reject": 0.9}[verdict]
    label = "free" if verdict == "pass" else "crack"
    decision = Decision(name, verdict, label=label, confidence=0.8, score=score, latency_ms=20.0, **FACTS)
    return Row(decision, at, kept, None if kept is None else picture(len(name)))


def picture(seed: int) -> bytes:
    """Return a drawn picture as a JPEG file."""
    coarse = np.random.default_rng(seed).integers(40, 216, (6, 8), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.resize(coarse, (200, 150)))
    assert done
    return bytes(data.tobytes())


def store(folder: Path, rows: Iterable[Row], events: Iterable[tuple[datetime, str, str]] = ()) -> Path:
    """Store decisions and events in the order of their times, and return the folder."""
    todo = [(row.at, row) for row in rows] + [(at, (kind, detail)) for at, kind, detail in events]
    # a reserve of the real size takes longer to write than all the rest
    with mock.patch.object(writing, "RESERVE_BYTES", 4096), LineStore.open(folder) as opened:

        def enter(transaction: Transaction) -> None:
            for at, what in sorted(todo, key=lambda one: one[0]):
                clock = recording.moment(lambda at=at: microseconds(at) * 1000)  # type: ignore[misc]
                sequence = transaction.number()
                if isinstance(what, Row):
                    recording.enter_decision(transaction.connection, what.decision, sequence, clock, what.kept)
                    if what.picture is not None:
                        recording.enter_picture(transaction.connection, what.decision, sequence, what.picture)
                        transaction.held_bytes += len(what.picture)
                else:
                    recording.enter_event(transaction.connection, opened.sender, *what, sequence, clock)

        opened._writer.durable(enter)
    return folder


def copied(folder: Path, to: Path) -> Path:
    """Copy what was stored, without the reserve, which takes longest, and return the new folder."""
    return shutil.copytree(folder, to, ignore=shutil.ignore_patterns("reserve"))


def _scores(random: np.random.Generator, count: int, shift: float) -> np.ndarray:
    return 1 / (1 + np.exp(4 - shift - random.normal(size=count)))
