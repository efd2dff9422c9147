from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hemline import unknown as scores
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.cli import main
from hemline_convert import unknown

pytestmark = pytest.mark.tensorflow


def converted(run: Path, closet: Path, out: Path) -> Bundle:
    # random labels: an accuracy gate may fail
    assert main(["convert", str(run), "--out", str(out), "--data", str(closet), "--force"]) in (0, 1)
    return Bundle.load(out)


def test_each_artifact_learns_what_is_unknown_from_its_own_answers(
    tiny_run: Path, closet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unknown, "LEAST_TRAINED", 5)
    monkeypatch.setattr(unknown, "LEAST_VALIDATION", 5)
    bundle = converted(tiny_run, closet, tmp_path / "bundle")
    bundle.verify()
    names = [artifact.unknown.path for artifact in bundle.artifacts if artifact.unknown]
    assert names == ["litert-float32-unknown.npz", "litert-int8-unknown.npz"]
    said = capfd.readouterr().err
    for artifact in bundle.artifacts:
        assert artifact.unknown is not None
        assert artifact.unknown.bytes < 10_000
        assert artifact.thresholds["known_recall"] == scores.RECALL
        assert 0 <= artifact.parity["test"]["known"] <= 1
        assert f"{artifact.name}: known from score {artifact.thresholds['known']:.2f}, 95 % of the validation" in said
        with Classifier.open(bundle, artifact=artifact.name) as classifier:
            labels = {classifier.answer(pixels).label for pixels in _noise(bundle)}
        assert labels <= {None, *bundle.labels}


def _noise(bundle: Bundle) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (10, *bundle.preprocess.shape), np.uint8)


def test_too_few_pictures_to_learn_from_are_told_and_every_picture_gets_a_label(
    tiny_run: Path, closet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = converted(tiny_run, closet, tmp_path / "bundle")
    assert "no picture will be called unknown: 16 training and 8 validation pictures, it takes 500 and 100" in (
        capfd.readouterr().err
    )
    for artifact in bundle.artifacts:
        assert artifact.unknown is None
        assert "known" not in artifact.thresholds
        assert "known" not in artifact.parity["test"]


def test_pictures_that_are_learnt_from_are_not_those_that_set_the_threshold(
    tiny_run: Path, closet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hemline_convert import measure
    from hemline_convert.run import read

    monkeypatch.setattr(unknown, "LEAST_TRAINED", 5)
    monkeypatch.setattr(unknown, "LEAST_VALIDATION", 5)
    run = read(tiny_run)
    validation, _ = measure.labelled(run, run.model(), str(closet), lambda line: None)
    trained = measure.pictures_trained_on(run, validation, str(closet), lambda line: None)
    assert validation is not None
    assert trained is not None
    assert len(trained[0]) + len(validation.pixels) == 24
    seen = {pixels.tobytes() for pixels in trained[0]}
    assert not seen & {pixels.tobytes() for pixels in validation.pixels}


def test_large_pictures_are_fewer() -> None:
    assert unknown.pictures((28, 28, 1)) == scores.PICTURES
    assert unknown.pictures((224, 224, 3)) == (256 << 20) // (224 * 224 * 3)
