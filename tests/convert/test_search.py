from __future__ import annotations

from pathlib import Path

import pytest

from hemline.bundle import Bundle
from hemline.cli import main
from hemline_convert import litert, search
from hemline_convert.search import Candidate
from hemline_convert.source import DEFAULTS, Converted, Options

# the tiny net answers at random: one changed answer of 24 is 4 points
WIDE = ("--gate", "agreement_quantized=0", "--gate", "dp_p95_quantized=1")


def candidate(
    artifact: str, size: int, drop: float, agreement: float = 0.99, dp_p95: float = 0.01, *, within: bool = True
) -> Candidate:
    missed = "" if within else "dp_p95 0.2"
    return Candidate(artifact, DEFAULTS, Converted({"f": b""}, ()), size, drop, agreement, dp_p95, missed)


def test_the_smallest_that_is_within_the_budget_is_kept() -> None:
    rows = [candidate("a:x", 900, 0.0), candidate("a:y", 230, 0.29), candidate("a:z", 200, 0.31, within=False)]
    assert [row.kept for row in search._mark(rows)] == [False, True, False]
    assert not any(row.kept for row in search._mark(rows[2:]))


def test_of_nearly_equal_sizes_the_one_that_agrees_most_is_kept() -> None:
    rows = [candidate("a:x", 1000, 0.1, 0.98), candidate("a:y", 1020, 0.2, 0.99), candidate("a:z", 1200, 0.0, 1.0)]
    assert [row.kept for row in search._mark(rows)] == [False, True, False]


def test_where_all_agree_the_one_whose_probabilities_moved_least_is_kept() -> None:
    rows = [candidate("a:x", 1000, 0.0, 1.0, 0.03), candidate("a:y", 1020, 0.0, 1.0, 0.01)]
    assert [row.kept for row in search._mark(rows)] == [False, True]
    rows = [candidate("a:x", 1000, 0.0, 1.0, 0.01), candidate("a:y", 1020, 0.0, 1.0, 0.01)]
    assert [row.kept for row in search._mark(rows)] == [True, False]


def test_the_pareto_front_has_no_candidate_that_another_beats() -> None:
    rows = [
        candidate("a:x", 900, 0.0),
        candidate("a:y", 300, 0.2),
        candidate("a:z", 400, 0.2),
        candidate("a:w", 200, 0.5),
    ]
    assert [row.pareto for row in search._mark(rows)] == [True, True, False, True]


def test_a_float_format_is_tried_once_and_int8_with_every_method() -> None:
    assert search.choices(litert, "float16") == [DEFAULTS]
    tried = search.choices(litert, "int8")
    assert len(set(tried)) == len(tried) > 1
    assert {options.method for options in tried} == set(litert.METHODS)
    assert Options(per_channel=False) in tried


@pytest.mark.tensorflow
def test_a_search_keeps_one_artifact_of_each_engine_and_tells_what_it_tried(
    tiny_run: Path, closet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b"
    arguments = ["--formats", "litert:float32,litert:int8,onnx:float32", "--data", str(closet), "--out", str(out)]
    assert main(["convert", str(tiny_run), *arguments, "--max-drop", "50", *WIDE, "--force"]) in (0, 1)
    bundle = Bundle.load(out)
    assert [artifact.name for artifact in bundle.artifacts] == ["litert:int8", "onnx:float32"]
    tried = bundle.provenance["search"]
    assert sum(row["kept"] for row in tried) == 2
    assert {row["artifact"] for row in tried} == {"litert:float32", "litert:int8", "onnx:float32"}
    sizes = {row["bytes"] for row in tried if row["artifact"] == "litert:int8"}
    says_of_itself = 3000  # bytes; written into what is kept
    assert bundle.artifact("litert:int8").bytes <= min(sizes) * (1 + search.SAME_SIZE) + says_of_itself
    assert "drop pp" in capfd.readouterr().err


@pytest.mark.tensorflow
def test_a_budget_that_nothing_keeps_fails_the_gate_and_writes_nothing(
    tiny_run: Path, closet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--formats", "litert:int8", "--data", str(closet), "--out", str(tmp_path / "b")]
    impossible = ["--max-drop", "99", "--gate", "dp_p95_quantized=0"]
    assert main(["convert", str(tiny_run), *arguments, *impossible]) == 1
    told = capfd.readouterr().err
    assert "no artifact of litert loses at most 99 points and keeps the gates" in told
    assert "no: dp_p95 0." in told
    assert not (tmp_path / "b").exists()


@pytest.mark.tensorflow
def test_a_search_without_labelled_pictures_is_refused(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HEMLINE_DATA", raising=False)
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "nothing"))
    assert main(["convert", str(tiny_run), "--out", str(tmp_path / "b"), "--max-drop", "0.3"]) == 2
    assert "--max-drop measures on validation pictures; give --data PATH" in capfd.readouterr().err
