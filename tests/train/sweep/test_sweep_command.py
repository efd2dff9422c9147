"""hemline sweep with real workers: what it leaves, what it takes up again, what it survives."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline.cli import main
from hemline_train import recipe as recipes
from hemline_train.sweep import config
from hemline_train.sweep.jobs import Job, Material, execute

pytestmark = pytest.mark.tensorflow


def files(out: Path) -> dict[str, float]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "jobs").glob("*.json")}


@pytest.mark.slow
def test_a_sweep_leaves_its_results_and_does_only_what_is_missing(
    sweep_file: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["sweep", str(sweep_file), "--data", str(data), "--out", str(out), "--workers", "2"]
    assert main(arguments) == 0
    shown = capfd.readouterr()
    assert "[4/4]" in shown.err
    assert "~" in shown.out or "best" in shown.out

    table = json.loads((out / "results.json").read_text())
    assert table["finished"] == table["jobs"] == 4
    assert len({fold["where"] for row in table["configurations"] for fold in row["folds"]}) == 2  # two processes
    assert sum(row["count"] for row in table["configurations"]) == 2 * 400  # every picture tested once by each
    with (out / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["accuracy"]) for row in rows] == [row["accuracy"] for row in table["configurations"]]
    assert recipes.load(out / "best.toml").training.epochs == 2
    assert len(list((out / "weights").glob("*.npz"))) == 4

    (out / "jobs" / f"{table['best']}-1.json").unlink()
    before = files(out)
    assert main(arguments) == 0
    assert "4 jobs, 3 done before" in capfd.readouterr().err
    assert {name: files(out)[name] for name in before} == before
    again = json.loads((out / "results.json").read_text())
    assert [row["accuracy"] for row in again["configurations"]] == [row["accuracy"] for row in table["configurations"]]


def test_a_job_depends_on_nothing_that_ran_before_it(sweep_file: Path, drawn_material: Material) -> None:
    [chosen, other] = config.configurations(config.load(sweep_file))
    job = Job(chosen.key, 1, recipes.dump(chosen.recipe), "drawn", keep_weights=False)
    first = execute(job, drawn_material)
    execute(Job(other.key, 0, recipes.dump(other.recipe), "drawn", keep_weights=False), drawn_material)
    again = execute(job, drawn_material)

    assert first.accuracy is not None
    assert [row["loss"] for row in again.history] == [row["loss"] for row in first.history]
    assert again.correct == first.correct


def test_the_fold_that_is_scored_stops_nothing(sweep_file: Path, drawn_material: Material) -> None:
    [chosen, _] = config.configurations(config.load(sweep_file))
    job = Job(chosen.key, 1, recipes.dump(chosen.recipe), "drawn", keep_weights=False)
    tested = drawn_material.folds == 1
    spoiled = drawn_material.pixels.copy()
    spoiled[tested] = 0
    blind = Material(spoiled, drawn_material.targets, drawn_material.folds, drawn_material.labels)

    seen, unseen = execute(job, drawn_material), execute(job, blind)
    assert [row["val_loss"] for row in seen.history] == [row["val_loss"] for row in unseen.history]
    assert seen.correct != unseen.correct


def test_a_loss_that_is_not_finite_is_an_outcome_with_a_reason(sweep_file: Path, drawn_material: Material) -> None:
    [chosen, _] = config.configurations(config.load(sweep_file, ["training.optimiser=sgd"]))
    # linear layers without a bound on what they put out
    layers = ["flatten", *["dense 64 activation=none"] * 4]
    values = {"training.momentum": 0.99, "training.learning_rate": 10.0, "model.layers": layers}
    wild = recipes.with_values(chosen.recipe, values, "test")
    outcome = execute(Job("wild", 0, recipes.dump(wild), "drawn"), drawn_material)

    assert outcome.accuracy is None
    assert "loss is" in (outcome.reason or "")


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_a_killed_driver_leaves_no_worker(
    sweep_file: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [sys.executable, "-m", "hemline", "sweep", str(sweep_file), "--data", str(data), "--out", str(out)]
    arguments += ["--set", "training.epochs=400"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "4 jobs" in process.stderr.readline()
        os.kill(_worker(process.pid), signal.SIGKILL)
        assert "its worker died (signal SIGKILL); given out again" in process.stderr.readline()
        worker = _worker(process.pid)
        process.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def _worker(driver: int) -> int:
    """Return the process that trains; spawn starts another one, its resource tracker, before it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{driver}/task/{driver}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.05)
    raise AssertionError("no worker was started")


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        ([], "which sweep? there are fashion-cnn-grid, mlp-grid", 2),
        (["mlp-gird"], "mlp-grid", 2),
        (["mlp-grid", "--workers", "0"], "--workers 0; give 1 or more", 2),
        (["mlp-grid", "--threads", "0"], "--threads 0; give 1 or more", 2),
        (["mlp-grid", "--spark", "local[2]", "--threads", "2"], "a job on Spark has one thread", 2),
        (["mlp-grid", "--set", "training.epoch=1"], "training.epochs", 2),
    ],
)
def test_wrong_arguments_are_told(
    arguments: list[str], message: str, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *arguments]) == status
    assert message in capfd.readouterr().err


def test_a_fold_without_a_class_is_refused_by_the_class_name(
    sweep_file: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sweep", str(sweep_file), "--data", str(data), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--set", "data.limit=15"]) == 4
    said = capfd.readouterr().err
    assert "garments: class '" in said
    assert "too few pictures for 2 folds: " in said


def test_pictures_that_cannot_be_read_are_named_or_left_out(
    sweep_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "photos"
    for label, readable in (("a", 3), ("b", 1)):
        (root / label).mkdir(parents=True)
        for index in range(3):
            content = cv2.imencode(".png", np.full((28, 28), 50 * index, np.uint8))[1].tobytes()
            (root / label / f"{index}.png").write_bytes(content if index < readable else b"no picture")
    arguments = ["sweep", str(sweep_file), "--data", str(root), "--out", str(tmp_path / "out")]
    assert main(arguments) == 4
    assert "2 of 6 pictures cannot be read:" in capfd.readouterr().err
    # without them one class is too small for the folds
    assert main([*arguments, "--skip-bad"]) == 4
    assert "class 'b' has too few pictures for 2 folds: 1" in capfd.readouterr().err


@pytest.fixture
def drawn_material() -> Material:
    from hemline.datasets import split
    from hemline.drawn import LABELS, drawn

    pictures, targets = drawn(20, seed=5)
    pixels = pictures.reshape(len(targets), 28, 28, 1).astype(np.uint8)
    return Material(pixels, targets.astype(np.int64), split.folds(targets, 2), tuple(LABELS))
