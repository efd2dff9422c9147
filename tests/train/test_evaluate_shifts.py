"""hemline evaluate --shifts of a run: its Keras model, asked under every shift."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline import cli

pytestmark = pytest.mark.tensorflow


def test_a_run_is_less_right_under_shift_than_on_clean_pictures(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(tiny), "--data", str(data), "--out", str(run), "--quiet"]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(run), "--data", str(data / "garments"), "--shifts", "--json"]) == 0
    captured = capsys.readouterr()
    (row,) = json.loads(captured.out)["artifacts"]
    assert row["artifact"] == "keras:float32"
    found = row["shifts"]
    assert found["clean"] == row["accuracy"]
    assert found["mean"] < found["clean"]
    assert {len(values) for values in found["kinds"].values()} == {5}
    assert found["kinds"]["inverted_polarity"][4] < 0.5 < found["kinds"]["jpeg"][0]
    assert "shifts: 65" in captured.err
