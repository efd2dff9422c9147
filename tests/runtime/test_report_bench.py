"""The pages of a benchmark and of a comparison: what stands there first, and that nothing foreign gets in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from measurements import document, row

from hemline.bench.compare import compare
from hemline.report import bench_charts as charts
from hemline.report import bench_time, junit
from hemline.report.bench_page import bench_page, interval
from hemline.report.compare_charts import ratios
from hemline.report.compare_page import compare_page

HOSTILE = """<script>alert("1")</script>'&"""
BUSY = {"what": "machine busy", "detail": "others used 1.90 of 2 cores"}


def compared(*found: dict[str, Any], names: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
    rows = compare(list(zip(names, found, strict=True)), force=True)
    return {
        "bundle": found[0]["bundle"],
        "margin": 0.05,
        "statistic": "p50",
        "files": [
            {"name": name, "created": one["created"], "machine": one["machine"], "marks": []}
            for name, one in zip(names, found, strict=True)
        ],
        "rows": [one.as_dict() for one in rows],
        "regressions": [one.as_dict() for one in rows if one.verdict == "slower"],
    }


def test_a_valid_measurement_says_so_first() -> None:
    page = bench_page(document())
    assert "✓ A valid measurement" in page
    assert "✗" not in page
    assert page.index("✓ A valid") < page.index("<section")
    assert "<title>closet@1: benchmark, figures</title>" in page


def test_an_invalid_one_says_why_before_any_figure_and_prints_them_all_the_same() -> None:
    page = bench_page(document(row(invalid=[BUSY]), invalid=[BUSY]))
    assert page.index("✗ invalid: machine busy") < page.index("others used 1.90 of 2 cores") < page.index("<section")
    assert "All figures" in page
    assert "INVALID" in page


def test_what_failed_what_was_not_run_and_what_never_became_steady_is_said() -> None:
    wild = row(warmup={"steady": False, "inferences": 9, "ms": 300.0, "reason": "its medians were still moving"})
    moved = row("onnx:int8", change={"window": 6, "start_s": 420.0, "ratio": 1.31})
    page = bench_page(
        document(
            wild,
            moved,
            failures=[{"artifact": "edgetpu:int8", "reason": "died of SIGSEGV"}],
            not_run=[{"artifact": "openvino:int8", "reason": "needs: pip install it"}],
        )
    )
    assert "edgetpu:int8 could not be measured: died of SIGSEGV" in page
    assert "openvino:int8 was not measured: needs: pip install it" in page
    assert "litert:int8 never became steady: its medians were still moving" in page
    assert "onnx:int8 never became steady: from 7 min on it is 31% slower" in page


def test_every_artifact_has_its_drawings_and_all_share_their_scales() -> None:
    rows = [row("litert:int8", level=0.02), row("onnx:int8", level=3.0)]
    page = bench_page(document(*rows))
    assert page.count("<figure>") == 3 * len(rows)
    for drawn in (charts.curves(rows), bench_time.over_time(rows)):
        ticks = [re.findall(r'text-anchor="end" class="tick">([^<]+)<', part) for part in drawn.split("<figure>")[1:]]
        assert ticks[0] == ticks[1]


def test_temperature_others_and_throttling_are_drawn_where_they_are_known() -> None:
    plain, hot = row(), row()
    for number, window in enumerate(hot["windows"]):
        window["temperature_c"] = 50.0 + number
        window["mhz"] = 2400.0 if number < 9 else 1500.0
        window["others_cores"] = 0.7
        window["throttled"] = ["firmware: throttled"] if number > 8 else []
    before, after = str(bench_time.over_time([plain])), str(bench_time.over_time([hot]))
    assert "°C" not in before
    assert "Temperature from 50 to 61 °C, at most 61 °C" in after
    assert "Clock from 1500 to 2400 MHz" in after
    assert "Clock" not in before
    assert after.count('class="throttle"') == 3
    assert after.count("<rect") == len(hot["windows"])
    assert "<rect" not in before
    legend = str(bench_time.time_legend([hot]))
    assert "used by others, up to 0.70 cores" in legend
    assert "held back" in legend


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5.0, ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s"]), (1800.0, ["0 min", "5 min", "10 min", "15 min", "20 min"])],
)
def test_the_time_of_a_long_measurement_is_told_in_whole_minutes(seconds: float, said: list[str]) -> None:
    across = bench_time.Time(0.0, seconds)
    assert [across.show(tick) for tick in across.ticks()][: len(said)] == said


