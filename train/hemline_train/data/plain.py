"""
Batches for a Keras backend other than TensorFlow: NumPy arrays, gathered on the thread that trains.

The order of an epoch is a function of (seed, epoch) here too, but another one than TensorFlow's generator gives: a
training is repeated exactly by the same backend, not by another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline_train.data.feed import Feed


class PlainBatches:
    """The batches of a feed, epoch after epoch, on one device. As hemline_train.data.pipeline.Batches."""

    replicas = 1

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.steps = -(-len(feed.part) // feed.batch)

    def close(self) -> None:
        """Do nothing: nobody keeps what is fed."""

    def epoch(self, number: int) -> Iterator[tuple[NDArray[Any], ...]]:
        """Return the batches of epoch `number` for Keras' fit: (float32 pixels 0..255, targets[, weights])."""
        feed = self._feed
        key = np.array([feed.seed, number], np.uint64)
        order = np.random.Generator(np.random.Philox(key=key)).permutation(len(feed.part))
        numbers = feed.numbers(number)
        targets = feed.targets(number, numbers)
        for start in range(0, len(order), feed.batch):
            indices = order[start : start + feed.batch]
            weights = () if feed.class_weights is None else (feed.class_weights[feed.part.targets[indices]],)
            if feed.places is not None and numbers is not None:
                pictures, places = feed.examples(indices, numbers)
                yield pictures, np.concatenate([targets[indices, None].astype(np.float32), places], axis=1)
            else:
                yield feed.pictures(indices, numbers), targets[indices], *weights
