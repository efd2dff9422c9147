"""
Reading a run directory: what training left on disk, and nothing of training's code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import golden
from hemline.bundle import class_lock
from hemline.errors import RunError, UsageError, unknown
from hemline.gates import Gates
from hemline.golden import Golden
from hemline.preprocess import Preprocess
from hemline_convert import kerasfile

SCHEMA = 1


@dataclass(frozen=True)
class Run:
    """A finished training.

    calibration: (N, H, W, C) uint8 training pictures; calibration_sha256 is that of their file.
    data: name, validation (share held out), split_seed and limit of the data set it was trained on; good, the class of
        parts without a defect, where its recipe names one.
    gates: the bars of its recipe. metrics: metrics.json as training measured them, {} when there is none.
    """

    directory: Path
    name: str
    labels: tuple[str, ...]
    preprocess: Preprocess
    data: Mapping[str, Any]
    calibration: NDArray[np.uint8]
    calibration_sha256: str
    golden: Golden
    gates: Gates
    metrics: Mapping[str, Any]
    facts: Mapping[str, Any]

    def model(self) -> Any:
        """Return the Keras model: judged, loaded in safe mode, and checked against the run's labels and size."""
        import keras

        path = self.directory / "model.keras"
        kerasfile.check(path)
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except (ValueError, TypeError, OSError, KeyError) as error:
            raise RunError(f"{path}: cannot be loaded ({str(error).splitlines()[0]}); train it again") from error
        widths = {name: tuple(value.shape) for name, value in _outputs(model).items()}
        if set(widths) != {"logits", "embedding"} or widths["logits"][-1] != len(self.labels):
            raise RunError(f"{path}: outputs {widths}; expected logits of {len(self.labels)} classes and embedding")
        if tuple(model.input_shape[1:]) != self.preprocess.shape:
            raise RunError(f"{path}: takes {model.input_shape[1:]}, the run says {self.preprocess.shape}")
        return model


def read(directory: Path | str) -> Run:
    """Return the run in a directory; it must be finished and whole."""
    directory = Path(directory)
    facts = _json(directory / "run.json")
    if facts.get("schema") != SCHEMA:
        raise RunError(f"{directory}: schema {facts.get('schema')!r}, this version reads {SCHEMA}; train it again")
    if facts.get("status") != "finished":
        raise RunError(f"{directory}: training is {facts.get('status')!r}; finish it with --resume first")
    try:
        labels = tuple(str(label) for label in facts["labels"])
        if facts["class_lock"] != class_lock(labels):
            raise RunError(f"{directory}: class lock is not that of its labels; run.json was edited")
        good = facts["data"].get("good")
        if good is not None and good not in labels:
            raise RunError(f"{directory}/run.json: data.good: {unknown('label', str(good), labels)}")
        preprocess = Preprocess.from_dict(facts["preprocess"])
        pictures, digest = _calibration(directory / "calibration.npz", preprocess, str(facts["data"]["name"]))
        return Run(
            directory=directory,
            name=str(facts["name"]),
            labels=labels,
            preprocess=preprocess,
            data=facts["data"],
            calibration=pictures,
            calibration_sha256=digest,
            golden=golden.parse(_bytes(directory / "golden.npz"), name=str(directory / "golden.npz")),
            gates=Gates.from_dict(facts.get("gates", {})),
            metrics=_json(directory / "metrics.json") if (directory / "metrics.json").exists() else {},
            facts=facts,
        )
    except KeyError as error:
        raise RunError(f"{directory}/run.json: {error.args[0]!r} is missing; train it again") from None
    except UsageError as error:
        raise RunError(f"{directory}/run.json: {error}") from None


def _calibration(path: Path, preprocess: Preprocess, data_name: str) -> tuple[NDArray[np.uint8], str]:
    data = _bytes(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            pictures = archive["pictures"]
            trained_on = str(archive["data_name"])
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise RunError(f"{path}: not calibration pictures ({error}); train it again") from None
    if trained_on != data_name:
        raise RunError(f"{path}: pictures of {trained_on!r}, the run was trained on {data_name!r}; use the run's own")
    if pictures.dtype != np.uint8 or pictures.shape[1:] != preprocess.shape or len(pictures) == 0:
        raise RunError(f"{path}: pictures {pictures.dtype} {pictures.shape}, the run takes uint8 {preprocess.shape}")
    return pictures, hashlib.sha256(data).hexdigest()


def _outputs(model: Any) -> dict[str, Any]:
    outputs = model.output
    return outputs if isinstance(outputs, dict) else dict(zip(("logits", "embedding"), outputs, strict=True))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(path))
    except ValueError as error:
        raise RunError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: expected a JSON object")
    return value


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        what = "no such run" if not path.parent.exists() else f"no {path.name} in it"
        raise RunError(f"{path.parent}: {what}; a run is what 'hemline train' leaves") from None
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}") from None
