"""hemline parity from the command line: what it writes, where, and with which exit status."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hemline import cli, golden, parity
from hemline.bundle import Bundle, File

MakeBundle = Callable[..., Bundle]


@pytest.fixture
def differing(fake_bundle: MakeBundle, tmp_path: Path) -> Path:
    """Return a bundle whose int8 artifact answers otherwise than its float one."""
    bundle = fake_bundle()
    rule = json.dumps({"weights_seed": 6}).encode()
    inputs = golden.load(bundle)
    assert inputs is not None
    stretched = replace(inputs, logits=200 * inputs.logits).to_bytes()  # probabilities that differ enough to see
    artifacts = (bundle.artifacts[0], replace(bundle.artifacts[1], files=(File.of("fake-int8.json", rule),)))
    other = replace(bundle, artifacts=artifacts, golden=File.of("golden.npz", stretched))
    contents = {"fake.json": bundle.read(bundle.artifacts[0].files[0]), "fake-int8.json": rule, "golden.npz": stretched}
    other.write(tmp_path / "other", contents)
    return tmp_path / "other"


def run(*arguments: object) -> int:
    return cli.main(["parity", *map(str, arguments)])


def test_all_three_files_tell_of_the_same_gates(
    differing: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {kind: tmp_path / "new" / f"report.{kind}" for kind in ("json", "junit", "html")}
    status = run(differing, "--data", labelled, *(part for kind, path in files.items() for part in (f"--{kind}", path)))
    report = json.loads(files["json"].read_text())
    failed = [gate for gate in report["gates"] if not gate["passed"]]
    assert failed
    assert status == 1
    suite = ET.fromstring(files["junit"].read_bytes())[0]
    assert suite.get("failures") == str(len(failed))
    page = files["html"].read_text()
    assert f"✗ {len(failed)} of {len(report['gates'])} gates failed" in page
    pictures = {change["index"] for row in report["artifacts"] for change in row["changed"]}
    assert page.count("<img ") == len(pictures) > 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "closet@1 against fake:float32 on 12 pictures of pictures/train"
    assert err.splitlines()[-1] == f"{len(report['gates']) - len(failed)} of {len(report['gates'])} gates passed"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["report.html", "report.json", "report.junit"]


def test_the_report_says_when_where_and_how_long(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    fake_bundle()
    assert run(tmp_path / "closet", "--json", tmp_path / "f.json") == 0
    report = json.loads((tmp_path / "f.json").read_text())
    assert report["created"].endswith("Z")
    assert report["machine"]["hemline"]
    assert report["not_run"] == []
    for row in report["artifacts"]:
        assert row["backend"] == "fake"
        assert row["seconds"] > 0
        assert len(row["dp_quantiles"]) == 101
        assert row["dp_quantiles"] == sorted(row["dp_quantiles"])
        assert row["dp_quantiles"][95] == row["dp_p95"]
        assert row["dp_quantiles"][100] == row["dp_max"]


def test_golden_pictures_that_changed_are_shown(differing: Path, tmp_path: Path) -> None:
    assert run(differing, "--html", tmp_path / "f.html", "--json", tmp_path / "f.json") == 1
    report = json.loads((tmp_path / "f.json").read_text())
    shown = (tmp_path / "f.html").read_text().count("<img ")
    assert shown == len({change["index"] for row in report["artifacts"] for change in row["changed"]}) > 0


def test_an_artifact_without_an_engine_is_named_and_skipped_not_forgotten(
    fake_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bundle()
    monkeypatch.setattr(parity, "runnable", lambda bundle, asked=None, device=None: ["fake:float32"])
    assert run(tmp_path / "closet", "--junit", tmp_path / "f.xml") == 0
    assert "not compared, the engine is not here: fake:int8" in capsys.readouterr().err
    cases = ET.parse(tmp_path / "f.xml").iter("testcase")
    skipped = [case for case in cases if case.get("classname") == "fake:int8"]
    assert len(skipped) == 4
    assert all(case.find("skipped") is not None for case in skipped)


@pytest.mark.parametrize("kind", ["json", "junit", "html"])
def test_a_dash_is_stdout_and_then_nothing_else_is_on_it(
    kind: str, fake_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bundle()
    assert run(tmp_path / "closet", f"--{kind}", "-") == 0
    out = capsys.readouterr().out
    assert out.startswith({"json": "{\n", "junit": "<?xml ", "html": "<!DOCTYPE html>"}[kind])
    assert out.rstrip().endswith({"json": "}", "junit": "</testsuites>", "html": "</html>"}[kind])


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bundle()
    monkeypatch.setattr(parity, "check", lambda *_, **__: pytest.fail("it was computed"))
    (tmp_path / "file").write_text("kept")
    refused = {
        str(tmp_path): "is a directory; give a file in it",
        str(tmp_path / "file" / "inner.xml"): f"{tmp_path / 'file'} is not a directory",
        "/dev/null": "is not a regular file; write - for stdout",
        "": "is a directory; give a file in it",
    }
    for option in ("--json", "--junit", "--html"):
        for path, says in refused.items():
            assert run(tmp_path / "closet", option, path) == 2
            assert capsys.readouterr().err == f"hemline: {option} {path}: {says}\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_that_may_not_be_written_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bundle()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    assert run(tmp_path / "closet", "--html", tmp_path / "new" / "f.html") == 2
    assert f"{tmp_path} cannot be written to" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_two_reports_in_one_place_are_refused(
    tmp_path: Path, fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bundle()
    for place in ("-", str(tmp_path / "f")):
        assert run(tmp_path / "closet", "--json", place, "--html", place) == 2
        assert "--json goes there too; give each its own" in capsys.readouterr().err
    assert not (tmp_path / "f").exists()


def test_a_bundle_that_cannot_be_compared_leaves_no_file(
    tmp_path: Path, fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bundle()
    (tmp_path / "closet" / "fake-int8.json").write_text("{}")
    assert run(tmp_path / "closet", "--html", tmp_path / "out" / "f.html", "--junit", tmp_path / "out" / "f.xml") == 4
    assert not (tmp_path / "out").exists()


def test_another_bundle_can_be_the_reference(
    differing: Path, labelled: Path, capsys: pytest.CaptureFixture[str], fake_bundle: MakeBundle, tmp_path: Path
) -> None:
    fake_bundle("drawer")
    assert run(differing, "--data", labelled, "--reference", tmp_path / "drawer", "--artifact", "fake:float32") == 0
    assert "closet@1 against fake:float32 on 12 pictures" in capsys.readouterr().out


def test_a_bundle_without_a_float_artifact_says_how_it_can_be_compared(
    fake_bundle: MakeBundle, labelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    monkeypatch.setattr(parity, "REFERENCES", ())
    assert run(bundle.directory, "--data", labelled) == 4
    assert "give --reference RUN|BUNDLE, or leave out --data" in capsys.readouterr().err


def test_a_reference_with_other_labels_is_refused(
    fake_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    fake_bundle("drawer", labels=("shoe", "shirt", "trouser"))
    assert run(bundle.directory, "--reference", tmp_path / "drawer") == 2
    assert "its labels are not those of closet@1" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"class_lock": "another"}')
    assert run(bundle.directory, "--reference", tmp_path / "run") == 2
