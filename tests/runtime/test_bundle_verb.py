"""hemline bundle: show, verify, diff."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hemline.bundle import Artifact, Bundle, File, class_lock
from hemline.cli import main
from hemline.describe import Description
from hemline.preprocess import Preprocess
from hemline.report.difference import Difference, brief, differences

MakeBundle = Callable[..., Bundle]
LABELS = ("shirt", "trouser", "shoe")  # those of fake_bundle
DESCRIPTION = Description("closet", "1", "litert:int8", LABELS, Preprocess(28, 28), ("logits", "embedding"))


def artifact_file(path: Path, description: Description = DESCRIPTION, *, body: bytes = b"") -> Path:
    """Write a file that is a TFLite model to a reader of descriptions only."""
    stream = io.BytesIO(b"\x1c\0\0\0TFL3" + body)
    with zipfile.ZipFile(stream, "a") as files:
        for name, text in (
            ("labels.txt", "".join(f"{label}\n" for label in description.labels)),
            ("hemline.json", description.as_json()),
        ):
            files.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    path.write_bytes(stream.getvalue())
    return path


def out(bundle: Bundle) -> str:
    assert bundle.directory is not None
    return str(bundle.directory)


def test_show_of_a_bundle_lists_its_artifacts(fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "show", out(fake_bundle())]) == 0
    printed = capsys.readouterr().out
    assert "labels: shirt, trouser, shoe" in printed
    assert "input: 28x28x1, fit pad, interpolation area, pad 0, isolation none" in printed
    assert [line.split()[0] for line in printed.splitlines()[-2:]] == ["fake:float32", "fake:int8"]


def test_show_of_a_file_says_what_it_says_of_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = artifact_file(tmp_path / "m.tflite")
    assert main(["bundle", "show", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"closet@1  litert:int8  class lock {class_lock(LABELS)[:12]}",
        "labels: shirt, trouser, shoe",
        "input: 28x28x1, fit pad, interpolation area, pad 0, isolation none, mirror none",
        "outputs: logits, embedding",
        f"licence: Apache-2.0, written by hemline {DESCRIPTION.hemline}",
    ]
    assert main(["bundle", "show", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == DESCRIPTION.as_dict()
    assert main(["bundle", "show", str(path), "--json", str(tmp_path / "d.json")]) == 0
    assert json.loads((tmp_path / "d.json").read_text()) == DESCRIPTION.as_dict()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.onnx", None, "none.onnx: no such file"),
        ("m.onnx", b"\x0b", "m.onnx: not a whole ONNX model"),
        ("m.onnx", b"\x3a\x01.", "m.onnx: carries no hemline description"),
        ("m.xml", b"<html/>", "m.xml: not an OpenVINO IR"),
        ("m.tflite", b"", "m.tflite: not a TFLite model"),
        ("m.keras", b"PK", "m.keras: not an artifact that describes itself; one ends in .tflite, .onnx, .xml"),
    ],
)
def test_show_of_a_file_that_says_nothing_is_one_line_and_status_4(
    tmp_path: Path, name: str, content: bytes | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["bundle", "show", str(tmp_path / name)]) == 4
    error = capsys.readouterr().err
    assert says in error
    assert len(error.splitlines()) == 1


def test_verify_says_how_many_artifacts_describe_themselves(
    fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "verify", out(fake_bundle())]) == 0
    printed = capsys.readouterr().out
    assert "closet@1: 3 files are whole" in printed
    assert "0 of 2 artifacts describe themselves, as the manifest does" in printed


def test_verify_refuses_an_artifact_that_says_other_labels_than_the_manifest(
    fake_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = dataclasses.replace(DESCRIPTION, labels=LABELS[::-1])
    data = artifact_file(tmp_path / "m.tflite", other).read_bytes()
    entry = File.of("m.tflite", data)
    bundle = dataclasses.replace(fake_bundle(), artifacts=(Artifact("fake", "float32", (entry,)),), golden=None)
    bundle.write(tmp_path / "b", {"m.tflite": data})
    assert main(["bundle", "verify", str(tmp_path / "b")]) == 4
    error = capsys.readouterr().err
    assert f"its own class lock is {class_lock(other.labels)}" in error
    assert class_lock(LABELS) in error


def test_two_conversions_of_one_run_are_the_same_bundle(
    fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = fake_bundle("a"), fake_bundle("b", created="2027-02-02T00:00:00Z")
    assert main(["bundle", "diff", out(a), out(a)]) == 0
    assert capsys.readouterr().out == "the same\n"
    rows = differences(a.manifest(), b.manifest())
    assert rows == [Difference("name", "a", "b")]


def test_diff_names_everything_that_differs(fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]) -> None:
    a = fake_bundle("a", metrics={"test": {"accuracy": 0.9}})
    float32, int8 = a.artifacts
    changed = dataclasses.replace(
        float32,
        temperature=1.5,
        thresholds={"good": 0.75},
        parity={"golden": {"agreement": 1.0}},
        files=(File("fake.json", 99, "0" * 64),),
    )
    b = dataclasses.replace(
        a,
        name="b",
        version="2",
        labels=("shirt", "shoe", "trouser"),
        preprocess=Preprocess(28, 28, fit="crop"),
        artifacts=(changed, dataclasses.replace(int8, engine="litert")),
        golden=None,
        metrics={"test": {"accuracy": 0.91}},
    )
    assert b.directory is not None
    directory = b.directory.parent / "b"
    directory.mkdir()
    (directory / "manifest.json").write_text(json.dumps(b.manifest()))
    assert main(["bundle", "diff", out(a), str(directory), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["same"] is False
    rows = {row["what"]: (row["a"], row["b"]) for row in found["differences"]}
    assert rows.pop("golden")[1] is None
    sha256 = float32.files[0].sha256
    missing, added = rows.pop("fake:int8"), rows.pop("litert:int8")
    assert missing[1] is added[0] is None
    assert missing[0]["temperature"] == added[1]["temperature"] == 2.0
    assert rows == {
        "name": ("a", "b"),
        "version": ("1", "2"),
        "labels 1": ("trouser", "shoe"),
        "labels 2": ("shoe", "trouser"),
        "class_lock": (a.class_lock, b.class_lock),
        "preprocess fit": ("pad", "crop"),
        "fake:float32 fake.json bytes": (float32.bytes, 99),
        "fake:float32 fake.json sha256": (sha256, "0" * 64),
        "fake:float32 temperature": (1.0, 1.5),
        "fake:float32 thresholds good": (None, 0.75),
        "fake:float32 parity golden": (None, {"agreement": 1.0}),
        "metrics test accuracy": (0.9, 0.91),
    }
    assert main(["bundle", "diff", out(a), str(directory)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert ["preprocess", "fit", "pad", "crop"] in [line.split() for line in lines]
    assert ["litert:int8", "-", "present"] in [line.split() for line in lines]


def test_diff_of_two_files_compares_their_bytes_and_what_they_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = artifact_file(tmp_path / "a.tflite")
    b = artifact_file(tmp_path / "b.tflite", dataclasses.replace(DESCRIPTION, version="2"), body=b"weights")
    assert main(["bundle", "diff", str(a), str(a)]) == 0
    assert main(["bundle", "diff", str(a), str(b), "--json", str(tmp_path / "d.json")]) == 1
    rows = json.loads((tmp_path / "d.json").read_text())["differences"]
    assert [row["what"] for row in rows] == ["bytes", "sha256", "version"]
    assert "version" in capsys.readouterr().out


def test_diff_of_a_bundle_and_a_file_is_a_usage_error(
    fake_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact_file(tmp_path / "a.tflite")
    assert main(["bundle", "diff", out(fake_bundle()), str(path)]) == 2
    assert "one is a bundle, the other a file; give two bundles or two files" in capsys.readouterr().err


def test_diff_says_its_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "diff", "--help"]) == 0
    assert "exit status: 0 the same, 1 different" in capsys.readouterr().out


def test_labels_of_other_counts_differ_where_one_side_has_none() -> None:
    assert differences({"labels": ["a", "b"]}, {"labels": ["a"]}) == [Difference("labels 1", "b", None)]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "-"),
        (0.123456789, "0.123457"),
        ("ab" * 32, "abababababab..."),
        ({"a": 1}, "present"),
        ("x" * 50, "x" * 37 + "..."),
        (7, "7"),
    ],
)
def test_a_value_is_brief_in_a_table(value: object, cell: str) -> None:
    assert brief(value) == cell
