from __future__ import annotations

import math

import pytest

from hemline.errors import UsageError
from hemline.gates import Gates, Verdict, judge
from hemline.parity import mcnemar


def test_gates_read_back_as_they_were_written_and_keep_defaults() -> None:
    bars = Gates(agreement_quantized=0.9)
    assert Gates.from_dict(bars.as_dict()) == bars
    assert Gates.from_dict({"dp_p95_float": 0.1}) == Gates(dp_p95_float=0.1)


@pytest.mark.parametrize(
    ("bars", "says"),
    [
        ({"agreement": 0.9}, "no gate 'agreement'; nearest: "),
        ({"agreement_float": 99.5}, "a share, 0 to 1"),
        ({"accuracy_drop_pp": -1.0}, "a number, 0 or more"),
        ({"dp_p95_float": float("nan")}, "a number, 0 or more"),
        ({"dp_p95_float": "0.1"}, "a number, 0 or more"),
    ],
)
def test_a_bar_that_makes_no_sense_is_refused(bars: dict[str, float], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Gates.from_dict(bars)


def test_the_command_line_overrides_one_bar_and_leaves_the_others() -> None:
    bars = Gates(accuracy_drop_pp=1.5).override(["agreement_quantized=0.5"])
    assert bars == Gates(accuracy_drop_pp=1.5, agreement_quantized=0.5)
    for wrong in ("agreement_quantized", "agreement_quantized=", "agreement_quantized=high", "=1"):
        with pytest.raises(UsageError):
            Gates().override([wrong])


def test_float_formats_have_stricter_bars_than_quantized_ones() -> None:
    figures = {"agreement": 0.99, "dp_p95": 0.01}
    assert all(verdict.passed for verdict in judge("onnx:int8", figures, Gates()))
    for precision in ("float32", "float16"):
        assert not any(verdict.passed for verdict in judge(f"onnx:{precision}", figures, Gates()))


def test_a_figure_that_was_not_measured_is_not_judged() -> None:
    verdicts = judge("onnx:int8", {"agreement": 1.0, "engines_agreement": None}, Gates())
    assert [verdict.gate for verdict in verdicts] == ["agreement"]


def test_a_verdict_says_value_bar_and_outcome_in_one_line() -> None:
    line = str(Verdict("litert:int8", "agreement", 0.97, "least", 0.985))
    assert line == "litert:int8 agreement 0.97, at least 0.985: FAILED"


def test_mcnemars_exact_test_is_the_binomial_one() -> None:
    assert mcnemar(0, 0) == 1.0
    assert math.isclose(mcnemar(0, 5), 2 * 0.5**5)
    assert math.isclose(mcnemar(2, 8), 2 * (1 + 10 + 45) / 2**10)
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(3, 9) == mcnemar(9, 3)
    assert 0.0 < mcnemar(4800, 5200) < 1e-3
