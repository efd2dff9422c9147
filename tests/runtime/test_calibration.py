"""The risk of answers from each confidence on, and the bound that thresholds are chosen by."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from typing import Any

import numpy as np
import pytest

from hemline import datasets, evaluation, metrics, parity
from hemline.bundle import Bundle
from hemline.calibration import DOUBT, POINTS, Calibration, RiskCurve, rounded_up
from hemline.select import find_bundle


def answers(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (N, 2) that are exactly true and targets (N,): the risk at confidence c is 1 - c."""
    random = np.random.default_rng(seed)
    confidence = 1 - 0.5 * random.random(count) ** 3
    return np.stack([confidence, 1 - confidence], axis=1), (random.random(count) > confidence).astype(np.int64)


def test_a_curve_counts_what_is_at_or_above_each_confidence() -> None:
    probabilities, targets = answers(3000)
    curve = RiskCurve.of(probabilities, targets)
    assert len(curve.bound) == POINTS
    top = probabilities.max(axis=1)
    for place, confidence in enumerate(curve.confidence):
        used = top >= confidence
        assert curve.answered[place] == used.sum()
        assert curve.wrong[place] == (targets[used] == 1).sum()
    assert curve.answered[-1] == 3000
    assert np.allclose(curve.coverage, np.arange(1, POINTS + 1) / POINTS)
    assert all(risk < bound for risk, bound in zip(curve.risk, curve.bound, strict=True))


def test_the_point_for_a_risk_is_the_one_with_most_coverage_whose_bound_keeps_it() -> None:
    curve = RiskCurve((0.99, 0.9, 0.8, 0.7), (100, 200, 300, 400), (0, 3, 3, 40), (0.07, 0.06, 0.04, 0.15))
    assert [curve.keeping(risk) for risk in (0.03, 0.04, 0.065, 0.2)] == [None, 2, 2, 3]


def test_the_risk_that_was_asked_for_is_kept_in_nearly_every_world() -> None:
    # the true risk of a threshold is known here; a threshold chosen by the plain share breaks it half of the time
    broken = {"bound": 0, "plain": 0}
    worlds, asked = 200, 0.05
    true_probabilities, _ = answers(200_000, seed=10_000)
    top = true_probabilities.max(axis=1)
    for world in range(worlds):
        curve = RiskCurve.of(*answers(1000, seed=world))
        by_plain = max(place for place, risk in enumerate(curve.risk) if risk <= asked)
        for name, place in (("bound", curve.keeping(asked)), ("plain", by_plain)):
            if place is not None:
                broken[name] += (1 - top[top >= curve.confidence[place]]).mean() > asked
    assert broken["bound"] <= DOUBT * worlds
    assert broken["plain"] > 0.2 * worlds


def test_equal_confidences_are_never_cut_apart() -> None:
    # a network that is sure of half of the pictures: its softmax is exactly 1 there
    top = np.concatenate([np.ones(500), np.linspace(0.99, 0.6, 500)])
    curve = RiskCurve.of(np.stack([top, 1 - top], axis=1), np.zeros(1000, np.int64))
    assert curve.confidence[0] == 1.0
    assert curve.answered[0] == 500
    assert len(curve.answered) == POINTS // 2 + 1


@pytest.mark.parametrize("count", [1, 2, 7, 39, 41])
def test_few_pictures_give_a_curve_that_promises_little(count: int) -> None:
    curve = RiskCurve.of(*answers(count))
    assert curve.answered[-1] == count
    assert len(curve.answered) == min(count, POINTS)
    assert curve.keeping(0.05) is None
    assert min(curve.bound) >= curve.bound_without_a_mistake() > 0.05


def test_the_temperature_is_fitted_and_the_errors_before_and_after_are_kept() -> None:
    random = np.random.default_rng(3)
    honest = random.normal(size=(20_000, 5)) * 2
    targets = (metrics.softmax(honest).cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    temperature, calibration = Calibration.fit(honest * 3, targets, "closet/validation")
    assert math.isclose(temperature, 3.0, rel_tol=0.05)
    assert calibration.ece_before > 0.1 > 0.02 > calibration.ece_after
    assert (calibration.data, calibration.n, calibration.bins) == ("closet/validation", 20_000, 15)
    written = json.loads(json.dumps(dataclasses.asdict(calibration)))
    assert Calibration.from_dict(written) == calibration


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"wrong": (0, 3)}, "columns are not of one length"),
        ({"confidence": (0.8, 0.9, 0.7)}, "confidence does not fall"),
        ({"answered": (10, 10, 30)}, "answered does not rise"),
        ({"answered": (0, 10, 30)}, "answered does not rise"),
        ({"wrong": (0, 3, 31)}, "more wrong than answered"),
        ({"bound": (0.1, 0.2, math.nan)}, "0 to 1"),
    ],
)
def test_a_curve_that_cannot_be_is_refused(change: dict[str, Any], says: str) -> None:
    columns = {"confidence": (0.9, 0.8, 0.7), "answered": (10, 20, 30), "wrong": (0, 3, 5), "bound": (0.3, 0.3, 0.3)}
    assert RiskCurve(**columns).risk == (0.0, 0.15, 5 / 30)
    with pytest.raises(ValueError, match=says):
        RiskCurve(**{**columns, **change})


@pytest.mark.parametrize(
    ("share", "shown"), [(0.001212, 0.0013), (0.0012, 0.0012), (0.0995, 0.1), (0.051, 0.051), (0.999, 1.0), (1.0, 1.0)]
)
def test_the_least_risk_is_rounded_to_one_that_can_be_asked(share: float, shown: float) -> None:
    assert rounded_up(share) == shown


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("HEMLINE_DATA"), reason="HEMLINE_DATA is not set")
@pytest.mark.parametrize("tier", ["fashion-nano", "fashion-small", "fashion-base"])
def test_the_bundles_in_the_wheel_are_calibrated_on_pictures_that_chose_nothing(tier: str) -> None:
    bundle = Bundle.load(find_bundle(tier))
    dataset = datasets.read(datasets.locate("fashion-mnist"), "test")
    targets = parity.targets_for(bundle, dataset)
    answers = parity.answers(bundle, dataset.pixels(bundle.preprocess), parity.runnable(bundle))
    assert answers
    for name, logits in answers.items():
        artifact = bundle.artifact(name)
        errors = parity.calibration_errors(logits, targets, artifact.temperature)
        assert errors["ece"] <= 0.010, name
        assert errors["ece"] < errors["ece_uncalibrated"], name
        good = evaluation.confidence(logits, targets, artifact)["good"]
        # the interval may reach over what was promised, it may not lie above it
        assert good["risk_ci95"][0] <= good["max_risk"], name
