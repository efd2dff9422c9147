"""
How far an artifact's answers are from the float reference: accuracy, agreement, differences in probability.

Every artifact runs in its own engine, picture by picture; nothing is inferred from the format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import golden, profiles
from hemline.bundle import Bundle
from hemline.datasets import Dataset
from hemline.engines import Engine, open_engine, open_second, probe
from hemline.errors import DataError, UsageError
from hemline.gates import Gates, judge
from hemline.metrics import (
    calibration_error,
    softmax,
    wilson,
)
from hemline.select import preferred_of
from hemline.timing import interleaved, percentiles

# the float artifact that others are compared with, the first of these that is in the bundle and runs here
REFERENCES = ("litert:float32", "onnx:float32", "openvino:float32")
GOLDEN = "golden"
Opening = Callable[[Bundle, str], Engine]  # bundle, artifact -> the engine that holds it
LATENCY_SECONDS = 0.3


@dataclass(frozen=True)
class Reference:
    """Whose answers the others are held against. logits: pixels (N, H, W, C) uint8 -> (N, classes) float32."""

    name: str
    logits: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def compare(
    logits: NDArray[np.float32],
    reference: NDArray[np.float32],
    targets: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return how far answers are from the reference's, both logits (N, classes).

    dp is the largest difference of a probability in a picture, at temperature 1. With targets (N,), also
    the accuracy with Wilson's 95 % interval, its drop in percentage points, and McNemar's exact test on the
    pictures that only one of the two got right.
    """
    if logits.shape != reference.shape:
        raise DataError(f"answers {logits.shape} and reference {reference.shape} are not of the same pictures")
    difference = differences(logits, reference)
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
        lost, gained = int((reference_right & ~right).sum()), int((right & ~reference_right).sum())
        figures["accuracy"] = float(right.mean())
        figures["accuracy_ci95"] = list(wilson(int(right.sum()), len(right)))
        figures["accuracy_drop_pp"] = 100 * float(reference_right.mean() - right.mean())
        figures["only_reference_right"] = lost
        figures["only_artifact_right"] = gained
        figures["mcnemar_p"] = mcnemar(lost, gained)
    return figures


