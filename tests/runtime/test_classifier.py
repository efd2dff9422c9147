from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import parity
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.engines import Probe, open_engine
from hemline.errors import MissingError, UsageError
from hemline.gates import Gates, Verdict, judge
from hemline.metrics import softmax
from hemline.select import choose, find_bundle

MakeBundle = Callable[..., Bundle]


def classifier(bundle: Bundle, artifact: str = "fake:float32", top: int = 3) -> Classifier:
    return Classifier(bundle, artifact, open_engine(bundle, artifact), top=top)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8)


def test_probabilities_are_the_softmax_at_the_artifacts_temperature(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    pixels = bundle.preprocess.apply(picture())
    for artifact, temperature in (("fake:float32", 1.0), ("fake:int8", 2.0)):
        with classifier(bundle, artifact) as opened:
            result = opened.answer(pixels)
            expected = softmax(opened.engine.logits(pixels[None]), temperature)[0]
        assert [label for label, _ in result.top] == [bundle.labels[i] for i in np.argsort(-expected)]
        assert np.allclose([share for _, share in result.top], np.sort(expected)[::-1])
        assert result.label == result.top[0][0]
        assert math.isclose(result.confidence, expected.max())


def test_quality_follows_the_artifacts_threshold_and_says_why(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    with classifier(bundle, "fake:int8") as opened:
        result = opened.classify(picture())
    assert result.confidence < 0.99999
    assert result.quality == "uncertain"
    assert result.reason is not None
    assert "is below 1.00" in result.reason


def test_top_is_never_longer_than_the_labels(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    assert len(classifier(bundle, top=1).classify(picture()).top) == 1
    assert len(classifier(bundle, top=99).classify(picture()).top) == 3
    with pytest.raises(UsageError, match="top 0; at least 1"):
        classifier(bundle, top=0)


def test_a_picture_that_cannot_be_read_is_bad_and_carries_the_reason(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    with classifier(fake_bundle()) as opened:
        result = opened.classify_file(broken)
    assert (result.quality, result.label, result.top) == ("bad", None, ())
    assert "broken.jpg" in str(result.reason)


def test_a_result_has_the_published_keys_in_order(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    with classifier(fake_bundle()) as opened:
        row = json.loads(json.dumps(opened.classify_file(tmp_path / "a.png").as_dict()))
    assert list(row) == [
        *("schema", "source", "label", "confidence", "quality", "reason", "top"),
        *("artifact", "bundle", "decode_ms", "preprocess_ms", "infer_ms"),
    ]
    assert row["schema"] == 1
    assert row["bundle"] == "closet@1"
    assert row["infer_ms"] > 0
    assert {tuple(entry) for entry in row["top"]} == {("label", "probability")}


def available(*engines: str) -> Callable[[str], Probe]:
    return lambda name: Probe(name in engines, name, "1", f"pip install 'hemline[{name}]'")


def real_names(bundle_maker: MakeBundle) -> Bundle:
    from dataclasses import replace

    bundle = bundle_maker()
    first, second = bundle.artifacts
    return replace(bundle, artifacts=(replace(first, engine="litert"), replace(second, engine="litert")))


def test_the_preferred_artifact_whose_engine_is_here_is_chosen(fake_bundle: MakeBundle) -> None:
    bundle = real_names(fake_bundle)
    assert choose(bundle, probe=available("litert")).artifact == "litert:int8"
    assert choose(bundle, artifact="litert:float32", probe=available()).artifact == "litert:float32"


def test_without_an_engine_the_answer_is_the_line_that_installs_one(fake_bundle: MakeBundle) -> None:
    with pytest.raises(MissingError, match=r"it needs: pip install 'hemline\[litert\]'"):
        choose(real_names(fake_bundle), probe=available())


def test_a_bundle_is_found_by_path_by_name_and_in_hemline_bundles(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    fake_bundle("cupboard")
    assert find_bundle(tmp_path / "cupboard") == tmp_path / "cupboard"
    assert find_bundle("cupboard", {"HEMLINE_BUNDLES": str(tmp_path)}) == tmp_path / "cupboard"
    with pytest.raises(Exception, match="no bundle 'cupbord'; nearest: cupboard"):
        find_bundle("cupbord", {"HEMLINE_BUNDLES": str(tmp_path)})


def test_golden_inputs_give_the_reference_answers(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    for _, figures in parity.check_golden(bundle, ["fake:float32", "fake:int8"]):
        assert figures["agreement"] == 1.0
        assert figures["dp_max"] < 1e-6


def test_parity_counts_what_changed() -> None:
    reference = np.array([[2.0, 0], [0, 2.0], [2.0, 0], [0, 2.0]], np.float32)
    answers = np.array([[2.0, 0], [2.0, 0], [2.0, 0], [0, 2.0]], np.float32)
    figures = parity.compare(answers, reference, np.array([0, 1, 1, 1]))
    assert figures["agreement"] == 0.75
    assert (figures["only_reference_right"], figures["only_artifact_right"]) == (1, 0)
    assert figures["accuracy_drop_pp"] == 25.0
    assert math.isclose(figures["dp_max"], 1 / (1 + math.exp(-2)) - 1 / (1 + math.exp(2)), rel_tol=1e-6)
    failed = [verdict.gate for verdict in judge("litert:int8", figures, Gates()) if not verdict.passed]
    assert failed == ["accuracy_drop_pp", "agreement", "dp_p95"]


def test_a_figure_that_is_not_a_number_fails_its_gate() -> None:
    gate = Verdict("litert:int8", "agreement", float("nan"), "least", 0.985)
    assert not gate.passed
    assert "FAILED" in str(gate)
