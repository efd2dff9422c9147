"""hemline classify --spark: a row for every picture, on a real cluster whose executors have no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hemline.bundle import Bundle
from hemline.calibration import Calibration, RiskCurve
from hemline.classifier import Classifier
from hemline.cli import main
from hemline.cluster import bulk
from hemline.drawn import draw
from hemline.errors import UsageError
from hemline.sources import Item

Cluster = Callable[..., AbstractContextManager[Any]]

POISON = "raise SystemExit('imported on an executor: ' + __name__)\n"


@pytest.fixture
def without_tensorflow(tmp_path: Path) -> dict[str, str]:
    """An environment in which importing a training library ends the process."""
    folder = tmp_path / "poison"
    folder.mkdir()
    for name in ("tensorflow", "keras", "hemline_train", "hemline_convert", "onnx"):
        (folder / f"{name}.py").write_text(POISON)
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Drawn garments in files, some below others, one with a name full of signs, three that are no pictures."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for index in range(24):
        cv2.imwrite(str(folder / ("more" if index % 3 else "") / f"{index:02}.png"), draw(index % 10, seed=index))
    (folder / "new [1] 50%, a?*{b}.PNG").write_bytes((folder / "00.png").read_bytes())
    (folder / "cut.png").write_bytes((folder / "00.png").read_bytes()[:60])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.webp").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not among them")
    return folder


def hemline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own: it ends with the JVM's."""
    return subprocess.run([sys.executable, "-m", "hemline", *arguments], capture_output=True, text=True, check=False)


def rows(table: Path) -> dict[str, dict[str, Any]]:
    import pyarrow.parquet as parquet

    found = parquet.read_table(table).to_pylist()
    by_source = {row["source"]: row for row in found}
    assert len(by_source) == len(found), "a picture has two rows"
    return by_source


@pytest.mark.slow
def test_every_picture_has_one_row_with_what_the_classifier_says(
    pictures: Path,
    tmp_path: Path,
    without_tensorflow: dict[str, str],
    spark_cluster: Cluster,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "answers.parquet"
    with spark_cluster(1, environment=without_tensorflow) as cluster:
        command = ["classify", "--spark", cluster.master, "--output", str(out), "--part", "10"]
        done = hemline(*command, "--input", str(pictures), "--json")
        assert done.returncode == 4, done.stderr  # three of them are bad
        said = json.loads(done.stdout)
        assert (said["pictures"], said["before"], said["bad"]) == (28, 0, 3)

        found = rows(out)
        assert set(found) == {
            str(path) for path in pictures.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".webp")
        }
        with Classifier.open() as classifier:
            for source, row in found.items():
                expected = classifier.classify_file(source)
                assert (row["label"], row["quality"], row["artifact"], row["bundle"]) == (
                    expected.label,
                    expected.quality,
                    expected.artifact,
                    expected.bundle,
                )
                if expected.quality == "bad":
                    assert row["reason"] == expected.reason
                    assert row["embedding"] is None
                else:
                    assert row["confidence"] == pytest.approx(expected.confidence, abs=1e-6)
                    assert [(top["label"], pytest.approx(top["probability"], abs=1e-6)) for top in row["top"]] == list(
                        expected.top
                    )
                    np.testing.assert_allclose(row["embedding"], classifier.engine.embedding()[0], atol=1e-6)
        assert "empty.jpg: empty (0 bytes)" in found[str(pictures / "empty.jpg")]["reason"]

        # stopped after the first part: the rest is done, and nothing twice
        parts = sorted(out.glob("part-*.parquet"), key=lambda path: path.stat().st_mtime_ns)
        for path in parts[len(parts) // 2 :]:
            path.unlink()
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
        left = len(rows(out))
        assert 0 < left < 28
        said = json.loads(hemline(*command, "--input", str(pictures), "--json").stdout)
        assert (said["pictures"], said["before"], said["bad"]) == (28, left, 3)
        assert rows(out) == found

        assert main([*command, "--input", str(tmp_path)]) == 2
        assert "holds answers with input" in capfd.readouterr().err


@pytest.mark.slow
def test_a_table_of_encoded_pictures_is_answered_row_by_row(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyspark")
    encoded = [cv2.imencode(".png", draw(index, seed=3))[1].tobytes() for index in range(10)]
    table = tmp_path / "pictures.parquet"
    parquet.write_table(arrow.table({"id": list(range(12)), "image": [*encoded, None, b"none"]}), table)
    out = tmp_path / "answers.parquet"
    command = ["classify", "--spark", "local[1]", "--input", str(table), "--output", str(out)]
    done = hemline(*command)
    assert done.returncode == 4, done.stderr
    assert "12 rows, 2 of them bad" in done.stdout
    found = rows(out)
    assert set(found) == {str(index) for index in range(12)}
    assert found["10"]["reason"] == "10: no bytes in this row"
    with Classifier.open() as classifier:
        for index, content in enumerate(encoded):
            assert found[str(index)]["label"] == classifier.classify_item(Item(str(index), content)).label


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "x"], "--input goes with --spark MASTER_URL"),
        (["--spark", "local[1]", "--input", "x"], "--spark needs --input PATH and --output PATH.parquet"),
        (["--spark", "local[1]", "x.png"], "--spark takes its pictures from --input"),
        (["--spark", "local[1]", "--input", "x", "--output", "y"], "let its name end in .parquet"),
        (["--spark", "local[1]", "--input", "x", "--output", "s3a://b/y.parquet"], "on a disk that every machine sees"),
        (["--spark", "local[1]", "--input", "x", "--output", "y.parquet", "--top", "0"], "1 or more"),
        (
            ["--spark", "local[1]", "--input", "x", "--output", "y.parquet", "--max-risk", "7"],
            "max-risk 7; a share of wrong answers above 0 and below 1",
        ),
        (["--spark", "nowhere", "--input", "x", "--output", "y.parquet"], "a master is a URL such as"),
        (["--spark", "spark://x", "--input", "x", "--output", "y.parquet"], "a standalone master is spark://HOST:PORT"),
    ],
)
def test_wrong_options_are_answered_before_anything_starts(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", *arguments]) == 2
    assert said in capfd.readouterr().err


def test_a_risk_is_refused_before_spark_starts_and_is_part_of_what_an_output_holds(
    fake_bundle: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "session", None)
    plain, out = fake_bundle(), tmp_path / "answers.parquet"
    curve = RiskCurve((0.9, 0.3), (100, 300), (0, 30), (0.04, 0.15))
    known = Calibration("closet/validation", 300, 15, 0.05, 0.02, curve)
    artifacts = tuple(dataclasses.replace(artifact, calibration=known) for artifact in plain.artifacts)
    bundle = dataclasses.replace(plain, artifacts=artifacts)
    asked = bulk.Answering("fake:int8", max_risk=0.04)
    with pytest.raises(UsageError, match="closet fake:int8 has no risk curve"):
        bulk.classify("local[1]", "x", out, plain, asked)
    out.mkdir()
    (out / bulk.NOTE).write_text(json.dumps(bulk._note(bundle, bulk.Answering("fake:int8"), "x")))
    with pytest.raises(UsageError, match=r"holds answers with max_risk None, asked for 0\.04"):
        bulk.classify("local[1]", "x", out, bundle, asked)


def test_an_output_that_is_not_an_output_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.parquet"
    out.write_bytes(b"something of somebody's")
    assert main(["classify", "--spark", "local[1]", "--input", "x", "--output", str(out)]) == 2
    assert "exists and is not an output of this command" in capfd.readouterr().err
    assert out.read_bytes() == b"something of somebody's"
