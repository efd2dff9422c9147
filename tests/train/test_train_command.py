from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline import cli, datasets, mirror
from hemline.bundle import class_lock
from hemline.drawn import LABELS
from hemline.golden import parse
from hemline_train import evaluate, models
from hemline_train import recipe as recipes
from hemline_train.checkpoint import Checkpoints
from hemline_train.progress import Progress
from hemline_train.run import Run

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_text: str, data: Path) -> Path:
    """The run of one short training."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.toml").write_text(tiny_text)
    run = folder / "run"
    assert cli.main(["train", str(folder / "tiny.toml"), "--data", str(data), "--out", str(run), "--quiet"]) == 0
    return run


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_run_holds_all_that_its_contract_names(finished: Path) -> None:
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    wanted = {"recipe.toml", "run.json", "history.csv", "metrics.json", "model.keras", "calibration.npz", "golden.npz"}
    wanted |= {f"plots/{name}.png" for name in ("curves", "confusion", "samples", "classes")}
    assert wanted <= names
    rest = {name for name in names - wanted if not name.startswith(("checkpoints/epoch-", "tensorboard/events."))}
    assert rest == {".lock"}


def test_run_json_says_what_was_trained_on_what(finished: Path) -> None:
    facts = json.loads((finished / "run.json").read_text())
    assert facts["schema"] == 1
    assert facts["status"] == "finished"
    assert facts["labels"] == list(LABELS)
    assert facts["class_lock"] == class_lock(LABELS)
    assert facts["preprocess"]["height"] == 28
    assert facts["data"]["name"] == "garments"
    assert facts["data"]["train_count"] + facts["data"]["validation_count"] == 400
    assert facts["data"]["path_hint"] is None  # it was given as an absolute path
    assert facts["epochs_done"] == 4
    assert facts["parameters"] == 4 * 9 + 4 + (6 * 6 * 4) * 12 + 12 + 12 * 10 + 10
    assert facts["replicas"] == 1
    assert {"hemline", "python", "tensorflow", "keras", "numpy"} <= set(facts["versions"])


def test_the_resolved_recipe_is_the_one_that_was_asked_for(finished: Path) -> None:
    assert recipes.load(finished / "recipe.toml") == recipes.load(finished.parent / "tiny.toml")


def test_calibration_pictures_are_training_pictures_even_over_the_classes(finished: Path, data: Path) -> None:
    training = datasets.read(data / "garments", "train")
    known = {training.picture(index).tobytes(): int(training.targets[index]) for index in range(len(training))}
    with np.load(finished / "calibration.npz", allow_pickle=False) as file:
        pictures, targets, name = file["pictures"], file["targets"], str(file["data_name"])
    assert name == "garments"
    assert pictures.dtype == np.uint8
    assert pictures.shape[1:] == (28, 28, 1)
    assert all(known[picture.tobytes()] == target for picture, target in zip(pictures, targets, strict=True))
    assert np.bincount(targets).min() >= 15


def test_golden_pictures_are_drawn_and_carry_the_references_answers(finished: Path, data: Path) -> None:
    golden = parse((finished / "golden.npz").read_bytes(), name="golden.npz")
    logits, embedding = evaluate.reference_outputs(finished, golden.pictures)
    np.testing.assert_allclose(logits, golden.logits, atol=1e-5)
    np.testing.assert_allclose(embedding, golden.embedding, atol=1e-5)
    test = datasets.read(data / "garments", "test")
    assert {test.picture(i).tobytes() for i in range(len(test))}.isdisjoint(p.tobytes() for p in golden.pictures)


def test_metrics_are_those_of_the_kept_weights(finished: Path, data: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text())
    report = evaluate.report(finished, datasets.read(data / "garments", "test"))
    (row,) = report["artifacts"]
    assert metrics["test"]["confusion"] == row["confusion"]
    assert metrics["test"]["accuracy"] == row["accuracy"]
    assert {"ece", "loss", "macro_f1", "per_class", "accuracy_ci95"} <= set(metrics["test"])
    best = min(history(finished), key=lambda line: float(line["val_loss"]))
    assert metrics["validation"]["loss"] == pytest.approx(float(best["val_loss"]), rel=1e-9)
    assert metrics["best_epoch"] == int(best["epoch"])


def test_where_the_recipe_asks_for_mirror_images_every_figure_is_of_the_mean(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    asked = ["train", str(tiny), "--data", str(data), "--out", str(tmp_path / "run"), "--quiet"]
    assert cli.main([*asked, "--set", "preprocess.mirror=horizontal", "--set", "training.epochs=1"]) == 0
    run = tmp_path / "run"
    golden = parse((run / "golden.npz").read_bytes(), name="golden.npz")
    model = evaluate.model_of(run)
    each = [models.outputs(model, image) for image in mirror.images(golden.pictures, "horizontal")]
    np.testing.assert_allclose(golden.logits, np.mean([logits for logits, _ in each], axis=0), atol=1e-5)
    np.testing.assert_allclose(golden.embedding, np.mean([one for _, one in each], axis=0), atol=1e-5)
    assert np.abs(each[0][0] - golden.logits).max() > 1e-3
    metrics = json.loads((run / "metrics.json").read_text())
    (row,) = evaluate.report(run, datasets.read(data / "garments", "test"))["artifacts"]
    assert metrics["test"]["confusion"] == row["confusion"]
    assert metrics["validation"]["loss"] == pytest.approx(float(history(run)[0]["val_loss"]), rel=1e-9)


def test_history_has_one_row_an_epoch(finished: Path) -> None:
    assert [row["epoch"] for row in history(finished)] == ["1", "2", "3", "4"]


def test_plots_are_pngs_of_a_readable_width(finished: Path) -> None:
    import cv2

    for path in (finished / "plots").iterdir():
        picture = cv2.imread(str(path))
        assert picture is not None, path.name
        assert picture.shape[1] == 1600


def test_a_finished_run_is_left_as_it_is(finished: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    arguments = ["train", str(finished.parent / "tiny.toml"), "--data", str(data), "--out", str(finished)]
    assert cli.main([*arguments, "--resume"]) == 0
    assert "was finished already" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_a_run_that_exists_is_not_written_over(finished: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", str(finished.parent / "tiny.toml"), "--data", str(data), "--out", str(finished)]
    assert cli.main(arguments) == 2
    assert "exists already; add --resume to go on with it, or choose another --out" in capsys.readouterr().err


def test_resuming_another_recipe_names_the_key(finished: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", str(finished.parent / "tiny.toml"), "--data", str(data), "--out", str(finished)]
    assert cli.main([*arguments, "--resume", "--set", "training.batch=8"]) == 2
    assert "its training.batch is 16, asked for 8" in capsys.readouterr().err


def test_there_is_nothing_to_resume_where_no_run_is(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(tiny), "--data", str(data), "--out", str(run), "--resume"]) == 2
    assert "no run to resume" in capsys.readouterr().err
    assert not run.exists()


def test_a_data_set_that_is_not_there_leaves_no_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(tiny), "--data", str(tmp_path / "nowhere"), "--out", str(run)]) == 4
    assert "nowhere: no such file or folder" in capsys.readouterr().err
    assert not run.exists()


def test_resuming_on_other_pictures_is_refused(
    finished: Path, tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    facts = json.loads((finished / "run.json").read_text())
    facts["data"]["sha256"] = "0" * 64
    (run / "run.json").write_text(json.dumps({**facts, "status": "running"}))
    (run / "recipe.toml").write_bytes((finished / "recipe.toml").read_bytes())
    assert cli.main(["train", str(tiny), "--data", str(data), "--out", str(run), "--resume"]) == 4
    assert "trained on other pictures" in capsys.readouterr().err


def test_two_processes_do_not_train_into_one_run(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text(tiny.read_text())
    with Run(run).opened(recipes.load(tiny)):
        assert cli.main(["train", str(tiny), "--data", str(data), "--out", str(run), "--resume"]) == 2
    assert "another process is training into it" in capsys.readouterr().err


def test_what_a_killed_process_left_half_written_is_removed(tiny: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    with run.opened(recipes.load(tiny)):
        pass
    left = run.checkpoints.path(1).with_name(".epoch-0001.npz.a1b2c3d4")
    left.parent.mkdir()
    left.write_bytes(b"half")
    with run.opened(recipes.load(tiny)):
        assert not left.exists()


def test_a_directory_that_is_no_run_is_left_alone(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(tiny), "--data", str(data), "--out", str(data), "--resume"]
    assert cli.main(arguments) == 2
    assert "it is not a run; choose another --out" in capsys.readouterr().err
    assert [path.name for path in data.iterdir()] == ["garments"]


def test_a_disk_that_is_full_after_training_is_one_line_and_resumes(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = tmp_path / "run"
    arguments = ["train", str(tiny), "--data", str(data), "--out", str(run)]
    monkeypatch.setattr(Run, "write_model", full)
    assert cli.main(arguments) == 4
    assert f"hemline: {run}: No space left on device; see to that" in capsys.readouterr().err
    assert not (run / "model.keras").exists()
    monkeypatch.undo()
    assert cli.main([*arguments, "--resume"]) == 0
    assert (run / "model.keras").exists()


def test_a_recipe_that_promises_other_parameters_is_stopped_before_it_trains(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.write_text(tiny.read_text() + "[expect]\nparameters = 1\ntest_accuracy = 0\nseconds_per_epoch = 1\n")
    assert cli.main(["train", str(tiny), "--data", str(data), "--out", str(tmp_path / "run")]) == 4
    assert "trainable parameters, its [expect] says 1" in capsys.readouterr().err


def test_a_score_below_the_promise_is_exit_1(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tiny.read_text().replace("epochs = 4", "epochs = 1")
    tiny.write_text(text + "[expect]\nparameters = 1910\ntest_accuracy = 1.0\nseconds_per_epoch = 1\n")
    assert cli.main(["train", str(tiny), "--data", str(data), "--out", str(tmp_path / "run")]) == 1
    printed = capsys.readouterr()
    assert "expected       at least 1.0000: MISSED" in printed.out
    assert "1,910 trainable parameters, 1 replica" in printed.err
    assert "epoch 1/1" in printed.err
    assert "\r" not in printed.err  # no bar where there is no terminal


def test_list_names_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in recipes.names())
    assert "225,034" in printed


def test_without_a_recipe_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train"]) == 2
    assert "fashion-cnn" in capsys.readouterr().err


def test_a_killed_training_resumes_to_the_bytes_of_one_in_one_go(
    finished: Path, tiny: Path, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "hemline", "train", str(tiny), "--data", str(data), "--out", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        for line in child.stderr:  # one line an epoch: the first is just over
            if line.startswith("epoch 1/4"):
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    at_kill = history(run)
    assert 1 <= len(at_kill) < 4
    assert json.loads((run / "run.json").read_text())["status"] == "running"
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert f"epoch {len(at_kill) + 1}/4" in done.stderr
    assert [row["epoch"] for row in history(run)] == ["1", "2", "3", "4"]
    assert history(run)[: len(at_kill)] == at_kill
    ends = [Checkpoints(folder / "checkpoints").latest() for folder in (finished, run)]
    for one, other in zip(*([*end.model, *end.optimiser, *end.best] for end in ends if end), strict=True):
        assert one.tobytes() == other.tobytes()


def test_an_interrupted_training_says_how_to_go_on(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "a run"
    monkeypatch.setattr(Progress, "_epoch", interrupt)
    arguments = ["train", str(tiny), "--data", str(data), "--out", str(run), "--set", "seed=9"]
    assert cli.main(arguments) == 130
    printed = capsys.readouterr().err
    assert f"go on with: hemline train {tiny} --out '{run}' --resume --data {data} --set seed=9" in printed
    monkeypatch.undo()
    assert cli.main([*arguments, "--resume"]) == 0
    assert [row["epoch"] for row in history(run)] == ["1", "2", "3", "4"]
