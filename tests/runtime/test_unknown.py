from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from hemline import metrics, unknown
from hemline.errors import BundleError, UsageError
from hemline.unknown import WAYS, Answers
from hemline.unknown.combined import Combined
from hemline.unknown.distance import Directions, directions

CLASSES, WIDTH = 4, 24
DISTANCES = ("mahalanobis", "relative", "directions", "cosine", "neighbours", "vim")
ALL = (*WAYS, unknown.CHOSEN, "energy+relative", "softmax+energy+cosine")


def world(seed: int, count: int = 400) -> Answers:
    """Answers of a model whose classes lie in four directions; its logits are the cosines to them, times eight."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).random((CLASSES, WIDTH)) ** 4
    targets = np.arange(count) % CLASSES
    lengths = random.uniform(2, 6, (count, 1))
    embeddings = np.maximum(0, lengths * (centres[targets] + random.normal(0, 0.03, (count, WIDTH))))
    unit = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    logits = 8 * embeddings @ unit.T / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Answers(logits.astype(np.float32), embeddings.astype(np.float32), targets)


def strangers(count: int = 300) -> Answers:
    """Answers whose embeddings lie in directions of no class, as long as those of the known."""
    random = np.random.default_rng(9)
    embeddings = random.random((count, WIDTH)).astype(np.float32)
    return Answers(np.zeros((count, CLASSES), np.float32), embeddings, np.full(count, -1))


def fitted(way: str) -> unknown.Facts:
    return unknown.fit(way, world(1), world(2), temperature=1.3)


@pytest.mark.parametrize("way", ALL)
def test_what_lies_in_no_class_scores_below_what_lies_in_one(way: str) -> None:
    facts = fitted(way)
    known, strange = unknown.scores(facts, world(3)), unknown.scores(facts, strangers())
    assert metrics.auroc(known, strange) > 0.999


@pytest.mark.parametrize("way", DISTANCES)
def test_the_further_from_all_classes_the_lower_the_score(way: str) -> None:
    facts = fitted(way)
    known = world(3, 40)
    away = strangers(1).embeddings * np.linalg.norm(known.embeddings, axis=1, keepdims=True)
    means = [
        unknown.scores(facts, replace(known, embeddings=(1 - step) * known.embeddings + step * away)).mean()
        for step in (0.0, 0.1, 0.2, 0.4)
    ]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1]


@pytest.mark.parametrize("way", ["directions", "cosine", "neighbours"])
def test_a_score_on_directions_does_not_see_the_length(way: str) -> None:
    facts, answers = fitted(way), world(3)
    stretched = replace(answers, embeddings=answers.embeddings * np.float32(7))
    assert np.allclose(unknown.scores(facts, answers), unknown.scores(facts, stretched), atol=0.01)


def test_mahalanobis_does_not_see_the_units_of_the_embedding() -> None:
    known, other = world(3), strangers()
    train, scaled_known, scaled_other = (
        replace(each, embeddings=each.embeddings * np.float32(50)) for each in (world(1), known, other)
    )
    facts = unknown.fit("mahalanobis", train, scaled_known, temperature=1.0)
    for before, after in ((known, scaled_known), (other, scaled_other)):
        # two roundings to half precision lie between them
        assert np.allclose(unknown.scores(facts, after), unknown.scores(fitted("mahalanobis"), before), rtol=0.02)


def test_directions_is_mahalanobis_with_the_covariance_that_it_says() -> None:
    train, asked = world(1), strangers(20)
    facts = directions(train, 1.0)
    axes, means = facts.axes.astype(np.float64), facts.means.astype(np.float64)
    exact = np.linalg.inv(axes @ np.diag(facts.spread - facts.rest) @ axes.T + facts.rest * np.eye(WIDTH))
    unit = asked.embeddings / np.linalg.norm(asked.embeddings, axis=1, keepdims=True)
    off = unit[:, None] - means[None]
    expected = -np.einsum("ncd,de,nce->nc", off, exact, off).min(axis=1)
    # an axis in half precision is nearly of length 1
    assert np.allclose(unknown.scores(facts, asked), expected, rtol=0.02)


def test_scores_on_logits_are_what_their_formulas_say() -> None:
    answers = world(3, 12)
    softmax, logit, energy = (unknown.scores(fitted(way), answers) for way in ("softmax", "logit", "energy"))
    share = metrics.softmax(answers.logits, 1.3).max(axis=1)
    assert np.allclose(softmax, np.log(share / (1 - share)))
    assert np.allclose(logit, answers.logits.max(axis=1))
    assert np.allclose(energy, 1.3 * np.log(np.exp(answers.logits.astype(np.float64) / 1.3).sum(axis=1)))
    shifted = replace(answers, logits=answers.logits + np.float32(2))
    assert np.allclose(unknown.scores(fitted("softmax"), shifted), softmax, atol=1e-5)
    assert np.allclose(unknown.scores(fitted("energy"), shifted), energy + 2)


def test_parts_weigh_alike_on_validation_pictures() -> None:
    facts = fitted("energy+directions")
    assert isinstance(facts, Combined)
    parts = np.stack([unknown.scores(part, world(2)) for part in facts.parts])
    standard = (parts - facts.offsets[:, None]) * facts.weights[:, None]
    assert np.allclose(standard.mean(axis=1), 0)
    assert np.allclose(standard.std(axis=1), 1)
    assert np.allclose(standard.sum(axis=0), unknown.scores(facts, world(2)))


@pytest.mark.parametrize("way", ALL)
def test_what_was_written_scores_as_what_was_fitted(way: str) -> None:
    facts = fitted(way)
    again = unknown.parse(unknown.to_bytes(facts), name="x", classes=CLASSES, width=WIDTH)
    for answers in (world(3), strangers()):
        assert np.array_equal(unknown.scores(facts, answers), unknown.scores(again, answers))


def test_equal_pictures_make_equal_bytes() -> None:
    assert unknown.to_bytes(fitted(unknown.CHOSEN)) == unknown.to_bytes(fitted(unknown.CHOSEN))


def test_the_chosen_score_is_a_few_kilobytes() -> None:
    random = np.random.default_rng(4)
    wide = Answers(
        random.normal(size=(500, 10)).astype(np.float32),
        np.maximum(0, random.normal(size=(500, 96))).astype(np.float32),
        np.arange(500) % 10,
    )
    assert len(unknown.to_bytes(unknown.fit(unknown.CHOSEN, wide, wide, temperature=1.0))) < 10_000


@pytest.mark.parametrize("way", ALL)
def test_an_embedding_of_zeros_or_of_one_value_has_a_score(way: str) -> None:
    flat = Answers(np.ones((30, CLASSES), np.float32), np.full((30, WIDTH), 2, np.float32), np.arange(30) % CLASSES)
    nothing = replace(flat, embeddings=np.zeros((30, WIDTH), np.float32))
    for facts in (fitted(way), unknown.fit(way, flat, flat, temperature=1.0)):
        for answers in (flat, nothing):
            assert np.isfinite(unknown.scores(facts, answers)).all()


def test_a_class_without_pictures_is_no_class_to_be_near_to() -> None:
    train = world(1)
    kept = train.targets != 2
    facts = directions(Answers(train.logits[kept], train.embeddings[kept], train.targets[kept]), 1.0)
    assert facts.means.shape == (CLASSES - 1, WIDTH)


def altered(**arrays: object) -> bytes:
    """Return the file of the chosen score with arrays put in the place of its own."""
    with np.load(io.BytesIO(unknown.to_bytes(fitted(unknown.CHOSEN)))) as archive:
        whole = {key: archive[key] for key in archive.files}
    stream = io.BytesIO()
    np.savez(stream, **{**whole, **{key.replace("__", "."): np.asarray(value) for key, value in arrays.items()}})
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 and then nothing",
        altered(kind="charm"),
        altered(parts=9),
        altered(weights=[1.0]),
        altered(offsets=[np.nan, 0.0]),
        altered(**{"1__axes": np.ones((3, 2), np.float16)}),
        altered(**{"1__rest": 0.0}),
        altered(**{"1__spread": ["wide"]}),
        altered(**{"0__kind": "combined", "0__parts": 0}),
    ],
)
def test_a_file_that_is_not_what_a_score_has_learnt_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"a\.npz: not what a score has learnt .*; convert it again"):
        unknown.parse(data, name="a.npz", classes=CLASSES, width=WIDTH)


def test_a_score_for_another_embedding_is_refused() -> None:
    data = unknown.to_bytes(fitted(unknown.CHOSEN))
    with pytest.raises(BundleError, match="not what a score has learnt"):
        unknown.parse(data, name="a.npz", classes=CLASSES, width=WIDTH + 1)


def test_a_way_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no score 'enrgy'; nearest: energy"):
        fitted("enrgy+directions")


def test_facts_say_how_many_axes_they_have() -> None:
    facts = directions(world(1), 1.0)
    assert isinstance(facts, Directions)
    assert facts.axes.shape == (WIDTH, WIDTH // 2)  # half of a narrow embedding
    assert (np.diff(facts.spread) <= 0).all()
    assert facts.spread.min() >= facts.rest > 0
