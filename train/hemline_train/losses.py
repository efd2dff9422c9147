"""
What training minimises: cross-entropy, with label smoothing, and with a teacher's answers beside the labels.

What is trained towards is (N,) whole numbers, the classes, or (N, k) numbers: the class; where pictures are mixed, the
class of the other picture and the share of the own; with a teacher, the probabilities that it gives; where places are
told apart, what each of them should answer.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hemline_train.recipe import DistillConfig, TrainingConfig

Tensor = Any
HARDEST = 16  # one place in so many, of those without a flaw


def loss(training: TrainingConfig, distill: DistillConfig | None, *, mixed: bool = False) -> Any:
    """Return the Keras loss of a training. mixed: pictures are mixed, and so are their labels."""
    if distill is not None:
        return Distilled(training.label_smoothing, distill.weight, distill.temperature, mixed=mixed)
    if training.label_smoothing or mixed:
        return Smoothed(training.label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Smoothed(keras.losses.Loss):  # type: ignore[misc]  # Keras ships no types
    """Cross-entropy with labels that are a little unsure of themselves.

    smoothing: the probability that is taken from the label and shared out evenly over all classes.
    Source: Szegedy et al. 2015, "Rethinking the Inception Architecture", section 7.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="smoothed")
        self._smoothing = smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return (N,) losses. y_true: (N,) or (N, 1) classes, or (N, 3) of mixed pictures. y_pred: (N, classes)."""
        return smoothed(y_true, y_pred, self._smoothing)


class Distilled(keras.losses.Loss):  # type: ignore[misc]  # Keras ships no types
    """(1 - weight) x the loss against the labels + weight x temperature^2 x the divergence from the teacher.

    The factor keeps the gradients of both in proportion when the temperature changes.
    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network".
    """

    def __init__(self, smoothing: float, weight: float, temperature: float, *, mixed: bool = False) -> None:
        super().__init__(name="distilled")
        self._smoothing, self._weight, self._temperature = smoothing, weight, temperature
        self._columns = 3 if mixed else 1  # those of the labels

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return (N,) losses. y_true: labels and the teacher's answer at this temperature. y_pred: logits."""
        labels, teacher = y_true[:, : self._columns], y_true[:, self._columns :]
        own = ops.log_softmax(y_pred / self._temperature, axis=-1)
        # the teacher's own entropy, which nothing here changes, makes it a divergence: 0 when both agree
        divergence = ops.sum(teacher * (ops.log(ops.maximum(teacher, 1e-7)) - own), axis=-1)
        hard = smoothed(labels, y_pred, self._smoothing)
        return (1.0 - self._weight) * hard + self._weight * self._temperature**2 * divergence


class Placed(keras.losses.Loss):  # type: ignore[misc]  # Keras ships no types
    """The loss of the picture + weight x that of its places (hemline_train.places).

    The places of a flaw count as much as the hardest of those without one, and each flaw as much as any other.
    whole: the loss of the picture. classes: how many there are. good: the class of a place without a flaw.
    """

    def __init__(self, whole: Any, classes: int, good: int, weight: float) -> None:
        super().__init__(name="placed")
        self._whole, self._classes, self._good, self._weight = whole, classes, good, weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return (N,) losses. y_true: (N, 1 + places). y_pred: (N, classes + places x classes) logits."""
        whole = self._whole.call(y_true[:, :1], y_pred[:, : self._classes])
        wanted = ops.cast(y_true[:, 1:], "int32")
        logits = ops.reshape(y_pred[:, self._classes :], (-1, wanted.shape[1], self._classes))
        hot = ops.one_hot(ops.maximum(wanted, 0), self._classes, dtype=logits.dtype)
        each = -ops.sum(hot * ops.log_softmax(logits, axis=-1), axis=-1)
        flawed = ops.cast(ops.logical_and(wanted >= 0, wanted != self._good), each.dtype)
        count = ops.sum(flawed, axis=1)
        pictures = ops.maximum(ops.sum(ops.cast(count > 0, each.dtype)), 1.0)
        there = ops.sum(ops.sum(each * flawed, axis=1) / ops.maximum(count, 1.0)) / pictures
        hardest = max(1, wanted.shape[1] // HARDEST)
        free = ops.cast(wanted == self._good, each.dtype)
        elsewhere = ops.mean(ops.top_k(each * free, hardest)[0])
        return whole + self._weight * (there + elsewhere) / 2


class Accuracy(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]  # Keras ships no types
    """The share of answers whose most likely class is the label, the own one of a mixed picture; y_true is (N, k).

    classes: of what is answered so many are the picture's.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(
            lambda y_true, y_pred: keras.metrics.sparse_categorical_accuracy(y_true[:, 0], y_pred[:, :classes])
        )
        self.name = "accuracy"


def smoothed(labels: Tensor, logits: Tensor, smoothing: float) -> Tensor:
    """Return (N,) cross-entropies of logits (N, classes) against smoothed labels: (N,), (N, 1) or mixed, (N, 3)."""
    logarithms = ops.log_softmax(logits, axis=-1)
    classes = int(logits.shape[-1])

    def hot(which: Tensor) -> Tensor:
        return ops.one_hot(ops.cast(ops.reshape(which, (-1,)), "int32"), classes, dtype=logarithms.dtype)

    if len(labels.shape) == 2 and labels.shape[1] == 3:
        share = labels[:, 2:]
        wanted = share * hot(labels[:, 0]) + (1.0 - share) * hot(labels[:, 1])
    else:
        wanted = hot(labels)
    return -ops.sum((wanted * (1.0 - smoothing) + smoothing / classes) * logarithms, axis=-1)
