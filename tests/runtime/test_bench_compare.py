"""Results against each other: what is slower, what is noise, and what is not compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measurements import document, noisy, row

from hemline import cli
from hemline.bench import noise
from hemline.bench.compare import compare, judged, regressions
from hemline.errors import DataError

NAMES = ("litert:float32", "litert:int8", "onnx:int8", "openvino:int8")
Write = Callable[..., Path]


def result(factor: float = 1.0) -> dict[str, Any]:
    """Return a result of four artifacts, each `factor` times as slow as it usually is."""
    return document(
        *(row(name, level=factor * level) for name, level in zip(NAMES, (0.07, 0.03, 0.05, 0.05), strict=True))
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a result to a file."""

    def put(name: str, found: dict[str, Any]) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(found))
        return path

    return put


def verdicts(before: dict[str, Any], after: dict[str, Any], **more: Any) -> list[str]:
    return [one.verdict for one in compare([("a", before), ("b", after)], **more) if one.ratio]


@pytest.mark.parametrize("rounds", [0.0, 0.02, 0.04])
def test_two_equal_runs_are_hardly_ever_slower_however_noisy_the_machine(rounds: float) -> None:
    random = np.random.default_rng(1)
    found = 0
    for _ in range(25):
        one, other = (noisy(result(), random, rounds=rounds, windows=0.05) for _ in range(2))
        found += bool(regressions(compare([("a", one), ("b", other)])))
    assert found <= 1


@pytest.mark.parametrize("rounds", [0.0, 0.01, 0.03])
def test_a_fifth_slower_is_found_through_the_noise(rounds: float) -> None:
    random = np.random.default_rng(2)
    found = 0
    for _ in range(15):
        before = noisy(result(), random, rounds=rounds, windows=0.05)
        after = noisy(result(1.2), random, rounds=rounds, windows=0.05)
        found += bool(regressions(compare([("a", before), ("b", after)])))
    assert found >= 14


def test_a_fifth_faster_is_faster_and_no_regression() -> None:
    random = np.random.default_rng(3)
    before, after = (noisy(result(factor), random, rounds=0.01, windows=0.02) for factor in (1.2, 1.0))
    rows = compare([("a", before), ("b", after)])
    assert [one.verdict for one in rows] == ["", "faster"] * len(NAMES)
    assert regressions(rows) == []


def with_yardstick(found: dict[str, Any], level: float, noise: float = 0.0) -> dict[str, Any]:
    random = np.random.default_rng(6)
    for own in found["artifacts"]:
        for window in own["windows"]:
            window["yardstick_ms"] = level * float(np.exp(random.normal(0, noise)))
    return found


@pytest.mark.parametrize("machine", [0.8, 1.25])
def test_what_the_machine_itself_explains_is_unclear_both_ways(machine: float) -> None:
    before = with_yardstick(result(), 0.01)
    assert verdicts(before, with_yardstick(result(machine), 0.01 * machine)) == ["unclear"] * len(NAMES)
    # a machine that became quicker hides what became slower
    assert verdicts(before, with_yardstick(result(1.0), 0.01 * machine)) == ["unclear"] * len(NAMES)


def test_a_yardstick_that_stayed_or_is_not_there_changes_no_verdict() -> None:
    before = with_yardstick(result(), 0.01)
    assert verdicts(before, with_yardstick(result(1.25), 0.01)) == ["slower"] * len(NAMES)
    assert verdicts(before, with_yardstick(result(1.25), 0.0105, noise=0.3)) == ["slower"] * len(NAMES)
    assert verdicts(before, with_yardstick(result(1.25), 0.0101)) == ["slower"] * len(NAMES), (
        "a hundredth is not enough"
    )
    assert verdicts(before, result(1.25)) == ["slower"] * len(NAMES)


def test_of_another_machine_the_yardstick_says_nothing() -> None:
    other = with_yardstick(result(1.25), 0.02)
    other["machine"] = {**other["machine"], "processor": "Fake 0, 1 cores"}
    assert verdicts(with_yardstick(result(), 0.01), other) == ["slower"] * len(NAMES)


def test_the_command_says_how_much_slower_the_machine_itself_was(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [with_yardstick(result(), 0.01), with_yardstick(result(1.25), 0.0125)]
    assert cli.main(["bench", "compare", *(str(write(name, one)) for name, one in zip("ab", files, strict=True))]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == (
        "litert:float32 in b: unclear; the machine itself took 1.25 times as long for a computation that no model "
        "changes; measure again, with more --rounds"
    )
    assert len(told) == len(NAMES)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "0.01", None])
def test_a_yardstick_that_cannot_be_is_refused(value: object, write: Write) -> None:
    broken = with_yardstick(result(), 0.01)
    broken["artifacts"][0]["windows"][3]["yardstick_ms"] = value
    path = str(write("a", broken))
    assert cli.main(["bench", "compare", path, path]) == DataError.exit_status


def test_a_slow_down_that_the_noise_may_explain_is_unclear() -> None:
    before, after = document(row()), document(row(level=1.2))
    for found in (before, after):
        for window in found["artifacts"][0]["windows"]:
            window["p50_ms"] *= (0.8, 1.0, 1.25)[window["round"]]
    assert verdicts(before, after) == ["unclear"]


