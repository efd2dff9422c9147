"""Learning from trained runs: who may teach, what they are asked, and that it is asked once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline.errors import UsageError
from hemline.metrics import softmax
from hemline_train import augment, distill, models
from hemline_train import data as pictures
from hemline_train import recipe as recipes
from hemline_train.augment import Augment
from hemline_train.data import Pictures
from hemline_train.distill import Teachers
from hemline_train.evaluate import model_of
from hemline_train.recipe import DistillConfig, Recipe
from hemline_train.training import train

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def school(data: Path, tiny_text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of runs with two teachers in it, of two epochs each."""
    root = tmp_path_factory.mktemp("runs")
    text = root / "tiny.toml"
    text.write_text(tiny_text.replace("epochs = 4", "epochs = 2"))
    for seed, name in enumerate(("one", "two")):
        recipe = recipes.override(recipes.load(text), [f"seed={seed}", "augment.crop=2", "augment.flip=0.5"])
        train(replace(recipe, name=name), root / name, data_path=str(data))
    return root


@pytest.fixture
def student(tiny: Path) -> Recipe:
    recipe = recipes.override(recipes.load(tiny), ["augment.crop=2", "augment.flip=0.5", "training.epochs=3"])
    return replace(recipe, name="student", distill=DistillConfig(("one", "two"), weight=0.7, views=2))


@pytest.fixture
def loaded(student: Recipe, data: Path) -> Pictures:
    return pictures.load(student, data=str(data))


def taught(student: Recipe, school: Path, loaded: Pictures) -> Teachers:
    found = distill.teachers(student, school, loaded)
    assert found is not None
    return found


def test_the_answers_are_the_mean_of_the_teachers_on_what_the_student_sees(
    student: Recipe, school: Path, loaded: Pictures
) -> None:
    numbers = augment.draw(len(loaded.train), seed=0, epoch=2)
    seen = augment.apply(student.augment, loaded.train.pixels, numbers)
    each = [softmax(models.outputs(model_of(school / name), seen)[0], 2.0) for name in ("one", "two")]
    found = taught(student, school, loaded).probabilities(4)  # views 1, 2, 1, 2
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=2e-3)  # half precision
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_together_every_epoch_is_taught_the_mean_over_all_views(
    student: Recipe, school: Path, loaded: Pictures
) -> None:
    each = [taught(student, school, loaded).probabilities(epoch) for epoch in (1, 2)]
    together = recipes.override(student, ["distill.together=true"])
    teachers = taught(together, school, loaded)
    for epoch in (1, 2, 3):
        np.testing.assert_allclose(teachers.probabilities(epoch), np.mean(each, axis=0), atol=1e-6)
    assert not np.allclose(each[0], each[1], atol=1e-3)
    own = augment.draw(len(loaded.train), seed=8, epoch=4)
    np.testing.assert_array_equal(teachers.numbers(own, 4), own)


