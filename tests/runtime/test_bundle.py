from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hemline.bundle import MANIFEST, Bundle, class_lock
from hemline.calibration import Calibration, RiskCurve
from hemline.errors import BundleError, UsageError
from hemline.golden import load as load_golden

MakeBundle = Callable[..., Bundle]


def edit(bundle: Bundle, change: Callable[[dict[str, Any]], None]) -> Path:
    assert bundle.directory is not None
    path = bundle.directory / MANIFEST
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return bundle.directory


def test_a_bundle_reads_back_as_it_was_written(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = fake_bundle()
    contents = {entry.path: bundle.read(entry) for entry in bundle.files()}
    bundle.write(tmp_path / "copy", contents)
    assert Bundle.load(tmp_path / "copy") == bundle


def test_the_class_lock_is_the_sha256_of_the_ordered_labels() -> None:
    assert class_lock(["a", "b"]) == hashlib.sha256(b"a\nb").hexdigest()
    assert class_lock(["a", "b"]) != class_lock(["b", "a"])


def test_an_altered_artifact_is_refused(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    assert bundle.directory is not None
    path = bundle.directory / "fake.json"
    path.write_bytes(path.read_bytes().replace(b"5", b"6"))
    with pytest.raises(BundleError, match=r"fake\.json: altered"):
        bundle.contents(bundle.artifact("fake:float32"))
    with pytest.raises(BundleError, match="altered"):
        bundle.verify()


def test_a_file_of_another_size_is_refused_before_it_is_read(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    assert bundle.directory is not None
    with (bundle.directory / "golden.npz").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match=r"golden\.npz: \d+ bytes, the manifest says \d+"):
        load_golden(bundle)


def test_a_missing_file_is_named(fake_bundle: MakeBundle) -> None:
    bundle = fake_bundle()
    assert bundle.directory is not None
    (bundle.directory / "fake-int8.json").unlink()
    with pytest.raises(BundleError, match=r"fake-int8\.json: missing"):
        bundle.verify()


def test_labels_that_were_edited_break_the_class_lock(fake_bundle: MakeBundle) -> None:
    def swap(manifest: dict[str, Any]) -> None:
        manifest["labels"].reverse()

    with pytest.raises(BundleError, match="class lock"):
        Bundle.load(edit(fake_bundle(), swap))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("schema", 9, "schema 9, this version reads 1"),
        ("schema", None, "schema None"),
        ("labels", ["shirt", 4, "shoe"], "expected text, found int"),
        ("preprocess", {"height": 28, "width": 28, "sharpness": 1}, "no key 'sharpness'"),
        ("outputs", {"logits": 4, "embedding": 8}, "4 logits for 3 labels"),
        ("artifacts", [], "lists no artifact"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(
    fake_bundle: MakeBundle, key: str, value: object, says: str
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest[key] = value

    with pytest.raises(BundleError, match=says):
        Bundle.load(edit(fake_bundle(), change))


@pytest.mark.parametrize("path", ["../fake.json", "/etc/passwd", "a/b", "", ".hidden", MANIFEST])
def test_a_file_name_that_leaves_the_bundle_is_refused(fake_bundle: MakeBundle, path: str) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["artifacts"][0]["files"][0]["path"] = path

    with pytest.raises(BundleError, match="flat names"):
        Bundle.load(edit(fake_bundle(), change))


def test_what_a_checker_found_travels_with_the_artifact(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = fake_bundle()
    lint = {"state": "compilable, not compiled", "operators": [{"operator": "CONV_2D", "count": 2}]}
    found = (dataclasses.replace(bundle.artifacts[0], lint=lint), *bundle.artifacts[1:])
    contents = {entry.path: bundle.read(entry) for entry in bundle.files()}
    linted = dataclasses.replace(bundle, artifacts=found)
    linted.write(tmp_path / "linted", contents)
    assert Bundle.load(tmp_path / "linted") == linted
    assert Bundle.load(tmp_path / "linted") != bundle


def test_a_manifest_from_before_there_was_a_lint_is_read(fake_bundle: MakeBundle) -> None:
    directory = edit(fake_bundle(), lambda manifest: [row.pop("lint") for row in manifest["artifacts"]])
    assert [artifact.lint for artifact in Bundle.load(directory).artifacts] == [{}, {}]


def calibrated(bundle: Bundle) -> Bundle:
    curve = RiskCurve((0.99, 0.5), (80, 100), (0, 4), (0.08, 0.14))
    known = dataclasses.replace(bundle.artifacts[0], calibration=Calibration("closet/v", 100, 15, 0.1, 0.05, curve))
    return dataclasses.replace(bundle, artifacts=(known, *bundle.artifacts[1:]))


def test_the_risk_curve_travels_with_the_artifact(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = fake_bundle()
    contents = {entry.path: bundle.read(entry) for entry in bundle.files()}
    calibrated(bundle).write(tmp_path / "calibrated", contents)
    assert Bundle.load(tmp_path / "calibrated") == calibrated(bundle)


def test_a_manifest_from_before_there_was_a_calibration_is_read(fake_bundle: MakeBundle) -> None:
    directory = edit(fake_bundle(), lambda manifest: [row.pop("calibration") for row in manifest["artifacts"]])
    assert [artifact.calibration for artifact in Bundle.load(directory).artifacts] == [None, None]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda row: row.update(calibration=[1]), "expected an object, found list"),
        (lambda row: row["calibration"].pop("n"), "calibration: 'n' is missing"),
        (lambda row: row["calibration"].update(n=99), "n 99, its risk curve has 100 pictures"),
        (lambda row: row["calibration"].update(n=float("inf")), "cannot convert float infinity"),
        (lambda row: row["calibration"].update(ece_after=-1), "they are 0 to 1"),
        (lambda row: row["calibration"]["curve"]["wrong"].pop(), "columns are not of one length"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(
    fake_bundle: MakeBundle, tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    bundle = fake_bundle()
    contents = {entry.path: bundle.read(entry) for entry in bundle.files()}
    calibrated(bundle).write(tmp_path / "calibrated", contents)
    directory = edit(Bundle.load(tmp_path / "calibrated"), lambda manifest: change(manifest["artifacts"][0]))
    with pytest.raises(BundleError, match=says):
        Bundle.load(directory)


def test_a_lint_that_is_no_object_is_refused(fake_bundle: MakeBundle) -> None:
    directory = edit(fake_bundle(), lambda manifest: manifest["artifacts"][0].update(lint=["clean"]))
    with pytest.raises(BundleError, match="expected an object, found list"):
        Bundle.load(directory)


def test_a_manifest_without_a_key_names_the_key(fake_bundle: MakeBundle) -> None:
    with pytest.raises(BundleError, match="'created' is missing"):
        Bundle.load(edit(fake_bundle(), lambda manifest: manifest.pop("created")))


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_a_manifest_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(text)
    with pytest.raises(BundleError) as caught:
        Bundle.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_directory_without_a_manifest_says_what_a_bundle_is(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no manifest\.json in it; a bundle is what 'hemline convert' writes"):
        Bundle.load(tmp_path)
    with pytest.raises(BundleError, match="no such directory"):
        Bundle.load(tmp_path / "nowhere")


def test_an_artifact_that_is_not_there_names_the_nearest(fake_bundle: MakeBundle) -> None:
    with pytest.raises(UsageError, match="no artifact 'fake:int'; nearest: fake:int8"):
        fake_bundle().artifact("fake:int")


def test_writing_leaves_no_temporary_sibling_and_replaces_the_whole_directory(
    fake_bundle: MakeBundle, tmp_path: Path
) -> None:
    first = fake_bundle()
    assert first.directory is not None
    (first.directory / "stray").write_text("from an older version")
    fake_bundle(version="2")
    assert [path.name for path in tmp_path.iterdir()] == ["closet"]
    assert not (first.directory / "stray").exists()
    assert Bundle.load(first.directory).version == "2"


def test_contents_that_are_not_those_of_the_manifest_are_never_written(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = fake_bundle()
    contents = {entry.path: bundle.read(entry) for entry in bundle.files()}
    contents["fake.json"] += b" "
    with pytest.raises(BundleError, match=r"fake\.json"):
        bundle.write(tmp_path / "other", contents)
    assert not (tmp_path / "other").exists()


def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new_bundle(
    fake_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = fake_bundle()
    assert bundle.directory is not None
    program = """
import dataclasses, sys
from hemline.bundle import Bundle
bundle = Bundle.load(sys.argv[1])
contents = {entry.path: bundle.read(entry) for entry in bundle.files()}
for version in range(1_000_000):
    dataclasses.replace(bundle, version=str(version)).write(sys.argv[1], contents)
    print(version, flush=True)
"""
    import hemline

    source_root = str(Path(hemline.__file__).parent.parent)
    for wait in (0.0, 0.003, 0.011):
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(bundle.directory)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": source_root},
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        found = Bundle.load(bundle.directory)
        found.verify()
        assert found.version.isdigit()
