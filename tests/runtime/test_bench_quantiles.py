"""From durations to quantiles with intervals: what a histogram keeps, and whether the intervals hold the truth."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.bench import quantiles
from hemline.bench.histogram import BUCKETS, Histogram
from hemline.bench.quantiles import needed, quantile, ranks, student

SHARES = (0.5, 0.9, 0.99)


def counted(durations: NDArray[np.float64]) -> Histogram:
    made = Histogram()
    made.add(durations.astype(np.int64))
    return made


@pytest.mark.parametrize("spread", [0.05, 0.5, 2.0])
def test_a_quantile_of_a_histogram_is_within_a_thousandth_of_the_one_that_was_measured(spread: float) -> None:
    durations = np.sort(1e7 * np.random.default_rng(1).lognormal(0, spread, 20_001))
    made = counted(durations)
    for share in (0.001, 0.1, 0.5, 0.9, 0.99, 0.999):
        exact = durations[int(np.ceil(share * len(durations))) - 1] / 1e6
        assert made.quantile(share) == pytest.approx(exact, rel=1.1e-3)
    assert made.at_rank(1) == int(durations[0]) / 1e6
    assert made.at_rank(len(durations)) == int(durations[-1]) / 1e6


def test_two_histograms_together_hold_what_one_of_both_would_and_take_no_more_room() -> None:
    random = np.random.default_rng(2)
    one, other = (1e4 * random.lognormal(0, 1, count) for count in (500, 90_000))
    both, added = counted(np.concatenate([one, other])), counted(one) + counted(other)
    assert (both.counts == added.counts).all()
    assert len(both.counts) == BUCKETS
    assert (both.shortest_ns, both.longest_ns, both.count) == (added.shortest_ns, added.longest_ns, added.count)


def test_a_histogram_that_travelled_counts_alike() -> None:
    made = counted(1e5 * np.random.default_rng(3).lognormal(0, 0.3, 1000))
    ends = {"shortest_ms": made.shortest_ns / 1e6, "longest_ms": made.longest_ns / 1e6, "sum_ms": made.sum_ns / 1e6}
    back = Histogram.of(made.sparse(), **ends)
    assert (back.counts == made.counts).all()
    assert back.quantile(0.99) == made.quantile(0.99)


def test_durations_beyond_every_bucket_are_counted_at_the_ends() -> None:
    made = counted(np.array([1.0, 1e15]))
    assert made.count == 2
    assert made.at_rank(1) == 1e-6
    assert made.at_rank(2) == 1e9


def test_ranks_are_those_of_the_binomial_distribution() -> None:
    # tables of order-statistic intervals for the median have these
    assert ranks(100, 0.5) == (40, 61)
    assert ranks(20, 0.5) == (6, 15)
    assert ranks(5, 0.5) == (None, None)
    assert ranks(needed(0.99), 0.99)[1] == needed(0.99)
    assert ranks(needed(0.99) - 1, 0.99)[1] is None
    assert needed(0.999) == 3688


def test_ranks_of_many_samples_are_found_without_overflow() -> None:
    first, last = ranks(50_000_000, 0.999)
    assert first is not None
    assert last is not None
    assert first < 49_950_000 < last
    assert last - first < 1000


@pytest.mark.parametrize(
    ("freedom", "known"), [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (11, 2.201), (60, 2.000)]
)
def test_students_quantiles_are_those_of_the_tables(freedom: int, known: float) -> None:
    assert student(0.975, freedom) == pytest.approx(known, rel=0.005)


def covered(make: object, spread: float, times: int = 100) -> dict[float, float]:
    """Return the share of intervals that hold the quantile of a lognormal of 0.1 ms; an open end holds everything."""
    random = np.random.default_rng(4)
    truth = {share: 0.1 * math.exp(spread * NormalDist().inv_cdf(share)) for share in SHARES}
    held = dict.fromkeys(SHARES, 0)
    for _ in range(times):
        windows, rounds = make(random)  # type: ignore[operator]
        made = [counted(window) for window in windows]
        for share in SHARES:
            found, true = quantile(share, made, rounds), truth[share]
            above = found.low is None or found.low <= 1.0011 * true
            held[share] += above and (found.high is None or true <= 1.0011 * found.high)
    return {share: count / times for share, count in held.items()}


def test_intervals_of_independent_durations_hold_the_truth_as_often_as_they_say() -> None:
    def independent(random: np.random.Generator) -> tuple[list[NDArray[np.float64]], list[int]]:
        return [1e5 * random.lognormal(0, 0.3, 400) for _ in range(12)], [number // 4 for number in range(12)]

    assert all(share >= 0.92 for share in covered(independent, 0.3).values())


def test_intervals_hold_the_truth_where_windows_differ_from_each_other() -> None:
    def apart(random: np.random.Generator) -> tuple[list[NDArray[np.float64]], list[int]]:
        windows = [1e5 * random.lognormal(random.normal(0, 0.1), 0.05, 400) for _ in range(12)]
        return windows, [number // 4 for number in range(12)]

    found = covered(apart, math.hypot(0.1, 0.05))
    assert found[0.5] >= 0.92
    # one window of a hundred decides over p99, and there are twelve: the interval is open, or it is luck
    assert found[0.99] >= 0.8


def test_intervals_hold_the_median_where_processes_differ_from_each_other() -> None:
    def rounds(random: np.random.Generator) -> tuple[list[NDArray[np.float64]], list[int]]:
        levels = random.normal(0, 0.1, 3)
        windows = [1e5 * random.lognormal(levels[number // 4], 0.05, 400) for number in range(12)]
        return windows, [number // 4 for number in range(12)]

    assert covered(rounds, math.hypot(0.1, 0.05))[0.5] >= 0.9


def test_an_interval_says_what_was_drawn() -> None:
    random = np.random.default_rng(8)
    alike = [counted(1e5 * random.lognormal(0, 0.3, 500)) for _ in range(12)]
    rounds = [number // 4 for number in range(12)]
    assert quantile(0.5, alike, rounds).by == "inferences"
    by_window = [counted(1e5 * random.lognormal(0.3 * (number % 2), 0.05, 500)) for number in range(12)]
    assert quantile(0.5, by_window, rounds).by == "windows"
    by_round = [counted(1e5 * random.lognormal(0.3 * (number // 4), 0.05, 500)) for number in range(12)]
    assert quantile(0.5, by_round, rounds).by == "rounds"
    drifting = [counted(1e5 * random.lognormal(0.05 * number, 0.02, 500)) for number in range(16)]
    assert quantile(0.5, drifting, [0] * 16).by == "stretches"


def test_too_few_durations_have_no_upper_end_and_no_end_lies_beyond_what_was_seen() -> None:
    few = counted(1e5 * np.random.default_rng(9).lognormal(0, 0.3, 100))
    found = quantile(0.99, [few], [0])
    assert found.high is None
    assert found.low is not None
    wild = [counted(np.full(50, 1e5 * 100.0**number)) for number in range(3)]
    found = quantile(0.5, wild, [0, 1, 2])
    assert found.by == "rounds"
    assert found.low is not None
    assert found.low >= 0.1
    assert found.high is None
    assert set(quantiles.NAMES) == {0.5, 0.9, 0.99, 0.999}
