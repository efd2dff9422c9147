"""
A line that runs: one decision for each part, stored before anybody is told, until somebody ends it.

Laws. Silence is an event: no part, no picture, no answer, each is told when it begins and when it is over. The part at
hand is finished before the line ends. systemd is told that the line works for a proof alone: a decision that was
stored, or, while no part comes, a picture that came and a model that answered.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import cv2
import numpy as np

from hemline import image
from hemline.errors import DataError, GateError, PictureError
from hemline.line.camera import Camera, Frame
from hemline.line.clock import ClockWatch
from hemline.line.deciding import Decided, Decider
from hemline.line.decision import Decision
from hemline.line.faults import Ended, Fault, States
from hemline.line.judge import STUCK_S, Judge
from hemline.line.ledger import Ledger
from hemline.line.outbox import Outbox
from hemline.line.triggers import Part, Trigger
from hemline.line.watchdog import Watchdog

SLICE_S = 0.25  # how soon a wish to end is noticed
PROBE_S = 1.0  # how often a camera that nobody needs is looked at, so that its loss is known before a part comes
SETTLE_S = 0.02  # of the time between two parts, for what was held while the disk was full
SETTLE_AT_END_S = 10.0
JPEG_QUALITY = 92  # of a frame that comes as pixels
_GRAY = np.full((64, 64, 3), 128, np.uint8)  # what a model is asked about before there is a picture


class StoppedError(GateError):
    """The line was to stop where there is no answer, and there was none."""


@dataclass(frozen=True, eq=False)
class Resources:
    """What a line works with, all of it open; it belongs to the caller."""

    camera: Camera
    trigger: Trigger
    judge: Judge
    decider: Decider
    ledger: Ledger
    states: States
    watchdog: Watchdog
    clock: ClockWatch
    outbox: Outbox


@dataclass
class Counts:
    """What has come to pass. verdicts: of all parts. missed: budgets; safe: decisions in place of an answer."""

    parts: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    safe: int = 0

    def add(self, decision: Decision) -> None:
        """Count a decision."""
        self.parts += 1
        self.verdicts[decision.verdict] += 1
        self.missed += decision.budget_missed
        self.safe += decision.safe

    def __str__(self) -> str:
        said = ", ".join(f"{self.verdicts[verdict]:,} {verdict}" for verdict in ("pass", "review", "reject"))
        return f"{self.parts:,} part{'' if self.parts == 1 else 's'}: {said}; {self.missed:,} budget misses"


class LineRunner:
    """A line. stop_on_fault: the safe decision is to stop. heartbeat_s: between two proofs while no part comes."""

    def __init__(self, line: Resources, *, stop_on_fault: bool, heartbeat_s: float) -> None:
        self.counts = Counts()
        self._line, self._stop_on_fault = line, stop_on_fault
        self._heartbeat_s = heartbeat_s
        self._proof_s = min(heartbeat_s, line.watchdog.proof_s or heartbeat_s)
        self._why: str | None = None  # the line is to be ended
        self._answered = 0  # of the model, at the last proof
        self._lost: dict[str, str] = {}  # publisher: why it does not deliver
        self._prove_at = self._beat_at = self._probe_at = 0.0

    def stop(self, why: str) -> None:
        """Have the line end when the part at hand is finished; from a signal's handler or another thread."""
        self._why = self._why or why

    def run(self, about: str, *, limit: int | None = None) -> None:
        """Decide one part after the other until it is ended, no part will come, or `limit` were decided.

        about: what is told when it starts. Raises StoppedError, and what the source raises when it is given up.
        """
        line = self._line
        self._warm_up()
        line.ledger.event("started", about)
        line.watchdog.ready(str(self.counts))
        self._prove_at, self._beat_at = time.monotonic() + self._proof_s, time.monotonic() + self._heartbeat_s
        ended = ""
        try:
            while self._why is None:
                self._once()
                if self.counts.parts == limit:
                    self.stop(f"{limit:,} parts were decided")
            ended = self._why
        except Ended as end:
            ended = str(end)
        except BaseException as error:
            ended = " ".join(str(error).split()) or type(error).__name__
            raise
        finally:
            line.watchdog.stopping(ended)
            line.ledger.event("stopped", f"{ended}; {self.counts}")
            line.ledger.close(SETTLE_AT_END_S)

    def _once(self) -> None:
        """Wait for a part and decide it, or see after the line."""
        try:
            sign = self._line.trigger.wait(SLICE_S)
        except Fault as fault:  # told by the camera; parts may be passing by unseen
            if self._stop_on_fault:
                raise self._stopped(fault) from fault
            sign = None
        if isinstance(sign, Part):
            self._part(sign)
        elif sign is not None:
            self._line.ledger.event("part_stays", sign.detail)
        else:
            self._look_after_camera()
            self._prove()
            self._line.ledger.tidy()
        self._tend()

    def _part(self, part: Part) -> None:
        line = self._line
        decided = line.decider.decide(part)
        decision, sequence = line.ledger.decision(decided.decision, lambda: _file(decided.frame))
        self.counts.add(decision)
        if part.tell is not None:
            part.tell(decision, sequence)
        if sequence is not None:
            self._beat_at = time.monotonic() + self._heartbeat_s
            if self._works(decided):
                self._proven()
        if self._stop_on_fault and decision.safe:
            raise self._stopped(decided.fault or Fault("store", decision.reason or ""))

    def _works(self, decided: Decided) -> bool:
        """Whether a stored decision shows that the line works, as far as starting it again could help.

        A camera is opened again by its source, and the part before it had its decision; a model that answers late, it
        answers. One that does not is what a watchdog is for.
        """
        before, self._answered = self._answered, self._line.judge.answered
        if decided.fault is None or decided.fault.cause in ("camera", "picture"):
            return True
        return decided.fault.cause == "budget" and self._answered > before

    def _stopped(self, fault: Fault) -> StoppedError:
        return StoppedError(
            f'stopped, as configured (safe = "stop"): {fault.reason}; what was decided is stored, put it right and '
            "start the line again"
        )

    def _warm_up(self) -> None:
        """Have the model answer once: the first part is not to wait for what an engine does at first."""
        judge = self._line.judge
        judge.ask(self._line.camera.newest or Frame("warm-up", _GRAY, time.monotonic()))
        try:
            judge.answers(1, time.monotonic() + 60)
        except Fault as fault:
            raise DataError(f"the model cannot answer: {fault.reason}") from fault
        self._answered = judge.answered

    def _look_after_camera(self) -> None:
        line = self._line
        if line.trigger.looks or line.camera.inbox or time.monotonic() < self._probe_at:
            return
        try:
            # asks for a frame; a slice later it is there
            if line.camera.poll(0) is not None:
                self._probe_at = time.monotonic() + PROBE_S
        except Fault:
            pass  # told by the camera

    def _prove(self) -> None:
        """While no part comes: show that a picture comes and the model answers."""
        line, now = self._line, time.monotonic()
        if now < self._prove_at:
            return
        frame = line.camera.newest
        if not line.camera.inbox and (frame is None or now - frame.at > self._proof_s + 2 * PROBE_S):
            return
        line.judge.forget()
        line.judge.ask(frame or Frame("proof", _GRAY, now))
        try:
            line.judge.answers(1, now + SLICE_S)
        except Fault as fault:
            if fault.cause == "model" or line.judge.stuck_s > STUCK_S:
                line.states.bad("model", fault.reason)
            return
        line.states.good("model")
        self._proven()
        if now >= self._beat_at:
            self._beat_at = now + self._heartbeat_s
            line.ledger.event("heartbeat", str(self.counts))

    def _proven(self) -> None:
        self._line.watchdog.proven()
        self._prove_at = time.monotonic() + self._proof_s

    def _tend(self) -> None:
        line = self._line
        if (jump := line.clock.jump()) is not None:
            line.ledger.event("clock_jumped", f"by {jump:+,.0f} s; the order of decisions is that of their numbers")
        line.ledger.settle(time.monotonic() + SETTLE_S)
        self._hear()
        wrong = ", ".join([*line.states.bad_now, *self._lost])
        line.watchdog.status(f"{self.counts}{'; wrong: ' + wrong if wrong else ''}")

    def _hear(self) -> None:
        """Pass on what has become of the publishers, which store it themselves."""
        for name, state in self._line.outbox.states().items():
            lost = state.lost
            if lost is not None and self._lost.get(name) != lost:
                self._line.ledger.heard("broker_lost", lost)
                self._lost[name] = lost
            elif lost is None and self._lost.pop(name, None) is not None:
                self._line.ledger.heard("broker_back", name)


def _file(frame: Frame | None) -> bytes | None:
    """Return the picture file of a frame: as it came, or a JPEG; a gray picture gray, which takes half the time."""
    if frame is None:
        return None
    if frame.data is not None:
        return frame.data
    red, green, blue = cv2.split(frame.picture)
    gray = np.array_equal(red, green) and np.array_equal(green, blue)
    try:
        return image.jpeg(np.asarray(red, np.uint8)[..., None] if gray else frame.picture, JPEG_QUALITY)
    except PictureError:  # larger than a JPEG can be; the decision counts without it
        return None
