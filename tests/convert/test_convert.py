from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemline import describe, parity
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.cli import main
from hemline.defects import good_label
from hemline.errors import DatasetError, RunError
from hemline.golden import Golden
from hemline_convert import run as runs
from hemline_convert.measure import keras_outputs

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_run, tmp_path / "tiny")
    return tmp_path / "tiny"


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    facts = json.loads((run / "run.json").read_text())
    change(facts)
    (run / "run.json").write_text(json.dumps(facts))


def test_a_run_becomes_a_bundle_whose_artifacts_answer_like_keras(
    run: Path, closet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundles" / "mine"
    # random labels: what accuracy does is chance, so its gate may fail; the answers may not
    status = main(["convert", str(run), "--out", str(out), "--data", str(closet), "--force"])
    bundle = Bundle.load(out)
    bundle.verify()
    assert status in (0, 1)
    assert capfd.readouterr().out.strip() == str(out)
    assert bundle.name == "mine"
    assert [artifact.name for artifact in bundle.artifacts] == ["litert:float32", "litert:int8"]
    assert {entry.path for entry in bundle.files()} == {
        *("litert-float32.tflite", "litert-int8.tflite", "golden.npz", "labels.txt", "LICENSE"),
    }
    figures = dict(parity.check_golden(bundle, ["litert:float32", "litert:int8"]))
    assert figures["litert:float32"]["dp_max"] < 1e-5
    assert figures["litert:int8"]["dp_max"] < 0.05
    for artifact in bundle.artifacts:
        assert artifact.parity["test"]["n"] == 24
        assert artifact.temperature > 0
        assert artifact.calibration is not None
        assert artifact.calibration.data == "closet/validation"
        assert artifact.calibration.n == artifact.calibration.curve.answered[-1] > 0
        assert artifact.thresholds == {}, "a dozen pictures show no risk of 10 % or less"
        assert {"ece", "ece_uncalibrated"} <= set(artifact.parity["test"])
    assert bundle.provenance["calibration"]["pictures"] == 30
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_a_contract_with_mirror_images_goes_into_every_artifact_and_is_what_is_measured(
    run: Path, closet: Path, tmp_path: Path
) -> None:
    edit(run, lambda facts: facts["preprocess"].update(mirror="both"))
    with np.load(run / "golden.npz") as file:
        pictures = file["pictures"]
    logits, embeddings = keras_outputs(runs.read(run).model(), pictures, "both")
    (run / "golden.npz").write_bytes(Golden(pictures, logits, embeddings).to_bytes())
    out = tmp_path / "mine"
    main(["convert", str(run), "--out", str(out), "--data", str(closet), "--force"])
    bundle = Bundle.load(out)
    assert bundle.preprocess.mirror == "both"
    for artifact in bundle.artifacts:
        (content,) = bundle.contents(artifact).values()
        own = describe.parse(artifact.files[0].path, content)
        assert own is not None
        assert own.preprocess.mirror == "both"
    exact = bundle.artifact("litert:float32").parity
    assert exact["golden"]["dp_max"] < 1e-5
    assert exact["test"]["dp_max"] < 1e-5
    turned = np.ascontiguousarray(pictures[:, ::-1, ::-1])
    answers = [parity.answers(bundle, pixels, ["litert:int8"])["litert:int8"] for pixels in (pictures, turned)]
    np.testing.assert_allclose(*answers, atol=1e-5)


def test_without_a_test_split_the_figures_are_of_validation_and_say_so(
    run: Path, closet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    untested = tmp_path / "closet"
    shutil.copytree(closet / "train", untested / "train")
    main(["convert", str(run), "--out", str(tmp_path / "bundle"), "--data", str(untested), "--formats", "litert:int8"])
    said = capfd.readouterr().err
    assert "no test split; compared on the validation pictures" in said
    assert " lost) on validation" in said
    (artifact,) = Bundle.load(tmp_path / "bundle").artifacts
    assert "test" not in artifact.parity
    assert artifact.calibration is not None
    assert artifact.parity["validation"]["n"] == artifact.calibration.n


def test_a_bundle_runs_where_no_data_set_is(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEMLINE_DATA", raising=False)
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "nothing"))
    assert main(["convert", str(run), "--out", str(tmp_path / "b")]) == 0
    bundle = Bundle.load(tmp_path / "b")
    assert all(set(artifact.parity) == {"golden"} for artifact in bundle.artifacts)
    with Classifier.open(bundle) as classifier:
        result = classifier.classify(np.zeros((50, 40, 3), np.uint8))
    assert result.artifact == "litert:int8"
    assert result.label in bundle.labels


def test_the_class_of_good_parts_travels_from_the_run_into_the_bundle(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEMLINE_DATA", raising=False)
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "empty"))
    edit(run, lambda facts: facts["data"].update(good="shoe"))
    assert main(["convert", str(run), "--out", str(tmp_path / "b"), "--formats", "litert:float32"]) == 0
    assert good_label(Bundle.load(tmp_path / "b")) == "shoe"


