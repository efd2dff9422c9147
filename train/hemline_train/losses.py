"""
What training minimises: cross-entropy, with label smoothing, and with a teacher's answers beside the labels.

What is trained towards is (N,) whole numbers, or with a teacher (N, 1 + classes): the class, then the
probabilities that the teacher gives.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hemline_train.recipe import DistillConfig, TrainingConfig

Tensor = Any


def loss(training: TrainingConfig, distill: DistillConfig | None) -> Any:
    """Return the Keras loss of a training."""
    if distill is not None:
        return Distilled(training.label_smoothing, distill.weight, distill.temperature)
    if training.label_smoothing:
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
        """Return (N,) losses. y_true: (N,) classes. y_pred: (N, classes) logits."""
        return smoothed(y_true, y_pred, self._smoothing)


class Distilled(keras.losses.Loss):  # type: ignore[misc]  # Keras ships no types
    """(1 - weight) x the loss against the labels + weight x temperature^2 x the divergence from the teacher.

    The factor keeps the gradients of both in proportion when the temperature changes.
    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network".
    """

    def __init__(self, smoothing: float, weight: float, temperature: float) -> None:
        super().__init__(name="distilled")
        self._smoothing, self._weight, self._temperature = smoothing, weight, temperature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return (N,) losses. y_true: (N, 1 + classes), the teacher's at this temperature. y_pred: logits."""
        labels, teacher = y_true[:, 0], y_true[:, 1:]
        own = ops.log_softmax(y_pred / self._temperature, axis=-1)
        # the teacher's own entropy, which nothing here changes, makes it a divergence: 0 when both agree
        divergence = ops.sum(teacher * (ops.log(ops.maximum(teacher, 1e-7)) - own), axis=-1)
        hard = smoothed(labels, y_pred, self._smoothing)
        return (1.0 - self._weight) * hard + self._weight * self._temperature**2 * divergence


class Accuracy(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]  # Keras ships no types
    """The share of answers whose most likely class is the label, where a teacher's answers stand beside it."""

    def __init__(self) -> None:
        super().__init__(lambda y_true, y_pred: keras.metrics.sparse_categorical_accuracy(y_true[:, 0], y_pred))
        self.name = "accuracy"


def smoothed(labels: Tensor, logits: Tensor, smoothing: float) -> Tensor:
    """Return (N,) cross-entropies of logits (N, classes) against smoothed labels (N,)."""
    logarithms = ops.log_softmax(logits, axis=-1)
    classes = int(logits.shape[-1])
    hot = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), classes, dtype=logarithms.dtype)
    return -ops.sum((hot * (1.0 - smoothing) + smoothing / classes) * logarithms, axis=-1)
