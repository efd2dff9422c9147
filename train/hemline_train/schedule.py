"""
The learning rate as a function of the step: a linear rise, then constant, a cosine or a straight line to zero.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from hemline_train.recipe import TrainingConfig


def rate(training: TrainingConfig, steps: int) -> Any:
    """Return what a Keras optimiser takes as learning rate: a number, or a Schedule over all epochs.

    steps: an epoch's. It is counted by the optimiser, so a resumed training goes on where it stopped.
    """
    if training.schedule == "constant" and training.warmup == 0:
        return training.learning_rate
    total = training.epochs * steps
    return Schedule(training.learning_rate, training.schedule, round(training.warmup * steps), total)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras ships no types
    """From 0 in a straight line to `peak` over `warmup` steps, then as `kind` says until step `total`.

    kind: "constant"; "cosine": half a period, Loshchilov & Hutter 2016 without restarts; "linear".
    """

    def __init__(self, peak: float, kind: str, warmup: int, total: int) -> None:
        self._peak, self._kind, self._warmup, self._total = peak, kind, warmup, total

    def __call__(self, step: Any) -> Any:
        # the first step is number 0; it learns something too
        step = ops.cast(step, "float32") + 1.0
        rise = ops.minimum(step / max(1, self._warmup), 1.0)
        done = ops.clip((step - self._warmup) / max(1, self._total - self._warmup), 0.0, 1.0)
        if self._kind == "cosine":
            fall = 0.5 * (1.0 + ops.cos(math.pi * done))
        else:
            fall = 1.0 - done if self._kind == "linear" else 1.0
        return self._peak * rise * fall

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"peak": self._peak, "kind": self._kind, "warmup": self._warmup, "total": self._total}
