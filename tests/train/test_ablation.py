"""What is left out of a recipe, and what the table says of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hemline.errors import UsageError
from hemline_train import ablation
from hemline_train import recipe as recipes
from hemline_train.ablation import Figure, Row


def test_every_ingredient_of_a_tier_can_be_left_out() -> None:
    recipe = recipes.override(recipes.load("fashion-base"), ["training.label_smoothing=0.1"])
    found = ablation.variants(recipe)
    assert set(found) == {ablation.WHOLE, *(f"without {name}" for name in ablation.WITHOUT)}
    assert len({recipes.dump(replace(variant, name="x")) for variant in found.values()}) == len(found)
    assert found["without cosine"].training.schedule == "constant"
    assert not found["without any augmentation"].augment.any
    assert [line for line in found["without dropout"].model.layers if "dropout" in line] == ["dropout 0.0"]
    before, after = recipes.flat(recipe), recipes.flat(found["without flip"])
    changed = [key for key, value in after.items() if before.get(key) != value]
    assert changed == ["name", "augment.flip"]


def test_what_a_recipe_does_not_have_is_not_tried() -> None:
    assert set(ablation.variants(recipes.load("fashion-cnn"))) == {ablation.WHOLE, "without dropout"}
    alone = recipes.override(recipes.load("fashion-base"), ["distill.weight=0"])
    assert "without teacher" not in ablation.variants(alone)


def test_what_a_recipe_does_not_have_can_be_tried_with_it() -> None:
    recipe = recipes.load("fashion-cnn")
    found = ablation.variants(recipe, ["dropout"], ["training.label_smoothing=0.1"])
    assert list(found) == [ablation.WHOLE, "without dropout", "with training.label_smoothing=0.1"]
    more = found["with training.label_smoothing=0.1"]
    assert more.training.label_smoothing == 0.1
    assert more.name == "fashion-cnn-with-training.label-smoothing-0.1"


def test_an_unknown_ingredient_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no ingredient 'mixup'; there are teacher, several looks, crop,"):
        ablation.variants(recipes.load("fashion-base"), ["mixup"])


def test_seeds_come_one_after_the_other_and_every_run_has_its_place(tmp_path: Path) -> None:
    planned = ablation.plan(recipes.load("fashion-base"), tmp_path, 2, ["flip"])
    assert [one.recipe.seed for one in planned] == [1, 1, 2, 2]
    assert len({one.out for one in planned}) == 4
    assert planned[1].out == tmp_path / "fashion-base-without-flip" / "seed-1"


def test_the_table_shows_gains_in_points_with_their_intervals() -> None:
    table = [
        Row(ablation.WHOLE, Figure(0.94, 0.001, None)),
        Row("without flip", Figure(0.936, None, (0.004, -0.001, 0.009))),
    ]
    lines = ablation.markdown(table, 3, 15).splitlines()
    assert lines[2] == "| all of it | 94.00 ± 0.10 |  |"
    assert re.fullmatch(r"\| without flip \| 93.60 \| \+0.40 \(-0.10 to \+0.90\) points \|", lines[3])
    shifted = [
        replace(row, shifted=Figure(0.8, None, None if row.clean.gain is None else (0.02, 0.01, 0.03))) for row in table
    ]
    lines = ablation.markdown(shifted, 1, 15).splitlines()
    assert lines[0].startswith("| 15 epochs, 1 seed | ")
    assert lines[1] == "|---|---|---|---|---|"
    assert lines[3].endswith(" | 80.00 | +2.00 (+1.00 to +3.00) points |")


def test_a_picture_counts_once_however_often_it_is_asked_about() -> None:
    random = np.random.default_rng(0)
    whole = random.random((65, 2, 300)) < 0.8
    clean = ablation._figures({ablation.WHOLE: whole[:1], "without flip": whole[:1, :, ::-1]})
    same = ablation._figures(
        {ablation.WHOLE: np.repeat(whole[:1], 65, 0), "without flip": np.repeat(whole[:1, :, ::-1], 65, 0)}
    )
    for name, figure in clean.items():
        assert figure.accuracy == pytest.approx(same[name].accuracy)
    assert clean["without flip"].gain == pytest.approx(same["without flip"].gain)
    worse = ablation._figures({ablation.WHOLE: whole, "without flip": whole & (random.random(whole.shape) < 0.9)})
    mean, low, high = worse["without flip"].gain or (0, 0, 0)
    assert mean == pytest.approx(0.08, abs=0.01)
    assert 0 < low < mean < high
    more = ablation._figures({ablation.WHOLE: whole & (random.random(whole.shape) < 0.9), "with crop": whole})
    assert (more["with crop"].gain or (0,))[0] > 0
