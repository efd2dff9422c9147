"""
From a part to its decision, in the time that the part has.

Law: every part gets one decision, and one without an answer gets the safe one, with the reason. A picture that cannot
be used is no answer, whatever the others of the part show: the part was not seen as it was to be seen.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hemline.errors import HemlineError
from hemline.line.camera import Camera, Frame
from hemline.line.combine import Answer, combined
from hemline.line.decision import Decision
from hemline.line.faults import Ended, Fault, States
from hemline.line.judge import STUCK_S, Judge
from hemline.line.triggers import Part

SAFE_VERDICT = "reject"


@dataclass(frozen=True)
class Identity:
    """By what is decided, as it stands in every decision."""

    bundle: str
    artifact: str
    artifact_sha256: str
    decision_file_sha256: str


@dataclass(frozen=True)
class Rules:
    """How a part is looked at. combine: worst or vote. budget_s: from the trigger to an answer."""

    frames: int = 1
    combine: str = "worst"
    budget_s: float = 0.5


@dataclass(frozen=True, eq=False)
class Decided:
    """A decision, the frame that stands for it (None where there was none) and what kept it from an answer, if any."""

    decision: Decision
    frame: Frame | None
    fault: Fault | None


class Decider:
    """The camera and the judge, which belong to the caller. states: is told how camera, pictures, model, budget are."""

    def __init__(self, camera: Camera, judge: Judge, states: States, identity: Identity, rules: Rules) -> None:
        self._camera, self._judge, self._states, self._identity = camera, judge, states, identity
        self._frames, self._combine, self._budget_s = rules.frames, rules.combine, rules.budget_s

    def decide(self, part: Part) -> Decided:
        """Return the decision about a part, at the end of its budget at the latest."""
        frames: list[Frame] = []
        try:
            answer = self._answer(part, frames)
        except Fault as fault:
            self._tell(fault)
            return self._safe(part, frames, fault)
        except (Ended, HemlineError) as error:  # the source; who waits for the next part meets the same
            return self._safe(part, frames, Fault("camera", str(error)))
        for state in ("picture", "model", "budget"):
            self._states.good(state)
        decision = Decision(
            part=part.id,
            verdict=answer.verdict,
            reason=answer.reason,
            label=answer.label,
            confidence=min(answer.confidence, 1.0),  # a sum of shares may miss 1 by its last bit
            quality=answer.quality,
            score=answer.score,
            frames=len(frames),
            latency_ms=_since_ms(part.at),
            embedding=answer.embedding,
            **vars(self._identity),
        )
        return Decided(decision, frames[answer.frame], None)

    def _answer(self, part: Part, frames: list[Frame]) -> Answer:
        """Return the answer of all frames; those that came are put into `frames`."""
        if part.fault is not None:
            raise part.fault
        until = part.at + self._budget_s
        while len(frames) < self._frames:
            first = part.frame if not frames else None
            frame = first or self._camera.next(until, after=part.at)
            frames.append(frame)
            self._camera.require_usable(frame)
            self._judge.ask(frame)  # while the next one is being captured
        answers = self._judge.answers(len(frames), until)
        return combined([answer.of_frame(number) for number, answer in enumerate(answers)], self._combine)

    def _safe(self, part: Part, frames: list[Frame], fault: Fault) -> Decided:
        self._judge.forget()
        missed = fault.cause == "budget"
        limit = f"{1000 * self._budget_s:g} ms"
        decision = Decision(
            part=part.id,
            verdict=SAFE_VERDICT,
            reason=f"no answer within {limit}: {fault.reason}" if missed else f"no answer: {fault.reason}",
            quality="bad",
            frames=len(frames),
            safe=True,
            latency_ms=_since_ms(part.at),
            budget_missed=missed,
            **vars(self._identity),
        )
        return Decided(decision, frames[-1] if frames else None, fault)

    def _tell(self, fault: Fault) -> None:
        self._states.bad(fault.cause, fault.reason)
        if self._judge.stuck_s > STUCK_S:
            self._states.bad("model", f"has not answered one picture for {self._judge.stuck_s:.0f} s")


def _since_ms(at: float) -> float:
    return 1000 * (time.monotonic() - at)
