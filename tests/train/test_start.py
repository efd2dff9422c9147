"""Beginning with the weights of another run: which layers take over, and which runs are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline.errors import UsageError
from hemline_train import data as pictures
from hemline_train import loop, recipe, training
from hemline_train.data import Pictures
from hemline_train.evaluate import model_of
from hemline_train.recipe import Recipe, StartConfig
from hemline_train.run import Run
from hemline_train.start import start

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def runs(data: Path, tiny_text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run in it, "first", of one epoch."""
    root = tmp_path_factory.mktemp("runs")
    text = root / "tiny.toml"
    text.write_text(tiny_text.replace("epochs = 4", "epochs = 1"))
    training.train(replace(recipe.load(text), name="first"), root / "first", data_path=str(data))
    return root


@pytest.fixture
def second(tiny: Path) -> Recipe:
    found = recipe.override(recipe.load(tiny), ["seed=9", "training.epochs=1", "training.patience=0"])
    return replace(found, name="second", start=StartConfig("first"))


@pytest.fixture
def loaded(second: Recipe, data: Path) -> Pictures:
    return pictures.load(second, data=str(data))


def weights(model: object) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}  # type: ignore[attr-defined]


def test_every_layer_takes_over_what_fits(second: Recipe, runs: Path, loaded: Pictures) -> None:
    found = start(second, runs, loaded)
    assert found is not None
    model = loop.network(second, len(loaded.labels))
    before, theirs = weights(model), weights(model_of(runs / "first"))
    assert found.into(model) == len(before)
    for name, values in weights(model).items():
        assert all(np.array_equal(one, other) for one, other in zip(values, theirs[name], strict=True))
        assert not all(np.array_equal(one, other) for one, other in zip(values, before[name], strict=True))


def test_other_labels_get_a_classifying_layer_of_their_own(second: Recipe, runs: Path, loaded: Pictures) -> None:
    found = start(second, runs, replace(loaded, name="others", labels=("hat", *loaded.labels[1:])))
    assert found is not None
    model = loop.network(second, len(loaded.labels))
    before = weights(model)
    assert found.into(model) == len(before) - 1
    after = weights(model)
    assert all(np.array_equal(one, other) for one, other in zip(after["logits"], before["logits"], strict=True))


def test_a_layer_of_another_shape_begins_as_it_would(second: Recipe, runs: Path, loaded: Pictures) -> None:
    larger = recipe.override(second, ["preprocess.height=32"])
    found = start(larger, runs, loaded)
    assert found is not None
    model = loop.network(larger, len(loaded.labels))
    kernels = len(weights(model))
    assert 0 < found.into(model) < kernels  # the dense layer after "flatten" has another size


def test_training_begins_there_and_the_run_says_so(second: Recipe, runs: Path, data: Path, tmp_path: Path) -> None:
    begun = training.train(second, runs / "second", data_path=str(data))
    fresh = training.train(replace(second, start=None), tmp_path / "fresh", data_path=str(data))
    facts = begun.run.facts["start"]
    assert facts["run"] == "first"
    assert len(facts["model_sha256"]) == 64
    assert fresh.run.facts["start"] is None
    assert begun.metrics["validation"]["loss"] < fresh.metrics["validation"]["loss"]
    # what its checkpoints hold goes on without the run it began with
    (runs / "second" / "run.json").write_text(
        (runs / "second" / "run.json").read_text().replace('"finished"', '"running"')
    )
    moved = tmp_path / "second"
    (runs / "second").rename(moved)
    again = training.train(second, moved, data_path=str(data), resume=True)
    assert again.metrics == begun.metrics
    assert Run(moved).facts["start"] == facts


def test_a_run_that_is_not_there_is_named_with_the_command(second: Recipe, tmp_path: Path, loaded: Pictures) -> None:
    with pytest.raises(UsageError, match=r"second starts from first: .*there is no run; train it first \(hemline"):
        start(second, tmp_path, loaded)


def test_a_run_that_may_have_seen_the_validation_pictures_is_refused(
    second: Recipe, runs: Path, loaded: Pictures
) -> None:
    other = replace(second, data=replace(second.data, split_seed=second.data.split_seed + 1))
    with pytest.raises(UsageError, match="may have seen pictures that this one is validated on"):
        start(other, runs, loaded)


def test_a_model_with_no_layer_in_common_is_refused(second: Recipe, runs: Path, loaded: Pictures) -> None:
    found = start(replace(second, name="other"), runs, replace(loaded, name="others", labels=("a", *loaded.labels[1:])))
    assert found is not None
    alien = replace(second, model=recipe.ModelConfig(("conv 3 kernel=5", "average")))
    with pytest.raises(UsageError, match=r"no layer of .*first fits one of this model"):
        found.into(loop.network(alien, len(loaded.labels)))
