from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import unknown
from hemline.bundle import Bundle, File
from hemline.classifier import Classifier
from hemline.commands import classify
from hemline.drawn import draw
from hemline.engines import open_engine
from hemline.errors import BundleError
from hemline.metrics import threshold_for_recall
from hemline.unknown import Answers

MakeBundle = Callable[..., Bundle]
ARTIFACT = "fake:float32"
KINDS = (0, 1, 7)  # of hemline.drawn: what the fake bundle's labels name


def garments(seed: int, count: int = 60) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pictures = np.stack([draw(KINDS[index % 3], seed=(seed, index)) for index in range(count)])
    return pictures[..., None], np.arange(count) % 3


def negative(seed: int) -> NDArray[np.uint8]:
    """Dark on white: of no kind that it has seen."""
    return 255 - garments(seed, 1)[0][0]


@pytest.fixture
def careful(fake_bundle: MakeBundle) -> Bundle:
    """Return a bundle whose first artifact has learnt what drawn garments are; its second has not."""
    bundle = fake_bundle()
    with open_engine(bundle, ARTIFACT) as engine:
        train, validation = (Answers(*engine.run(pixels), targets) for pixels, targets in (garments(1), garments(2)))
    facts = unknown.fit("directions", train, validation, temperature=1.0)
    least = threshold_for_recall(unknown.scores(facts, validation), 0.95)
    content = unknown.to_bytes(facts)
    first, second = bundle.artifacts
    known = replace(
        first,
        unknown=File.of("fake-unknown.npz", content),
        thresholds={"good": 0.0, "known": least, "known_recall": 0.95},
    )
    whole = replace(bundle, artifacts=(known, second))
    assert bundle.directory is not None
    files = {entry.path: bundle.read(entry) for entry in bundle.files()}
    whole.write(bundle.directory, {**files, "fake-unknown.npz": content})
    return Bundle.load(bundle.directory)


def opened(bundle: Bundle, artifact: str = ARTIFACT) -> Classifier:
    return Classifier(bundle, artifact, open_engine(bundle, artifact))


def test_a_stranger_has_no_label_and_no_confidence_and_a_reason(careful: Bundle) -> None:
    with opened(careful) as classifier:
        for seed in range(20):
            result = classifier.classify(negative(seed))
            assert (result.label, result.confidence, result.quality) == (None, 0.0, "uncertain")
            assert str(result.reason).startswith("unlike what it was trained on: score -")
            row = json.loads(json.dumps(result.as_dict()))
            assert row["label"] is None
            # what a person who looks at it may want to know
            assert len(row["top"]) == 3


def test_garments_it_has_not_seen_keep_their_labels(careful: Bundle) -> None:
    pixels, _ = garments(3, 90)
    with opened(careful) as classifier, opened(careful, "fake:int8") as closed:
        labels = [classifier.answer(picture).label for picture in pixels]
        closed_labels = [closed.answer(picture).label for picture in pixels]
    assert sum(label is None for label in labels) < 0.15 * len(labels)
    assert all(label in (None, other) for label, other in zip(labels, closed_labels, strict=True))


def test_an_artifact_without_a_score_gives_a_stranger_a_label_as_before(careful: Bundle) -> None:
    with opened(careful, "fake:int8") as classifier:
        assert classifier.classify(negative(0)).label in careful.labels


def test_a_score_that_is_no_number_is_not_known(careful: Bundle) -> None:
    with opened(careful) as classifier:
        classifier._score = lambda logits, embedding: float("nan")
        assert classifier.classify(garments(3, 1)[0][0]).label is None


def test_the_file_of_the_score_is_checked_before_it_is_parsed(careful: Bundle) -> None:
    careful.verify()
    assert careful.directory is not None
    path = careful.directory / "fake-unknown.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match="altered"):
        opened(careful)
    with pytest.raises(BundleError, match="altered"):
        careful.verify()


def test_a_score_needs_its_threshold(careful: Bundle) -> None:
    assert careful.directory is not None
    path = careful.directory / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["artifacts"][0]["thresholds"]["known"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="no threshold 'known'"):
        Bundle.load(careful.directory)


def test_a_manifest_survives_writing_with_the_score_in_it(careful: Bundle) -> None:
    assert careful.directory is not None
    assert Bundle.load(careful.directory) == careful
    assert "fake-unknown.npz" in [entry.path for entry in careful.files()]
    # what an engine opens is not more than before
    assert [entry.path for entry in careful.artifact(ARTIFACT).files] == ["fake.json"]


def test_the_table_says_unknown_where_the_label_would_be(careful: Bundle) -> None:
    with opened(careful) as classifier:
        row = classify._row(classifier.classify(negative(1), source="n.png"), 9)
    assert row.startswith("unknown        -  uncertain  n.png  (unlike what it was trained on: score ")
