"""
The child process in which a foreign model is opened and made into a run directory.

    python -m hemline_convert.adopt DIRECTORY

DIRECTORY has request.json and the model, copied and judged; beside them this writes run/, as training would have
left it, or error.json. hemline_convert.foreign starts it and believes nothing of what it leaves.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import datasets
from hemline.bundle import class_lock
from hemline.datasets import Dataset, labels
from hemline.datasets.split import validation_part
from hemline.drawn import drawn
from hemline.errors import DataError, DatasetError, HemlineError, PictureError, UsageError
from hemline.golden import Golden
from hemline.preprocess import Preprocess
from hemline_convert.measure import keras_outputs

REQUEST, ERROR, RUN = "request.json", "error.json", "run"
# int8 conversion measures its ranges on these; fewer than the least and a range is one picture's accident
CALIBRATION_COUNT, CALIBRATION_LEAST = 500, 32
# shares held out of the train split: where a test split judges, temperature and threshold need less
HELD_OUT, HELD_OUT_WITHOUT_TEST = 0.2, 0.5
GOLDEN_PER_CLASS, GOLDEN_SEED = 3, 2017


def main(directory: Path) -> int:
    """Do what the request says; a refusal goes into error.json with its exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        adopt(directory, json.loads((directory / REQUEST).read_text(encoding="utf-8")))
    except HemlineError as error:
        # a folder or a file of labels names itself
        of_model = not isinstance(error, (DatasetError, PictureError, UsageError))
        refusal = {"status": error.exit_status, "message": str(error), "of_model": of_model}
        (directory / ERROR).write_text(json.dumps(refusal), encoding="utf-8")
        return 1
    return 0


def adopt(directory: Path, request: Mapping[str, Any]) -> None:
    """Write directory/run."""
    from hemline_convert import heads

    model = _opened(directory / request["copy"])
    shape = heads.pixel_shape(model)
    preprocess = Preprocess(*shape, **request["preprocess"])
    given = heads.Input(**request["input"])
    golden_pictures = _golden_pictures(preprocess)
    rebuilt = heads.two_outputs(model, given, golden_pictures)
    path = Path(request["data"])
    train = datasets.read(path, "train")
    names = _labels(train, request["labels"], int(rebuilt.output["logits"].shape[-1]))
    share = HELD_OUT if "test" in datasets.splits(path) else HELD_OUT_WITHOUT_TEST
    chosen = _calibration(train, share)

    run = directory / RUN
    run.mkdir()
    rebuilt.save(run / "model.keras")
    np.savez_compressed(
        run / "calibration.npz",
        pictures=chosen.pixels(preprocess),
        targets=np.array([names.index(train.labels[target]) for target in chosen.targets], np.int64),
        data_name=np.array(train.name),
    )
    golden = Golden(golden_pictures, *keras_outputs(rebuilt, golden_pictures, preprocess.mirror))
    (run / "golden.npz").write_bytes(golden.to_bytes())
    facts = {
        "schema": 1,
        "name": "foreign",  # its own name is for the parent to say
        "status": "finished",
        "labels": list(names),
        "class_lock": class_lock(names),
        "preprocess": preprocess.as_dict(),
        "data": {"name": train.name, "validation": share, "split_seed": 0, "limit": 0, "train_count": len(train)},
        "parameters": int(rebuilt.count_params()),
    }
    (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")


def _opened(path: Path) -> Any:
    if path.is_dir():
        from hemline_convert import savedmodel

        return savedmodel.read(path)
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"Keras {keras.__version__} cannot load it ({reason}); save it again with this version"
        ) from None


def _labels(train: Dataset, asked: str | None, outputs: int) -> tuple[str, ...]:
    """Return the labels in the order of the model's outputs."""
    names = train.labels
    if asked is not None:
        # the reader of labels.txt, pointed at another file
        names = labels.parse(Path(asked))
        if sorted(names) != sorted(train.labels):
            lacking = ", ".join(sorted(set(train.labels) ^ set(names)))
            raise UsageError(f"{asked}: its labels are not those of {train.name}; only in one of them: {lacking}")
    if len(names) != outputs:
        raise DataError(
            f"the model has {outputs} outputs, {train.name} has {len(names)} classes ({', '.join(names)}); "
            "give the folder it was trained on, an empty class folder for a class without pictures"
        )
    return names


def _calibration(train: Dataset, share: float) -> Dataset:
    """Return class-balanced pictures of the part that is not held out."""
    kept = np.flatnonzero(~validation_part(train.targets, share, groups=train.groups, labels=train.labels))
    order = np.random.default_rng(0).permutation(kept)
    turn = np.empty(len(order), np.int64)
    for target in range(len(train.labels)):
        of_class = train.targets[order] == target
        turn[of_class] = np.arange(of_class.sum())
    chosen = order[np.argsort(turn, kind="stable")][:CALIBRATION_COUNT]
    if len(chosen) < CALIBRATION_LEAST:
        raise DatasetError(
            f"{train.name}: {len(chosen)} pictures to calibrate with, of {len(train)} in train; "
            f"int8 needs {CALIBRATION_LEAST} or more: add pictures of every class"
        )
    return train.subset(chosen)


def _golden_pictures(preprocess: Preprocess) -> NDArray[np.uint8]:
    """Return drawn garments of the model's size; in colours, where it takes any."""
    side = max(8, preprocess.height), max(8, preprocess.width)  # garments are drawn from 8 pixels on
    garments, _ = drawn(GOLDEN_PER_CLASS, seed=GOLDEN_SEED, height=side[0], width=side[1])
    if preprocess.channels == 1:
        return np.stack([preprocess.apply(garment) for garment in garments])
    dyes = np.random.default_rng(GOLDEN_SEED).integers(64, 256, (len(garments), 1, 1, 3))
    dyed = (garments[..., None] * dyes // 255).astype(np.uint8)
    return np.stack([preprocess.apply(garment) for garment in dyed])


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
