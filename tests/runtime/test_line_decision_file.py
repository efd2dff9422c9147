"""The decision file: what it says comes back, and a file for anything else is refused with what differs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemline.bundle import Artifact, Bundle, File
from hemline.errors import DataError, UsageError
from hemline.line import signing
from hemline.line.baseline import PICTURES, Baseline
from hemline.line.decision_file import DecisionFile, Thresholds, artifact_sha256, beside
from hemline.line.parts import PartScores
from hemline.line.scores import Scored
from hemline.line.tuning import Target, tune
from hemline.select import packaged

MakeBundle = Callable[..., Bundle]
LABELS = ("shirt", "trouser", "shoe")


def scored(count: int = 400, seed: int = 3) -> Scored:
    """Return pictures of as many parts, "shoe" being good."""
    random = np.random.default_rng(seed)
    targets = np.arange(count) % 3
    scores = np.where(targets == 2, random.beta(1, 8, count), random.beta(8, 1, count))
    embeddings = random.normal(size=(count, 8)).astype(np.float32)
    flags = np.zeros(count, bool)
    return Scored(
        "parts", "test", LABELS, "shoe", targets, scores, np.arange(count), True, embeddings, flags, "ab" * 32
    )


@pytest.fixture
def bundle(fake_bundle: MakeBundle) -> Bundle:
    return fake_bundle()


@pytest.fixture
def decision(bundle: Bundle) -> DecisionFile:
    found, target = scored(), Target(0.05, 0.05)
    tuning = tune(PartScores.of(found), target)
    facts = signing.data_facts(found, None)
    return signing.signed(tuning, target, found, bundle, "fake:int8", facts, "Ada Weber")


@pytest.fixture
def path(decision: DecisionFile, tmp_path: Path) -> Path:
    decision.write(tmp_path / "closet.decision.json")
    return tmp_path / "closet.decision.json"


def resealed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a file says and give it the hash of that."""
    whole = json.loads(path.read_text())
    change(whole)
    whole.pop("sha256")
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    path.write_text(json.dumps({**whole, "sha256": hashlib.sha256(text.encode()).hexdigest()}))


def test_what_was_written_comes_back_whole(decision: DecisionFile, path: Path, bundle: Bundle) -> None:
    found = DecisionFile.load(path, bundle, "fake:int8")
    assert found == decision
    assert found.sha256 == decision.sha256 == json.loads(path.read_text())["sha256"]
    assert DecisionFile.parse(decision.to_bytes(), name="x") == decision
    assert found.signed_by == "Ada Weber"
    assert found.signed_utc.endswith("Z")
    assert found.data["sha256"] == "ab" * 32
    assert found.claims["escape"]["supported"] is True
    assert found.promised[0].startswith("at most 5 % of defective parts pass, with 95 % confidence")


def test_it_lies_beside_the_bundle_and_not_in_it(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bundle.directory is not None
    assert beside(bundle) == bundle.directory.parent / "closet.decision.json"
    monkeypatch.chdir(bundle.directory)
    assert beside(Bundle.load(".")) == bundle.directory.parent / "closet.decision.json"


def test_any_altered_byte_of_the_content_is_found(path: Path, bundle: Bundle) -> None:
    text = path.read_text()
    for old, new in (
        ('"max_escape": 0.05', '"max_escape": 0.01'),
        ('"signed_by": "Ada Weber"', '"signed_by": "Ada Waber"'),
        ('"pass_below": 0.', '"pass_below": 0.9'),
        ('"sha256": "abab', '"sha256": "abac'),
    ):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(DataError, match="altered after it was signed, its sha256 is not that of its content"):
            DecisionFile.load(path, bundle, "fake:int8")


def test_a_file_that_only_looks_different_is_the_same(path: Path, decision: DecisionFile, bundle: Bundle) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True))
    assert DecisionFile.load(path, bundle, "fake:int8") == decision


def test_a_decision_for_another_artifact_is_refused_with_what_differs(
    path: Path, bundle: Bundle, fake_bundle: MakeBundle
) -> None:
    def refused(match: str, other: Bundle, artifact: str = "fake:int8") -> None:
        with pytest.raises(DataError, match=match):
            DecisionFile.load(path, other, artifact)

    refused("decides for artifact fake:int8, this is fake:float32", bundle, "fake:float32")
    refused("decides for bundle closet@1, this is wardrobe@1", fake_bundle("wardrobe"))
    refused("decides for bundle closet@1, this is closet@2", fake_bundle(version="2"))
    refused(
        "decides for class lock [0-9a-f]{12}, this is [0-9a-f]{12} .closet@1 fake:int8.; thresholds are of one",
        fake_bundle(labels=("trouser", "shirt", "shoe")),
    )
    int8 = bundle.artifact("fake:int8")
    warmer = replace(bundle, artifacts=(replace(int8, temperature=2.5),))
    refused("decides for temperature 2, this is 2.5", warmer)
    trained_again = replace(bundle, artifacts=(replace(int8, files=(File.of("fake-int8.json", b"{}"),)),))
    refused("decides for files with sha256 [0-9a-f]{12}, this is [0-9a-f]{12}", trained_again)
    DecisionFile.load(path, bundle, "fake:int8")


