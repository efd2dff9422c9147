"""
From uint8 pictures in memory to shuffled batches, without a copy of the whole as floats.

The order of an epoch is a function of (seed, epoch) alone: a resumed training sees what an uninterrupted
one would have seen. Indices are batched first and pictures gathered a batch at a time, on another thread
than the one that trains.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hemline_train.data import Part

AHEAD = 8  # batches ready in advance; at 32 pictures of 28x28 one is 100 KB


class Batches:
    """The batches of a part, epoch after epoch."""

    def __init__(self, part: Part, *, batch: int, seed: int, replicas: int = 1) -> None:
        """batch: pictures a step over all replicas together. seed: 0 or more."""
        self._seed = seed
        self._batch = batch
        # every replica must get a picture in the last, smaller step too: the mean over none is NaN
        self._count = len(part) - (len(part) % batch) % replicas
        # captured by reference, not embedded in the graph
        with tf.device("CPU:0"):
            self._pixels = tf.constant(part.pixels)
            self._targets = tf.constant(part.targets)
        self.steps = -(-self._count // batch)

    def epoch(self, number: int) -> Any:
        """Return the tf.data.Dataset of epoch `number`: (float32 pixels 0..255, int64 targets) batches."""
        indices = tf.data.Dataset.from_tensor_slices(self._order(number)).batch(self._batch)
        return indices.map(self._gather, num_parallel_calls=1).prefetch(AHEAD)

    def _order(self, epoch: int) -> Any:
        with tf.device("CPU:0"):
            every = tf.range(len(self._pixels))
            return tf.random.experimental.stateless_shuffle(every, [self._seed, epoch])[: self._count]

    def _gather(self, indices: Any) -> Any:
        return tf.cast(tf.gather(self._pixels, indices), tf.float32), tf.gather(self._targets, indices)
