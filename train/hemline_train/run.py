"""
The run: the directory that one training leaves, and the contract with conversion, which reads it from disk.

    recipe.toml        the recipe as resolved
    run.json           name, labels, class lock, preprocessing, data, parameters, status, versions
    checkpoints/       the last two epochs and the best, to go on from
    history.csv        one row an epoch
    tensorboard/       the same as events
    model.keras        the best weights; outputs {"logits", "embedding"}
    calibration.npz    pictures (N, H, W, C) uint8, targets (N,) int64, data_name: training pictures
    golden.npz         pictures (N, H, W, C) uint8 that were drawn, logits, embedding float32: the reference
    metrics.json       figures on the validation and the test pictures
    plots/             curves, confusion, samples, classes; augmented where the recipe augments

Every file is replaced in one step. history.csv, run.json and tensorboard/ are written from the history in
the checkpoint, so a kill between any two of them leaves neither a gap nor a repeated epoch. No pickle.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import storage
from hemline.errors import RunError, UsageError
from hemline_train import recipe as recipes
from hemline_train.checkpoint import Checkpoints, Epoch
from hemline_train.lock import LOCK, locked
from hemline_train.recipe import Recipe

SCHEMA = 1


class Run:
    """A run directory that is being written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkpoints = Checkpoints(root / "checkpoints")
        self.plots = root / "plots"
        self.model = root / "model.keras"

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json holds."""
        return read_facts(self.root)

    @property
    def status(self) -> str:
        """ "running" or "finished"; "new" before anything is written."""
        return str(self.facts["status"]) if (self / "run.json").exists() else "new"

    def check(self, recipe: Recipe, *, resume: bool) -> None:
        """Make sure that the recipe may be trained into this directory; nothing is written.

        Raises UsageError when there is a run and resume is false, when there is none and it is true,
        and when the recipe differs from the run's, naming the key.
        """
        there = self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir()))
        if there and not resume:
            raise UsageError(f"{self.root}: exists already; add --resume to go on with it, or choose another --out")
        if not there and resume:
            raise UsageError(f"{self.root}: no run to resume; leave out --resume to start one")
        if there and (self / "recipe.toml").exists():
            _same(recipes.load(self / "recipe.toml"), recipe, self.root)
        elif there:
            raise UsageError(f"{self.root}: has no recipe.toml, it is not a run; choose another --out")

    @contextmanager
    def opened(self, recipe: Recipe) -> Iterator[None]:
        """Write recipe.toml where there is none, and keep other processes out meanwhile; a kill releases it."""
        if not (self / "recipe.toml").exists():
            storage.write_file(self / "recipe.toml", recipes.dump(recipe).encode())
        with locked(self.root, "training into"):
            for path in [path for path in self.root.rglob(".*") if path.name != LOCK]:
                path.unlink()  # what a killed process left half-written
            yield

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Replace run.json."""
        storage.write_file(self / "run.json", _json({"schema": SCHEMA, **facts}))

    def write_history(self, history: Sequence[Epoch]) -> None:
        """Replace history.csv."""
        names = [field.name for field in fields(Epoch)]
        rows = [",".join(str(value) for value in asdict(row).values()) for row in history]
        storage.write_file(self / "history.csv", "\n".join([",".join(names), *rows, ""]).encode())

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replace metrics.json."""
        storage.write_file(self / "metrics.json", _json({"schema": SCHEMA, **metrics}))

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace an .npz file; no array of objects is accepted."""
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **dict(arrays))
        storage.write_file(self / name, stream.getvalue())

    def write_model(self, model: Any) -> None:
        """Replace model.keras."""
        # Keras writes to a path of its own suffix only
        staging = self / ".model.keras"
        model.save(staging)
        storage.write_file(self.model, staging.read_bytes())
        staging.unlink()

    def clear_events(self) -> Path:
        """Empty the directory of TensorBoard events, and return it."""
        directory = self / "tensorboard"
        shutil.rmtree(directory, ignore_errors=True)
        return directory


def read_facts(root: Path) -> dict[str, Any]:
    """Return what run.json of a run holds; RunError when there is no run or its schema is unknown."""
    path = root / "run.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{root}: not a run, it has no run.json; 'hemline train' leaves one") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}") from None
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        found = facts.get("schema") if isinstance(facts, dict) else None
        raise RunError(f"{path}: schema {found!r}, this version reads {SCHEMA}; train again with this version")
    return facts


def finished_run(name: str, beside: Path, what: str, key: str) -> Path:
    """Return a finished run: a path as it is, a name that of a run in the directory `beside`.

    what, key: the error's, "fashion-small learns from" and how --set names another.
    """
    run = Path(name) if "/" in name else beside / name
    if (run / "model.keras").exists() and read_facts(run)["status"] == "finished":
        return run
    state = "its training is not finished" if (run / "run.json").exists() else "there is no run"
    raise UsageError(
        f"{what} {name}: {run}: {state}; train it first (hemline train {Path(name).name} --out {run}), "
        f"or name another with --set '{key}'"
    )


def _same(ours: Recipe, asked: Recipe, root: Path) -> None:
    there, here = recipes.flat(ours), recipes.flat(asked)
    for key in sorted({*there, *here}):
        # what is expected of a training, and what conversion will ask, do not change it
        if not key.startswith(("expect.", "gates.")) and there.get(key) != here.get(key):
            raise UsageError(
                f"{root}: its {key} is {there.get(key)!r}, asked for {here.get(key)!r}; "
                "resume with the same recipe, or choose another --out"
            )


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