def test_good_is_the_least_risk_of_a_few_that_the_validation_pictures_show() -> None:
    from hemline.calibration import RiskCurve
    from hemline_convert.measure import good

    def curve(*bound: float) -> RiskCurve:
        return RiskCurve((0.9, 0.8, 0.7), (10, 20, 40), (0, 0, 0), bound)

    assert good(curve(0.02, 0.019, 0.03)) == {"good": 0.8, "good_risk": 0.02, "good_coverage": 0.5}
    assert good(curve(0.021, 0.03, 0.03)) == {"good": 0.7, "good_risk": 0.05, "good_coverage": 1.0}
    assert good(curve(0.2, 0.1, 0.11)) == {"good": 0.8, "good_risk": 0.1, "good_coverage": 0.5}
    assert good(curve(0.2, 0.2, 0.11)) == {}


def test_a_failed_gate_writes_nothing_and_returns_1(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "nothing"))
    monkeypatch.delenv("HEMLINE_DATA", raising=False)
    assert main(["convert", str(run), "--out", str(tmp_path / "b"), "--gate", "dp_p95_quantized=0"]) == 1
    assert not (tmp_path / "b").exists()
    assert "litert:int8 dp_p95" in capfd.readouterr().err


def test_int8_takes_camera_bytes_as_they_are(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "nothing"))
    monkeypatch.delenv("HEMLINE_DATA", raising=False)
    # calibration pictures that never reach 0 or 255 must not narrow the input's range
    pictures = np.full((30, 12, 12, 1), 100, np.uint8)
    np.savez(run / "calibration.npz", pictures=pictures, targets=np.zeros(30, np.int64), data_name=np.array("closet"))
    assert main(["convert", str(run), "--out", str(tmp_path / "b"), "--formats", "litert:int8", "--force"]) in (0, 1)
    from hemline.engines.litert import interpreter_class

    interpreter = interpreter_class()(model_path=str(tmp_path / "b" / "litert-int8.tflite"))
    (given,) = interpreter.get_input_details()
    assert given["dtype"] is np.uint8
    assert tuple(given["quantization"]) == (1.0, 0)
    assert {detail["dtype"] for detail in interpreter.get_output_details()} == {np.int8}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda run: shutil.rmtree(run), "no such run; a run is what 'hemline train' leaves"),
        (lambda run: (run / "run.json").unlink(), "no run.json in it"),
        (lambda run: (run / "calibration.npz").unlink(), "no calibration.npz in it"),
        (lambda run: (run / "golden.npz").write_bytes(b"PK"), "golden.npz: not golden inputs"),
        (lambda run: (run / "model.keras").write_bytes(b"no zip"), "model.keras: cannot be loaded"),
        (lambda run: (run / "run.json").write_text("{"), "run.json: cannot be read as JSON"),
        (lambda run: edit(run, lambda facts: facts.update(schema=7)), "schema 7, this version reads 1"),
        (lambda run: edit(run, lambda facts: facts.update(status="running")), "finish it with --resume first"),
        (lambda run: edit(run, lambda facts: facts["labels"].reverse()), "class lock is not that of its labels"),
        (lambda run: edit(run, lambda facts: facts["data"].update(name="shoes")), "pictures of 'closet'"),
        (lambda run: edit(run, lambda facts: facts.pop("preprocess")), "'preprocess' is missing"),
        (
            lambda run: edit(run, lambda facts: facts["data"].update(good="shoo")),
            "data.good: no label 'shoo'; nearest: sho",
        ),
    ],
)
def test_a_run_that_cannot_be_used_is_one_clear_line_and_status_4(
    run: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(run)
    assert main(["convert", str(run), "--out", str(tmp_path / "b")]) == 4
    error = capfd.readouterr().err.strip()
    assert says in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "b").exists()


