"""hemline evaluate --shifts from the command line: JSON, table and page of a bundle on labelled pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hemline import cli
from hemline.bundle import Bundle
from hemline.report.evaluation_page import evaluation_page
from hemline.shifts import SHIFTS

MakeBundle = Callable[..., Bundle]


def test_each_artifact_has_its_figures_under_shift(
    fake_bundle: MakeBundle, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "report.json"
    options = ["--data", str(labelled), "--shifts", "--json", str(target), "--html", str(tmp_path / "page.html")]
    assert cli.main(["evaluate", str(fake_bundle().directory), *options]) == 0
    report = json.loads(target.read_text())
    assert [row["artifact"] for row in report["artifacts"]] == ["fake:float32", "fake:int8"]
    for row in report["artifacts"]:
        found = row["shifts"]
        assert list(found) == ["suite", "clean", "mean", "kinds"]
        assert (found["suite"], found["clean"]) == (1, row["accuracy"])
        assert list(found["kinds"]) == list(SHIFTS)
        every = [value for values in found["kinds"].values() for value in values]
        assert len(every) == 65
        assert found["mean"] == pytest.approx(sum(every) / 65)
        assert all(value * 12 == pytest.approx(round(value * 12)) for value in every)
    captured = capsys.readouterr()
    for row in report["artifacts"]:
        title = f"{row['artifact']}: clean {row['accuracy']:.4f}, mean over 13 shifts at 5 strengths "
        assert f"{title}{row['shifts']['mean']:.4f} (suite 1)" in captured.out
        values = row["shifts"]["kinds"]["salt_noise"]
        printed = next(line for line in captured.out.partition(title)[2].splitlines() if line.startswith("salt noise"))
        assert printed.split()[2:] == [f"{value:.4f}" for value in (*values, sum(values) / 5)]
    assert "shifts: 65" in captured.err


def test_without_the_option_nothing_is_shifted(
    fake_bundle: MakeBundle, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(fake_bundle().directory), "--data", str(labelled), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all("shifts" not in row for row in report["artifacts"])
    assert "Under shift" not in evaluation_page(report)


def test_the_page_shades_what_is_lost_and_folds_the_other_artifacts(
    fake_bundle: MakeBundle, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(fake_bundle().directory), "--data", str(labelled), "--shifts", "--json"]
    assert cli.main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    for row in report["artifacts"]:
        row["shifts"] |= {"clean": 0.9, "kinds": {"salt_noise": [0.89, 0.87, 0.79, 0.6, 0.4], "blur": [0.95] * 5}}
    page = evaluation_page(report)
    section = page.partition("Under shift")[2].partition("</section>")[0]
    assert "<summary>1 more artifact</summary>" in section
    cells = ["<td>0.890</td>", *(f'<td class="heat{level}">' for level in (1, 2, 3, 4))]
    shown = section.partition("salt noise")[2].partition("</tr>")[0]
    assert [shown.count(cell) for cell in cells] == [1] * 5
    assert 'class="sum">0.710<' in shown
    assert section.partition("blur")[2].partition("</tr>")[0].count("<td>0.950</td>") == 5


def test_limit_takes_pictures_evenly_and_refuses_less_than_none(
    fake_bundle: MakeBundle, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(fake_bundle().directory), "--data", str(labelled)]
    assert cli.main([*arguments, "--limit", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["n"] == 3
    assert [entry["support"] for entry in report["artifacts"][0]["per_class"]] == [1, 1, 1]
    assert cli.main([*arguments, "--limit", "-1"]) == 2
    assert "--limit -1: give 1 or more pictures, or 0 for all" in capsys.readouterr().err
