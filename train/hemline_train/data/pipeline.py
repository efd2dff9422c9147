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
from hemline_train.data.feed import Feed

AHEAD = 8  # batches ready in advance; at 32 pictures of 28x28 one is 100 KB


class _Called:
    """What TensorFlow calls for a batch. It never lets go of it, so what stands behind it is let go here."""

    def __init__(self, ask: Callable[[NDArray[np.int64]], Any]) -> None:
        self._ask: Callable[[NDArray[np.int64]], Any] | None = ask

    def answer(self, chosen: NDArray[np.int64]) -> Any:
        """Return what is made of the pictures at these indices."""
        assert self._ask is not None, "its batches are closed"
        return self._ask(chosen)

    def close(self) -> None:
        """Forget what is asked."""
        self._ask = None


class Batches:
    """The batches of a feed, epoch after epoch. After close() there are none: until then all pictures are kept."""

    def __init__(self, feed: Feed, strategy: Any = None) -> None:
        """strategy: None is one device."""
        self._feed, self._strategy = feed, strategy
        self._called: list[_Called] = []
        self.replicas = int(strategy.num_replicas_in_sync) if strategy else 1
        if feed.batch % self.replicas:
            raise UsageError(f"training.batch is {feed.batch}; {self.replicas} replicas cannot share it evenly")
        # in the last, smaller step too every replica gets as many: a mean of means is then the mean
        self._count = len(feed.part) - (len(feed.part) % feed.batch) % self.replicas
        # captured by reference, not embedded in the graph
        with tf.device("CPU:0"):
            self._pixels = tf.constant(feed.part.pixels)
            self._labels = tf.constant(feed.part.targets)
            self._weights = None if feed.class_weights is None else tf.constant(feed.class_weights)
        self.steps = -(-self._count // feed.batch)

    def epoch(self, number: int) -> Any:
        """Return the batches of epoch `number` for Keras' fit: (float32 pixels 0..255, targets[, weights]).

        targets: (N,) int64, or (N, k) float32, as hemline_train.losses takes them.
        """
        if self.replicas == 1:
            return self._parts(number)
        # Keras' own distribution would cut a last step of 14 pictures into 8 and 6
        return self._strategy.distribute_datasets_from_function(lambda _: self._parts(number))

    def close(self) -> None:
        """Let go of the pictures, which TensorFlow would keep as long as the process runs."""
        for called in self._called:
            called.close()
        self._called.clear()

    def _asking(self, ask: Callable[[NDArray[np.int64]], Any]) -> Callable[[NDArray[np.int64]], Any]:
        called = _Called(ask)
        self._called.append(called)
        return called.answer

    def _parts(self, epoch: int) -> Any:
        """Return the tf.data.Dataset of what one replica gets in one step, the replicas taking turns."""
        order = self._order(epoch)
        full = self._count - self._count % self._feed.batch
        rest = max(1, (self._count - full) // self.replicas)
        indices = tf.data.Dataset.from_tensor_slices(order[:full]).batch(self._feed.batch // self.replicas)
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
            return tf.random.experimental.stateless_shuffle(every, [self._feed.seed, epoch])[: self._count]

    def _gather(self, epoch: int) -> Callable[[Any], Any]:
        """Return the function from indices to what is trained on."""
        numbers = self._feed.numbers(epoch)
        pixels = self._plain if numbers is None else self._augmented(numbers)
        with tf.device("CPU:0"):
            targets = tf.constant(self._feed.targets(epoch, numbers))

        def gather(indices: Any) -> Any:
            labels = tf.gather(self._labels, indices)
            weights = () if self._weights is None else (tf.gather(self._weights, labels),)
            return pixels(indices), tf.gather(targets, indices), *weights

        def placed(indices: Any) -> Any:
            assert numbers is not None
            pictures, places = self._examples(indices, numbers)
            labels = tf.cast(tf.gather(targets, indices), tf.float32)
            return pictures, tf.concat([labels[:, None], places], axis=1)

        return gather if self._feed.places is None or numbers is None else placed

    def _examples(self, indices: Any, numbers: NDArray[np.float32]) -> tuple[Any, Any]:
        feed = self._feed
        assert feed.places is not None
        ask = self._asking(lambda chosen: feed.examples(chosen, numbers))
        pictures, places = tf.numpy_function(ask, [indices], [tf.float32, tf.float32])
        pictures.set_shape([None, *feed.part.pixels.shape[1:]])
        places.set_shape([None, feed.places.grid.count])
        return pictures, places

    def _plain(self, indices: Any) -> Any:
        return tf.cast(tf.gather(self._pixels, indices), tf.float32)

    def _augmented(self, numbers: NDArray[np.float32]) -> Callable[[Any], Any]:
        feed = self._feed

        def pixels(indices: Any) -> Any:
            ask = self._asking(lambda chosen: feed.pictures(chosen, numbers))
            # stateful to TensorFlow, which keeps such calls in their order; the result depends on nothing but them
            out = tf.numpy_function(ask, [indices], tf.float32)
            out.set_shape([None, *feed.part.pixels.shape[1:]])
            return out

        return pixels