def test_labels_of_the_wrong_count_are_refused(run: Path) -> None:
    from hemline.bundle import class_lock
    from hemline_convert.run import read

    def fewer(facts: dict[str, Any]) -> None:
        facts["labels"] = facts["labels"][:3]
        facts["class_lock"] = class_lock(facts["labels"])

    edit(run, fewer)
    with pytest.raises(RunError, match="expected logits of 3 classes"):
        read(run).model()


def test_an_unknown_format_names_the_nearest(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(run), "--formats", "litert:int"]) == 2
    assert "no format 'litert:int'; nearest: litert:int8" in capfd.readouterr().err


def test_a_converter_killed_before_the_end_leaves_no_bundle(run: Path, tmp_path: Path) -> None:
    program = f"""
import os, signal
from hemline import storage
from hemline.cli import main
from hemline.defects import good_label
def killed(path, contents):
    os.kill(os.getpid(), signal.SIGKILL)
storage.write_directory = killed
main(["convert", {str(run)!r}, "--out", {str(tmp_path / "b")!r}])
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == -9
    assert not (tmp_path / "b").exists()
    assert main(["convert", str(run), "--out", str(tmp_path / "b"), "--formats", "litert:int8"]) == 0


def test_a_run_on_part_of_a_set_is_measured_on_the_pictures_that_training_held_out(run: Path, closet: Path) -> None:
    from hemline import datasets
    from hemline.datasets.split import holdout
    from hemline_convert import measure
    from hemline_convert.run import read

    edit(run, lambda facts: facts["data"].update(limit=10))
    source = read(run)
    validation, test = measure.labelled(source, source.model(), str(closet), lambda line: None)
    assert validation is not None
    assert test is not None
    # what training does with the same recipe: cut first, then hold out
    part = datasets.read(closet, "train").thinned(10)
    held_out = part.subset(np.flatnonzero(holdout(len(part), 0.5, seed=0)))
    assert np.array_equal(validation.pixels, held_out.pixels(source.preprocess))
    assert np.array_equal(validation.targets, held_out.targets)
    assert len(test.targets) == 10


def test_pictures_that_training_left_out_are_left_out_here_too(run: Path, closet: Path, tmp_path: Path) -> None:
    from hemline_convert import measure
    from hemline_convert.run import read

    damaged = tmp_path / "damaged"
    shutil.copytree(closet, damaged)
    (damaged / "test" / "shoe" / "4.png").write_bytes(b"no picture")
    source = read(run)
    with pytest.raises(DatasetError, match=r"1 of 24 pictures cannot be read"):
        measure.labelled(source, source.model(), str(damaged), lambda line: None)

    edit(run, lambda facts: facts["data"].update(skipped=3))
    source = read(run)
    said: list[str] = []
    _, test = measure.labelled(source, source.model(), str(damaged), said.append)
    assert test is not None
    assert len(test.pixels) == len(test.targets) == len(test.reference) == 23
    assert "damaged: 1 pictures cannot be read; left out, as in training" in said
    _, whole = measure.labelled(source, source.model(), str(closet), said.append)
    assert whole is not None
    gone = 2 * 6 + 4  # in the order of the labels
    assert np.array_equal(np.delete(whole.pixels, gone, axis=0), test.pixels)
    assert np.array_equal(np.delete(whole.targets, gone), test.targets)
