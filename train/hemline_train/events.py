"""
TensorBoard events of a run, written from its history. TensorBoard itself is needed only to look at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from hemline_train.checkpoint import Epoch


class Events:
    """A writer of one event file. A context manager."""

    def __init__(self, directory: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(directory))

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: Sequence[Epoch]) -> None:
        """Add epochs; loss and accuracy of training and validation, and the seconds they took."""
        with self._writer.as_default():
            for row in rows:
                figures = {
                    "loss/training": row.loss,
                    "loss/validation": row.val_loss,
                    "accuracy/training": row.accuracy,
                    "accuracy/validation": row.val_accuracy,
                    "seconds": row.seconds,
                }
                # the record itself: tf.summary.scalar imports the tensorboard package
                values = [tf.compat.v1.Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
                record = tf.compat.v1.Summary(value=values).SerializeToString()
                tf.summary.experimental.write_raw_pb(record, row.epoch)
        self._writer.flush()
