"""hemline evaluate from the command line: a bundle on labelled pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hemline import cli
from hemline.bundle import Bundle

MakeBundle = Callable[..., Bundle]


def test_the_json_has_the_published_keys_and_figures_that_fit_together(
    fake_bundle: MakeBundle, labelled: Path, tmp_path: Path
) -> None:
    bundle = fake_bundle()
    target = tmp_path / "report.json"
    assert cli.main(["evaluate", str(bundle.directory), "--data", str(labelled), "--json", str(target)]) == 0
    report = json.loads(target.read_text())
    assert list(report) == ["schema", "bundle", "class_lock", "data", "n", "labels", "artifacts"]
    assert (report["bundle"], report["n"], report["labels"]) == ("closet@1", 12, list(bundle.labels))
    for row in report["artifacts"]:
        matrix = np.array(row["confusion"])
        assert matrix.sum() == 12
        assert matrix.sum(axis=1).tolist() == [4, 4, 4]
        assert row["accuracy"] == np.trace(matrix) / 12
        assert row["accuracy_ci95"][0] < row["accuracy"] < row["accuracy_ci95"][1]
        assert row["agreement"] == 1.0
        assert {"loss", "ece", "macro_f1", "bytes", "per_class", "latency_p50_ms"} <= set(row)
        assert {"temperature", "ece_uncalibrated", "ece_by_chance", "calibration"} <= set(row)
        assert sum(entry["n"] for entry in row["reliability"]) == 12
        assert row["risk_coverage"]["coverage"][-1] == 1.0
        assert np.isclose(row["risk_coverage"]["risk"][-1], 1 - row["accuracy"])
    first, second = report["artifacts"]
    assert first["ece"] == first["ece_uncalibrated"], "its temperature is 1"
    assert second["ece"] != second["ece_uncalibrated"] == first["ece"]
    assert first["good"] is None
    assert (second["good"]["confidence"], second["good"]["max_risk"]) == (0.99999, None)
    assert (second["good"]["coverage"], second["good"]["risk"]) == (1 / 12, 0.0), "one answer is as sure"


def test_the_page_shows_every_artifact_and_class_and_escapes_labels(
    fake_bundle: MakeBundle, tmp_path: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = ("shirt", "trouser", "<b>shoe")
    bundle = fake_bundle(labels=hostile)
    (labelled / "shoe").rename(labelled / "<b>shoe")
    assert (
        cli.main(["evaluate", str(bundle.directory), "--data", str(labelled), "--html", str(tmp_path / "p.html")]) == 0
    )
    page = (tmp_path / "p.html").read_text()
    assert "&lt;b&gt;shoe" in page
    assert "<b>shoe" not in page
    assert page.count("What is taken for what") == 2
    assert "closet@1 on pictures/train, 12 pictures" in capsys.readouterr().out


def test_other_labels_are_refused_with_what_is_missing_and_what_is_unknown(
    fake_bundle: MakeBundle, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (labelled / "shoe").rename(labelled / "hat")
    assert cli.main(["evaluate", str(fake_bundle().directory), "--data", str(labelled)]) == 2
    assert "missing: shoe; unknown: hat" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_computed(
    fake_bundle: MakeBundle, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    assert cli.main(["evaluate", str(bundle.directory), "--data", str(labelled), "--html", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "is a directory; give a file in it" in err
    assert out == ""
