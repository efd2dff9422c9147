"""
What a person sees while a training runs, on stderr: a bar on a terminal, else one line an epoch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from hemline_train.checkpoint import Epoch, best_epoch
from hemline_train.loop import Step, Watch
from hemline_train.models import trainable_parameters

WIDTH = 24
REDRAW_SECONDS = 0.1


class Progress:
    """Prints how a training goes."""

    def __init__(self, epochs: int, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._epochs, self._quiet = epochs, quiet
        self._stream = stream or sys.stderr
        self._bar = self._stream.isatty() and not quiet
        self._now_in = 0  # the epoch that is being drawn, since the time `_started`
        self._started = self._drawn = 0.0

    def watch(self) -> Watch:
        """Return the callbacks for loop.fit."""
        return Watch(self._begin, self._step if self._bar else lambda step: None, self._epoch, self._windows)

    def _begin(self, model: Any, replicas: int) -> None:
        devices = f"{replicas} replica{'s' if replicas != 1 else ''}"
        print(f"{trainable_parameters(model):,} trainable parameters, {devices}", file=self._stream, flush=True)

    def _windows(self, row: Epoch, epochs: int) -> None:
        if not self._quiet:
            line = (
                f"windows {row.epoch}/{epochs}  loss {row.loss:.4f}  accuracy {row.accuracy:.4f}  {row.seconds:.1f} s"
            )
            print(line, file=self._stream, flush=True)

    def _step(self, step: Step) -> None:
        now = time.perf_counter()
        if step.epoch != self._now_in:
            self._now_in, self._started = step.epoch, now
        if now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        share = step.step / step.steps
        filled = round(share * WIDTH)
        bar = "#" * filled + "." * (WIDTH - filled)
        left = (now - self._started) * (1 - share) / share
        text = f"epoch {step.epoch}/{self._epochs} [{bar}] {share:4.0%} loss {step.loss:.4f} {left:4.0f} s left"
        print(f"\r{text}\033[K", end="", file=self._stream, flush=True)

    def _epoch(self, row: Epoch, history: Sequence[Epoch]) -> None:
        if self._quiet:
            return
        best = "  best so far" if best_epoch(history) == row.epoch else ""
        clear = "\r\033[K" if self._bar else ""
        print(
            f"{clear}epoch {row.epoch}/{self._epochs}  loss {row.loss:.4f}  accuracy {row.accuracy:.4f}  "
            f"validation loss {row.val_loss:.4f}  accuracy {row.val_accuracy:.4f}  {row.seconds:.1f} s{best}",
            file=self._stream,
            flush=True,
        )
