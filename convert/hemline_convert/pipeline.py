"""
From a run to a bundle: convert each artifact, run it in its own engine, compare it with Keras, write.

Nothing is written before every artifact was measured; a killed conversion leaves the old bundle or none.
"""

from __future__ import annotations

import datetime
import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hemline import __version__, datasets, engines, metrics, parity
from hemline.bundle import Artifact, Bundle, File
from hemline.datasets.split import holdout
from hemline.errors import DatasetError, UsageError, unknown
from hemline.gates import Gates, Verdict, judge
from hemline_convert.capture import captured
from hemline_convert.run import Run
from hemline_convert.source import Converted, Source

FORMATS = {"litert": "hemline_convert.litert"}
DEFAULT = ("litert:float32", "litert:int8")
# an answer is "good" from the confidence at which this share of the good ones is wrong, on validation pictures
RISK = 0.02
KERAS_BATCH = 512
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "opencv-python-headless")
LICENCE = """Weights trained by hemline, licensed under the Apache License, Version 2.0.
SPDX-License-Identifier: Apache-2.0
"""


@dataclass(frozen=True)
class Pictures:
    """Labelled pixels: (N, H, W, C) uint8, targets (N,), and Keras' logits on them (N, classes)."""

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    reference: NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """A measured bundle with the bytes of its files, and the gates of its artifacts."""

    bundle: Bundle
    contents: Mapping[str, bytes]
    gates: tuple[Verdict, ...]


def formats(text: str) -> tuple[str, ...]:
    """Return the artifacts of a --formats value, each engine:precision checked; "all" is every one."""
    known = [f"{engine}:{precision}" for engine in FORMATS for precision in _precisions(engine)]
    if text == "all":
        return tuple(known)
    asked = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in asked or ("",):
        if name not in known:
            raise UsageError(unknown("format", name, known))
    return asked


def convert(
    run: Run,
    names: tuple[str, ...],
    *,
    bundle_name: str,
    data: str | None,
    bars: Gates,
    log: IO[bytes],
    say: Callable[[str], None],
) -> Outcome:
    """Return the converted and measured artifacts of a run.

    data: where its data set lies, as --data gives it; without one, only golden inputs are compared.
    bars: what each artifact must keep.
    log: takes what the converters print. say: told one line a step.
    """
    with captured(log):
        model = run.model()
    source = Source(run.name, model, run.labels, run.preprocess, run.calibration)
    validation, test = _labelled(run, model, data, say)
    artifacts, contents, gates = [], {}, []
    for name in names:
        engine, _, precision = name.partition(":")
        with captured(log):
            converted = importlib.import_module(FORMATS[engine]).convert(source, precision)
        artifact, measured = _measure(name, converted, run, validation, test, bars)
        artifacts.append(artifact)
        gates += measured
        contents.update(converted.files)
        say(f"{name}: {artifact.bytes:,} bytes, {_summary(artifact.parity)}")
    golden = run.golden.to_bytes()
    labels = ("\n".join(run.labels) + "\n").encode()
    extras = {"labels.txt": labels, "LICENSE": LICENCE.encode()}
    bundle = Bundle(
        name=bundle_name,
        version=__version__,
        created=_now(),
        labels=run.labels,
        preprocess=run.preprocess,
        outputs={"logits": len(run.labels), "embedding": run.golden.embedding.shape[1]},
        artifacts=tuple(artifacts),
        golden=File.of("golden.npz", golden),
        extras=tuple(File.of(name, content) for name, content in extras.items()),
        gates=bars,
        metrics={key: run.metrics[key] for key in ("test", "validation") if key in run.metrics},
        provenance=_provenance(run),
    )
    return Outcome(bundle, {**contents, **extras, "golden.npz": golden}, tuple(gates))


