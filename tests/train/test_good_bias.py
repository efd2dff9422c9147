"""flaws.good_bias: found from answers to parts that no fold has seen, and never by a fold for itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import metrics
from hemline_train import recipe as recipes
from hemline_train.crossvalidation.figures import judged, report
from hemline_train.crossvalidation.fold import Outcome
from hemline_train.crossvalidation.good_bias import asked
from hemline_train.crossvalidation.plan import Pieces, plan
from hemline_train.crossvalidation.run import Answered, Ask
from hemline_train.crossvalidation.text import text
from hemline_train.recipe import Recipe

LABELS = ("crack", "free", "hole")
GOOD = 1


def recipe(bias: float) -> Recipe:
    return recipes.with_values(recipes.load("tiles"), {"flaws.good_bias": bias}, "here")


def answers(count: int = 3000, seed: int = 0) -> tuple[NDArray[np.float32], Pieces]:
    """Logits whose probabilities are true, and the parts they are of: three pictures each."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (count, 3)).astype(np.float32)
    targets = np.array([random.choice(3, p=row) for row in metrics.softmax(logits)])
    return logits, Pieces(targets, tuple(f"part{number // 3}" for number in range(count)), LABELS, GOOD)


def folds(pieces: Pieces, count: int = 3) -> list[NDArray[np.bool_]]:
    number = np.arange(len(pieces.targets)) // 3 % count
    return [number == fold for fold in range(count)]


@pytest.mark.parametrize("lowered", [0.0, 1.3, -0.7])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_a_good_class_that_was_lowered_is_raised_by_as_much(lowered: float, sharpness: float) -> None:
    logits, pieces = answers()
    off = logits.copy()
    off[:, GOOD] -= lowered
    found = asked(sharpness * off, pieces, folds(pieces))
    exact = asked(logits, pieces, folds(pieces))
    assert exact.by_all == pytest.approx(0, abs=0.15)
    # whatever the temperature is, in logits of the network that is asked
    assert found.by_all == pytest.approx(sharpness * (exact.by_all + lowered), abs=1e-4)


def test_what_is_found_has_the_least_log_loss() -> None:
    logits, pieces = answers(300)
    logits[:, GOOD] -= 1.0
    best = asked(logits, pieces, folds(pieces)).by_all

    def loss(bias: float) -> float:
        raised = logits.astype(np.float64)
        raised[:, GOOD] += bias
        return min(
            metrics.log_loss((raised * scale).astype(np.float32), pieces.targets) for scale in np.linspace(0.3, 3, 109)
        )

    assert loss(best) <= min(loss(best - 0.1), loss(best + 0.1))


def test_a_part_counts_once_however_often_it_was_photographed() -> None:
    logits, pieces = answers(300)
    again = np.concatenate([np.arange(300), np.repeat(np.arange(3), 500)])
    more = replace(pieces, targets=pieces.targets[again], groups=tuple(pieces.groups[index] for index in again))
    once = asked(logits, pieces, folds(pieces)).by_all
    assert asked(logits[again], more, folds(more)).by_all == pytest.approx(once, abs=1e-6)


def test_a_fold_has_no_say_in_its_own_bias() -> None:
    logits, pieces = answers(300)
    parts = folds(pieces)
    before = asked(logits, pieces, parts)
    turned = pieces.targets.copy()
    turned[parts[1]] = GOOD
    after = asked(logits, replace(pieces, targets=turned), parts)
    assert after.folds[1] == before.folds[1]
    assert after.folds[0] > before.folds[0] + 0.1
    assert after.by_all > before.by_all + 0.1


def test_answers_that_are_all_right_ask_for_no_end_of_bias() -> None:
    _, pieces = answers(90)
    logits = 8 * np.eye(3, dtype=np.float32)[pieces.targets]
    found = asked(logits, pieces, folds(pieces))
    assert all(abs(bias) <= 10 for bias in (found.by_all, *found.folds))


def answered(bias: float, root: Path) -> Answered:
    logits, pieces = answers(300)
    logits[:, GOOD] += bias - 1.0  # the network's own bias is in its answers; it should have been 1 more
    cut = plan(pieces, 3, unseen=False)
    outcomes = {fold.name: Outcome(fold.tested, logits[fold.tested], 1.0, 2) for fold in cut}
    return Answered(root, recipe(bias), "plates", pieces, Ask(folds=3), tuple(cut), outcomes)


def test_folds_are_judged_with_what_the_others_ask_for_whatever_the_recipe_says(tmp_path: Path) -> None:
    logits, _ = answers(300)
    for bias in (0.5, 2.0):
        found, said = judged(answered(bias, tmp_path), "grouped")
        assert said is not None
        assert said["recipe"] == bias
        assert said["by_all"] == pytest.approx(1.0, abs=0.4)
        for fold, raised in zip(answered(bias, tmp_path).folds, said["folds"], strict=False):
            np.testing.assert_allclose(
                found[fold.tested][:, GOOD], logits[fold.tested][:, GOOD] - 1 + raised, atol=1e-5
            )
        np.testing.assert_array_equal(np.delete(found, GOOD, axis=1), np.delete(logits, GOOD, axis=1))


def test_without_one_the_answers_are_as_they_are_and_the_report_says_what_they_ask_for(tmp_path: Path) -> None:
    plain = answered(0.0, tmp_path)
    found, said = judged(plain, "grouped")
    assert said is not None
    assert said["folds"] is None
    logits, _ = answers(300)
    np.testing.assert_allclose(found[:, GOOD], logits[:, GOOD] - 1, atol=1e-6)
    without, having = report(plain), report(answered(0.5, tmp_path))
    assert f"ask for a good_bias of {said['by_all']:+.2f}; the recipe has none" in text(without)
    assert "the recipe's is +0.50; each fold was judged with what the others ask for: +" in text(having)
    assert having["artifacts"][0]["loss"] < without["artifacts"][0]["loss"]


def test_the_bias_of_the_recipe_does_not_reach_the_figures(tmp_path: Path) -> None:
    one, other = report(answered(0.5, tmp_path)), report(answered(2.0, tmp_path))
    none = report(answered(0.0, tmp_path))
    for mine, theirs, plain in zip(one["artifacts"], other["artifacts"], none["artifacts"], strict=True):
        assert mine["macro_f1"] == theirs["macro_f1"]
        # how pictures are ordered depends on no bias, that of a fold least of all
        for key in ("auroc", "escape_at_false_reject", "escape_at_false_reject_ci95"):
            assert mine[key] == theirs[key] == plain[key]
        for row, other_row, plain_row in zip(
            mine["per_defect"], theirs["per_defect"], plain["per_defect"], strict=True
        ):
            assert row["recall"] == other_row["recall"]
            assert row["escape_at_false_reject"] == plain_row["escape_at_false_reject"]
