"""
What an artifact says of itself: labels, class lock, preprocessing contract, version and licence, each written
where the artifact's own ecosystem looks for it. hemline_convert.metadata writes it; this reads it back.

No library of any format is needed: a device checks its artifact before an engine is loaded. Every offset and
size is checked before it is used, so any bytes give a Description, None or a BundleError, in bounded time.
A format is one file beside this one and one line in FORMATS; it defines find(data) -> Found or None, with
ValueError for bytes that are not of the format, and labels_text(labels), the labels as its ecosystem has them.
Law: parse(name, describe_artifact({name: data}, d)[name]) == d.
"""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemline import __version__
from hemline.bundle import Artifact, Bundle, class_lock
from hemline.errors import BundleError, UsageError
from hemline.preprocess import Preprocess

SCHEMA = 1
# ending of a file's name: module
FORMATS = {
    ".tflite": "hemline.describe.tflite",
    ".onnx": "hemline.describe.onnx",
    ".xml": "hemline.describe.openvino",
}
_MAX_FILE_BYTES = 256 << 20  # of a file that `read` opens; the models here are below 10 MB
_MAX_REASON = 160  # characters; a hostile file does not get to write a screenful
_WriteLabels = Callable[[tuple[str, ...]], str]


@dataclass(frozen=True)
class Description:
    """What an artifact says of itself.

    name, version: of the bundle that it was made for. artifact: engine:precision.
    labels: in the order of the logits, each printable text on one line.
    outputs: what the model returns, by position, for instance ("logits", "embedding").
    licence: SPDX identifier of the weights. hemline: the version that wrote it.

    There is no date: the same model gives the same bytes; the manifest says when it was made.
    """

    name: str
    version: str
    artifact: str
    labels: tuple[str, ...]
    preprocess: Preprocess
    outputs: tuple[str, ...]
    licence: str = "Apache-2.0"
    hemline: str = __version__

    def __post_init__(self) -> None:
        texts = (self.name, self.version, self.artifact, self.licence, self.hemline, *self.labels, *self.outputs)
        for text in texts:
            # a line break in a label would shift labels.txt, one of blanks would vanish from OpenVINO's list
            if not text or not text.isprintable() or text != text.strip():
                raise UsageError(f"description: {text[:40]!r}; expected printable text without blanks around it")
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise UsageError(f"description: {len(self.labels)} labels; expected two or more, each once")

    @property
    def class_lock(self) -> str:
        """sha256 over the ordered labels."""
        return class_lock(self.labels)

    @property
    def title(self) -> str:
        """name@version, as results carry it."""
        return f"{self.name}@{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Return the description as plain values, the form in which it travels."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "artifact": self.artifact,
            "labels": list(self.labels),
            "class_lock": self.class_lock,
            "preprocess": self.preprocess.as_dict(),
            "outputs": list(self.outputs),
            "license": self.licence,
            "hemline": self.hemline,
        }

    def as_json(self) -> str:
        """Return the description as one line of JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"))


def describable(name: str) -> bool:
    """Return whether a file of this name can carry a description."""
    return _ending(name) in FORMATS


def load(path: Path | str) -> bytes:
    """Return the bytes of the artifact file at `path`."""
    path = Path(path)
    if not describable(path.name):
        raise BundleError(f"{path}: not an artifact that describes itself; one ends in {', '.join(FORMATS)}")
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise BundleError(f"{path}: {size >> 20} MiB; an artifact that is read here has at most 256")
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: no such file") from None
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from None


def read(path: Path | str) -> Description:
    """Return the description inside the artifact file at `path`."""
    found = parse(str(path), load(path))
    if found is None:
        raise BundleError(f"{path}: carries no hemline description; 'hemline convert' writes one into each artifact")
    return found


def parse(name: str, data: bytes) -> Description | None:
    """Return the description inside an artifact's bytes, or None when it carries none.

    name: the file's name, describable: its ending says which format it is.
    """
    module = importlib.import_module(FORMATS[_ending(name)])
    try:
        found = module.find(data)
        if found is None:
            return None
        return _description(found.json, None if found.labels is None else found.labels.decode(), module.labels_text)
    except (ValueError, TypeError, UsageError, RecursionError) as error:
        raise BundleError(f"{name}: {_reason(error)}; convert it again") from None
    except struct.error:
        raise BundleError(f"{name}: its metadata is cut short; convert it again") from None


def check(files: Mapping[str, bytes], bundle: Bundle, artifact: Artifact) -> bool:
    """Return whether an artifact describes itself; BundleError when it does other than the manifest.

    files: {file name: bytes}. Without a description it passes: it contradicts nothing.
    """
    described = False
    for name, data in files.items():
        found = parse(name, data) if describable(name) else None
        if found is None:
            continue
        described = True
        own = {"class lock": found.class_lock, **found.preprocess.as_dict(), "outputs": found.outputs}
        listed = {"class lock": bundle.class_lock, **bundle.preprocess.as_dict(), "outputs": artifact.outputs}
        for what, value in own.items():
            if value != listed[what]:
                raise BundleError(
                    f"{name}: its own {what} is {value}, the manifest of {bundle.title} says {listed[what]}; "
                    "convert it again"
                )
    return described


def _description(text: bytes, labels_text: str | None, write_labels: _WriteLabels) -> Description:
    facts = json.loads(text.decode())
    if not isinstance(facts, dict):
        raise ValueError("its description is not a JSON object")
    if facts.get("schema") != SCHEMA:
        raise ValueError(f"description of schema {facts.get('schema')!r}, this version reads {SCHEMA}")
    keys = ("name", "version", "artifact", "labels", "preprocess", "outputs", "license", "hemline", "class_lock")
    missing = [key for key in keys if key not in facts]
    if missing:
        raise ValueError(f"description without {' and '.join(missing)}")
    name, version, artifact, labels, contract, outputs, licence, writer, lock = (facts[key] for key in keys)
    if not (isinstance(contract, dict) and isinstance(labels, list) and isinstance(outputs, list)):
        raise ValueError("description whose labels, preprocess or outputs are of another type")
    if not all(isinstance(text, str) for text in (name, version, artifact, licence, writer, *labels, *outputs)):
        raise ValueError("description that has something else where text is expected")
    description = Description(
        name, version, artifact, tuple(labels), Preprocess.from_dict(contract), tuple(outputs), licence, writer
    )
    if lock != description.class_lock:
        raise ValueError("its class lock is not that of its labels; they were edited")
    if labels_text != write_labels(description.labels):
        raise ValueError("its labels and its hemline description disagree; one was edited")
    return description


def _reason(error: Exception) -> str:
    if isinstance(error, (json.JSONDecodeError, UnicodeError, RecursionError)):
        return "its description cannot be read as JSON in UTF-8"
    return str(error)[:_MAX_REASON]


def _ending(name: str) -> str:
    return "." + name.rpartition(".")[2].lower()
