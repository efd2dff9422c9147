from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import parity, profiles, select
from hemline.bundle import Bundle
from hemline.calibration import Calibration, RiskCurve
from hemline.classifier import Classifier, usable_from
from hemline.engines import Probe, open_engine
from hemline.errors import BundleError, MissingError, UsageError
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


CURVE = RiskCurve((0.9, 0.6, 0.3), (100, 200, 300), (0, 2, 30), (0.04, 0.031, 0.15))


def calibrated(bundle: Bundle, **thresholds: float) -> Bundle:
    calibration = Calibration("closet/validation", 300, 15, 0.05, 0.02, CURVE)
    artifacts = tuple(
        dataclasses.replace(artifact, calibration=calibration, thresholds=thresholds) for artifact in bundle.artifacts
    )
    return dataclasses.replace(bundle, artifacts=artifacts)


def test_an_answer_is_good_from_the_confidence_that_keeps_the_risk_asked_for(fake_bundle: MakeBundle) -> None:
    bundle = calibrated(fake_bundle(), good=0.999, good_risk=0.02)
    engine = open_engine(bundle, "fake:float32")
    for max_risk, threshold in ((0.04, 0.6), (0.2, 0.3), (None, 0.999)):
        opened = Classifier(bundle, "fake:float32", engine, max_risk=max_risk)
        results = [opened.classify(picture(seed)) for seed in range(40)]
        assert {result.quality for result in results} <= {"good", "uncertain"}
        assert all((result.quality == "good") == (result.confidence >= threshold) for result in results)
        reasons = {result.reason for result in results if result.quality == "uncertain"}
        share = "2 %" if max_risk is None else f"{100 * max_risk:g} %"
        said = f"is below {threshold:.3f}, from which at most {share} of answers are wrong"
        assert all(said in str(reason) for reason in reasons)
        assert all(result.reason is None for result in results if result.quality == "good")


@pytest.mark.parametrize(
    ("max_risk", "says"),
    [
        (0.03, r"its 300 validation pictures cannot show a max-risk of 0.03; the least that can be asked is 0.031"),
        (0.001, r"a max-risk of 0.001, at best 0.023 if every answer were right; the least that can be asked is 0.031"),
        (0.0, "max-risk 0; a share of wrong answers above 0 and below 1"),
        (1.0, "max-risk 1; a share"),
        (math.nan, "max-risk nan; a share"),
    ],
)
def test_a_risk_that_cannot_be_kept_is_refused_with_the_least_that_can(
    fake_bundle: MakeBundle, max_risk: float, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        usable_from(calibrated(fake_bundle()), "fake:int8", max_risk)
    assert usable_from(calibrated(fake_bundle()), "fake:int8", 0.031)[0] == 0.6


def test_a_risk_asked_of_an_artifact_without_a_curve_is_refused_before_an_engine_opens(
    fake_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hemline.classifier.open_engine", None)
    with pytest.raises(UsageError, match=r"closet fake:int8 has no risk curve.*convert it again with --data PATH"):
        Classifier.open(fake_bundle(), artifact="fake:int8", max_risk=0.02)


def test_where_validation_showed_no_risk_worth_the_name_nothing_is_good(fake_bundle: MakeBundle) -> None:
    with classifier(calibrated(fake_bundle())) as opened:
        results = [opened.classify(picture(seed)) for seed in range(20)]
    assert {result.quality for result in results} == {"uncertain"}
    assert "validation pictures show no risk below 3.1 % at any confidence" in str(results[0].reason)


def test_without_a_curve_the_threshold_of_the_manifest_holds(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    assert usable_from(bundle, "fake:int8")[0] == 0.99999
    assert usable_from(bundle, "fake:float32")[0] == 0.5


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


def test_a_folder_that_happens_to_have_its_name_hides_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of pictures called fashion-nano, or a catalogue called wardrobe."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fashion-nano").mkdir()
    assert find_bundle("fashion-nano") == select.packaged() / "fashion-nano"
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="empty"):
        Bundle.load(find_bundle("empty"))


def test_no_name_and_the_home_task_are_the_tier_that_fits_the_device() -> None:
    assert find_bundle() == find_bundle("fashion-mnist") == find_bundle(select.DEFAULT_BUNDLE)
    for name in profiles.names():
        tier = profiles.load(name).bundle
        assert find_bundle(device=name) == find_bundle("fashion-mnist", device=name) == find_bundle(tier)
        assert Bundle.load(find_bundle(tier)).name == tier
        # a name is a name, whatever the device
        assert find_bundle("fashion-nano", device=name) == find_bundle("fashion-nano")


def test_a_profile_that_names_no_bundle_gets_the_one_of_no_profile(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\ntitle = "t"\nartifacts = ["litert:int8"]\nthreads = 1\ninstall = []\n')
    assert find_bundle(device=str(profile)) == find_bundle()


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
