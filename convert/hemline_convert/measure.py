"""
Running a converted artifact in its own engine and comparing it with Keras, before anything is written.

Temperature, thresholds and every choice come from validation pictures; the test pictures choose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import datasets, engines, parity
from hemline.bundle import Artifact, File
from hemline.calibration import Calibration, RiskCurve
from hemline.errors import DatasetError, UsageError
from hemline.gates import Gates, Verdict, judge
from hemline.mirror import Outputs, mean
from hemline.preprocess import Preprocess
from hemline.unknown import Answers
from hemline_convert import unknown
from hemline_convert.run import Run
from hemline_convert.source import Converted

# an answer is "good" from the confidence at which at most this share of the good ones is wrong: the first of these
# that the validation pictures can show, for 2 % of wrong answers cannot be shown by a hundred pictures
GOOD_RISKS = (0.02, 0.05, 0.1)
KERAS_BATCH = 512
Trained = tuple[NDArray[np.uint8], NDArray[np.int64]]  # pixels (N, H, W, C), targets (N,)


@dataclass(frozen=True)
class Pictures:
    """Labelled pixels: (N, H, W, C) uint8, targets (N,), and Keras' logits on them (N, classes)."""

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    reference: NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """An artifact's manifest entry with its figures, the verdicts on them, and what travels beside its own files."""

    artifact: Artifact
    verdicts: list[Verdict]
    contents: Mapping[str, bytes]


def measure(
    name: str,
    converted: Converted,
    run: Run,
    validation: Pictures | None,
    test: Pictures | None,
    bars: Gates,
    trained: Trained | None = None,
) -> Measured:
    """Return what was measured of an artifact in its engine.

    Judged on the test pictures where there are any, else on those of validation, else on the golden inputs. With
    pictures that it was trained on, it learns which pictures are unlike them.
    """
    engine_name, _, precision = name.partition(":")
    widths = {"logits": len(run.labels), "embedding": run.golden.embedding.shape[1]}
    figures: dict[str, Any] = {"measured_with": converted.measure_with} if converted.measure_with else {}
    temperature, thresholds, calibration, score = 1.0, {}, None, None
    with opened(name, converted, run.preprocess, widths) as engine:
        figures["golden"] = parity.compare(engine.run(run.golden.pictures)[0], run.golden.logits)
        if validation is not None:
            logits, embeddings = engine.run(validation.pixels)
            temperature, calibration = Calibration.fit(logits, validation.targets, f"{run.data['name']}/validation")
            thresholds = good(calibration.curve)
            if trained is not None:
                held_out = Answers(logits, embeddings, validation.targets)
                score = unknown.fit(name, engine.run, trained, held_out, temperature=temperature)
                thresholds |= score.thresholds
        if test is not None:
            split = "validation" if test is validation else "test"
            logits, embeddings = engine.run(test.pixels)
            figures[split] = parity.compare(logits, test.reference, test.targets)
            figures[split] |= parity.calibration_errors(logits, test.targets, temperature)
            if score is not None:
                figures[split]["known"] = score.kept(Answers(logits, embeddings, test.targets))
    gates = judge(name, judged(figures)[1], bars)
    artifact = Artifact(
        engine_name,
        precision,
        tuple(File.of(path, content) for path, content in converted.files.items()),
        converted.outputs,
        figures,
        temperature,
        thresholds,
        converted.min_runtime,
        converted.lint,
        calibration,
        None if score is None else score.file,
    )
    return Measured(artifact, gates, {} if score is None else {score.file.path: score.content})


