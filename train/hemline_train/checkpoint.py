"""
The whole state of a training in one .npz: variables, optimiser, best weights, history. No pickle.

One file an epoch, written to a temporary sibling, fsync, rename: a kill or a full disk leaves the file
before it. The last two and the best are kept.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import storage
from hemline.errors import RunError

SCHEMA = 1
Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave. epoch counts from 1; seconds are those of training and validation together.

    loss and accuracy are means over the epoch, as the weights changed and with dropout on.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True)
class State:
    """A training between two epochs.

    model: every variable of the model, states of random generators among them.
    optimiser: every variable of the optimiser, its step count among them.
    best: the model's variables after the epoch of the lowest validation loss.
    Early stopping needs nothing more: it follows from the history.
    """

    model: Arrays
    optimiser: Arrays
    best: Arrays
    history: tuple[Epoch, ...]


def best_epoch(history: Sequence[Epoch]) -> int:
    """Return the number of the first epoch with the lowest validation loss; 0 for no history."""
    return min(history, key=lambda row: row.val_loss).epoch if history else 0


class Checkpoints:
    """The checkpoints in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, epoch: int) -> Path:
        """Return the file of an epoch."""
        return self._directory / f"epoch-{epoch:04d}.npz"

    def epochs(self) -> list[int]:
        """Return the epochs that have a file, ascending."""
        matches = (re.fullmatch(r"epoch-(\d+)\.npz", path.name) for path in self._directory.glob("epoch-*.npz"))
        return sorted(int(match[1]) for match in matches if match)

    def save(self, state: State) -> Path:
        """Write the state, then remove what is neither of the last two nor the best."""
        latest = state.history[-1].epoch
        path = self.path(latest)
        try:
            storage.write_file(path, encode(state))
        except OSError as error:
            kept = [epoch for epoch in self.epochs() if epoch != latest]
            there = f"the checkpoint of epoch {kept[-1]} is whole" if kept else "there is no earlier one"
            raise RunError(f"{path}: {error.strerror}; {there}; make room and go on with --resume") from error
        keep = {latest, latest - 1, best_epoch(state.history)}
        for epoch in self.epochs():
            if epoch not in keep:
                with suppress(OSError):
                    self.path(epoch).unlink()
        return path

    def latest(self) -> State | None:
        """Return the newest state that can be read, None when there is no file.

        A damaged file is passed over for the one before it; RunError when all are damaged.
        """
        reasons = []
        for epoch in reversed(self.epochs()):
            try:
                return decode(self.path(epoch).read_bytes())
            except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
                reasons.append(f"{self.path(epoch)}: {error}")
        if reasons:
            raise RunError(f"{'; '.join(reasons)}; no checkpoint is whole, train again into another --out")
        return None


def encode(state: State) -> bytes:
    """Return the state as the bytes of an .npz. Law: decode(encode(s)) == s, value for value."""
    arrays: dict[str, NDArray[Any]] = {"schema": np.array(SCHEMA)}
    for group in ("model", "optimiser", "best"):
        values: Arrays = getattr(state, group)
        arrays[f"{group}/count"] = np.array(len(values))
        # by position: Keras numbers some names by what the process built before
        arrays.update({f"{group}/{index}": value for index, value in enumerate(values)})
    # JSON keeps every digit of a double, and the infinities
    arrays["history"] = np.array(json.dumps([asdict(row) for row in state.history]))
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def decode(data: bytes) -> State:
    """Return the state in the bytes of an .npz; ValueError, KeyError or BadZipFile when it is none."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        if int(file["schema"]) != SCHEMA:
            raise ValueError(f"schema {int(file['schema'])}, this version reads {SCHEMA}")
        groups = [
            tuple(file[f"{group}/{index}"] for index in range(int(file[f"{group}/count"])))
            for group in ("model", "optimiser", "best")
        ]
        history = tuple(Epoch(**row) for row in json.loads(str(file["history"])))
    return State(groups[0], groups[1], groups[2], history)
