"""What an artifact says of itself, read from bytes that no format's library made and that may be hostile."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from hemline import describe, select
from hemline.bundle import Artifact, Bundle, File, class_lock
from hemline.describe import Description
from hemline.errors import BundleError, UsageError
from hemline.preprocess import Preprocess

LABELS = ("T-shirt/top", "Ankle boot", 'a "quoted" <b> & c', "größe 42")
DESCRIPTION = Description(
    "closet", "1.2", "litert:int8", LABELS, Preprocess(28, 24, 3, fit="crop"), ("logits", "embedding")
)
FORMATS = (".tflite", ".onnx", ".xml")


def text(**changes: object) -> str:
    """Return the JSON of DESCRIPTION with keys changed; a key that becomes ... is left out."""
    facts = {**DESCRIPTION.as_dict(), **changes}
    return json.dumps({key: value for key, value in facts.items() if value is not ...}, ensure_ascii=False)


def tflite(description: str | None, labels: str | None = None, *, method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO(b"\x1c\0\0\0TFL3" + bytes(range(200)))
    if description is not None:
        with zipfile.ZipFile(stream, "a", method) as files:
            files.writestr("readme.txt", "nothing")
            files.writestr("labels.txt", "".join(f"{label}\n" for label in LABELS) if labels is None else labels)
            files.writestr("hemline.json", description)
    return stream.getvalue()


def field(number: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + content


def onnx(description: str | None, labels: str | None = None) -> bytes:
    model = b"\x08\x09" + field(2, b"tests") + field(7, b"a graph" * 30)
    properties = {
        "author": "someone",
        "labels": "".join(f"{label}\n" for label in LABELS) if labels is None else labels,
    }
    if description is not None:
        properties["hemline"] = description
    for key, value in properties.items():
        model += field(14, field(1, key.encode()) + field(2, value.encode()))
    return model


def quoted(value: str) -> str:
    return quoteattr(value, {'"': "&quot;"})  # in double quotes, as OpenVINO and ElementTree write


def xml(description: str | None, labels: str | None = None) -> bytes:
    words = " ".join("_".join(label.split()) for label in LABELS) if labels is None else labels
    entry = f"<hemline value={quoted(description)} />" if description is not None else ""
    # as OpenVINO writes it, with an older section of the same name that is not the one that counts
    return (
        '<?xml version="1.0"?>\n<net name="m" version="11"><layers><layer id="0"/></layers>\n<model_info></model_info>'
        f'<rt_info><Runtime_version value="2026"/><model_info>\n\t<labels value={quoted(words)} />{entry}'
        "<model_type value='x'/></model_info></rt_info></net>"
    ).encode()


MAKE: dict[str, Callable[..., bytes]] = {".tflite": tflite, ".onnx": onnx, ".xml": xml}


@pytest.mark.parametrize("ending", FORMATS)
def test_a_description_reads_back_as_it_was_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{ending}"
    path.write_bytes(MAKE[ending](DESCRIPTION.as_json()))
    assert describe.read(path) == DESCRIPTION
    assert describe.read(str(path)).class_lock == class_lock(LABELS)


def test_attributes_are_read_as_any_xml_writer_may_write_them() -> None:
    data = xml(DESCRIPTION.as_json())
    numbered = data.replace(b"&lt;", b"&#60;").replace(b"&quot;", b"&#x22;")
    single = data.replace(quoted(DESCRIPTION.as_json()).encode(), quoteattr(DESCRIPTION.as_json()).encode())
    assert len({data, numbered, single}) == 3
    assert describe.parse("m.xml", numbered) == describe.parse("m.xml", single) == DESCRIPTION


def test_an_archive_whose_offsets_count_from_its_own_start_is_read_too() -> None:
    bare = io.BytesIO()
    with zipfile.ZipFile(bare, "w") as files:
        files.writestr("labels.txt", "".join(f"{label}\n" for label in LABELS))
        files.writestr("hemline.json", DESCRIPTION.as_json())
    assert describe.parse("m.tflite", tflite(None) + bare.getvalue()) == DESCRIPTION


@pytest.mark.parametrize("ending", FORMATS)
def test_an_artifact_without_a_description_is_told_from_a_damaged_one(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{ending}"
    path.write_bytes(MAKE[ending](None))
    assert describe.parse(path.name, path.read_bytes()) is None
    with pytest.raises(BundleError, match="carries no hemline description; 'hemline convert' writes one"):
        describe.read(path)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    ("description", "says"),
    [
        (text(schema=2), "description of schema 2, this version reads 1"),
        (text(labels=list(LABELS[::-1])), "class lock is not that of its labels"),
        (text(labels=["a", 3]), "something else where text is expected"),
        (text(labels="ab"), "of another type"),
        (text(labels=["a", "a"]), "2 labels; expected two or more, each once"),
        (text(labels=["a", "b\n"]), "expected printable text"),
        (text(preprocess={"height": 1, "width": 1, "sharpness": 2}), "no key 'sharpness'"),
        (text(preprocess={"height": 1, "width": 1, "fit": []}), "preprocess"),
        (text(preprocess=[]), "of another type"),
        (text(version=...), "description without version"),
        (text(name=None, hemline=..., license=...), "description without license and hemline"),
        ("[]", "not a JSON object"),
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("1" * 5000, "cannot be read|4300"),
    ],
)
def test_a_description_that_cannot_be_trusted_is_refused_in_one_line(ending: str, description: str, says: str) -> None:
    with pytest.raises(BundleError, match=says) as caught:
        describe.parse(f"m{ending}", MAKE[ending](description))
    assert str(caught.value).startswith(f"m{ending}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("ending", FORMATS)
def test_labels_that_were_edited_where_the_ecosystem_reads_them_are_found(ending: str) -> None:
    swapped = {".xml": "Ankle_boot T-shirt/top"}.get(ending, "Ankle boot\nT-shirt/top\n")
    with pytest.raises(BundleError, match="its labels and its hemline description disagree; one was edited"):
        describe.parse(f"m{ending}", MAKE[ending](DESCRIPTION.as_json(), swapped))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("m.tflite", b"", "not a TFLite model"),
        ("m.tflite", b"\x1c\0\0\0TFL4" + bytes(99), "not a TFLite model"),
        (
            "m.tflite",
            tflite(text(), method=zipfile.ZIP_DEFLATED),
            "labels.txt in the archive of its metadata is compressed or damaged",
        ),
        ("m.tflite", b"\x1c\0\0\0TFL3PK\5\6" + b"\xff" * 16 + b"\0\0", "the archive of its metadata is damaged"),
        ("m.tflite", b"\x1c\0\0\0TFL3PK\5\6" + b"\0" * 6 + b"\1" + b"\0" * 11, "its metadata is cut short"),
        ("m.onnx", b"", "not an ONNX model; it has no graph"),
        ("m.onnx", b"\x08", "ends inside a number"),
        ("m.onnx", b"\x3a\xff\xff\xff\xff\x0f", "ends inside a field"),
        ("m.onnx", b"\x3a" + b"\xff" * 20, "a number longer than 64 bits"),
        ("m.onnx", b"\x0b", "wire type 3"),
        ("m.onnx", b"\x08\x01" * 200_000, "more than 100000 fields"),
        ("m.xml", b"", "not an OpenVINO IR"),
        ("m.xml", b"<svg>" * 9, "not an OpenVINO IR"),
        ("m.xml", xml(text()).replace(b"&amp;", b"&#1114112;"), "chr"),
    ],
)
def test_bytes_that_are_not_of_the_format_are_refused_in_one_line(name: str, data: bytes, says: str) -> None:
    with pytest.raises(BundleError, match=says) as caught:
        describe.parse(name, data)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("ending", FORMATS)
def test_no_truncation_and_no_flipped_bits_do_more_than_raise(ending: str) -> None:
    whole = MAKE[ending](DESCRIPTION.as_json())
    chance = random.Random(4)
    refused = []
    hostile = [whole[:length] for length in range(len(whole))]
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        hostile.append(bytes(data))
    for data in hostile:
        try:
            found = describe.parse(f"m{ending}", data)
            # what still reads as a description has the labels that its class lock says
            assert found is None or found.labels == LABELS
        except BundleError as error:
            refused.append(str(error))
    assert len(refused) > 1000
    assert all(len(reason.splitlines()) == 1 for reason in refused)


@pytest.mark.parametrize("labels", [("a", ""), ("a", " b"), ("a", "b\nc"), ("a", "b\u2028c"), ("a",), ("a", "a")])
def test_labels_that_a_format_could_not_carry_are_never_written(labels: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="description: "):
        dataclasses.replace(DESCRIPTION, labels=labels)


def test_a_path_that_is_no_artifact_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"notes\.txt: not an artifact that describes itself; one ends in \.tflite"):
        describe.read(tmp_path / "notes.txt")
    with pytest.raises(BundleError, match=r"m\.onnx: no such file"):
        describe.read(tmp_path / "m.onnx")
    (tmp_path / "d.onnx").mkdir()
    with pytest.raises(BundleError, match=r"d\.onnx: Is a directory"):
        describe.read(tmp_path / "d.onnx")


def test_a_file_too_large_for_an_artifact_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "m.onnx").open("wb") as stream:
        stream.truncate(300 << 20)  # sparse
    with pytest.raises(BundleError, match=r"m\.onnx: 300 MiB"):
        describe.read(tmp_path / "m.onnx")


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., tuple[dict[str, bytes], Bundle, Artifact]]:
    """Return a function that gives files, bundle and artifact for `check`, facts of the bundle changed."""

    def make(data: bytes, outputs: tuple[str, ...] = DESCRIPTION.outputs, **changes: Any) -> Any:
        artifact = Artifact("litert", "int8", (File.of("m.tflite", data),), outputs)
        facts = {"name": "closet", "version": "1.2", "created": "2026-01-01T00:00:00Z", "labels": LABELS}
        widths = {"logits": len(LABELS), "embedding": 8}
        facts = {**facts, "preprocess": DESCRIPTION.preprocess, "outputs": widths, "artifacts": (artifact,), **changes}
        return {"m.tflite": data}, Bundle(**facts), artifact

    return make


def test_an_artifact_that_says_what_the_manifest_says_passes(listed: Callable[..., Any]) -> None:
    assert describe.check(*listed(tflite(DESCRIPTION.as_json()))) is True
    assert describe.check(*listed(tflite(None))) is False
    _, bundle, artifact = listed(b"")
    assert describe.check({"fake.json": b"{}", "m.bin": b""}, bundle, artifact) is False


def test_a_class_lock_other_than_the_manifest_s_is_refused_and_both_are_named(listed: Callable[..., Any]) -> None:
    with pytest.raises(BundleError) as caught:
        describe.check(*listed(tflite(DESCRIPTION.as_json()), labels=LABELS[::-1]))
    assert str(caught.value) == (
        f"m.tflite: its own class lock is {class_lock(LABELS)}, the manifest of closet@1.2 says "
        f"{class_lock(LABELS[::-1])}; convert it again"
    )


def test_another_contract_or_order_of_outputs_than_the_manifest_s_is_refused(listed: Callable[..., Any]) -> None:
    data = tflite(DESCRIPTION.as_json())
    with pytest.raises(BundleError, match=r"its own fit is crop, the manifest of closet@1\.2 says pad"):
        describe.check(*listed(data, preprocess=Preprocess(28, 24, 3)))
    with pytest.raises(BundleError, match=r"its own outputs is \('logits', 'embedding'\)"):
        describe.check(*listed(data, outputs=("embedding", "logits")))


def test_the_artifacts_in_the_wheel_describe_themselves_as_their_manifest_does() -> None:
    bundle = Bundle.load(select.packaged() / select.DEFAULT_BUNDLE)
    for artifact in bundle.artifacts:
        assert describe.check(bundle.contents(artifact), bundle, artifact), f"{artifact.name} has no description"


def test_reading_a_description_loads_no_format_s_library(tmp_path: Path) -> None:
    for ending in FORMATS:
        (tmp_path / f"m{ending}").write_bytes(MAKE[ending](DESCRIPTION.as_json()))
    program = f"""
import sys
from hemline import describe
for ending in {FORMATS!r}:
    assert describe.read({str(tmp_path / "m")!r} + ending).name == "closet"
heavy = {{"zipfile", "xml", "flatbuffers", "google.protobuf", "onnx", "openvino", "tensorflow", "ai_edge_litert"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
