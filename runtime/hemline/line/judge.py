"""
The model in a thread of its own, so that a part has its decision in time whatever an engine does.

Laws. Answers come in the order of the frames, and each is asked for or forgotten: one that is late belongs to no other
part. An engine that raises, or answers with what is no number, is a fault; one that hangs is one too, once it is late.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from math import isfinite

import numpy as np

from hemline.classifier import Classifier
from hemline.errors import HemlineError
from hemline.line.camera import Frame
from hemline.line.combine import Answer
from hemline.line.decision_file import DecisionFile
from hemline.line.faults import Fault
from hemline.line.scores import defect_score, standing

STUCK_S = 5.0  # an engine that has not answered one frame for this long hangs


def answer_of(classifier: Classifier, signed: DecisionFile, frame: Frame) -> Answer:
    """Return what is said about one frame; Fault when the engine's answer is none.

    Of a part that passes the class is the good one, of any other the most probable defect: that it is mostly like a
    good one does not help who looks for the fault.
    """
    seen = classifier.look(frame.picture, source=frame.source)
    if not (all(isfinite(share) for _, share in seen.result.top) and np.isfinite(seen.embedding).all()):
        raise Fault("model", f"{classifier.artifact} answered with what is no number")
    score = defect_score(seen.result, signed.good)
    quality = standing(seen)
    verdict, reason = signed.verdict(score, quality)
    label, confidence = seen.result.label, seen.result.confidence
    if label is not None:
        fitting = [row for row in seen.result.top if (row[0] == signed.good) == (verdict == "pass")]
        label, confidence = max(fitting, key=lambda row: row[1])
    return Answer(verdict, reason, label, confidence, quality, score, seen.embedding)


class Judge:
    """One thread that asks the model; a context manager. ask() and answer() are for one other thread.

    look: from a frame to its answer.
    """

    def __init__(self, look: Callable[[Frame], Answer]) -> None:
        self._look = look
        self._asked: deque[tuple[int, Frame]] = deque()  # of one part at most: what is forgotten goes
        self._change = threading.Condition()
        self._closed = False
        self._said: queue.SimpleQueue[tuple[int, Answer | Fault]] = queue.SimpleQueue()
        self._number = 0
        self._busy_since = 0.0  # 0 while nothing is asked of the model
        self.answered = 0  # frames, late ones too
        self._broken = False  # whether the last frame met a bug, whose traceback was printed
        self._thread = threading.Thread(target=self._run, name="hemline-judge", daemon=True)

    @property
    def stuck_s(self) -> float:
        """For how long the model has not answered a frame; 0 when it has."""
        since = self._busy_since
        return time.monotonic() - since if since else 0.0

    def ask(self, frame: Frame) -> None:
        """Have a frame judged."""
        with self._change:
            self._number += 1
            self._asked.append((self._number, frame))
            self._change.notify()

    def answers(self, count: int, until: float) -> list[Answer]:
        """Return the answers to the last `count` frames, in their order; until: time.monotonic().

        Raises Fault: of the model when it failed, of the budget when not all are there in time.
        """
        first = self._number - count + 1
        there: list[Answer] = []
        while len(there) < count:
            try:
                number, said = self._said.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                self.forget()
                what = f"{len(there)} of {count} pictures were judged" if count > 1 else "the model had not answered"
                raise Fault("budget", f"{what} in time") from None
            if number < first:
                continue  # of a part that has its decision
            if isinstance(said, Fault):
                self.forget()
                raise said
            there.append(said)
        return there

    def forget(self) -> None:
        """Leave out what was asked until now and has not begun."""
        with self._change:
            self._asked.clear()

    def close(self) -> None:
        """End the thread; one that hangs in its engine is left behind, it ends with the process."""
        with self._change:
            self._asked.clear()
            self._closed = True
            self._change.notify()
        self._thread.join(STUCK_S)

    def __enter__(self) -> Judge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._asked and not self._closed:
                    self._change.wait()
                if self._closed:
                    return
                number, frame = self._asked.popleft()
            self._busy_since = time.monotonic()
            said = self._judged(frame)
            self._busy_since = 0.0
            self.answered += not isinstance(said, Fault)
            self._said.put((number, said))

    def _judged(self, frame: Frame) -> Answer | Fault:
        try:
            answer = self._look(frame)
            self._broken = False
            return answer
        except Fault as fault:
            return fault
        except HemlineError as error:
            return Fault("model", str(error))
        except Exception as error:  # noqa: BLE001  whatever an engine raises, the part has its safe decision
            if not self._broken:
                traceback.print_exc(file=sys.stderr)
            self._broken = True
            return Fault("model", f"{type(error).__name__}: {' '.join(str(error).split())}")
