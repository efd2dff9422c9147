"""hemline sweep on a real Spark cluster: a master and two workers, one of which loses its power."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from hemline.cli import main

pytestmark = pytest.mark.tensorflow


@pytest.mark.slow
def test_every_job_of_a_sweep_finishes_once_though_a_worker_is_killed(
    sweep_file: Path, data: Path, tmp_path: Path, spark_cluster: Callable[..., AbstractContextManager[Any]]
) -> None:
    out = tmp_path / "out"
    # a dozen jobs of a second: enough for the second worker to have one when it is killed
    assignment = ["--set", "training.epochs=3"]
    sweep_file.write_text(sweep_file.read_text().replace("folds = 2", "folds = 6"))
    arguments = ["sweep", str(sweep_file), "--data", str(data), "--out", str(out), *assignment]
    with spark_cluster(2) as cluster:
        command = [sys.executable, "-m", "hemline", *arguments, "--spark", cluster.master]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            shown = []
            for line in process.stderr:
                shown.append(line)
                places = {row["where"] for row in finished(out)}
                if len(places) == 2 and len(cluster.lost) == 0:  # both have given an answer and are at the next job
                    cluster.kill_worker(1)
            assert process.wait() == 0, "".join(shown)
    assert cluster.lost == [1], "the sweep was over before a worker was killed"
    # an executor that takes long to start joins a sweep that is under way
    assert re.search(r"^Spark [\d.]+: (1 executor|2 executors), 2 tasks at a time$", "".join(shown), re.MULTILINE)
    assert sum(bool(re.match(r"\[ ?\d+/12\]", line)) for line in shown) == 12

    table = json.loads((out / "results.json").read_text())
    assert (table["finished"], table["failed"], table["jobs"]) == (12, 0, 12)
    with (out / "results.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 2
    assert set(Counter((row["configuration"], row["fold"]) for row in finished(out)).values()) == {1}
    assert len(finished(out)) == len(list((out / "weights").glob("*.npz"))) == 12

    # what a cluster computes is what processes of this machine compute, with one thread each as there
    local = tmp_path / "local"
    arguments[arguments.index(str(out))] = str(local)
    assert main([*arguments, "--quiet", "--workers", str(os.cpu_count())]) == 0
    assert scores(local) == scores(out)


def finished(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (out / "jobs").glob("*.json")]


def scores(out: Path) -> dict[tuple[str, int], tuple[float, str]]:
    return {(row["configuration"], row["fold"]): (row["accuracy"], row["correct"]) for row in finished(out)}


def test_a_master_that_is_not_there_is_said_at_once(
    sweep_file: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sweep", str(sweep_file), "--data", str(data), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--spark", "spark://127.0.0.1:1"]) == 3
    assert "no Spark master at spark://127.0.0.1:1 (127.0.0.1:1: Connection refused)" in capfd.readouterr().err
