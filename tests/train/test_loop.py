from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline.errors import MissingError, RunError, UsageError
from hemline.metrics import log_loss
from hemline_train import backend, loop, models
from hemline_train import data as pictures
from hemline_train import recipe as recipes
from hemline_train.augment import Augment
from hemline_train.checkpoint import Checkpoints, Epoch
from hemline_train.data import Part, Pictures
from hemline_train.data.feed import Feed
from hemline_train.data.pipeline import Batches
from hemline_train.loop import Watch
from hemline_train.recipe import Recipe

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def recipe(tiny: Path) -> Recipe:
    return recipes.load(tiny)


@pytest.fixture
def loaded(recipe: Recipe, data: Path) -> Pictures:
    return pictures.load(recipe, data=str(data))


def fit(
    recipe: Recipe, loaded: Pictures, *, checkpoints: Checkpoints | None = None, stop_after: int = 0
) -> loop.Trained:
    def epoch(row: Epoch, history: Sequence[Epoch]) -> None:
        if row.epoch == stop_after:
            raise KeyboardInterrupt

    return loop.fit(
        recipe, loaded.train, loaded.validation, len(loaded.labels), checkpoints=checkpoints, watch=Watch(epoch=epoch)
    )


def state(trained: loop.Trained) -> list[bytes]:
    return [np.array(variable).tobytes() for variable in trained.model.variables]


def figures(history: Sequence[Epoch]) -> list[Epoch]:
    return [replace(row, seconds=0.0) for row in history]


def test_a_resumed_training_is_bit_identical_to_one_in_one_go(recipe: Recipe, loaded: Pictures, tmp_path: Path) -> None:
    whole_files, cut_files = Checkpoints(tmp_path / "whole"), Checkpoints(tmp_path / "cut")
    whole = fit(recipe, loaded, checkpoints=whole_files)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, loaded, checkpoints=cut_files, stop_after=2)
    assert cut_files.epochs() == [1, 2]
    resumed = fit(recipe, loaded, checkpoints=cut_files)
    assert state(resumed) == state(whole)
    assert figures(resumed.history) == figures(whole.history)
    assert [row.epoch for row in resumed.history] == [1, 2, 3, 4]
    ends = [files.latest() for files in (whole_files, cut_files)]
    for one, other in zip(*([*end.model, *end.optimiser, *end.best] for end in ends if end), strict=True):
        assert one.tobytes() == other.tobytes()


def test_augmented_and_weighted_a_training_resumes_bit_identical(
    recipe: Recipe, loaded: Pictures, tmp_path: Path
) -> None:
    changes = ["augment.crop=2", "augment.flip=0.5", "augment.rotation=10", "augment.noise=4", "augment.erase=0.5"]
    changes += ["augment.mixup=0.2", "augment.cutmix=0.3"]
    recipe = recipes.override(recipe, [*changes, "training.class_weights=balanced", "training.epochs=3"])
    whole = fit(recipe, loaded)
    cut = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, loaded, checkpoints=cut, stop_after=1)
    assert state(fit(recipe, loaded, checkpoints=cut)) == state(whole)
    plain = replace(recipe, augment=Augment())
    assert state(fit(plain, loaded)) != state(whole)


def test_the_average_of_the_weights_is_beside_what_is_learned_and_changes_nothing_of_it(
    recipe: Recipe, loaded: Pictures, tmp_path: Path
) -> None:
    averaged = recipes.override(recipe, ["training.average=0.9", "training.keep=last"])
    files, averaged_files = Checkpoints(tmp_path / "plain"), Checkpoints(tmp_path / "averaged")
    learned = fit(recipe, loaded, checkpoints=files)
    kept = fit(averaged, loaded, checkpoints=averaged_files)
    assert [row.loss for row in kept.history] == [row.loss for row in learned.history]
    end, averaged_end = files.latest(), averaged_files.latest()
    assert end is not None
    assert averaged_end is not None
    for one, other in zip(end.model, averaged_end.model, strict=True):
        assert one.tobytes() == other.tobytes()
    assert state(kept) != state(learned)


def test_averaged_a_training_resumes_bit_identical(recipe: Recipe, loaded: Pictures, tmp_path: Path) -> None:
    recipe = recipes.override(recipe, ["training.average=0.9", "training.keep=last"])
    whole, cut = fit(recipe, loaded), Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, loaded, checkpoints=cut, stop_after=2)
    assert state(fit(recipe, loaded, checkpoints=cut)) == state(whole)


def test_balanced_weights_give_each_class_the_same_say() -> None:
    part = Part(np.zeros((12, 2, 2, 1), np.uint8), np.array([0] * 8 + [1] * 3 + [3]))
    weights = loop.balanced_weights(part, 4)
    assert [float(weight * count) for weight, count in zip(weights, (8, 3, 0, 1), strict=True)] == [3, 3, 0, 3]
    batches = Batches(Feed(part, batch=5, seed=1, class_weights=weights)).epoch(1)
    for _, targets, given in batches:
        assert np.array_equal(given.numpy(), weights[targets.numpy()])


def test_scaling_multiplies_batch_and_learning_rate_by_the_replicas(recipe: Recipe) -> None:
    training = replace(recipe.training, batch=16, learning_rate=0.001)
    assert loop.scaled(training, 4) == training
    scaled = loop.scaled(replace(training, scale_with_replicas=True), 4)
    assert (scaled.batch, scaled.learning_rate) == (64, 0.004)


