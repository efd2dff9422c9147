"""
How far an artifact's answers are from the float reference: accuracy, agreement, differences in probability.

Every artifact runs in its own engine; nothing is inferred from the format. Gates turn figures into pass or
fail, with the measured value and the bar in each line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import golden
from hemline.bundle import Bundle
from hemline.datasets import Dataset
from hemline.engines import open_engine, probe
from hemline.errors import DataError, UsageError
from hemline.metrics import score, softmax
from hemline.timing import interleaved, percentiles

FLOATS = ("float32", "float16")
# the float artifact that others are compared with, the first of these that is in the bundle and runs here
REFERENCES = ("litert:float32", "onnx:float32", "openvino:float32")
LATENCY_SECONDS = 0.3


@dataclass(frozen=True)
class Gate:
    """One bar and what was measured against it. bound is "least" or "most"."""

    artifact: str
    figure: str
    value: float
    bound: str
    bar: float

    @property
    def passed(self) -> bool:
        """Whether the value keeps the bar; a value that is not a number never does."""
        return self.value >= self.bar if self.bound == "least" else self.value <= self.bar

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        return f"{self.artifact} {self.figure} {self.value:.4f}, at {self.bound} {self.bar:g}: {verdict}"


# accuracy_drop_pp is in percentage points, dp_p95 in probability 0..1
BARS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "float": {"accuracy_drop_pp": ("most", 0.3), "agreement": ("least", 0.9995), "dp_p95": ("most", 0.005)},
    "quantized": {"accuracy_drop_pp": ("most", 0.3), "agreement": ("least", 0.985), "dp_p95": ("most", 0.08)},
}


def compare(
    logits: NDArray[np.float32],
    reference: NDArray[np.float32],
    targets: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return how far answers are from the reference's, both logits (N, classes).

    dp is the largest difference of a probability in a picture, at temperature 1. With targets (N,), also
    the accuracy and its drop in percentage points, and the discordant pairs that McNemar's test counts.
    """
    if logits.shape != reference.shape:
        raise DataError(f"answers {logits.shape} and reference {reference.shape} are not of the same pictures")
    difference = np.abs(softmax(logits) - softmax(reference)).max(axis=1)
    ours, theirs = logits.argmax(axis=1), reference.argmax(axis=1)
    p50, p95 = np.percentile(difference, [50, 95])
    figures: dict[str, Any] = {
        "n": len(logits),
        "agreement": float((ours == theirs).mean()),
        "dp_p50": float(p50),
        "dp_p95": float(p95),
        "dp_max": float(difference.max()),
    }
    if targets is not None:
        right, reference_right = ours == targets, theirs == targets
        figures["accuracy"] = float(right.mean())
        figures["accuracy_drop_pp"] = 100 * float(reference_right.mean() - right.mean())
        figures["only_reference_right"] = int((reference_right & ~right).sum())
        figures["only_artifact_right"] = int((right & ~reference_right).sum())
    return figures


def gates(artifact: str, figures: Mapping[str, Any]) -> list[Gate]:
    """Return the gates of an artifact for the figures that there are."""
    kind = "float" if artifact.partition(":")[2] in FLOATS else "quantized"
    return [
        Gate(artifact, figure, float(figures[figure]), bound, bar)
        for figure, (bound, bar) in BARS[kind].items()
        if figure in figures
    ]


def answers(bundle: Bundle, pixels: NDArray[np.uint8], artifacts: list[str]) -> dict[str, NDArray[np.float32]]:
    """Return {artifact: logits (N, classes)} for pixels (N, H, W, C), each from its own engine."""
    logits = {}
    for name in artifacts:
        with open_engine(bundle, name) as engine:
            logits[name] = engine.run(pixels)[0]
    return logits


def runnable(bundle: Bundle, asked: str | None = None) -> list[str]:
    """Return the artifacts whose engine is here; the one asked for alone, whether or not it is."""
    if asked is not None and asked != "all":
        return [bundle.artifact(asked).name]
    return [artifact.name for artifact in bundle.artifacts if probe(artifact.engine).available]


def reference_of(names: list[str]) -> str | None:
    """Return the float artifact among `names` that others are compared with."""
    return next((name for name in REFERENCES if name in names), None)


def check_golden(bundle: Bundle, artifacts: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (artifact, figures) on the golden inputs, against the reference outputs that travel with them."""
    inputs = golden.load(bundle)
    if inputs is None:
        raise DataError(f"{bundle.title}: has no golden inputs; give --data PATH")
    for name, logits in answers(bundle, inputs.pictures, artifacts).items():
        yield name, compare(logits, inputs.logits)


def targets_for(bundle: Bundle, dataset: Dataset) -> NDArray[np.int64]:
    """Return the data set's targets in the bundle's label order; the labels must be the same words."""
    if sorted(dataset.labels) != sorted(bundle.labels):
        ours, theirs = set(bundle.labels), set(dataset.labels)
        lacks = ", ".join(sorted(ours - theirs)) or "none"
        more = ", ".join(sorted(theirs - ours)) or "none"
        raise UsageError(f"{dataset.name}: labels are not those of {bundle.title}; missing: {lacks}; unknown: {more}")
    order = np.array([bundle.labels.index(label) for label in dataset.labels], np.int64)
    return order[dataset.targets]


def evaluate(bundle: Bundle, dataset: Dataset, artifacts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the figures of each artifact on labelled pictures, with the keys of `evaluate --json`.

    agreement is with the bundle's float artifact; None when none runs here.
    """
    targets = targets_for(bundle, dataset)
    pixels = dataset.pixels(bundle.preprocess)
    reference_name = reference_of(runnable(bundle))
    reference = answers(bundle, pixels, [reference_name])[reference_name] if reference_name else None
    for name in artifacts:
        artifact = bundle.artifact(name)
        with open_engine(bundle, name) as engine:
            logits = engine.run(pixels)[0]
            times = _latency(engine.logits, pixels)
        figures = score(logits, targets, bundle.labels, temperature=artifact.temperature)
        agreement = None
        if reference is not None:
            agreement = float((logits.argmax(axis=1) == reference.argmax(axis=1)).mean())
        yield {"artifact": name, "bytes": artifact.bytes, "agreement": agreement, **figures, **times}


def _latency(call: Any, pixels: NDArray[np.uint8]) -> dict[str, float]:
    picture = np.ascontiguousarray(pixels[:1])
    return percentiles(interleaved({"call": lambda: call(picture)}, seconds=LATENCY_SECONDS)["call"])
