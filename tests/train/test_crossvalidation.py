"""hemline evaluate RUN --group-by: no picture is answered by a network that knows its part, and the leak is shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline import cli, mirror
from hemline.errors import RunError
from hemline_train import data, loop, models
from hemline_train import recipe as recipes
from hemline_train.crossvalidation import fold as folds
from hemline_train.crossvalidation import run as crossvalidation
from hemline_train.crossvalidation.fold import DISTANCES, Outcome
from hemline_train.crossvalidation.plan import Fold, Pieces, plan
from hemline_train.data import Part
from hemline_train.flaws import FlawsConfig

LABELS = ("crack", "free", "hole")
PARTS = {"free": 12, "hole": 5, "crack": 4}  # each photographed three times
RECIPE = """
name = "plates"
seed = 1

[data]
name = "plates"
validation = 0.25
good = "free"

[preprocess]
height = 16
width = 16

[model]
layers = ["conv 8 kernel=5 padding=same norm=batch sum=zero", "maximum"]

[training]
learning_rate = 0.03
batch = 16
epochs = 16
patience = 0
keep = "last"
"""


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of gray plates, good, with a hole or with a crack, each under three exposures; its groups.csv."""
    root = tmp_path_factory.mktemp("data") / "plates"
    random = np.random.default_rng(0)
    rows = ["path,group,lot"]
    for label, count in PARTS.items():
        (root / label).mkdir(parents=True)
        for part in range(count):
            plate = random.normal(120, 6, (16, 16))
            if label == "hole":
                y, x = random.integers(2, 11, 2)
                plate[y : y + 4, x : x + 4] = 30
            if label == "crack":
                plate[:, random.integers(3, 13)] = 30
            for light in range(3):
                name = f"{label}/{part}-{light}.png"
                cv2.imwrite(str(root / name), np.clip(plate * (0.8 + 0.2 * light), 0, 255).astype(np.uint8))
                rows.append(f"{name},{label}{part},lot{part % 2}")
    (root / "groups.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def run(plates: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on these plates."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "plates.toml").write_text(RECIPE)
    out = folder / "plates"
    asked = ["train", str(folder / "plates.toml"), "--data", str(plates), "--out", str(out), "--quiet"]
    assert cli.main(asked) == 0
    return out


@pytest.fixture
def pieces() -> Pieces:
    """Thirty parts of three pictures: eighteen good, six of each defect."""
    targets = np.repeat([0] * 6 + [1] * 18 + [2] * 6, 3)
    return Pieces(targets, tuple(f"part{number // 3}" for number in range(90)), LABELS, 1)


def parts_of(pieces: Pieces, some: np.ndarray) -> set[str]:
    return {pieces.groups[index] for index in np.flatnonzero(some)}


def test_by_group_no_part_is_on_both_sides_and_at_random_parts_are(pieces: Pieces) -> None:
    found = plan(pieces, 3)
    for fold in found:
        assert not (fold.trained & fold.tested).any()
        shared = parts_of(pieces, fold.trained) & parts_of(pieces, fold.tested)
        assert bool(shared) == (fold.kind == "random")
    for kind in ("grouped", "random"):
        tested = [fold.tested for fold in found if fold.kind == kind]
        assert (np.sum(tested, axis=0) == 1).all()  # every picture once
    assert {fold.kind for fold in plan(pieces, 3, random=False, unseen=False)} == {"grouped"}
    assert not any(fold.kind == "unseen" for fold in plan(replace(pieces, good=None), 3))


def test_a_defect_that_is_left_out_is_in_no_picture_that_is_trained_on(pieces: Pieces) -> None:
    unseen = [fold for fold in plan(pieces, 3) if fold.kind == "unseen"]
    assert [fold.name for fold in unseen] == ["without-0", "without-2"]
    for fold, defect in zip(unseen, (0, 2), strict=True):
        assert not (pieces.targets[fold.trained] == defect).any()
        assert (pieces.targets[fold.tested] == defect).sum() == 18
        assert set(pieces.targets[fold.tested].tolist()) == {1, defect}
        assert 2 - defect in pieces.targets[fold.trained]  # the other one is known
        flaws = FlawsConfig(share=0.5, hole="hole", crack="crack")
        known = folds._known(flaws, fold, pieces)
        assert known is not None
        assert list(known.labels.values()) == [LABELS[2 - defect]]  # nor is it drawn
        assert folds._known(FlawsConfig(share=0.5, hole=LABELS[defect]), fold, pieces) is None


