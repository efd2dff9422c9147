"""What a sweep file may say, and which configurations it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemline.errors import UsageError
from hemline_train.sweep import config
from hemline_train.sweep.config import Range


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return path


def test_the_published_grid_is_eight_configurations_of_the_dropout_cnn() -> None:
    found = config.configurations(config.load("fashion-cnn-grid"))

    assert len({entry.key for entry in found}) == 8
    rates = {(entry.recipe.training.learning_rate, entry.recipe.training.batch) for entry in found}
    assert rates == {(0.01, 64), (0.01, 32), (0.001, 64), (0.001, 32)}
    for entry in found:
        rate = entry.parameters["model.dropout"]
        assert [line for line in entry.recipe.model.layers if line.startswith("dropout")] == [f"dropout {rate}"] * 2


def test_the_grid_of_both_perceptrons_says_which_recipe_a_configuration_is_of() -> None:
    found = config.configurations(config.load("mlp-grid"))

    assert len(found) == 24
    assert {entry.parameters["recipe"] for entry in found} == {"mlp-2", "mlp-3"}


def test_a_configuration_has_the_same_key_in_every_sweep(tmp_path: Path) -> None:
    one = written(tmp_path, 'recipes = ["mlp-2"]\n[parameters]\n"training.batch" = [64]\n')
    [alone] = config.configurations(config.load(one))
    two = written(tmp_path, 'recipes = ["mlp-2"]\n[parameters]\ntraining.batch = [32, 64]\n')  # dotted, not quoted

    assert alone.key in {entry.key for entry in config.configurations(config.load(two))}


def test_a_value_from_the_command_line_takes_the_place_of_a_varied_one() -> None:
    found = config.configurations(config.load("fashion-cnn-grid", ["training.batch=16"]))

    assert len(found) == 4
    assert {entry.recipe.training.batch for entry in found} == {16}


def test_a_random_search_is_a_function_of_its_seed_and_grows_by_appending(tmp_path: Path) -> None:
    text = """
recipes = ["mlp-2"]
search = "random"
seed = 4
samples = {samples}
[parameters]
"training.learning_rate" = {{ low = 1e-4, high = 1e-2, scale = "log" }}
"training.batch" = {{ low = 16, high = 18 }}
"model.dropout" = [0.1, 0.2]
"""
    few = config.configurations(config.load(written(tmp_path, text.format(samples=4))))
    many = config.configurations(config.load(written(tmp_path, text.format(samples=40))))

    assert many[: len(few)] == few
    assert {entry.recipe.training.batch for entry in many} == {16, 17, 18}
    rates = sorted(entry.recipe.training.learning_rate for entry in many)
    assert 1e-4 <= rates[0] < 1e-3 < rates[-1] <= 1e-2
    assert 10 < sum(rate < 1e-3 for rate in rates) < 30  # even in the logarithm


@pytest.mark.parametrize("log", [False, True])
def test_a_range_of_whole_numbers_reaches_both_its_ends(log: bool) -> None:
    values = [Range(2, 5, log).at(share / 1000) for share in range(1000)]

    assert sorted(set(values)) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('recipe = ["mlp-2"]', "no key 'recipe'"),
        ("folds = 3", "recipes is a list of recipes"),
        ('recipes = ["mlp-9"]', "no recipe 'mlp-9'"),
        ('recipes = ["mlp-2"]\nfolds = 1', "folds is a whole number from 2, found 1"),
        ('recipes = ["mlp-2"]\nsearch = "grit"', "no choice 'grit'"),
        ('recipes = ["mlp-2"]\n[parameters]\n"training.rate" = [1.0]', "no key 'training.rate'"),
        ('recipes = ["mlp-2"]\n[parameters]\n"training.batch" = []', "an empty list"),
        ('recipes = ["mlp-2"]\n[parameters]\n"training.batch" = 32', "belongs into [set]"),
        ('recipes = ["mlp-2"]\n[parameters]\n"training.batch" = ["many"]', "is a whole number, found 'many'"),
        ('recipes = ["mlp-2"]\n[parameters]\n"training.batch" = {low = 1, high = 9}', "a grid takes a list"),
        ('recipes = ["mlp-2"]\nsearch = "random"\n[parameters]\n"training.batch" = [1]', "samples is a whole number"),
        (
            'recipes = ["mlp-2"]\nsearch = "random"\nsamples = 2\n[parameters]\n"training.batch" = {low = 9, high = 1}',
            "a low below its high",
        ),
        ('recipes = ["basic-cnn"]\n[parameters]\n"model.dropout" = [0.5]', "has no dropout layer"),
    ],
)
def test_what_is_wrong_in_a_sweep_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.configurations(config.load(written(tmp_path, text)))

    assert message in str(caught.value)
    assert "some" in str(caught.value)


def test_another_runs_weights_are_refused_where_folds_are_cut(sweep_file: Path, tiny: Path) -> None:
    tiny.write_text(tiny.read_text() + '\n[start]\nrun = "big"\n')
    with pytest.raises(UsageError, match=r"tiny starts from big; a sweep begins each fold with random weights"):
        config.configurations(config.load(sweep_file))


def test_teachers_are_refused_where_folds_are_cut(sweep_file: Path, tiny: Path) -> None:
    tiny.write_text(tiny.read_text() + '\n[distill]\nteachers = ["big"]\n')
    with pytest.raises(
        UsageError, match=r'tiny learns from big, who know the pictures of every fold; add "distill.weight"'
    ):
        config.configurations(config.load(sweep_file))
    assert config.configurations(config.load(sweep_file, ["distill.weight=0"]))
