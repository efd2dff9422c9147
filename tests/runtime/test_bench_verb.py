"""hemline bench from the command line: real processes, what they tell, where it goes, with which exit status."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hemline import cli, local
from hemline.bench import document, extras, measuring
from hemline.bench.child import Child
from hemline.bench.plan import Plan
from hemline.bundle import Bundle, File
from hemline.commands.bench import single_stream
from hemline.errors import BundleError, PictureError
from hemline.select import Choice, choose, packaged

MakeBundle = Callable[..., Bundle]
SPIN_US = 200.0
# a package of the engine's name that dies like a broken driver
DEADLY = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"


@pytest.fixture
def spinning(fake_bundle: MakeBundle, tmp_path: Path) -> Path:
    """Return a bundle whose artifacts take a stated time."""
    made = fake_bundle()
    rule = json.dumps({"weights_seed": 5, "spin_us": SPIN_US}).encode()
    artifacts = tuple(replace(artifact, files=(File.of(artifact.files[0].path, rule),)) for artifact in made.artifacts)
    assert made.golden is not None
    contents = {**{artifact.files[0].path: rule for artifact in artifacts}, "golden.npz": made.read(made.golden)}
    replace(made, artifacts=artifacts).write(tmp_path / "spinning", contents)
    return tmp_path / "spinning"


def bench(*words: object) -> int:
    return cli.main(["bench", *map(str, words)])


def test_one_run_tells_figures_marks_and_gates_in_every_form(
    spinning: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firmware = tmp_path / "sys" / "devices" / "platform" / "soc" / "soc:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text("50005\n")
    out = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "junit")}
    words = [part for kind, path in out.items() for part in (f"--{kind}", path)]
    words += ["--rounds", 1, "--seconds", 0.4, "--artifact", "fake:int8", "--sys", tmp_path / "sys"]
    status = bench(spinning, *words, "--gates", "--budget-ms", 0.001)
    told = capsys.readouterr()
    assert status == 1, "no call of 0.2 ms keeps a budget of a microsecond"
    found = document.read(str(out["json"]))
    (row,) = found["artifacts"]
    assert row["latency_p50_ms"] == pytest.approx(SPIN_US / 1000, rel=0.5)
    quantiles = [row[f"latency_{name}_ms"] for name in ("p50", "p90", "p99", "max")]
    assert quantiles == sorted(quantiles)
    assert row["inferences"] == sum(window["inferences"] for window in row["windows"])
    assert row["cold_start_ms"] > row["load_ms"] > 0
    assert row["peak_rss_bytes"] >= row["rss_bytes"] > 10_000_000
    assert row["cpu_ms"] == pytest.approx(SPIN_US / 1000, rel=0.5)
    assert row["energy_mj"] is None
    assert row["missing"]["energy_mj"] == "no energy counter here (RAPL or INA)"
    assert row["latency_p999_ms"] is None
    assert row["missing"]["latency_p999_ms"].endswith("at least 3,688 are needed: give more --seconds")
    assert {point["threads"] for point in row["throughput"]} >= {1}
    assert row["pictures_per_second"] == pytest.approx(1e6 / SPIN_US, rel=0.5)
    photo, ready = row["whole"]
    assert photo["picture"] == "drawn photo, JPEG 640x480"
    assert ready["picture"] == "ready picture, PNG 28x28"
    for file in row["whole"]:
        assert file["p50_ms"] >= file["infer_ms"] >= SPIN_US / 1000
    assert 0.5 < row["overhead_ratio"] < 2
    assert "throttled" in [mark["what"] for mark in found["invalid"]]
    assert "invalid: throttled (firmware: under-voltage, firmware: throttled; in " in told.out
    assert found["notes"] == ["since it was started, before this run: firmware: under-voltage, firmware: throttled"]
    lines = told.out.splitlines()
    assert lines[0].split()[0] == "artifact"
    assert lines[1].split()[0] == "fake:int8"
    assert "fake:int8 budget_ms" in told.err
    assert "fake:int8 int8_ratio: not judged, no float artifact of fake was measured beside it" in told.err
    suite = ET.fromstring(out["junit"].read_bytes())[0]
    assert {case.get("name") for case in suite} >= {"budget_ms", "overhead_ratio", "p99_ratio", "int8_ratio"}
    assert suite.get("failures") == "1"
    page = out["html"].read_text()
    assert "✗ invalid: throttled" in page
    assert page.count("<figure>") == 3


def test_an_engine_that_dies_is_a_row_that_says_so_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "broken" / "onnxruntime").mkdir(parents=True)
    (tmp_path / "broken" / "onnxruntime" / "__init__.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(str(tmp_path / "broken"))
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    bundle = Bundle.load(packaged() / "fashion-nano")
    kept = [artifact for artifact in bundle.artifacts if artifact.name in ("litert:int8", "onnx:int8")]
    replace(bundle, artifacts=tuple(kept)).write(
        tmp_path / "two", {entry.path: bundle.read(entry) for entry in bundle.files()}
    )
    status = bench(tmp_path / "two", "--rounds", 1, "--seconds", 0.1, "--latency-only", "--json", tmp_path / "f.json")
    found = document.read(str(tmp_path / "f.json"))
    assert status == 4
    assert [row["artifact"] for row in found["artifacts"]] == ["litert:int8"]
    assert found["failures"] == [{"artifact": "onnx:int8", "reason": "onnx:int8: its process died of SIGSEGV"}]
    assert "onnx:int8: its process died of SIGSEGV" in capsys.readouterr().out


def test_a_bundle_that_cannot_be_measured_at_all_is_the_error_of_its_engine(
    spinning: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(spinning / "golden.npz", spinning / "fake.json")
    assert bench(spinning, "--artifact", "fake:float32", "--seconds", 0.1) == 4
    assert "fake.json" in capsys.readouterr().err


def test_a_choice_is_measured_remembered_used_and_forgotten(
    spinning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    quick = [spinning, "--recommend", "--rounds", 1, "--seconds", 0.1]
    assert bench(*quick, "--artifact", "fake:int8") == 1
    told = capsys.readouterr()
    assert "nothing keeps the limits; nearest: fake:int8, " in told.err
    assert "its drop was not measured" in told.err
    assert not local.path().exists()
    assert bench(*quick, "--artifact", "fake:float32") == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0].split()[:3] == ["artifact", "threads", "drop"]
    assert "chosen" in told.out
    assert f"remembered in {local.path()}" in told.err
    chosen = choose(Bundle.load(spinning))
    assert chosen.artifact == "fake:float32"
    assert bench("--forget") == 0
    assert choose(Bundle.load(spinning)) == Choice("fake:float32", 1)
    assert bench("closet", "--forget") == 0
    assert "nothing was remembered" in capsys.readouterr().out


def test_the_style_of_a_known_benchmark_is_five_runs_their_median_and_an_accuracy(
    spinning: Path, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(single_stream, "LEAST_S", 0.05)
    words = ["--mlperf-tiny-style", "--artifact", "fake:int8", "--seconds", 0.05, "--json", tmp_path / "f.json"]
    assert bench(spinning, *words, "--data", labelled, "--html", tmp_path / "f.html") == 0
    assert "not a submission" in capsys.readouterr().out
    style = json.loads((tmp_path / "f.json").read_text())["style"]
    (row,) = style["artifacts"]
    assert len(row["runs"]) == 5
    assert all(run["seconds"] >= 0.05 and run["inferences"] >= 10 for run in row["runs"])
    assert row["inferences_per_second"] == sorted(row["rates"])[2]
    assert row["inferences_per_second"] <= 1e6 / SPIN_US
    assert 0 <= row["accuracy"] <= 1
    assert row["accuracy_on"] == "12 pictures of pictures/train"
    assert "not a submission" in (tmp_path / "f.html").read_text()


def test_without_pictures_the_style_says_that_agreement_is_no_accuracy(fake_bundle: MakeBundle) -> None:
    on, found = single_stream._accuracies(fake_bundle(), ["fake:int8"], None)
    assert on == "golden inputs: agreement with the reference, not accuracy"
    assert found == {"fake:int8": {"accuracy": 1.0, "accuracy_ci95": None}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seconds", "0"], "--seconds 0; above 0"),
        (["--seconds", "inf"], "--seconds inf; above 0"),
        (["--threads", "0"], "--threads 0; above 0"),
        (["--budget-ms", "-1"], "--budget-ms -1; above 0"),
        (["--rounds", "-1"], "--rounds -1; 1 or more"),
        (["--max-drop", "0.3"], "--max-drop is of --recommend; give both"),
        (["--data", "x"], "--data is of --mlperf-tiny-style; accuracy is measured by: hemline evaluate"),
        (["--gate", "p99_ratio=2"], "--gate p99_ratio=2 is of --gates; give both"),
        (["--gates", "--gate", "p9_ratio=2"], "--gate p9_ratio=2: no gate 'p9_ratio'; nearest: p99_ratio; there are "),
        (["--artifact", "fake:int4"], "closet: no artifact 'fake:int4'; nearest: fake:int8; there are "),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_measured(
    words: list[str], said: str, fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(fake_bundle().directory, *words) == 2
    assert capsys.readouterr().err.startswith(f"hemline: {said}")


def test_compare_is_a_word_with_a_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("compare", "--help") == 0
    assert capsys.readouterr().out.startswith("usage: hemline bench compare")
    assert bench("./compare") == 4
    assert "no bundle './compare'" in capsys.readouterr().err


def test_a_child_that_says_nothing_is_killed_and_that_is_the_reason(
    spinning: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hemline.bench.child.PATIENCE_S", 0.0)
    plan = Plan(str(spinning), "fake:int8", window_s=0.005, run_s=0.0)
    with Child(plan) as child, pytest.raises(BundleError, match=r"^fake:int8: its process said nothing for 0 s"):
        list(child.messages())


def test_a_child_does_not_outlive_its_parents_interest(spinning: Path) -> None:
    with Child(Plan(str(spinning), "fake:int8", seconds=60.0)) as child:
        next(child.messages())
        process = child._process
    assert process.returncode == -signal.SIGKILL


def test_a_plan_is_read_back_as_it_was_written() -> None:
    plan = Plan("here", "fake:int8", thread_counts=(1, 2), picture="a.jpg", runs=5)
    assert Plan.parse(plan.line()) == plan


def test_a_warm_up_counts_what_came_before_the_steady_state_and_says_when_there_was_none() -> None:
    import time

    calls = 0

    def warming() -> None:
        nonlocal calls
        calls += 1
        time.sleep(0.02 if calls < 5 else 0.002)

    found = measuring.warm_up(warming, 5.0)
    assert found["steady"]
    assert 1 <= found["inferences"] <= 40
    found = measuring.warm_up(lambda: time.sleep(0.03), 0.1)
    assert not found["steady"]
    assert "too few" in found["reason"]


def test_windows_cover_the_seconds_and_none_is_shorter_than_half_of_one() -> None:
    found = [message["window"] for message in measuring.windows(lambda: None, 0.25, 0.1)]
    assert len(found) == 2
    assert all(window["seconds"] >= 0.09 for window in found)
    assert all(sum(window["durations"]["count"]) > 0 for window in found)


def test_a_picture_that_was_given_is_measured_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(b"no picture")
    assert extras.files(None, str(tmp_path / "p.jpg"), None) == [("p.jpg", b"no picture")]  # type: ignore[arg-type]
    with pytest.raises(PictureError, match=r"no\.jpg: No such file"):
        extras.files(None, str(tmp_path / "no.jpg"), None)  # type: ignore[arg-type]
