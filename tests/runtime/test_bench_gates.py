"""Latency parity and budgets: what fails, what passes, what is not judged."""

from __future__ import annotations

from typing import Any

import pytest
from measurements import document, row

from hemline.bench.gates import Bars, budget, latency
from hemline.errors import UsageError

BUSY = [{"what": "machine busy", "detail": "others used 1.9 of 2 cores"}]


def states(found: dict[str, Any], bars: Bars | None = None) -> dict[tuple[str, str], str]:
    return {(one.artifact, one.gate): one.state for one in latency(found, bars or Bars())}


def test_an_int8_artifact_that_is_slower_than_its_float_one_fails() -> None:
    found = states(document(row("onnx:float32", level=1.0), row("onnx:int8", level=1.3)))
    assert found["onnx:int8", "int8_ratio"] == "failed"
    found = states(document(row("onnx:float32", level=1.0), row("onnx:int8", level=0.4)))
    assert found["onnx:int8", "int8_ratio"] == "passed"
    assert ("onnx:float32", "int8_ratio") not in found


def test_an_int8_artifact_is_held_against_the_float_one_of_its_own_engine() -> None:
    (judged,) = [one for one in latency(document(row("litert:float32"), row("onnx:int8")), Bars()) if one.value is None]
    assert str(judged) == "onnx:int8 int8_ratio: not judged, no float artifact of onnx was measured beside it"


def test_a_difference_that_is_noise_does_not_fail() -> None:
    apart = row("onnx:int8", level=1.0)
    for window in apart["windows"]:
        window["p50_ms"] *= (0.9, 1.0, 1.25)[window["round"]]
    assert states(document(row("onnx:float32"), apart))["onnx:int8", "int8_ratio"] == "passed"


def test_overhead_and_tail_have_bars_that_their_whole_interval_has_to_miss() -> None:
    name = "litert:int8"
    assert states(document(row(overhead_ratio=1.3, overhead_ci95=[1.25, 1.4])))[name, "overhead_ratio"] == "failed"
    assert states(document(row(overhead_ratio=1.3, overhead_ci95=[1.1, 1.5])))[name, "overhead_ratio"] == "passed"
    assert states(document(row(overhead_ratio=None, overhead_ci95=None)))[name, "overhead_ratio"] == "skipped"
    assert states(document(row(latency_p99_ms=9.0)))[name, "p99_ratio"] == "passed", "its interval says otherwise"
    tail = row(latency_p99_ms=9.0)
    tail["intervals"]["p99"]["ci95"] = [8.0, None]
    assert states(document(tail))[name, "p99_ratio"] == "failed"


def test_what_misses_a_bar_on_a_busy_machine_is_not_judged_and_what_keeps_it_keeps_it() -> None:
    slow = row(overhead_ratio=1.5, overhead_ci95=[1.4, 1.6], invalid=BUSY)
    judged = {one.gate: one for one in latency(document(slow), Bars())}
    assert judged["overhead_ratio"].state == "skipped"
    assert judged["overhead_ratio"].why == "invalid: machine busy (others used 1.9 of 2 cores)"
    assert judged["p99_ratio"].state == "passed"


def test_bars_can_be_overridden_and_a_wrong_name_is_answered_with_the_nearest() -> None:
    assert Bars().override(["p99_ratio=1.2", "int8_ratio=2"]) == Bars(2.0, 1.2, 1.2)
    with pytest.raises(UsageError, match="no gate 'p99_ration'; nearest: p99_ratio"):
        Bars().override(["p99_ration=3"])
    for wrong in ("p99_ratio", "p99_ratio=", "p99_ratio=-1", "p99_ratio=nan", "p99_ratio=much"):
        with pytest.raises(UsageError, match="write NAME=NUMBER above 0"):
            Bars().override([wrong])


@pytest.mark.parametrize(
    ("high", "most", "state"), [(1.51, 1.6, "passed"), (1.7, 1.6, "failed"), (None, 100.0, "failed")]
)
def test_a_budget_is_kept_when_the_upper_end_of_p99_keeps_it(high: float | None, most: float, state: str) -> None:
    found = row(invalid=BUSY)  # what else runs on a device is part of it
    found["intervals"]["p99"]["ci95"] = [1.4, high]
    (judged,) = budget(document(found), most)
    assert judged.state == state
    assert judged.value == 1.5
