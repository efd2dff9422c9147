"""Where a warm-up ends, and whether a run stays as it is: synthetic series whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from hemline.bench.steady import AGREE, change, steady_from

NOISES = [0.002, 0.02, 0.05]


def noise(size: int, spread: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(0, spread, size)


@pytest.mark.parametrize("spread", NOISES)
def test_what_is_steady_from_the_start_is_found_to_be(spread: float) -> None:
    found = [steady_from(noise(40, spread, seed)) for seed in range(50)]
    assert sum(first is not None and first <= 2 for first in found) >= 48


@pytest.mark.parametrize("spread", NOISES)
def test_a_warm_up_that_falls_is_left_behind(spread: float) -> None:
    for seed in range(20):
        first = steady_from((1 + 3 * np.exp(-np.arange(60) / 4)) * noise(60, spread, seed))
        assert first is not None
        assert first >= 4, "a block that takes half as long again was called steady"
        assert first <= 30


def test_a_slow_first_block_alone_is_the_whole_warm_up() -> None:
    assert steady_from([9.0, *[1.0] * (2 * AGREE)]) == 1


def test_what_keeps_growing_is_never_steady() -> None:
    assert steady_from(1.1 ** np.arange(60) * noise(60, 0.02, 1)) is None


def test_too_few_blocks_say_nothing() -> None:
    assert steady_from([1.0] * (2 * AGREE - 1)) is None


@pytest.mark.parametrize("spread", NOISES)
@pytest.mark.parametrize("windows", [12, 180])
def test_a_run_without_a_change_has_none(spread: float, windows: int) -> None:
    assert sum(change(noise(windows, spread, seed)) is not None for seed in range(100)) <= 5


@pytest.mark.parametrize("spread", NOISES)
def test_a_board_that_is_throttled_after_a_while_is_found_with_moment_and_size(spread: float) -> None:
    found = change(np.where(np.arange(180) < 60, 1.0, 1.4) * noise(180, spread, 3))
    assert found is not None
    assert abs(found.window - 60) <= 2
    assert found.ratio == pytest.approx(1.4, rel=0.05)


def test_a_change_that_nobody_would_notice_is_none() -> None:
    assert change(np.where(np.arange(100) < 50, 1.0, 1.03) * noise(100, 0.001, 4)) is None
    assert change([1.0, 2.0]) is None