def test_what_stops_a_fold_shares_no_part_with_what_it_learns_from(pieces: Pieces) -> None:
    # the colour of a picture is the number of its part
    pixels = np.repeat(np.arange(30, dtype=np.uint8), 3).reshape(90, 1, 1, 1)
    part = Part(pixels, pieces.targets)
    grouped, at_random = plan(pieces, 3)[0], plan(pieces, 3)[3]
    recipe = recipes.load("fashion-cnn")
    assert recipe.training.keep == "best"
    train, held = folds._divided(grouped, recipe, part, pieces)
    assert set(train.pixels.ravel()).isdisjoint(held.pixels.ravel())
    assert len(train) + len(held) == 60
    train, held = folds._divided(at_random, recipe, part, pieces)
    assert not set(train.pixels.ravel()).isdisjoint(held.pixels.ravel())
    last = recipes.override(recipe, ["training.keep=last", "training.patience=0"])
    train, held = folds._divided(grouped, last, part, pieces)
    assert len(train) == 60  # nothing is chosen, so nothing is held out
    assert len(held) == 60


def test_figures_by_group_and_at_random_stand_side_by_side(
    run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    asked = ["evaluate", str(run), "--data", str(plates), "--group-by", "group", "--folds", "2"]
    assert cli.main([*asked, "--json", str(figures), "--html", str(page)]) == 0
    captured = capsys.readouterr()
    assert "6 trainings\n" in captured.err
    assert "6/6 without-2:" in captured.err
    report = json.loads(figures.read_text())
    grouped, at_random = report["artifacts"]
    assert (grouped["artifact"], at_random["artifact"]) == ("keras:float32 by group", "keras:float32 at random")
    assert report["crossvalidation"]["parts"] == grouped["parts"] == 21
    assert report["n"] == grouped["n"] == 63
    for row in (grouped, at_random):
        assert row["auroc_ci95"][0] <= row["auroc"] <= row["auroc_ci95"][1]
        assert row["macro_f1_ci95"][0] <= row["macro_f1"] <= row["macro_f1_ci95"][1]
        assert list(row["escape_at_false_reject"]) == ["0.005", "0.01", "0.02", "0.05"]
    assert grouped["auroc"] > 0.6  # a hole of sixteen pixels is found
    assert [(row["label"], row["pictures"], row["parts"]) for row in grouped["per_defect"]] == [
        ("crack", 12, 4),
        ("hole", 15, 5),
    ]
    assert [row["label"] for row in report["unseen"]] == ["crack", "hole"]
    assert set(report["unseen"][0]["auroc"]) == {*DISTANCES, "score"}
    assert "no part on both sides" in captured.out
    assert "a random split claims" in captured.out
    assert "never trained on" in captured.out
    text = page.read_text()
    assert "what would have been claimed" in text
    assert "keras:float32 at random" in text

    # all of it is kept: the second call trains nothing, and a lost answer is all that the third one trains
    assert cli.main([*asked, "--json", str(tmp_path / "again.json")]) == 0
    assert "6 trainings, all done before" in capsys.readouterr().err
    assert json.loads((tmp_path / "again.json").read_text()) == report
    (folder,) = (run / "crossvalidation").iterdir()
    (folder / "grouped-1.npz").unlink()
    assert cli.main([*asked, "--no-leak", "--no-unseen", "--json", str(tmp_path / "less.json")]) == 0
    captured = capsys.readouterr()
    assert "2 trainings, 1 done before" in captured.err
    less = json.loads((tmp_path / "less.json").read_text())
    assert len(less["artifacts"]) == 1
    assert less["unseen"] == []
    assert less["artifacts"][0]["confusion"] == grouped["confusion"]  # trained again, the same
    for name in ("grouped-0", "grouped-1"):
        (folder / f"{name}.npz").unlink()
    side_by_side = [*asked, "--no-leak", "--no-unseen", "--workers", "2", "--json", str(tmp_path / "two.json")]
    assert cli.main(side_by_side) == 0
    assert "2 trainings\n" in capsys.readouterr().err
    two = json.loads((tmp_path / "two.json").read_text())
    assert two["n"] == 63
    assert two["artifacts"][0]["auroc"] > 0.6


def test_another_recipe_or_other_folds_are_kept_apart(
    run: Path, plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(run, tmp_path / "run")  # the answers made up here are no other test's
    asked: list[str] = []

    def execute(fold: Fold, *rest: object) -> Outcome:
        asked.append(fold.name)
        return Outcome(fold.tested, np.zeros((int(fold.tested.sum()), 3), np.float32), 0.0, 1)

    monkeypatch.setattr(crossvalidation, "execute", execute)
    ask = crossvalidation.Ask(folds=3, random=False, unseen=False)
    crossvalidation.cross_validate(run, str(plates), ask)
    crossvalidation.cross_validate(run, str(plates), ask)
    assert asked == ["grouped-0", "grouped-1", "grouped-2"]
    answered = crossvalidation.cross_validate(run, str(plates), replace(ask, group_by="lot", folds=2))
    assert len(asked) == 5
    assert set(answered.pieces.groups) == {"lot0", "lot1"}
    recipe = run / "recipe.toml"
    text = recipe.read_text()
    try:
        recipe.write_text(text.replace("batch = 16", "batch = 8"))
        crossvalidation.cross_validate(run, str(plates), ask)
    finally:
        recipe.write_text(text)
    assert len(asked) == 8


def test_answers_that_are_none_are_named(tmp_path: Path) -> None:
    outcome = Outcome(np.array([True, False]), np.ones((1, 3), np.float32), 1.5, 4, {"cosine": np.array([0.5])})
    outcome.save(tmp_path / "grouped-0.npz")
    again = Outcome.load(tmp_path / "grouped-0.npz")
    assert (again.seconds, again.epochs, list(again.distances)) == (1.5, 4, ["cosine"])
    np.testing.assert_array_equal(again.logits, outcome.logits)
    (tmp_path / "grouped-1.npz").write_bytes(b"PK nothing")
    with pytest.raises(RunError, match=r"grouped-1\.npz: .*; delete it to have this training done again"):
        Outcome.load(tmp_path / "grouped-1.npz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "5"], "--folds without --group-by: a random split puts pictures of one part on both sides"),
        (["--no-leak"], "--no-leak without --group-by"),
        (["--group-by", "group", "--workers", "0"], "--workers 0; give 1 or more"),
        (["--group-by", "group", "--folds", "1"], "--folds 1; cross-validation needs 2 or more"),
        (["--group-by", "group", "--shifts"], "--shifts does not go with --group-by"),
        (["--group-by", "group", "--limit", "5"], "--limit does not go with --group-by"),
        (["--group-by", "serial"], "columns path, group, lot; expected path,serial"),
        (["--group-by", "group", "--folds", "5"], "class 'crack' has too few groups for 5 folds: 4 would have some"),
    ],
)
def test_what_does_not_go_together_is_refused(
    run: Path, plates: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(run), "--data", str(plates), *options]) in (2, 4)
    assert message in capsys.readouterr().err


