"""
Why a model answers wrongly: the mistakes that a conversion carries over faithfully, each tried on the pictures.

Labels in another order, pixels normalised twice or not at all, blue and red exchanged: such a model converts
without a flaw and every artifact agrees with it. What is said here is what was measured: the accuracy with the
mistake taken back. Nothing is said of a cause that does not explain the accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.gates import Verdict
from hemline.metrics import confusion, wilson
from hemline_convert.measure import Pictures, reference
from hemline_convert.run import Run

Floats = NDArray[Any]  # float32; numpy's types lose it on the way
Answer = Callable[[Floats], Floats]  # pixels (N, H, W, C) as the model is fed them -> logits (N, classes)

MOST_PICTURES = 500
# a cause is named when the accuracy without it is this much better, in shares, and beyond the chance of so few
BETTER = 0.15
# neighbouring pixels of a picture are alike, with a correlation of 0.85 to 0.99 in photos and garments, 0 in noise
LEAST_LIKENESS = 0.5  # of that correlation in the calibration pictures, as a share of the one in the data
LEAST_SMOOTHNESS = 0.2  # below, the data are like noise themselves and say nothing

REFERENCE = "keras:float32"  # as parity calls the float model
NORMALISERS = ("Rescaling", "Normalization")

FEEDINGS: Mapping[str, tuple[Callable[[Floats], Floats], str]] = {
    "divided by 255": (
        lambda pixels: pixels / 255,
        "it was trained on 0..1: {scale}",
    ),
    "scaled to -1..1": (
        lambda pixels: pixels / 127.5 - 1,
        "it was trained on -1..1: {scale}",
    ),
    "multiplied by 255": (
        lambda pixels: pixels * 255,
        "they are normalised twice, which they were not when it was trained: take one division out",
    ),
    "with red and blue exchanged": (
        lambda pixels: pixels[..., ::-1],
        "it was trained on BGR, as OpenCV reads pictures: add --bgr, or train it on RGB",
    ),
    "inverted": (
        lambda pixels: 255 - pixels,
        "it was trained on pictures with light and dark exchanged: invert one or the other",
    ),
}
SCALES = {"divided by 255": "--scale 1/255", "scaled to -1..1": "--scale 1/127.5 --offset -1"}


def accuracy_gate(test: Pictures, least: float) -> Verdict:
    """Return whether the float model itself names enough of the labelled pictures rightly."""
    return Verdict(REFERENCE, "accuracy", float((test.reference.argmax(axis=1) == test.targets).mean()), "least", least)


def calibration_gate(artifact: str, calibration: NDArray[np.uint8], test: Pictures) -> list[Verdict]:
    """Return whether int8 was calibrated on pictures like those it is judged on; nothing for any other precision.

    Noise sometimes gives ranges that happen to fit the pictures at hand; this does not leave it to chance.
    """
    there, here = _smoothness(calibration), _smoothness(test.pixels)
    if artifact.partition(":")[2] != "int8" or here < LEAST_SMOOTHNESS:
        return []
    return [Verdict(artifact, "calibration_likeness", there / here, "least", LEAST_LIKENESS)]


def causes(run: Run, model: Any, test: Pictures | None, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Return a line for each kind of failure whose cause can be told."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    lines: list[str] = []
    if test is not None and any(verdict.artifact == REFERENCE for verdict in failed):
        normalises = any(type(layer).__name__ in NORMALISERS for layer in model.layers)
        lines.append(
            diagnose(
                lambda fed: reference(model, fed, run.preprocess.mirror),
                test.pixels,
                test.targets,
                run.labels,
                normalises=normalises,
            )
        )
    if test is not None and any(verdict.gate == "calibration_likeness" for verdict in failed):
        there, here = _smoothness(run.calibration), _smoothness(test.pixels)
        lines.append(
            f"int8 was calibrated on noise or on other pictures: neighbouring pixels correlate {there:.2f} in them and "
            f"{here:.2f} in those it is judged on; calibrate it on training pictures"
        )
    return tuple(lines)


def diagnose(
    answer: Answer, pixels: NDArray[np.uint8], targets: NDArray[np.int64], labels: Sequence[str], *, normalises: bool
) -> str:
    """Return one line: the likeliest cause of a poor accuracy, or that none of the known ones explains it.

    pixels: (N, H, W, C); targets: (N,). normalises: the model has a layer of its own for that.
    """
    chosen = np.random.default_rng(0).permutation(len(pixels))[:MOST_PICTURES]
    fed, targets = pixels[chosen].astype(np.float32), targets[chosen]
    answers = answer(fed).argmax(axis=1)
    accuracy = float((answers == targets).mean())
    causes = [_permuted(answers, targets, labels)]
    for name, (feeding, advice) in FEEDINGS.items():
        if fed.shape[-1] == 1 and "red" in name:
            continue
        reached = float((answer(feeding(fed)).argmax(axis=1) == targets).mean())
        remedy = "it has its own layer for that, so it was normalised twice: train it on 0..255"
        advised = advice.format(scale=remedy if normalises else f"add {SCALES.get(name)}")
        causes.append((reached, f"{reached:.4f} when pixels are {name}: {advised}"))
    best, line = max(causes)
    # the greatest of several, so the lower end of its own interval has to be beyond
    if best - accuracy < BETTER or wilson(round(best * len(targets)), len(targets))[0] <= accuracy:
        return (
            f"accuracy {accuracy:.4f} of the model itself; no other order of labels, scale of pixels or order of "
            "colours explains it: look at the pictures' size, fit and classes"
        )
    return f"accuracy {accuracy:.4f} of the model itself, {line}"


def _permuted(answers: NDArray[np.int64], targets: NDArray[np.int64], labels: Sequence[str]) -> tuple[float, str]:
    """Return the accuracy under the best exchange of labels, and the line that says which."""
    counts = confusion(answers, targets, len(labels))
    meant: dict[int, int] = {}
    left = counts.astype(np.float64)
    for _ in labels:
        # the greatest cell first: of confusion matrices near a permutation, that is the best assignment
        target, answered = divmod(int(left.argmax()), len(labels))
        meant[answered] = target
        left[target], left[:, answered] = -1, -1
    reached = sum(int(counts[target, answered]) for answered, target in meant.items()) / len(targets)
    moved = [
        f"{labels[answered]!r} means {labels[target]!r}"
        for answered, target in sorted(meant.items())
        if answered != target
    ]
    if not moved:
        return reached, ""
    order = ", ".join(labels[meant[answered]] for answered in range(len(labels)))
    return reached, f"{reached:.4f} with the labels in another order ({', '.join(moved)}): give --labels with {order}"


def _smoothness(pixels: NDArray[np.uint8]) -> float:
    """Return the correlation of pixels with their right neighbours, -1..1; 0 of pictures of one value."""
    some = pixels[:MOST_PICTURES].astype(np.float64)
    first, second = some[:, :, :-1].ravel(), some[:, :, 1:].ravel()
    if first.size < 2 or not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
