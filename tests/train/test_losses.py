"""What is minimised, and the learning rate by which: against their formulas in NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline.metrics import softmax
from hemline_train import losses, schedule
from hemline_train.recipe import DistillConfig, TrainingConfig

pytestmark = pytest.mark.tensorflow

TRAINING = TrainingConfig(learning_rate=0.1, epochs=4, patience=0)
LOGITS = np.random.default_rng(0).normal(0, 2, (6, 5)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 4, 0])


def cross_entropy(wanted: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return -(wanted * np.log(softmax(logits))).sum(axis=1)


def test_label_smoothing_shares_out_its_probability_over_all_classes() -> None:
    wanted = np.eye(5)[LABELS] * 0.8 + 0.2 / 5
    smoothed = losses.loss(replace(TRAINING, label_smoothing=0.2), None)
    assert float(smoothed(LABELS, LOGITS)) == pytest.approx(cross_entropy(wanted, LOGITS).mean(), rel=1e-5)
    # column vectors, as some callers give labels
    assert float(smoothed(LABELS[:, None], LOGITS)) == pytest.approx(float(smoothed(LABELS, LOGITS)))


def test_without_smoothing_it_is_plain_cross_entropy() -> None:
    plain = float(losses.loss(TRAINING, None)(LABELS, LOGITS))
    assert plain == pytest.approx(cross_entropy(np.eye(5)[LABELS], LOGITS).mean(), rel=1e-5)


def test_a_student_that_answers_as_its_teacher_has_only_the_labels_left_to_learn() -> None:
    config = DistillConfig(("t",), weight=0.75, temperature=3.0)
    wanted = np.concatenate([LABELS[:, None], softmax(LOGITS, 3.0)], axis=1).astype(np.float32)
    agreed = float(losses.loss(TRAINING, config)(wanted, LOGITS))
    assert agreed == pytest.approx(0.25 * cross_entropy(np.eye(5)[LABELS], LOGITS).mean(), rel=1e-4)
    other = np.concatenate([LABELS[:, None], softmax(LOGITS[::-1], 3.0)], axis=1).astype(np.float32)
    divergence = (softmax(LOGITS[::-1], 3.0) * np.log(softmax(LOGITS[::-1], 3.0) / softmax(LOGITS, 3.0))).sum(axis=1)
    apart = float(losses.loss(TRAINING, config)(other, LOGITS))
    assert apart - agreed == pytest.approx(0.75 * 9 * divergence.mean(), rel=1e-4)


def test_accuracy_looks_at_the_label_beside_the_teacher() -> None:
    metric = losses.Accuracy(5)
    wanted = np.concatenate([LOGITS.argmax(axis=1)[:, None], LOGITS], axis=1)
    wanted[:2, 0] = (wanted[:2, 0] + 1) % 5
    metric.update_state(wanted, LOGITS)
    assert float(metric.result()) == pytest.approx(4 / 6)
    metric.reset_state()
    places = np.full((len(LOGITS), 10), 99.0, np.float32)  # and at none of what stands behind the picture's answer
    metric.update_state(wanted, np.concatenate([LOGITS, places], axis=1))
    assert float(metric.result()) == pytest.approx(4 / 6)


def rates(training: TrainingConfig, steps: int = 10) -> list[float]:
    rate = schedule.rate(training, steps)
    return [float(rate(step)) if callable(rate) else rate for step in range(training.epochs * steps)]


def test_a_constant_learning_rate_is_a_number() -> None:
    assert schedule.rate(TRAINING, 10) == 0.1


def test_warm_up_rises_in_a_straight_line_to_the_peak() -> None:
    found = rates(replace(TRAINING, warmup=1.0))
    np.testing.assert_allclose(found[:10], np.arange(1, 11) / 100, rtol=1e-5)
    np.testing.assert_allclose(found[10:], 0.1, rtol=1e-6)


@pytest.mark.parametrize(("kind", "half"), [("cosine", 0.05), ("linear", 0.05)])
def test_a_schedule_falls_from_its_peak_to_nothing(kind: str, half: float) -> None:
    found = rates(replace(TRAINING, schedule=kind, warmup=2.0))
    assert max(found) == pytest.approx(found[19]) == pytest.approx(0.1)
    assert found[29] == pytest.approx(half, rel=1e-4)
    assert found[-1] == pytest.approx(0.0, abs=1e-8)
    assert sorted(found[19:], reverse=True) == found[19:]


def test_cosine_falls_slower_at_first_than_a_line() -> None:
    cosine, linear = (rates(replace(TRAINING, schedule=kind)) for kind in ("cosine", "linear"))
    assert cosine[5] > linear[5]
    assert cosine[-6] < linear[-6]


def test_a_mixed_picture_is_taught_both_labels_by_their_shares() -> None:
    share = np.linspace(0.1, 1.0, 6)
    others = np.roll(LABELS, 1)
    towards = np.stack([LABELS, others, share], axis=1).astype(np.float32)
    wanted = share[:, None] * np.eye(5)[LABELS] + (1 - share[:, None]) * np.eye(5)[others]
    plain = losses.loss(TRAINING, None, mixed=True)
    assert float(plain(towards, LOGITS)) == pytest.approx(cross_entropy(wanted, LOGITS).mean(), rel=1e-5)
    teacher = softmax(LOGITS).astype(np.float32)
    config = DistillConfig(teachers=("any",), weight=0.25, temperature=1.0)
    learned = losses.loss(TRAINING, config, mixed=True)
    # it answers as its teacher does: what is left is the labels' part
    assert float(learned(np.concatenate([towards, teacher], axis=1), LOGITS)) == pytest.approx(
        0.75 * cross_entropy(wanted, LOGITS).mean(), rel=1e-4
    )