def test_pictures_without_groups_are_refused_and_so_is_a_bundle(
    run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plates").symlink_to(plates)
    bare = tmp_path / "bare"
    bare.mkdir()
    for label in LABELS:
        (bare / label).symlink_to(plates / label)
    assert cli.main(["evaluate", str(run), "--data", str(bare), "--group-by", "group"]) == 4
    assert "no groups.csv, which would say what pictures belong together" in capsys.readouterr().err
    assert cli.main(["evaluate", "fashion-nano", "--data", str(plates), "--group-by", "group"]) == 2
    assert "--group-by trains the recipe of a run again, and fashion-nano is none" in capsys.readouterr().err


def test_the_run_says_which_class_is_good_and_a_recipe_cannot_make_one_up(
    run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads((run / "run.json").read_text())["data"]["good"] == "free"
    (tmp_path / "other.toml").write_text(RECIPE.replace('"free"', '"fine"'))
    asked = ["train", str(tmp_path / "other.toml"), "--data", str(plates), "--out", str(tmp_path / "run")]
    assert cli.main(asked) == 2
    assert "plates: data.good: no label 'fine'; nearest: free" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_folds_are_asked_about_mirror_images_where_the_recipe_says_so(
    run: Path, plates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipes.load(run / "recipe.toml")
    both = recipes.override(recipe, ["preprocess.mirror=both", "training.epochs=2"])
    whole = data.whole(both, data=str(plates), group_by="group")
    assert whole.groups is not None
    pieces = Pieces(whole.part.targets, whole.groups, whole.labels, 1)
    (fold, *_) = plan(pieces, 2, random=False, unseen=False)
    networks = []
    fit = loop.fit
    monkeypatch.setattr(loop, "fit", lambda *given, **named: networks.append(fit(*given, **named)) or networks[-1])
    outcome = folds.execute(fold, both, whole.part, pieces, None)
    tested = whole.part.pixels[fold.tested]
    each = [models.outputs(networks[0].model, image)[0] for image in mirror.images(tested, "both")]
    assert np.allclose(outcome.logits, np.mean(each, axis=0), atol=1e-5)
    assert not np.allclose(outcome.logits, each[0], atol=1e-3)