def test_together_the_views_are_the_teachers_whatever_the_student_sees(
    student: Recipe, school: Path, loaded: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = recipes.override(student, ["distill.together=true"])
    before = taught(together, school, loaded).probabilities(1)
    monkeypatch.setattr(distill.models, "outputs", None)
    still = replace(together, augment=Augment(erase=0.5))
    np.testing.assert_array_equal(taught(still, school, loaded).probabilities(1), before)


def test_each_view_is_asked_once_and_the_answers_serve_other_seeds(
    student: Recipe, school: Path, loaded: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taught(student, school, loaded)
    before = [first.probabilities(epoch) for epoch in (1, 2)]

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a teacher was asked again")

    monkeypatch.setattr(distill.models, "outputs", asked)
    other = taught(replace(student, seed=99), school, loaded)
    for epoch in (1, 2, 3):
        np.testing.assert_array_equal(other.probabilities(epoch), before[(epoch - 1) % 2])


def test_damaged_answers_are_asked_for_again(student: Recipe, school: Path, loaded: Pictures, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(school, runs)
    before = taught(student, runs, loaded).probabilities(1)
    for path in runs.rglob("answers/*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(taught(student, runs, loaded).probabilities(1), before)


def test_another_crop_is_another_question_and_erasing_is_none(
    student: Recipe, school: Path, loaded: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = taught(student, school, loaded).probabilities(1)
    wider = replace(student, augment=replace(student.augment, crop=4))
    assert np.abs(taught(wider, school, loaded).probabilities(1) - crop).max() > 0.01
    erased = replace(student, augment=replace(student.augment, erase=1.0, noise=9.0))
    monkeypatch.setattr(distill.models, "outputs", None)
    np.testing.assert_array_equal(taught(erased, school, loaded).probabilities(1), crop)


def test_a_student_sees_the_view_and_its_own_damage(student: Recipe, school: Path, loaded: Pictures) -> None:
    teachers = taught(student, school, loaded)
    own = augment.draw(len(loaded.train), seed=8, epoch=4)
    pixels, view = loaded.train.pixels, augment.draw(len(loaded.train), seed=0, epoch=2)
    mixed = teachers.numbers(own, 4)
    np.testing.assert_array_equal(
        augment.apply(student.augment, pixels, mixed), augment.apply(student.augment, pixels, view)
    )
    erase = Augment(erase=1.0)
    np.testing.assert_array_equal(augment.apply(erase, pixels, mixed), augment.apply(erase, pixels, own))


def test_a_distilled_training_resumes_bit_identical(student: Recipe, school: Path, data: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(school, runs)
    whole = train(student, runs / "whole", data_path=str(data))
    stopped = replace(student, training=replace(student.training, epochs=1))
    train(stopped, runs / "cut", data_path=str(data))
    # as if it had been killed after its first epoch
    (runs / "cut" / "recipe.toml").write_text(recipes.dump(student))
    facts = runs / "cut" / "run.json"
    facts.write_text(facts.read_text().replace('"finished"', '"running"'))
    again = train(student, runs / "cut", data_path=str(data), resume=True)
    one, other = (model_of(run.run.root) for run in (whole, again))
    for ours, theirs in zip(one.weights, other.weights, strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()
    alone = train(replace(student, distill=None), runs / "alone", data_path=str(data))
    assert alone.metrics["validation"] != whole.metrics["validation"]


def test_a_weight_of_zero_does_without_teachers(student: Recipe, tmp_path: Path, loaded: Pictures) -> None:
    assert student.distill is not None
    alone = replace(student, distill=replace(student.distill, weight=0.0))
    assert distill.teachers(alone, tmp_path, loaded) is None


def test_a_teacher_that_is_not_there_is_named_with_the_command(
    student: Recipe, tmp_path: Path, loaded: Pictures
) -> None:
    with pytest.raises(
        UsageError, match=r"student learns from one: .*one: there is no run; train it first \(hemline train"
    ):
        distill.teachers(student, tmp_path, loaded)
    assert not list(tmp_path.rglob("student"))


def test_a_teacher_that_is_still_learning_is_refused(
    student: Recipe, school: Path, loaded: Pictures, tmp_path: Path
) -> None:
    shutil.copytree(school / "one", tmp_path / "one")
    (tmp_path / "one" / "model.keras").unlink()
    with pytest.raises(UsageError, match="one: its training is not finished"):
        distill.teachers(student, tmp_path, loaded)


def test_a_teacher_with_other_classes_is_refused(student: Recipe, school: Path, loaded: Pictures) -> None:
    renamed = replace(loaded, labels=("hat", *loaded.labels[1:]))
    with pytest.raises(UsageError, match=r"student learns from .*one: it knows .*; the data has hat, "):
        distill.teachers(student, school, renamed)


def test_a_teacher_that_may_have_seen_the_validation_pictures_is_refused(
    student: Recipe, school: Path, data: Path
) -> None:
    other = replace(student, data=replace(student.data, split_seed=5))
    with pytest.raises(UsageError, match="trained on other pictures, and may have seen those"):
        distill.teachers(other, school, pictures.load(other, data=str(data)))