def judged(figures: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return which inputs an artifact is judged on, "test", "validation" or "golden", and its figures on them.

    figures: an artifact's parity, of the manifest.
    """
    split = next(name for name in ("test", "validation", "golden") if name in figures)
    return split, figures[split]


def good(curve: RiskCurve) -> dict[str, float]:
    """Return the thresholds of a "good" answer for the least of GOOD_RISKS that the curve shows, {} for none."""
    for risk in GOOD_RISKS:
        place = curve.keeping(risk)
        if place is not None:
            return {"good": curve.confidence[place], "good_risk": risk, "good_coverage": curve.coverage[place]}
    return {}


def opened(name: str, converted: Converted, preprocess: Preprocess, widths: Mapping[str, int]) -> engines.Engine:
    """Return the open artifact, or what stands in for one whose engine runs nowhere but on the device."""
    files = converted.measure_files or converted.files
    model = engines.Model(name, files, preprocess.shape, converted.outputs, widths, mirror=preprocess.mirror)
    return engines.open_model(converted.measure_with or name.partition(":")[0], model)


def labelled(
    run: Run, model: Any, data: str | None, say: Callable[[str], None]
) -> tuple[Pictures | None, Pictures | None]:
    """Return the validation pictures of the run's data set and the test pictures, None where there are none.

    Where the set has no test split the validation pictures, the same object, take their place.
    """
    try:
        path = datasets.locate(str(run.data["name"]), data=data)
    except DatasetError as error:
        if data is not None:
            raise
        say(f"compared on the golden inputs only: {error}")
        return None, None
    validation = _pictures(_divided(run, path)[1], run, model, say)
    try:
        test = datasets.read(path, "test").thinned(int(run.data.get("limit", 0)))
    except DatasetError:
        say(f"{path}: no test split; compared on the validation pictures")
        return validation, validation
    return validation, _pictures(test, run, model, say)


def pictures_trained_on(
    run: Run, validation: Pictures | None, data: str | None, say: Callable[[str], None]
) -> Trained | None:
    """Return pixels and targets that training saw, evenly spaced; None where there are too few to learn from."""
    if validation is None:
        return None
    train, _ = _divided(run, datasets.locate(str(run.data["name"]), data=data))
    seen = train.thinned(unknown.pictures(run.preprocess.shape))
    return _pixels(seen, run, say) if unknown.enough(len(seen), len(validation.targets), say) else None


def _divided(run: Run, path: Path) -> tuple[datasets.Dataset, datasets.Dataset]:
    """Return what the run was trained on and what it was validated on."""
    facts = run.data
    share, seed = float(facts["validation"]), int(facts["split_seed"])
    return datasets.training(path, validation=share, seed=seed, limit=int(facts.get("limit", 0)))


def _pictures(dataset: datasets.Dataset, run: Run, model: Any, say: Callable[[str], None]) -> Pictures:
    """Return the pictures of a data set with Keras' answers."""
    pixels, targets = _pixels(dataset, run, say)
    return Pictures(pixels, targets, reference(model, pixels, run.preprocess.mirror))


def _pixels(dataset: datasets.Dataset, run: Run, say: Callable[[str], None]) -> Trained:
    """Return pixels and targets; pictures that cannot be read are left out where training left some out."""
    if sorted(dataset.labels) != sorted(run.labels):
        raise UsageError(f"{dataset.name}: its labels are not those the run was trained on")
    # by name: a model's outputs may be in another order than the folders of its pictures
    order = np.array([run.labels.index(label) for label in dataset.labels], np.int64)
    targets = order[dataset.targets]
    if not run.data.get("skipped"):
        return dataset.pixels(run.preprocess), targets
    pixels, bad = dataset.readable(run.preprocess)
    if bad:
        say(f"{dataset.name}: {len(bad):,} pictures cannot be read; left out, as in training")
    return np.delete(pixels, list(bad), axis=0), np.delete(targets, list(bad))


def reference(model: Any, pixels: NDArray[np.uint8], mirror: str = "none") -> NDArray[np.float32]:
    """Return Keras' logits (N, classes) for pixels (N, H, W, C) uint8. mirror: of the contract."""
    return keras_outputs(model, pixels, mirror)[0]


def keras_outputs(model: Any, pixels: NDArray[np.uint8], mirror: str = "none") -> Outputs:
    """Return Keras' logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8, as reference() does."""

    def ask(fed: NDArray[np.uint8]) -> Outputs:
        parts = []
        for start in range(0, len(fed), KERAS_BATCH):
            answer = model(fed[start : start + KERAS_BATCH].astype(np.float32), training=False)
            both = (answer["logits"], answer["embedding"]) if isinstance(answer, dict) else answer
            parts.append([np.asarray(values, np.float32) for values in both])
        logits, embeddings = (np.concatenate(values) for values in zip(*parts, strict=True))
        return logits, embeddings

    return mean(ask, pixels, mirror)