def differences(logits: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return dp (N,): the largest difference of a probability in each picture, at temperature 1, 0..1."""
    return np.asarray(np.abs(softmax(logits) - softmax(reference)).max(axis=1))


def mcnemar(first: int, second: int) -> float:
    """Return the two-sided p of McNemar's exact test for two counts of discordant pairs.

    Under equal accuracy each discordant picture falls to either side like a coin.
    """
    count, least = first + second, min(first, second)
    # logarithms of the binomial terms: 2 ** count overflows a float past about 1000
    logs = [
        math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) - count * math.log(2)
        for k in range(least + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(value) for value in logs))


def calibration_errors(logits: NDArray[np.float32], targets: NDArray[np.int64], temperature: float) -> dict[str, float]:
    """Return ece, the calibration error at an artifact's temperature, and ece_uncalibrated, that at temperature 1."""
    return {
        "ece": calibration_error(softmax(logits, temperature), targets),
        "ece_uncalibrated": calibration_error(softmax(logits), targets),
    }


def answers(
    bundle: Bundle, pixels: NDArray[np.uint8], artifacts: Sequence[str], opening: Opening = open_engine
) -> dict[str, NDArray[np.float32]]:
    """Return {artifact: logits (N, classes)} for pixels (N, H, W, C), each from its own engine."""
    logits = {}
    for name in artifacts:
        with opening(bundle, name) as engine:
            logits[name] = engine.run(pixels)[0]
    return logits


def runnable(bundle: Bundle, asked: str | None = None, device: str | None = None) -> list[str]:
    """Return the artifacts whose engine is here; the one asked for alone, whether or not it is.

    device: those that a device profile names, and no others.
    """
    if asked is not None and asked != "all":
        return [bundle.artifact(asked).name]
    wanted = preferred_of(bundle, profiles.load(device)) if device is not None else None
    return [
        artifact.name
        for artifact in bundle.artifacts
        if (wanted is None or artifact.name in wanted) and probe(artifact.engine).available
    ]


def reference_of(names: Sequence[str]) -> str | None:
    """Return the float artifact among `names` that others are compared with."""
    return next((name for name in REFERENCES if name in names), None)


def targets_for(bundle: Bundle, dataset: Dataset) -> NDArray[np.int64]:
    """Return the data set's targets in the bundle's label order; the labels must be the same words."""
    if sorted(dataset.labels) != sorted(bundle.labels):
        ours, theirs = set(bundle.labels), set(dataset.labels)
        lacks = ", ".join(sorted(ours - theirs)) or "none"
        more = ", ".join(sorted(theirs - ours)) or "none"
        raise UsageError(f"{dataset.name}: labels are not those of {bundle.title}; missing: {lacks}; unknown: {more}")
    order = np.array([bundle.labels.index(label) for label in dataset.labels], np.int64)
    return order[dataset.targets]


def check(
    bundle: Bundle,
    names: Sequence[str],
    bars: Gates,
    dataset: Dataset | None = None,
    *,
    reference: Reference | None = None,
    opening: Opening = open_engine,
) -> dict[str, Any]:
    """Return the parity report of a bundle's artifacts: figures and verdicts, as `parity --json` writes it.

    Without a data set the golden inputs are compared, with the Keras outputs that travel with them. With
    one, the reference is the bundle's float artifact. Another can be given for either. unanimous is the
    share of pictures that every artifact gives the same label; dp_quantiles are the percentiles 0 to 100 of
    dp; seconds is what answering, timing and comparing took. opening: opens what is compared, as a device has it.
    """
    pixels, targets, reference_name, expected = _inputs(bundle, dataset, reference)
    rows, verdicts, tops = [], [], []
    for name in names:
        artifact = bundle.artifact(name)
        started = perf_counter()
        with opening(bundle, name) as engine:
            backend = engine.backend
            logits = engine.run(pixels)[0]
            times = latency(engine.logits, pixels)
        tops.append(logits.argmax(axis=1))
        figures = compare(logits, expected, targets)
        figures["engines_agreement"], figures["second_engine"] = _second(bundle, name, pixels, logits)
        if targets is not None:
            figures |= calibration_errors(logits, targets, artifact.temperature)
        figures["dp_quantiles"] = np.percentile(differences(logits, expected), range(101)).tolist()
        figures["flips"] = _flips(logits, expected, bundle.labels)
        figures["changed"] = _changed(logits, expected, targets, bundle.labels, dataset)
        judged = judge(name, figures, bars)
        verdicts += judged
        facts = {"artifact": name, "backend": backend, "bytes": artifact.bytes}
        rows.append({**facts, **figures, **times, "seconds": perf_counter() - started})
    _ratios(rows, reference_of(names))
    return {
        "schema": 1,
        "bundle": bundle.title,
        "class_lock": bundle.class_lock,
        "labels": list(bundle.labels),
        "data": GOLDEN if dataset is None else f"{dataset.name}/{dataset.split}",
        "n": len(pixels),
        "reference": reference_name,
        "unanimous": float((np.stack(tops) == tops[0]).all(axis=0).mean()),
        "artifacts": rows,
        "gates": [verdict.as_dict() for verdict in verdicts],
        "passed": all(verdict.passed for verdict in verdicts),
    }


def check_golden(bundle: Bundle, artifacts: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (artifact, figures) on the golden inputs, against the reference outputs that travel with them."""
    inputs = golden.load(bundle)
    if inputs is None:
        raise DataError(f"{bundle.title}: has no golden inputs; give --data PATH")
    for name, logits in answers(bundle, inputs.pictures, artifacts).items():
        yield name, compare(logits, inputs.logits)


def _inputs(
    bundle: Bundle, dataset: Dataset | None, asked: Reference | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None, str, NDArray[np.float32]]:
    """Return pixels, targets, the reference's name and its logits."""
    if dataset is None:
        inputs = golden.load(bundle)
        if inputs is None:
            raise DataError(f"{bundle.title}: has no golden inputs; give --data PATH")
        if asked is None:
            return inputs.pictures, None, "keras:float32", inputs.logits
        return inputs.pictures, None, asked.name, asked.logits(inputs.pictures)
    reference = asked or reference_in(bundle)
    if reference is None:
        raise DataError(
            f"{bundle.title}: no float artifact runs here to compare with; "
            "give --reference RUN|BUNDLE, or leave out --data to compare the golden inputs"
        )
    targets = targets_for(bundle, dataset)
    pixels = dataset.pixels(bundle.preprocess)
    return pixels, targets, reference.name, reference.logits(pixels)


def reference_in(bundle: Bundle) -> Reference | None:
    """Return the bundle's float artifact that runs here, None without one."""
    name = reference_of(runnable(bundle))
    return None if name is None else Reference(name, lambda pixels: answers(bundle, pixels, [name])[name])


def _second(
    bundle: Bundle, name: str, pixels: NDArray[np.uint8], logits: NDArray[np.float32]
) -> tuple[float | None, str | None]:
    """Return (agreement, engine) of the same file in another engine that is here; (None, None) without one."""
    second = open_second(bundle, name)
    if second is None:
        return None, None
    with second:
        other = second.run(pixels)[0]
        return float((other.argmax(axis=1) == logits.argmax(axis=1)).mean()), second.backend


def _flips(logits: NDArray[np.float32], reference: NDArray[np.float32], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return how often an answer changed from one label to another, most often first."""
    before, after = reference.argmax(axis=1), logits.argmax(axis=1)
    changed = before != after
    pairs, counts = np.unique(np.stack([before[changed], after[changed]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [
        {"from": labels[pairs[0, index]], "to": labels[pairs[1, index]], "count": int(counts[index])} for index in order
    ]


def _changed(
    logits: NDArray[np.float32],
    reference: NDArray[np.float32],
    targets: NDArray[np.int64] | None,
    labels: Sequence[str],
    dataset: Dataset | None,
) -> list[dict[str, Any]]:
    """Return the pictures that changed their answer, the greatest change of probability first."""
    before, after = reference.argmax(axis=1), logits.argmax(axis=1)
    difference = differences(logits, reference)
    indices = np.flatnonzero(before != after)
    return [
        {
            "index": int(index),
            "source": f"{GOLDEN}#{index}" if dataset is None else dataset.sources[index],
            "from": labels[before[index]],
            "to": labels[after[index]],
            "label": None if targets is None else labels[targets[index]],
            "dp": float(difference[index]),
        }
        for index in indices[np.argsort(-difference[indices], kind="stable")]
    ]


def _ratios(rows: list[dict[str, Any]], reference: str | None) -> None:
    """Add latency_ratio: the median over that of the float artifact."""
    by_name = {row["artifact"]: row for row in rows}
    base = by_name.get(reference or "", {}).get("latency_p50_ms")
    for row in rows:
        if base is not None and "latency_p50_ms" in row:
            row["latency_ratio"] = row["latency_p50_ms"] / base


def latency(call: Callable[[NDArray[np.uint8]], NDArray[np.float32]], pixels: NDArray[np.uint8]) -> Mapping[str, float]:
    """Return how long one picture takes: call: (1, H, W, C) uint8 -> logits; pixels (N, H, W, C)."""
    picture = np.ascontiguousarray(pixels[:1])
    return percentiles(interleaved({"call": lambda: call(picture)}, seconds=LATENCY_SECONDS)["call"])
