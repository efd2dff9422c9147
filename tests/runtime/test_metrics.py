from __future__ import annotations

import math

import numpy as np
import pytest

from hemline import metrics


def test_softmax_rows_sum_to_one_even_for_huge_logits() -> None:
    shares = metrics.softmax(np.array([[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]]))
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(shares[1], 1 / 3)


def test_a_temperature_above_one_flattens() -> None:
    logits = np.array([[2.0, 1.0, 0.0]])
    assert metrics.softmax(logits, 3.0).max() < metrics.softmax(logits).max()


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662
    low, high = metrics.wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert metrics.wilson(0, 0) == (0.0, 1.0)
    assert metrics.wilson(0, 15)[0] == 0.0
    assert metrics.wilson(15, 15)[1] == 1.0


def test_log_loss_of_equal_logits_is_the_logarithm_of_the_classes() -> None:
    assert math.isclose(metrics.log_loss(np.zeros((5, 10)), np.arange(5)), math.log(10))


def test_confidence_that_matches_accuracy_has_no_calibration_error() -> None:
    probabilities = np.tile([0.75, 0.25], (400, 1))
    targets = np.array([0, 0, 0, 1] * 100)
    assert metrics.calibration_error(probabilities, targets) < 1e-12
    assert math.isclose(metrics.calibration_error(probabilities, np.zeros(400, np.int64)), 0.25)


def test_confusion_has_true_classes_in_rows() -> None:
    matrix = metrics.confusion(np.array([1, 1, 0]), np.array([0, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_score_counts_by_hand() -> None:
    logits = np.array([[3.0, 0, 0], [0, 3.0, 0], [3.0, 0, 0], [0, 0, 3.0]])
    row = metrics.score(logits, np.array([0, 1, 1, 2]), ("a", "b", "c"))
    assert row["accuracy"] == 0.75
    assert row["per_class"][0] == {"label": "a", "precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 1}
    assert row["per_class"][1] == {"label": "b", "precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2}
    assert math.isclose(row["macro_f1"], (2 / 3 + 2 / 3 + 1) / 3)


def test_the_fitted_temperature_recovers_the_one_that_was_applied() -> None:
    random = np.random.default_rng(3)
    honest = random.normal(size=(20_000, 5)) * 2
    shares = metrics.softmax(honest)
    targets = (shares.cumsum(axis=1) > random.random((len(shares), 1))).argmax(axis=1)
    assert math.isclose(metrics.fit_temperature(honest * 3, targets), 3.0, rel_tol=0.05)


def test_no_temperature_near_the_fitted_one_has_less_loss() -> None:
    random = np.random.default_rng(4)
    logits = random.normal(size=(3000, 5)) * 4
    targets = (metrics.softmax(logits, 1.7).cumsum(axis=1) > random.random((3000, 1))).argmax(axis=1)
    fitted = metrics.fit_temperature(logits, targets)
    least = metrics.log_loss(logits, targets, fitted)
    assert all(metrics.log_loss(logits, targets, fitted * times) > least for times in (0.98, 0.99, 1.01, 1.02))


@pytest.mark.parametrize("count", [20, 136, 2000])
def test_pictures_that_were_all_answered_rightly_do_not_say_that_no_answer_is_ever_wrong(count: int) -> None:
    random = np.random.default_rng(5)
    targets = random.integers(0, 6, count)
    logits = random.normal(size=(count, 6))
    logits[np.arange(count), targets] += 9.0
    assert (logits.argmax(axis=1) == targets).all()
    sure = metrics.softmax(logits, metrics.fit_temperature(logits, targets)).max(axis=1)
    # one in count + 2, as near as a few unsure pictures among them allow
    assert 0.3 / (count + 2) < 1 - sure.mean() < 1.5 / (count + 2)


@pytest.mark.parametrize("count", [1, 4])
def test_a_temperature_of_few_pictures_or_of_one_class_is_a_number(count: int) -> None:
    assert 0.05 <= metrics.fit_temperature(np.ones((count, 1)), np.zeros(count, np.int64)) <= 20
    assert 0.05 <= metrics.fit_temperature(np.eye(4)[:count] * 30, np.arange(count)) <= 20


def test_the_upper_limit_of_a_share_is_the_published_one() -> None:
    # zero of n: 1 - doubt ** (1 / n), the "rule of three"; Clopper and Pearson's table gives 0.0169 for 10 of 1000
    assert math.isclose(metrics.binomial_limit(0, 149, 0.05), 1 - 0.05 ** (1 / 149), abs_tol=1e-8)
    assert round(metrics.binomial_limit(10, 1000, 0.05), 4) == 0.0169
    assert metrics.binomial_limit(3, 3, 0.05) == 1.0
    assert metrics.binomial_limit(700, 20_000, 0.001) < 0.0395


@pytest.mark.parametrize(("hits", "count"), [(0, 40), (5, 200), (60, 3000)])
def test_at_the_upper_limit_as_few_hits_are_as_unlikely_as_was_said(hits: int, count: int) -> None:
    limit = metrics.binomial_limit(hits, count, 0.05)
    chance = sum(math.comb(count, seen) * limit**seen * (1 - limit) ** (count - seen) for seen in range(hits + 1))
    assert math.isclose(chance, 0.05, rel_tol=1e-4)


def test_the_bins_of_a_reliability_diagram_add_up_to_the_calibration_error() -> None:
    random = np.random.default_rng(5)
    shares = metrics.softmax(random.normal(size=(500, 4)) * 3)
    targets = random.integers(0, 4, 500)
    rows = metrics.reliability(shares, targets)
    assert sum(row["n"] for row in rows) == 500
    assert all(row["low"] <= row["confidence"] <= row["high"] for row in rows)
    error = sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in rows) / 500
    assert math.isclose(error, metrics.calibration_error(shares, targets))


def test_true_confidence_still_has_the_calibration_error_that_chance_gives() -> None:
    random = np.random.default_rng(6)
    shares = metrics.softmax(random.normal(size=(2000, 5)) * 2)
    drawn = [(shares.cumsum(axis=1) > random.random((2000, 1))).argmax(axis=1) for _ in range(60)]
    seen = np.mean([metrics.calibration_error(shares, targets) for targets in drawn])
    assert math.isclose(metrics.calibration_error_by_chance(shares), seen, rel_tol=0.1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_class_that_never_occurs_does_not_break_the_mean(share: float) -> None:
    logits = np.array([[1.0 - share, share, 0.0]])
    assert metrics.score(logits, np.array([0]), ("a", "b", "c"))["macro_f1"] == 1.0 - share
