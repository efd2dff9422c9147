"""The table of a sweep: order, intervals, and what may be taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemline.errors import RunError, UsageError
from hemline_train.sweep import config, results
from hemline_train.sweep.jobs import Outcome
from hemline_train.sweep.page import results_page
from hemline_train.sweep.results import Store

FACTS = {"sweep": "rates", "folds": 2, "fold_seed": 0, "materials": {"a": "1"}}


def outcome(key: str, fold: int, hits: int, *, count: int = 1000, reason: str | None = None) -> Outcome:
    if reason is not None:
        return Outcome(key, fold, reason=reason)
    correct = "1" * hits + "0" * (count - hits)
    return Outcome(key, fold, accuracy=hits / count, loss=1 - hits / count, count=count, epochs=3, correct=correct)


@pytest.mark.parametrize("folds", [2])
def test_the_best_comes_first_and_what_is_not_complete_last(sweep_file: Path, folds: int) -> None:
    sweep = config.load(sweep_file)
    first, second = config.configurations(sweep)
    found = [outcome(first.key, 0, 800), outcome(first.key, 1, 802), outcome(second.key, 0, 900)]
    table = results.report(sweep, [first, second], {one.key: one for one in found}, wall=1.0, where="here")
    assert [row["configuration"] for row in table["configurations"]] == [first.key, second.key]
    assert table["best"] == first.key

    found.append(outcome(second.key, 1, 902))
    table = results.report(sweep, [first, second], {one.key: one for one in found}, wall=1.0, where="here")
    best, other = table["configurations"]
    assert best["configuration"] == second.key
    assert best["accuracy"] == pytest.approx(0.901)
    assert other["behind"] == pytest.approx(0.1)
    assert other["as_good_as_best"] is False  # a tenth in both folds, no spread
    best_text = results.best_recipe(table, [first, second])
    assert best_text is not None
    assert f"learning_rate = {second.recipe.training.learning_rate}" in best_text


def test_folds_that_disagree_cannot_tell_two_configurations_apart() -> None:
    low, mean, high = results.paired([0.02, -0.01, 0.01])

    assert low < 0 < mean < high
    # by hand: sd 0.015275, times 4.303, times the root of 1/3 + 1/2
    assert high - mean == pytest.approx(0.015275 * 4.303 * (5 / 6) ** 0.5, rel=1e-3)


def test_a_job_without_a_score_shows_its_reason_on_the_page(sweep_file: Path) -> None:
    sweep = config.load(sweep_file)
    first, second = config.configurations(sweep)
    found = [outcome(first.key, 0, 800), outcome(first.key, 1, 802), outcome(second.key, 0, 0, reason="loss is <nan>")]
    table = results.report(sweep, [first, second], {one.key: one for one in found}, wall=1.0, where="here")

    assert table["failed"] == 1
    assert "loss is &lt;nan&gt;" in results_page(table)


def test_a_store_gives_back_what_was_put_and_refuses_other_folds_and_other_pictures(tmp_path: Path) -> None:
    store = Store(tmp_path / "sweep")
    store.open(FACTS)
    store.put(outcome("abc", 1, 5, count=7))
    assert store.finished() == {"abc-1": outcome("abc", 1, 5, count=7)}

    store.open({**FACTS, "materials": {"b": "2"}})  # more configurations of other pictures may come
    with pytest.raises(UsageError, match="its folds is 2, asked for 3"):
        store.open({**FACTS, "folds": 3})
    with pytest.raises(UsageError, match="other pictures"):
        store.open({**FACTS, "materials": {"a": "9"}})


def test_a_directory_of_something_else_and_a_broken_job_are_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is no sweep"):
        Store(tmp_path).open(FACTS)

    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "abc-0.json").write_text('{"configuration"')
    with pytest.raises(RunError, match="delete it"):
        Store(tmp_path).finished()