def test_a_tenth_more_is_seen_where_nothing_is_far_from_anything_else() -> None:
    near, far = row(), row()
    far["windows"][0]["p99_ms"] = 40.0
    assert re.search(r">0<|>0 ms<", str(bench_time.over_time([near])))
    assert ">100 ms<" in str(bench_time.over_time([far]))


def test_a_page_without_throughput_or_whole_path_has_no_empty_sections() -> None:
    page = bench_page(document(row(throughput=[], whole=[])))
    assert 'id="throughput"' not in page
    assert 'id="whole"' not in page
    assert 'href="#whole"' not in page


def test_what_cannot_be_known_is_a_dash_with_its_reason() -> None:
    page = bench_page(document(row(latency_p999_ms=None, missing={"latency_p999_ms": "12 inferences"})))
    assert "Not known: latency_p999_ms: 12 inferences." in page
    assert interval([None, None]) == "–"
    assert interval([0.001, None]) == "1 µs to ?"


def test_gates_are_shown_with_their_verdicts() -> None:
    gate = {
        "artifact": "litert:int8",
        "gate": "p99_ratio",
        "value": 4.0,
        "low": 3.5,
        "high": None,
        "bar": 3.0,
        "why": "",
    }
    skipped = {**gate, "gate": "int8_ratio", "value": None, "low": None, "state": "skipped", "why": "no float artifact"}
    page = bench_page(document(gates=[{**gate, "state": "failed"}, skipped]))
    assert "✗ fails" in page
    assert "3.5 to ?" in page
    assert "Not judged: litert:int8 int8_ratio (no float artifact)." in page


@pytest.mark.parametrize("where", ["bundle", "machine", "detail", "picture"])
def test_nothing_foreign_becomes_part_of_a_page(where: str) -> None:
    found = document()
    if where == "bundle":
        found["bundle"] = HOSTILE
    elif where == "machine":
        found["machine"]["processor"] = HOSTILE
    elif where == "detail":
        found["invalid"] = [{"what": "machine busy", "detail": HOSTILE}]
    else:
        found["artifacts"][0]["whole"][0]["picture"] = HOSTILE
    page = bench_page(found)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "style=" not in page, "the policy of the page refuses styles in attributes"


def test_a_comparison_says_first_what_became_slower() -> None:
    page = compare_page(compared(document(row(level=1.0)), document(row(level=1.5))))
    assert "✗ 1 slower by more than 5 %" in page
    assert "litert:int8 in b: 1.5 times the latency" in page
    assert 'class="failed"' in page


def test_a_comparison_without_a_regression_says_so_and_names_every_file() -> None:
    page = compare_page(compared(document(), document(), document(), names=("pi4", "pi5", HOSTILE)))
    assert "✓ Nothing slower by more than 5 %" in page
    assert "<script" not in page
    assert page.count("pi5") >= 2


def test_a_comparison_says_how_much_slower_the_machine_itself_was() -> None:
    before, after = document(), document(row(level=1.25))
    for found, level in ((before, 0.01), (after, 0.0125)):
        for window in found["artifacts"][0]["windows"]:
            window["yardstick_ms"] = level
    assert "unclear: the machine itself took 1.25 times as long" in compare_page(compared(before, after))


def test_an_invalid_measurement_acquits_nobody() -> None:
    found = compared(document(), document())
    found["files"][1]["marks"] = ["invalid: machine busy"]
    page = compare_page(found)
    assert "Nothing slower by more than 5 % was seen, but 1 of 2 files are marked invalid" in page
    assert "✓" not in page


def test_a_ratio_beyond_the_scale_is_an_arrow_at_its_edge() -> None:
    drawn = str(ratios(compared(document(row(level=1.0)), document(row(level=50.0)))["rows"], 0.05, "p50")[0])
    assert "▸" in drawn


def test_junit_has_a_case_for_every_gate_and_for_what_could_not_be_measured() -> None:
    gate = {
        "artifact": "litert:int8",
        "gate": "budget_ms",
        "value": 4.0,
        "low": 3.5,
        "high": None,
        "bar": 3.0,
        "why": "",
    }
    found = document(
        gates=[{**gate, "state": "failed"}, {**gate, "gate": "p99_ratio", "state": "skipped", "why": "machine busy"}],
        failures=[{"artifact": "onnx:int8", "reason": "died of SIGSEGV"}],
        invalid=[BUSY],
    )
    text = junit.of_bench(found).decode()
    assert 'tests="3" failures="2" errors="0" skipped="1"' in text
    assert '<failure type="gate" message="4 (3.5 to ?), at most 3">' in text
    assert '<skipped message="machine busy">' in text
    assert 'value="machine busy: others used 1.90 of 2 cores"' in text