@pytest.mark.parametrize("devices", ["tpu:0", "gpu:0,cpu", "cpu:0,cpu:0", ""])
def test_devices_that_cannot_be_meant_are_refused(devices: str) -> None:
    with pytest.raises(UsageError, match="give names of one kind"):
        backend.choose(devices)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingError, match=r"--devices gpu:97: TensorFlow sees \d+ GPUs here"):
        backend.choose("gpu:97")


def test_another_seed_is_another_training(recipe: Recipe, loaded: Pictures) -> None:
    recipe = replace(recipe, training=replace(recipe.training, epochs=1))
    assert state(fit(recipe, loaded)) != state(fit(replace(recipe, seed=recipe.seed + 1), loaded))


def test_early_stopping_keeps_the_weights_of_the_best_epoch(recipe: Recipe, loaded: Pictures) -> None:
    training = replace(recipe.training, learning_rate=0.08, patience=2, epochs=40)
    trained = fit(replace(recipe, training=training), loaded)
    losses = [row.val_loss for row in trained.history]
    assert len(losses) == trained.best_epoch + 2 < 40
    assert losses[trained.best_epoch - 1] == min(losses)
    logits, _ = models.outputs(trained.model, loaded.validation.pixels)
    assert log_loss(logits, loaded.validation.targets) == min(losses)


def test_training_learns(recipe: Recipe, loaded: Pictures) -> None:
    history = fit(replace(recipe, training=replace(recipe.training, epochs=8)), loaded).history
    assert history[-1].val_accuracy > 0.6 > history[0].accuracy


def test_a_loss_that_is_not_finite_stops_with_the_step_and_keeps_the_checkpoint(
    recipe: Recipe, loaded: Pictures, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, loaded, checkpoints=checkpoints, stop_after=1)
    # set aside what a recipe file may say, to be sure that it diverges
    broken = replace(recipe, training=replace(recipe.training, optimiser="sgd", learning_rate=1e30))
    with pytest.raises(RunError, match=r"loss is nan in epoch 1, steps 1 to 16; a lower training.learning_rate"):
        fit(broken, loaded)
    with pytest.raises(RunError, match="another model or optimiser"):
        fit(broken, loaded, checkpoints=checkpoints)
    assert checkpoints.epochs() == [1]


def test_the_order_of_an_epoch_is_a_function_of_seed_and_number() -> None:
    part = Part(np.zeros((50, 2, 2, 1), np.uint8), np.arange(50))

    def order(seed: int, epoch: int) -> list[int]:
        batches = Batches(Feed(part, batch=16, seed=seed)).epoch(epoch)
        return [int(target) for _, targets in batches for target in targets]

    assert order(1, 1) == order(1, 1)
    assert sorted(order(1, 1)) == list(range(50))
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (1, 2)}) == 4


def test_no_epoch_waits_for_a_thread_that_tunes_what_is_fixed() -> None:
    part = Part(np.zeros((8, 4, 4, 1), np.uint8), np.zeros(8, np.int64))
    assert Batches(Feed(part, batch=4, seed=1)).epoch(1).options().autotune.enabled is False


def test_what_a_training_was_fed_with_is_gone_when_it_is_done(recipe: Recipe, loaded: Pictures) -> None:
    # fifteen trainings of a cross-validation in one process kept fifteen times their pictures
    train = replace(loaded.train, pixels=loaded.train.pixels.copy())
    held = weakref.ref(train.pixels)
    trained = fit(
        replace(recipe, augment=Augment(flip=0.5), training=replace(recipe.training, epochs=2)),
        replace(loaded, train=train),
    )
    del train
    gc.collect()
    assert held() is None
    assert len(trained.history) == 2


def test_pictures_keep_their_targets_and_their_values() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 3, 3, 1), np.uint8)
    part = Part(pixels, np.arange(40))
    for batch, targets in Batches(Feed(part, batch=16, seed=1)).epoch(1):
        assert np.array_equal(batch.numpy(), pixels[targets.numpy()])
        assert batch.dtype == "float32"


TWO_DEVICES = """
import sys
import numpy as np
from hemline_train import backend
backend.start()
backend.choose("cpu:0,cpu:1")
from hemline_train import data, loop, recipe
recipe = recipe.load(sys.argv[1])
loaded = data.load(recipe, data=sys.argv[2])
trained = loop.fit(recipe, loaded.train.take(np.arange(296)), loaded.validation, 10)
np.savez(sys.argv[3], *[np.array(variable) for variable in trained.model.trainable_variables])
print(trained.replicas, "replicas")
"""


def test_two_devices_give_the_weights_of_one(recipe: Recipe, tiny: Path, data: Path, tmp_path: Path) -> None:
    # no dropout: each replica draws its own. 296 pictures: a last step of 8, and rounding grows after 20 steps
    plain = ["model.layers=['conv 4', 'pool 4', 'flatten', 'dense 12']", "training.optimiser=sgd", "training.epochs=1"]
    recipe = recipes.override(recipe, [*plain, "training.learning_rate=0.1"])
    tiny.write_text(recipes.dump(recipe))
    arrays = tmp_path / "two.npz"
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(tiny), str(data), str(arrays)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "2 replicas", done.stderr
    loaded = pictures.load(recipe, data=str(data))
    one = fit(recipe, replace(loaded, train=loaded.train.take(np.arange(296))))
    assert one.replicas == 1
    assert one.history[0].val_loss < 2.2  # far from ln 10, where both began
    with np.load(arrays) as two:
        for mine, theirs in zip(one.model.trainable_variables, two.values(), strict=True):
            np.testing.assert_allclose(np.array(mine), theirs, atol=1e-6)