def test_intervals_of_the_ratios_hold_the_truth_all_at_once() -> None:
    random = np.random.default_rng(5)
    held = []
    for _ in range(40):
        one, other = (noisy(result(), random, rounds=0.04, windows=0.03)["artifacts"] for _ in range(2))
        together = noise.machine(list(zip(one, other, strict=True)), "p50")
        ratios = [noise.ratio(a, b, "p50", together, among=4) for a, b in zip(one, other, strict=True)]
        held.append(all(found.low <= 1 <= found.high for found in ratios))
    assert np.mean(held) >= 0.93


def test_one_long_round_is_not_taken_for_more_certain_than_a_process_is() -> None:
    long = document(row())
    for number, window in enumerate(long["artifacts"][0]["windows"]):
        window["round"], window["start_s"] = 0, 10.0 * number
    (found,) = [one.ratio for one in compare([("a", long), ("b", long)]) if one.ratio]
    assert found.value == 1.0
    assert found.high > 1.03, "what two processes differ by was not seen, and is not nothing"


def test_a_result_against_itself_is_the_same() -> None:
    assert verdicts(result(), result()) == ["same"] * len(NAMES)


def test_what_counts_is_beyond_the_margin_with_its_whole_interval() -> None:
    assert judged(noise.Ratio(1.2, 1.11, 1.3), 0.1) == "slower"
    assert judged(noise.Ratio(1.2, 1.09, 1.3), 0.1) == "unclear"
    assert judged(noise.Ratio(1.05, 1.04, 1.06), 0.1) == "same"
    assert judged(noise.Ratio(0.8, 0.7, 0.89), 0.1) == "faster"


def test_another_percentile_can_be_compared() -> None:
    after = result()
    for own in after["artifacts"]:
        for window in own["windows"]:
            window["p99_ms"] *= 2
    assert verdicts(result(), after, statistic="p50") == ["same"] * len(NAMES)
    assert verdicts(result(), after, statistic="p99") == ["slower"] * len(NAMES)


def test_results_of_other_bundles_or_files_are_refused_unless_asked_for() -> None:
    other = result(1.3)
    other["bundle"] = "closet@2"
    with pytest.raises(DataError, match=r"^b: is of closet@2, a of closet@1; give --force"):
        verdicts(result(), other)
    assert verdicts(result(), other, force=True) == ["slower"] * len(NAMES)
    altered = result()
    altered["artifacts"][1]["sha256"] = "other"
    with pytest.raises(
        DataError, match=r"^b: its litert:int8 is another file than that of a, though both are closet@1"
    ):
        verdicts(result(), altered)


def test_results_with_nothing_in_common_are_refused_and_more_threads_are_something_else() -> None:
    with pytest.raises(DataError, match=r"^a: has no artifact in common with b"):
        verdicts(document(row()), document(row(threads=2)))


def test_a_slower_machine_is_no_regression(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    other = result(2.0)
    other["machine"] = {**other["machine"], "processor": "Fake 0, 1 cores"}
    files = [str(write("fast", result())), str(write("slow", other))]
    assert cli.main(["bench", "compare", *files]) == 0
    assert capsys.readouterr().out.count("slower, another machine") == len(NAMES)
    assert cli.main(["bench", "compare", *files, "--force"]) == 1


def test_the_command_says_what_became_slower_and_exits_with_1(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = result()
    slow["artifacts"][1] = row("litert:int8", level=0.036)
    files = [write("before", result()), write("after", slow)]
    out = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html")}
    words = ["bench", "compare", "--margin", "10%", *files, "--json", out["json"], "--html", out["html"]]
    assert cli.main([*map(str, words)]) == 1
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "litert:int8: 1.2 times the latency in after that it has in before, at least 1.2; a margin of 10 % is allowed"
    ]
    report = json.loads(out["json"].read_text())
    assert [one["artifact"] for one in report["regressions"]] == ["litert:int8"]
    assert len(report["rows"]) == 2 * len(NAMES)
    page = out["html"].read_text()
    assert "✗ 1 slower by more than 10 %" in page
    assert cli.main(["bench", "compare", "--margin", "0.25", *map(str, files)]) == 0


def test_marks_of_invalid_files_are_told(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    busy = result()
    busy["invalid"] = [{"what": "machine busy", "detail": "others used 1.9 of 2 cores"}]
    assert cli.main(["bench", "compare", str(write("a", result())), str(write("b", busy))]) == 0
    assert capsys.readouterr().err == "b is marked invalid: machine busy (others used 1.9 of 2 cores)\n"


def test_three_files_are_each_held_against_the_first(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(write(name, result(factor))) for name, factor in (("a", 1.0), ("b", 1.0), ("c", 1.5))]
    assert cli.main(["bench", "compare", *files]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3 * len(NAMES)
    assert [line.split()[1] for line in lines[1:4]] == ["a", "b", "c"]
    assert [line.split()[-1] for line in lines[1:4]] == ["-", "same", "slower"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--margin", "much"], "--margin much; a share such as 5% or 0.05"),
        (["--margin", "-5%"], "--margin -5%; a share such as 5% or 0.05"),
        (["--statistic", "p5"], "--statistic: no statistic 'p5'; nearest: p50; there are p50, p90, p99"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[str], said: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write("a", result()))
    joined = [f"{words[0]}={words[1]}"]
    assert cli.main(["bench", "compare", path, path, *joined]) == 2
    assert capsys.readouterr().err == f"hemline: {said}\n"


def test_one_file_alone_is_a_mistake(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "compare", str(write("a", result()))]) == 2
    assert "give a second file" in capsys.readouterr().err