def test_the_hash_of_an_artifact_is_over_all_its_files() -> None:
    first, second = File.of("model.xml", b"a"), File.of("model.bin", b"b")
    whole = artifact_sha256(Artifact("openvino", "int8", (first, second)))
    lines = f"{first.sha256}  model.xml\n{second.sha256}  model.bin\n"
    assert whole == hashlib.sha256(lines.encode()).hexdigest()
    assert whole != artifact_sha256(Artifact("openvino", "int8", (first,)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: whole.update(schema=2), "schema 2, this version reads 1"),
        (lambda whole: whole["thresholds"].update(pass_below=0.9, reject_from=0.2), "thresholds overlap"),
        (lambda whole: whole["thresholds"].update(pass_below=-1), "pass_below -1.0; a score of 0 to 1"),
        (lambda whole: whole["thresholds"].pop("reject_from"), "not a whole decision file .'reject_from'."),
        (lambda whole: whole.pop("curve"), "not a whole decision file"),
        (lambda whole: whole.update(extra=1), "not a whole decision file"),
        (lambda whole: whole.update(signed_by=""), "signed by ''; a name of 1 to 200"),
        (lambda whole: whole["baseline"].update(width=7), "not a whole decision file"),
        (lambda whole: whole.update(good="hat"), "its good class 'hat' is none of closet@1"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_although_its_hash_is_right(
    path: Path, bundle: Bundle, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    resealed(path, change)
    with pytest.raises(DataError, match=message) as caught:
        DecisionFile.load(path, bundle, "fake:int8")
    assert str(caught.value).startswith(str(path))
    assert caught.value.exit_status == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[1]", "not a decision file; 'hemline line tune' writes one"),
        (b'{"schema": 1, "labels": []}', "not a decision file; 'hemline line tune' writes one"),
    ],
)
def test_what_is_no_decision_file_is_said_to_be_none(
    tmp_path: Path, bundle: Bundle, content: bytes, message: str
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        DecisionFile.load(tmp_path / "x.json", bundle, "fake:int8")
    with pytest.raises(DataError, match="no decision file; 'hemline line tune' writes one"):
        DecisionFile.load(tmp_path / "missing.json", bundle, "fake:int8")


@pytest.mark.parametrize(
    ("score", "quality", "verdict", "reason"),
    [
        (0.19, "good", "pass", None),
        (0.2, "good", "review", "score 0.2, passes below 0.2, rejected from 0.6 on"),
        (0.6, "good", "reject", "score 0.6, rejected from 0.6 on"),
        (0.1, "uncertain", "review", "score 0.1 would pass, the answer is uncertain"),
        (0.7, "uncertain", "reject", "score 0.7, rejected from 0.6 on"),
        (0.1, "bad", "reject", "no answer that can be used"),
        (None, "good", "reject", "no answer that can be used"),
        (float("nan"), "good", "reject", "no answer that can be used"),
        (0.1, "never heard of", "review", "score 0.1 would pass, the answer is never heard of"),
    ],
)
def test_nothing_passes_but_a_good_answer_below_the_threshold(
    decision: DecisionFile, score: float | None, quality: str, verdict: str, reason: str | None
) -> None:
    own = replace(decision, thresholds=Thresholds(0.2, 0.6))
    assert own.verdict(score, quality) == (verdict, reason)


def test_somebody_signs(decision: DecisionFile) -> None:
    for name in ("", "  ", "a" * 201, "Ada\nWeber"):
        with pytest.raises(UsageError, match="signed by"):
            replace(decision, signed_by=name)


def test_the_baseline_is_a_sample_of_good_pictures_that_comes_back(decision: DecisionFile) -> None:
    found = scored(1200)
    sample = Baseline.of(found)
    good = np.flatnonzero(~found.defective)
    assert sample.embeddings.shape == (PICTURES, 8)
    own = found.embeddings[good]
    for row in sample.embeddings[::20]:
        assert np.abs(own - row).max(axis=1).min() < 2e-3, "a good picture's, in half precision"
    assert all(np.isclose(found.scores[good], score, rtol=1e-5).any() for score in sample.scores)
    huge = replace(found, embeddings=np.full((1200, 8), 1e9, np.float32))
    assert np.isfinite(Baseline.of(huge).embeddings).all()
    assert len(decision.baseline.scores) == int((~scored().defective).sum())


def test_a_write_replaces_the_file_in_one_step(path: Path, decision: DecisionFile, bundle: Bundle) -> None:
    replace(decision, signed_by="Bo").write(path)
    assert DecisionFile.load(path, bundle, "fake:int8").signed_by == "Bo"
    assert [entry.name for entry in path.parent.glob("*decision*")] == [path.name]


def test_a_decision_on_a_bundle_that_came_along_lies_with_the_users_data(
    fake_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = fake_bundle("tiles")
    assert own.directory is not None
    assert beside(own) == own.directory.resolve().parent / "tiles.decision.json"
    shipped = Bundle.load(packaged() / "tiles")
    assert beside(shipped) == tmp_path / "hemline" / "line" / "tiles.decision.json"
