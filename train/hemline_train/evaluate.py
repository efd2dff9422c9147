"""
The reference answers of a run: its Keras model, asked directly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import metrics, timing
from hemline.datasets import Dataset
from hemline.errors import RunError, UsageError
from hemline.preprocess import Preprocess
from hemline.shifts import accuracy
from hemline_train import backend
from hemline_train.run import read_facts

LATENCY_SECONDS = 1.0


def reference_outputs(run: Path | str, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (logits (N, classes), embedding (N, D)) that a finished run's model.keras gives.

    pixels: (N, H, W, C) uint8, as the run's Preprocess leaves them.
    """
    contract = Preprocess.from_dict(read_facts(Path(run))["preprocess"])
    if pixels.dtype != np.uint8 or pixels.shape[1:] != contract.shape:
        raise RunError(f"{run}: takes uint8 pictures of {contract.shape}, found {pixels.dtype} {pixels.shape[1:]}")
    model = model_of(Path(run))
    from hemline_train.models import outputs

    return outputs(model, pixels, mirror=contract.mirror)


def report(
    run: Path | str,
    dataset: Dataset,
    *,
    shifts: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Return what `hemline evaluate --json` writes, of a run: one artifact, keras:float32.

    Its latency is that of calling the Keras model, batch 1, and agreement is 1: it is the reference.
    shifts: whether also under shift; progress is told how far that is.
    """
    run = Path(run)
    facts = read_facts(run)
    labels = tuple(facts["labels"])
    if set(dataset.labels) != set(labels):
        raise UsageError(
            f"{dataset.name}: labels are not those of {run}; it knows {', '.join(labels)}, "
            f"the data has {', '.join(dataset.labels)}"
        )
    order = np.array([labels.index(label) for label in dataset.labels], np.int64)
    targets = order[dataset.targets]
    preprocess = Preprocess.from_dict(facts["preprocess"])
    pixels = dataset.pixels(preprocess)
    model = model_of(run)
    from hemline_train.models import outputs

    answer = partial(outputs, model, mirror=preprocess.mirror)
    logits, _ = answer(pixels)
    one = pixels[:1]
    durations = timing.interleaved({"call": lambda: answer(one)}, seconds=LATENCY_SECONDS, block=5)
    row = {
        "artifact": "keras:float32",
        "bytes": (run / "model.keras").stat().st_size,
        "agreement": 1.0,
        **metrics.score(logits, targets, labels),
        **timing.percentiles(durations["call"]),
    }
    if shifts:
        ask = {"keras": lambda batch: answer(batch)[0]}
        row["shifts"] = accuracy.measure(ask, pixels, targets, pad=preprocess.pad, progress=progress)["keras"]
    return {
        "schema": 1,
        "bundle": facts["name"],
        "class_lock": facts["class_lock"],
        "data": f"{dataset.name}/{dataset.split}",
        "n": len(dataset),
        "labels": list(labels),
        "artifacts": [row],
    }


def model_of(run: Path) -> Any:
    """Return the Keras model of a finished run; RunError where there is none that loads."""
    path = run / "model.keras"
    if not path.exists():
        status = read_facts(run)["status"]
        raise RunError(f"{path}: not there; the training is {status}, finish it with --resume")
    backend.start()
    import keras

    try:
        # safe_mode: a .keras file may name code to run; ours names none
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise RunError(f"{path}: {str(error).splitlines()[0]}; train again") from error
