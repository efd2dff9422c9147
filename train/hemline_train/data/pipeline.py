"""
From uint8 pictures in memory to shuffled batches, without a copy of the whole as floats.

The order of an epoch, and what augmentation makes of its pictures, are functions of (seed, epoch) alone: a
resumed training sees what an uninterrupted one would have seen. Indices are batched first and pictures gathered
a batch at a time, on another thread than the one that trains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline_train import augment
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.distill import Teachers

AHEAD = 8  # batches ready in advance; at 32 pictures of 28x28 one is 100 KB


class Batches:
    """The batches of a part, epoch after epoch."""

    def __init__(
        self,
        part: Part,
        *,
        batch: int,
        seed: int,
        strategy: Any = None,
        augmentation: Augment | None = None,
        pad: int = 0,
        class_weights: NDArray[np.float32] | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        """batch: pictures a step, over all replicas together. seed: 0 or more. strategy: None is one device.

        pad: level of what an augmented picture does not cover. class_weights: (classes,) float32. teachers: their
        answers stand beside the targets, and the pictures are those that they answer.
        """
        self._strategy = strategy
        self.replicas = int(strategy.num_replicas_in_sync) if strategy else 1
        if batch % self.replicas:
            raise UsageError(f"training.batch is {batch}; {self.replicas} replicas cannot share it evenly")
        self._seed = seed
        self._batch = batch
        # in the last, smaller step too every replica gets as many: a mean of means is then the mean
        self._count = len(part) - (len(part) % batch) % self.replicas
        # captured by reference, not embedded in the graph
        with tf.device("CPU:0"):
            self._pixels = tf.constant(part.pixels)
            self._targets = tf.constant(part.targets)
            self._weights = None if class_weights is None else tf.constant(class_weights)
        self._part, self._pad, self._teachers = part, pad, teachers
        self._augment = augmentation if augmentation is not None and augmentation.any else None
        self.steps = -(-self._count // batch)

    def epoch(self, number: int) -> Any:
        """Return the batches of epoch `number` for Keras' fit: (float32 pixels 0..255, targets[, weights]).

        targets: (N,) int64; with teachers (N, 1 + classes) float32, as hemline_train.losses takes them.
        """
        if self.replicas == 1:
            return self._parts(number)
        # Keras' own distribution would cut a last step of 14 pictures into 8 and 6
        return self._strategy.distribute_datasets_from_function(lambda _: self._parts(number))

    def _parts(self, epoch: int) -> Any:
        """Return the tf.data.Dataset of what one replica gets in one step, the replicas taking turns."""
        order = self._order(epoch)
        full = self._count - self._count % self._batch
        rest = max(1, (self._count - full) // self.replicas)
        indices = tf.data.Dataset.from_tensor_slices(order[:full]).batch(self._batch // self.replicas)
        indices = indices.concatenate(tf.data.Dataset.from_tensor_slices(order[full:]).batch(rest))
        # not num_parallel_calls=1: deterministic operations take that back, and TensorFlow complains of it on stderr
        batches = indices.map(self._gather(epoch)).prefetch(AHEAD)
        # nothing here is left to be tuned, and the thread that tunes sleeps for 10 ms, 20 ms, ... 10 s and longer, each
        # sleep twice the one before; the end of an epoch would wait for the one it is in
        options = tf.data.Options()
        options.autotune.enabled = False
        return batches.with_options(options)

    def _order(self, epoch: int) -> Any:
        with tf.device("CPU:0"):
            every = tf.range(len(self._pixels))
            return tf.random.experimental.stateless_shuffle(every, [self._seed, epoch])[: self._count]

    def _gather(self, epoch: int) -> Callable[[Any], Any]:
        """Return the function from indices to what is trained on."""
        pixels = self._plain if self._augment is None else self._augmented(self._augment, epoch)
        answers = None
        if self._teachers is not None:
            with tf.device("CPU:0"):
                answers = tf.constant(self._teachers.probabilities(epoch))

        def gather(indices: Any) -> Any:
            targets = tf.gather(self._targets, indices)
            weights = () if self._weights is None else (tf.gather(self._weights, targets),)
            if answers is not None:
                targets = tf.concat([tf.cast(targets, tf.float32)[:, None], tf.gather(answers, indices)], axis=1)
            return pixels(indices), targets, *weights

        return gather

    def _plain(self, indices: Any) -> Any:
        return tf.cast(tf.gather(self._pixels, indices), tf.float32)

    def _augmented(self, augmentation: Augment, epoch: int) -> Callable[[Any], Any]:
        part = self._part
        numbers = augment.draw(len(part), seed=self._seed, epoch=epoch)
        if self._teachers is not None:
            numbers = self._teachers.numbers(numbers, epoch)

        def change(indices: NDArray[np.int32]) -> NDArray[np.float32]:
            changed = augment.apply(augmentation, part.pixels[indices], numbers[indices], pad=self._pad)
            return changed.astype(np.float32)

        def pixels(indices: Any) -> Any:
            # stateful to TensorFlow, which keeps such calls in their order; the result depends on nothing but them
            out = tf.numpy_function(change, [indices], tf.float32)
            out.set_shape([None, *part.pixels.shape[1:]])
            return out

        return pixels
