"""The published networks: rebuilt to the parameter, compared by stated arithmetic, trained once each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hemline.cli import main
from hemline.errors import RunError, UsageError
from hemline_train import recipe as recipes
from hemline_train.published import report, suite
from hemline_train.published.figures import published
from hemline_train.published.page import reproduction_page

# test accuracies of three seeds, the same for every recipe
SEEDS = (0.90, 0.91, 0.92)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", list(published()))
def test_a_recipe_has_the_published_number_of_parameters(name: str) -> None:
    from hemline_train import models

    recipe = recipes.load(name)
    model = models.build(recipe.model.parsed(), recipe.preprocess.shape, 10)
    count = models.trainable_parameters(model)
    given = published()[name].parameters
    assert given in (count, None)
    assert recipe.expect is not None
    assert recipe.expect.parameters == count


def test_only_one_network_is_published_without_its_parameters() -> None:
    assert [name for name, given in published().items() if given.parameters is None] == ["lenet-bn"]
    assert set(published()) <= set(recipes.names())


def test_the_interval_holds_the_pictures_and_the_seeds() -> None:
    low, high = report.interval([0.9, 0.9, 0.9], 10_000)
    assert (low, high) == (pytest.approx(0.9 - 1.959964 * 0.003), pytest.approx(0.9 + 1.959964 * 0.003))
    wider = report.interval([0.89, 0.90, 0.91], 10_000)
    assert wider[1] - wider[0] > high - low
    assert report.interval([0.9], 10_000) == (low, high)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ([0.95], "below"),
        ([0.91], "reproduced"),
        ([0.85], "above"),
        ([0.85, 0.95], "reproduced"),
        ([0.93, 0.95], "below"),
    ],
)
def test_a_figure_is_reproduced_where_it_lies_in_the_interval(theirs: list[float], said: str) -> None:
    assert report.verdict((0.90, 0.92), theirs) == said


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Finished runs of every published network with three seeds, whose figures were made up."""
    for planned in suite.plan(tmp_path, 3):
        planned.out.mkdir(parents=True)
        write_run(planned)
    return tmp_path


def write_run(planned: suite.Planned) -> None:
    recipe, out = planned.recipe, planned.out
    labels = ["round", "square"]
    score: dict[str, Any] = {
        "n": 10_000,
        "loss": 0.25,
        "accuracy": SEEDS[recipe.seed - 1],
        "per_class": [
            {"label": label, "precision": 0.8, "recall": 0.7, "f1": 0.75, "support": 5000} for label in labels
        ],
        "confusion": [[4000, 1000], [10 * recipe.seed, 4900]],
    }
    metrics = {
        "labels": labels,
        "kept_epoch": 2,
        "test": score,
        "train": {"accuracy": 0.97},
        "validation": {"accuracy": 0.92},
    }
    facts = {"schema": 1, "status": "finished", "parameters": 1234, "epochs_done": 2, "seconds_per_epoch": 3.0}
    facts["data"] = {"train_count": 1800, "validation_count": 200, "test_count": 10_000}
    (out / "recipe.toml").write_text(recipes.dump(recipe))
    (out / "metrics.json").write_text(json.dumps(metrics))
    (out / "run.json").write_text(json.dumps(facts))
    (out / "history.csv").write_text("epoch,accuracy,val_accuracy\n1,0.8,0.85\n2,0.95,0.9\n")


def test_the_report_is_that_of_the_runs(trained: Path) -> None:
    rows = {row["recipe"]: row for row in report.report(trained)["rows"]}
    assert list(rows) == list(published())
    row = rows["fashion-cnn"]
    assert row["seeds"] == [1, 2, 3]
    assert row["mean"] == pytest.approx(0.91)
    assert row["spread"] == pytest.approx(0.01)
    assert row["gap"] == pytest.approx(0.05)
    assert row["train_shown"] == pytest.approx(0.95)
    assert row["confusion"] == [[4000, 1000], [20, 4900]]
    assert {name for name, row in rows.items() if row["verdict"] == "above"} == {"mlp-2", "mlp-3"}
    assert rows["lenet-bn"]["verdict"] == "below"


@pytest.mark.tensorflow
def test_the_verb_writes_the_report_of_what_is_trained_already(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    grid = trained / report.GRID
    grid.mkdir()
    best = {
        "accuracy": 0.9012,
        "accuracy_ci95": [0.9, 0.91],
        "spread": 0.001,
        "parameters": {"training.batch": 64},
    }
    results = {
        "finished": 24,
        "jobs": 24,
        "folds": 3,
        "where": "2 local workers",
        "wall_seconds": 600,
        "job_seconds": 1200,
    }
    (grid / "results.json").write_text(json.dumps({**results, "configurations": [best]}))
    there = tmp_path / "docs"
    assert main(["train", "--all-published", "--out", str(trained), "--report", str(there)]) == 0
    shown = capfd.readouterr()
    assert "33 trainings, 33 finished before" in shown.err
    assert "lenet-bn" in shown.out
    text = (there / "reproduction.md").read_text()
    for name in published():
        assert f"| `{name}` |" in text
    assert "Trained on 1,800 of the 2,000 training pictures; the other 200 stop" in text
    assert "- `lenet-bn`: test accuracy -1.37 points. Neither the widths" in text
    assert "batch 64; accuracy 0.9012 over 3 folds" in text
    assert (there / "images" / "overfitting.png").read_bytes().startswith(b"\x89PNG")
    page = (there / "reproduction.html").read_text()
    assert page == reproduction_page(report.report(trained))
    assert "batch 64; accuracy 0.9012" in page


def test_runs_on_other_pictures_are_not_compared(trained: Path) -> None:
    path = suite.plan(trained, 3)[4].out / "run.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "data": {**facts["data"], "train_count": 900}}))
    with pytest.raises(RunError, match="made on different numbers of pictures"):
        report.report(trained)


def test_a_run_of_another_recipe_is_not_taken_for_the_published_one(trained: Path) -> None:
    planned = suite.plan(trained, 3)[0]
    changed = replace(planned.recipe, training=replace(planned.recipe.training, batch=33))
    (planned.out / "recipe.toml").write_text(recipes.dump(changed))
    with pytest.raises(UsageError, match=r"its training.batch is 33, asked for 32"):
        suite.train([planned], data_path=None)


@pytest.mark.tensorflow
def test_what_is_not_finished_is_trained(tiny: Path, data: Path, tmp_path: Path) -> None:
    recipe = recipes.load(tiny)
    planned = [suite.Planned(replace(recipe, seed=seed), tmp_path / "out" / f"seed-{seed}") for seed in (1, 2)]
    said: list[str] = []
    suite.train(planned[:1], data_path=str(data), say=said.append)
    assert planned[0].finished
    assert not planned[1].finished
    suite.train(planned, data_path=str(data), workers=2, say=said.append)
    assert planned[1].finished
    assert [line for line in said if "trainings" in line] == [
        "1 trainings, 0 finished before",
        "2 trainings, 1 finished before",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fashion-cnn", "--all-published"], "--all-published takes every recipe as it is"),
        (["--all-published", "--set", "training.epochs=1"], "--all-published takes every recipe as it is"),
        (["--all-published", "--seeds", "0"], "--seeds 0; give 1 or more"),
        (["fashion-cnn", "--seeds", "2"], "--seeds, --workers and --report go with --all-published"),
        (["fashion-cnn", "--workers", "2"], "--seeds, --workers and --report go with --all-published"),
        (["--all-published", "--workers", "0"], "--workers 0; give 1 or more"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == 2
    assert said in capfd.readouterr().err