def _measure(
    name: str, converted: Converted, run: Run, validation: Pictures | None, test: Pictures | None, bars: Gates
) -> tuple[Artifact, list[Verdict]]:
    engine_name, _, precision = name.partition(":")
    widths = {"logits": len(run.labels), "embedding": run.golden.embedding.shape[1]}
    model = engines.Model(name, converted.files, run.preprocess.shape, converted.outputs, widths)
    figures: dict[str, Any] = {}
    temperature, thresholds = 1.0, {}
    with engines.open_model(engine_name, model) as engine:
        figures["golden"] = parity.compare(engine.run(run.golden.pictures)[0], run.golden.logits)
        if validation is not None:
            logits = engine.run(validation.pixels)[0]
            temperature = metrics.fit_temperature(logits, validation.targets)
            probabilities = metrics.softmax(logits, temperature)
            chosen = metrics.confidence_for_risk(probabilities, validation.targets, RISK)
            if chosen is not None:
                thresholds = {"good": chosen[0], "good_risk": RISK, "good_coverage": chosen[1]}
        if test is not None:
            logits = engine.run(test.pixels)[0]
            figures["test"] = parity.compare(logits, test.reference, test.targets)
    gates = judge(name, figures.get("test", figures["golden"]), bars)
    artifact = Artifact(
        engine_name,
        precision,
        tuple(File.of(path, content) for path, content in converted.files.items()),
        converted.outputs,
        figures,
        temperature,
        thresholds,
        converted.min_runtime,
    )
    return artifact, gates


def _labelled(
    run: Run, model: Any, data: str | None, say: Callable[[str], None]
) -> tuple[Pictures | None, Pictures | None]:
    """Return the validation and the test pictures of the run's data set, each None where there is none."""
    try:
        path = datasets.locate(str(run.data["name"]), data=data)
    except DatasetError as error:
        if data is not None:
            raise
        say(f"compared on the golden inputs only: {error}")
        return None, None
    train = datasets.read(path, "train")
    held_out = holdout(len(train), float(run.data["validation"]), seed=int(run.data["split_seed"]), groups=train.groups)
    validation = _pictures(train.subset(np.flatnonzero(held_out)), run, model)
    try:
        test = datasets.read(path, "test")
    except DatasetError:
        say(f"{path}: no test split; compared on the validation pictures")
        return validation, validation
    return validation, _pictures(test, run, model)


def _pictures(dataset: datasets.Dataset, run: Run, model: Any) -> Pictures:
    if dataset.labels != run.labels:
        raise UsageError(f"{dataset.name}: its labels are not those the run was trained on")
    pixels = dataset.pixels(run.preprocess)
    return Pictures(pixels, dataset.targets, reference(model, pixels))


def reference(model: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return Keras' logits (N, classes) for pixels (N, H, W, C) uint8."""
    parts = []
    for start in range(0, len(pixels), KERAS_BATCH):
        outputs = model(pixels[start : start + KERAS_BATCH].astype(np.float32), training=False)
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
        parts.append(np.asarray(logits, np.float32))
    return np.concatenate(parts)


def _summary(figures: Mapping[str, Any]) -> str:
    row = figures.get("test", figures["golden"])
    where = "test" if "test" in figures else "golden inputs"
    accuracy = f", accuracy {row['accuracy']:.4f} ({row['accuracy_drop_pp']:+.2f} pp lost)" if "accuracy" in row else ""
    return f"agreement with Keras {row['agreement']:.4f}, |dp| p95 {row['dp_p95']:.4f}{accuracy} on {where}"


def _provenance(run: Run) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "recipe": run.name,
        "data": dict(run.data),
        "parameters": run.facts.get("parameters"),
        "epochs": run.facts.get("epochs_done"),
        "calibration": {"sha256": run.calibration_sha256, "pictures": len(run.calibration)},
        "hemline": __version__,
        "versions": versions,
        "license": "Apache-2.0",
    }


def _now() -> str:
    # the convention of reproducible-builds.org: the same inputs and date give the same manifest
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.datetime.now(datetime.timezone.utc)
    if epoch:
        moment = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _precisions(engine: str) -> tuple[str, ...]:
    precisions: tuple[str, ...] = importlib.import_module(FORMATS[engine]).PRECISIONS
    return precisions


def default_out(run: Run) -> Path:
    """Return where a run's bundle goes when nothing else is said."""
    return Path("bundles") / run.name
