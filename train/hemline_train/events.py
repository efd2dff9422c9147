"""
TensorBoard events of a run, written from its history by TensorBoard's own writer, which needs no TensorFlow.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from hemline_train.checkpoint import Epoch


class Events:
    """A writer of one event file. A context manager."""

    def __init__(self, directory: Path) -> None:
        self._writer = EventFileWriter(str(directory))

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: Sequence[Epoch]) -> None:
        """Add epochs; loss and accuracy of training and validation, and the seconds they took."""
        for row in rows:
            figures = {
                "loss/training": row.loss,
                "loss/validation": row.val_loss,
                "accuracy/training": row.accuracy,
                "accuracy/validation": row.val_accuracy,
                "seconds": row.seconds,
            }
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
            self._writer.add_event(Event(wall_time=time.time(), step=row.epoch, summary=Summary(value=values)))
        self._writer.flush()
