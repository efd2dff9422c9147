"""Whether a line is as it was: limits held against direct computation, and how often there is an alarm for nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hemline.line.drift import (
    SIGMAS,
    TAIL,
    WEIGHT,
    Point,
    Reference,
    count_limits,
    energy_test,
    ewma,
    log_odds,
    p_chart,
    score_of,
)


def chances(parts: int, share: float) -> list[float]:
    return [math.comb(parts, count) * share**count * (1 - share) ** (parts - count) for count in range(parts + 1)]


# the p-chart


@pytest.mark.parametrize("parts", [1, 2, 7, 50, 333])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.5, 0.9, 0.999])
def test_control_limits_are_those_of_the_exact_binomial(parts: int, share: float) -> None:
    every = chances(parts, share)
    low, high = count_limits(parts, share)
    assert sum(every[:low]) <= TAIL < sum(every[: low + 1])
    assert sum(every[high + 1 :]) <= TAIL < sum(every[high:])


def test_three_sigmas_of_the_normal_would_raise_far_more_alarms_on_few_parts() -> None:
    parts, share = 50, 0.02
    normal = share + 3 * math.sqrt(share * (1 - share) / parts)
    by_normal = sum(chance for count, chance in enumerate(chances(parts, share)) if count / parts > normal)
    _, high = count_limits(parts, share)
    assert by_normal > 10 * sum(chances(parts, share)[high + 1 :])


def test_limits_of_very_many_parts_are_near_three_sigmas() -> None:
    low, high = count_limits(1_000_000, 0.02)
    assert (20_000 - low) / math.sqrt(19_600) == pytest.approx(3, abs=0.02)
    assert (high - 20_000) / math.sqrt(19_600) == pytest.approx(3, abs=0.02)


def test_where_nothing_or_everything_is_expected_nothing_else_is_inside() -> None:
    assert count_limits(40, 0.0) == (0, 0)
    assert count_limits(40, 1.0) == (40, 40)


def test_a_subgroup_beyond_a_limit_is_outside_and_one_on_it_is_not() -> None:
    _, high = count_limits(100, 0.05)
    on, beyond = p_chart([100, 100], [high, high + 1], 0.05)
    assert (on.outside, beyond.outside) == (False, True)
    low, _ = count_limits(100, 0.3)
    assert p_chart([100], [low - 1], 0.3)[0].outside
    assert not p_chart([100], [0], 0.3, upper_only=True)[0].outside


# the EWMA


def test_log_odds_and_scores_are_each_others_inverse_and_have_an_end() -> None:
    scores = np.array([0.0001, 0.2, 0.5, 0.999])
    assert [score_of(value) for value in log_odds(scores)] == pytest.approx(scores.tolist())
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    assert log_odds(np.array([0.0]))[0] == pytest.approx(-log_odds(np.array([1.0]))[0])


def test_the_moving_average_and_its_limits_are_those_of_the_sum_of_weights() -> None:
    means, counts, reference = [1.0, -0.5, 2.0, 0.3], [10, 40, 5, 20], Reference(0.2, 1.5, 60)
    for number, point in enumerate(ewma(means, counts, reference), 1):
        weights = [WEIGHT * (1 - WEIGHT) ** (number - 1 - place) for place in range(number)]
        old = (1 - WEIGHT) ** number
        assert point.value == pytest.approx(np.dot(weights, means[:number]) + old * reference.mean)
        own = sum(weight**2 / count for weight, count in zip(weights, counts, strict=False))
        half = SIGMAS * reference.spread * math.sqrt(own + (1 - old) ** 2 / reference.count)
        assert (point.low, point.high) == pytest.approx((reference.mean - half, reference.mean + half))


def test_a_subgroup_without_parts_that_passed_changes_nothing() -> None:
    with_gap = ewma([1.0, 99.0, 2.0], [10, 0, 10], Reference(0.0, 1.0, 50))
    assert with_gap[0] == with_gap[1]
    assert [with_gap[0], with_gap[2]] == ewma([1.0, 2.0], [10, 10], Reference(0.0, 1.0, 50))


def shift_of(random: np.random.Generator, *, moved: float, baseline: int = 200) -> list[Point]:
    """Return the points of a shift of 40 subgroups of 50 whose mean has moved by so many standard deviations."""
    reference = Reference.of(random.normal(size=baseline))
    return ewma((moved + random.normal(size=(40, 50)).mean(axis=1)).tolist(), [50] * 40, reference)


def test_a_shift_without_drift_seldom_has_an_alarm_and_one_with_drift_has() -> None:
    random = np.random.default_rng(3)
    alarms = [any(point.outside for point in shift_of(random, moved=0.0)) for _ in range(300)]
    assert np.mean(alarms) < 0.05
    assert all(any(point.outside for point in shift_of(random, moved=0.5)) for _ in range(50))


def test_limits_have_room_for_the_chance_in_the_baseline() -> None:
    random = np.random.default_rng(4)
    fooled = 0
    for _ in range(200):
        reference = Reference.of(random.normal(size=200))
        sure = Reference(reference.mean, reference.spread, 10**9)
        means = random.normal(size=(40, 50)).mean(axis=1).tolist()
        fooled += any(point.outside for point in ewma(means, [50] * 40, sure))
    assert fooled > 60, "without that room two fifths of all shifts would have an alarm for nothing"


# two samples


def coefficient(ours: np.ndarray, theirs: np.ndarray) -> float:
    between, own, other = (
        np.mean([[math.dist(a, b) for b in second] for a in first])
        for first, second in ((ours, theirs), (ours, ours), (theirs, theirs))
    )
    return float((2 * between - own - other) / (2 * between))


def test_the_distance_is_that_of_the_energy_statistic() -> None:
    random = np.random.default_rng(5)
    ours, theirs = random.normal(size=(12, 3)), random.normal(size=(17, 3)) + 0.7
    found = energy_test(ours, theirs, permutations=99)
    assert found.distance == pytest.approx(coefficient(ours, theirs), abs=1e-12)
    assert (found.ours, found.theirs) == (12, 17)
    assert energy_test(theirs, ours, permutations=99).distance == pytest.approx(found.distance)
    assert energy_test(ours + 100, theirs + 100, permutations=99).distance == pytest.approx(found.distance, abs=1e-9)
    assert energy_test(ours, ours + 1e6, permutations=99).distance == pytest.approx(1.0, abs=1e-3)


def test_the_p_counts_the_divisions_that_are_as_far_apart() -> None:
    # of 3 and 2 numbers there are 10 divisions, and this one is the farthest apart
    found = energy_test(np.array([[0.0], [1.0], [2.0]]), np.array([[50.0], [60.0]]), permutations=4999, seed=1)
    assert found.p == pytest.approx(0.1, abs=0.02)
    same = np.ones((5, 2))
    assert energy_test(same, same, permutations=99).p == 1.0
    assert energy_test(same, same, permutations=99).distance == 0.0


def test_the_same_seed_gives_the_same_and_another_one_nearly_the_same() -> None:
    random = np.random.default_rng(6)
    ours, theirs = random.normal(size=(60, 4)), random.normal(size=(50, 4)) + 0.2
    first = energy_test(ours, theirs, seed=7)
    assert energy_test(ours, theirs, seed=7) == first
    other = energy_test(ours, theirs, seed=8)
    assert other.distance == first.distance
    assert other.p == pytest.approx(first.p, abs=0.05)


def test_without_drift_the_test_alarms_as_often_as_it_says_and_no_more() -> None:
    random = np.random.default_rng(9)
    # heavy tails and many zeros, as embeddings have them after a ReLU
    draws = np.maximum(random.standard_t(3, size=(400, 50, 6)), 0)
    found = np.array([energy_test(d[:30], d[30:], permutations=99, seed=place).p for place, d in enumerate(draws)])
    for level in (0.01, 0.05, 0.2):
        chance = 3 * math.sqrt(level * (1 - level) / len(found))
        assert level - chance <= (found <= level).mean() <= level + chance


def test_a_moved_and_a_widened_sample_are_both_seen() -> None:
    random = np.random.default_rng(10)
    for change in (lambda values: values + 0.6, lambda values: 1.8 * values):
        found = energy_test(change(random.normal(size=(120, 6))), random.normal(size=(100, 6)), permutations=199)
        assert found.p <= 0.01
        assert found.distance > found.by_chance
