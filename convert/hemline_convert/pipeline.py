"""
From a run to a bundle: convert each artifact, run it in its own engine, compare it with Keras, write.

Nothing is written before every artifact was measured; a killed conversion leaves the old bundle or none.
"""

from __future__ import annotations

import datetime
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from hemline import __version__
from hemline.bundle import Artifact, Bundle, File
from hemline.calibration import Calibration
from hemline.describe import Description
from hemline.errors import UsageError, unknown
from hemline.gates import Gates, Verdict
from hemline_convert import batchnorm, diagnose
from hemline_convert.capture import captured
from hemline_convert.measure import judged, labelled, measure, pictures_trained_on
from hemline_convert.metadata import describe_artifact
from hemline_convert.run import Run
from hemline_convert.search import Candidate, search
from hemline_convert.source import Converted, Source

FORMATS = {
    "litert": "hemline_convert.litert",
    "onnx": "hemline_convert.onnx",
    "openvino": "hemline_convert.openvino",
    "edgetpu": "hemline_convert.edgetpu",
}
DEFAULT = ("litert:float32", "litert:int8")
PACKAGES = (
    *("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "tf2onnx", "onnx", "onnxruntime", "openvino", "nncf"),
    *("numpy", "opencv-python-headless"),
)
LICENCE = "Apache-2.0"  # SPDX, of weights that hemline trained


@dataclass(frozen=True)
class Outcome:
    """A measured bundle with the bytes of its files, and the gates of its artifacts.

    causes: a line for each failure that could be explained. seconds: by stage, in order.
    """

    bundle: Bundle
    contents: Mapping[str, bytes]
    gates: tuple[Verdict, ...]
    causes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


class Clock:
    """Seconds from lap to lap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Give the time since the last lap to a stage."""
        now = perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


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


@dataclass(frozen=True)
class Order:
    """What is to be made of a run.

    names: engine:precision of each artifact. bundle_name: of the bundle they go into.
    data: where the run's data set lies, as --data gives it; without one, only golden inputs are compared.
    bars: what each artifact must keep. max_drop_pp: keep of each engine the smallest that loses no more.
    least_accuracy: what the float model itself must reach on its test pictures, 0..1.
    """

    names: tuple[str, ...]
    bundle_name: str
    data: str | None
    bars: Gates
    max_drop_pp: float | None = None
    least_accuracy: float | None = None


def convert(run: Run, order: Order, *, log: IO[bytes], say: Callable[[str], None]) -> Outcome:
    """Return the converted and measured artifacts of a run.

    log: takes what the converters print. say: told one line a step.
    """
    clock = Clock()
    with captured(log):
        model = run.model()
    clock.lap("load the model")
    source = Source(run.name, batchnorm.folded(model), run.labels, run.preprocess, run.calibration)
    validation, test = labelled(run, model, order.data, say)
    trained = pictures_trained_on(run, validation, order.data, say)
    clock.lap("read the pictures, ask Keras")
    artifacts: list[Artifact] = []
    gates: list[Verdict] = []
    if order.least_accuracy is not None:
        if test is None:
            raise UsageError("--min-accuracy: there are no labelled pictures to measure it on; give --data PATH")
        gates.append(diagnose.accuracy_gate(test, order.least_accuracy))
    contents: dict[str, bytes] = {}
    searched: list[Candidate] = []
    if order.max_drop_pp is not None:
        searched = search(
            source, FORMATS, order.names, validation, max_drop_pp=order.max_drop_pp, bars=order.bars, log=log, say=say
        )
        made = {row.artifact: row.converted for row in searched if row.kept}
        clock.lap("search")
    else:
        made = {}
        for name in order.names:
            made[name] = _converted(source, name, log)
            clock.lap(f"convert {name}")
    for name, bare in made.items():
        # described before it is measured: what was measured is what ships
        converted = _described(bare, name, order.bundle_name, run)
        measured = measure(name, converted, run, validation, test, order.bars, trained)
        artifact = measured.artifact
        artifacts.append(artifact)
        gates += measured.verdicts
        gates += diagnose.calibration_gate(name, run.calibration, test) if test is not None else []
        contents.update({**converted.files, **measured.contents})
        clock.lap(f"measure {name}")
        say(f"{name}: {artifact.bytes:,} bytes, {_summary(artifact.parity)}")
        if artifact.calibration is not None:
            say(f"{name}: {_confidence(artifact, artifact.calibration)}")
        if artifact.unknown is not None:
            say(f"{name}: {_known(artifact)}")
        for line in converted.remarks:
            say(line)
    bundle, extras = _bundle(run, order, artifacts, searched)
    causes = diagnose.causes(run, model, test, gates)
    return Outcome(bundle, {**contents, **extras}, tuple(gates), causes, clock.seconds)


def _bundle(
    run: Run, order: Order, artifacts: Sequence[Artifact], searched: Sequence[Candidate]
) -> tuple[Bundle, dict[str, bytes]]:
    """Return the bundle's facts, and the files that travel beside its artifacts."""
    golden = run.golden.to_bytes()
    labels = ("\n".join(run.labels) + "\n").encode()
    extras = {"labels.txt": labels, "LICENSE": _licence(run).encode()}
    bundle = Bundle(
        name=order.bundle_name,
        version=__version__,
        created=_now(),
        labels=run.labels,
        preprocess=run.preprocess,
        outputs={"logits": len(run.labels), "embedding": run.golden.embedding.shape[1]},
        artifacts=tuple(artifacts),
        golden=File.of("golden.npz", golden),
        extras=tuple(File.of(name, content) for name, content in extras.items()),
        gates=order.bars,
        metrics={key: run.metrics[key] for key in ("test", "validation") if key in run.metrics},
        provenance=_provenance(run) | ({"search": [row.as_dict() for row in searched]} if searched else {}),
    )
    return bundle, {**extras, "golden.npz": golden}


def _converted(source: Source, name: str, log: IO[bytes]) -> Converted:
    engine, _, precision = name.partition(":")
    with captured(log):
        converted: Converted = importlib.import_module(FORMATS[engine]).convert(source, precision)
    return converted


def _described(converted: Converted, name: str, bundle_name: str, run: Run) -> Converted:
    """Return the artifact with its labels, class lock, preprocessing, version and licence inside."""
    licence = str(run.facts.get("license", LICENCE))
    own = Description(bundle_name, __version__, name, run.labels, run.preprocess, converted.outputs, licence)
    files = describe_artifact(converted.files, own)
    # what stands in for an artifact that nothing here runs is its own file, or stays another
    stand_in = files if converted.measure_files == converted.files else converted.measure_files
    return replace(converted, files=files, measure_files=stand_in)


def _summary(figures: Mapping[str, Any]) -> str:
    split, row = judged(figures)
    where = "golden inputs" if split == "golden" else split
    accuracy = f", accuracy {row['accuracy']:.4f} ({row['accuracy_drop_pp']:+.2f} pp lost)" if "accuracy" in row else ""
    return f"agreement with Keras {row['agreement']:.4f}, |dp| p95 {row['dp_p95']:.4f}{accuracy} on {where}"


def _confidence(artifact: Artifact, calibration: Calibration) -> str:
    """Return what the temperature did on validation pictures, and from where on an answer is good."""
    fitted = (
        f"temperature {artifact.temperature:.3f}, calibration error {calibration.ece_before:.4f} before and "
        f"{calibration.ece_after:.4f} after, on {calibration.n:,} validation pictures"
    )
    if "good" not in artifact.thresholds:
        return f"{fitted}; no answer is good: they show no risk below {calibration.least_risk():g}"
    good, risk, coverage = (artifact.thresholds[key] for key in ("good", "good_risk", "good_coverage"))
    return (
        f"{fitted}; good from {good:.3f}, {100 * coverage:.0f} % of them, of which at most {100 * risk:g} % are wrong"
    )


def _known(artifact: Artifact) -> str:
    least, recall = artifact.thresholds["known"], artifact.thresholds["known_recall"]
    figures = artifact.parity.get("test", {})  # on validation pictures it would be the share that set the threshold
    seen = f", {100 * figures['known']:.1f} % of the test pictures" if "known" in figures else ""
    return f"known from score {least:.2f}, {100 * recall:g} % of the validation pictures{seen}; others are unknown"


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
        "license": run.facts.get("license", LICENCE),
        # of a model that came from elsewhere: its file
        **({"model": run.facts["model"]} if "model" in run.facts else {}),
    }


def _licence(run: Run) -> str:
    whose = "converted and did not train" if "license" in run.facts else "trained"
    return f"Weights that hemline {whose}.\nSPDX-License-Identifier: {run.facts.get('license', LICENCE)}\n"


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
