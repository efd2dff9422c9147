"""
The bundle: a directory with manifest.json, the artifacts and golden inputs; the only thing a device needs.

Every file is listed with its size and sha256 and is checked before any parser sees a byte: a file that
parses is not a file that is whole. Engines are given the checked bytes, never a path, so what was hashed
is what runs. Law: b.write(d, contents); Bundle.load(d) == b.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hemline import storage
from hemline.calibration import Calibration
from hemline.errors import BundleError, UsageError, unknown
from hemline.gates import Gates
from hemline.preprocess import Preprocess

SCHEMA = 1
MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 8 << 20
Data = bytes  # File and Artifact have a field called bytes, which hides the type in their bodies
_FLAT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


def class_lock(labels: Sequence[str]) -> str:
    """Return the sha256, in hex, over the labels in their order. Equal locks mean equal answers' meaning."""
    return hashlib.sha256("\n".join(labels).encode()).hexdigest()


@dataclass(frozen=True)
class File:
    """A file of a bundle: flat name, size, sha256 in hex."""

    path: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: str, data: Data) -> File:
        """Return the entry that describes `data`."""
        return cls(path, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Artifact:
    """One converted model of a bundle.

    outputs: what the model returns, by position, for instance ("logits", "embedding"): engines and
        converters name outputs differently, the order is what was measured.
    parity: figures measured when it was converted, against the float reference.
    temperature: logits are divided by it before softmax, above 0.
    thresholds: "good" is the least confidence of an answer that may be used unseen, 0..1; "good_risk" the share of
        such answers that is wrong at most, "good_coverage" the share of pictures that have one. "known" is the least
        score of hemline.unknown of a picture that gets a label, "known_recall" the share of validation pictures that
        reach it.
    min_runtime: oldest engine package that loads it, for a person.
    lint: what its format's checker found when it was converted, {} where there is none; for people and reports.
    calibration: what temperature and thresholds were set on, with the risk from each confidence on; None when there
        were no labelled pictures.
    unknown: the file of what its score of hemline.unknown has learnt; None when every picture gets a label.
    """

    engine: str
    precision: str
    files: tuple[File, ...]
    outputs: tuple[str, ...] = ("logits", "embedding")
    parity: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    min_runtime: str | None = None
    lint: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    unknown: File | None = None

    @property
    def name(self) -> str:
        """engine:precision, for instance "litert:int8"."""
        return f"{self.engine}:{self.precision}"

    @property
    def bytes(self) -> int:
        """Size of all files that its engine opens."""
        return sum(entry.bytes for entry in self.files)

    @property
    def sha256(self) -> str:
        """The sha256 over its files: of what `sha256sum` prints for them, in the manifest's order."""
        lines = "".join(f"{entry.sha256}  {entry.path}\n" for entry in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """The facts of a bundle; `directory` says where it was read from and is no part of its identity.

    outputs: width of each output, {"logits": classes, "embedding": D}.
    golden: the entry of golden.npz, or None.
    extras: other files that travel along (labels.txt, LICENSE).
    gates: the bars its artifacts must keep, from the recipe.
    metrics, provenance: what training and conversion measured and with what; for people and reports.
    """

    name: str
    version: str
    created: str
    labels: tuple[str, ...]
    preprocess: Preprocess
    outputs: Mapping[str, int]
    artifacts: tuple[Artifact, ...]
    golden: File | None = None
    extras: tuple[File, ...] = ()
    gates: Gates = field(default_factory=Gates)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    directory: Path | None = field(default=None, compare=False)

    @property
    def class_lock(self) -> str:
        """sha256 over the ordered labels."""
        return class_lock(self.labels)

    @property
    def title(self) -> str:
        """name@version, as results carry it."""
        return f"{self.name}@{self.version}"

    def files(self) -> list[File]:
        """Return every file entry of the bundle, the manifest itself not among them."""
        entries = [entry for artifact in self.artifacts for entry in artifact.files]
        scores = [artifact.unknown for artifact in self.artifacts if artifact.unknown]
        return [*entries, *scores, *([self.golden] if self.golden else []), *self.extras]

    def artifact(self, name: str) -> Artifact:
        """Return the artifact called `name`, for instance "litert:int8"."""
        for artifact in self.artifacts:
            if artifact.name == name:
                return artifact
        raise UsageError(f"{self.name}: {unknown('artifact', name, [a.name for a in self.artifacts])}")

    def read(self, entry: File) -> bytes:
        """Return the bytes of a file after its size and sha256 were checked."""
        if self.directory is None:
            raise BundleError(f"{self.title}: was not read from a directory")
        path = self.directory / entry.path
        try:
            if path.stat().st_size != entry.bytes:
                raise BundleError(
                    f"{path}: {path.stat().st_size} bytes, the manifest says {entry.bytes}; install the bundle again"
                )
            data = path.read_bytes()
        except FileNotFoundError:
            raise BundleError(f"{path}: missing, the manifest lists it; install the bundle again") from None
        except OSError as error:
            raise BundleError(f"{path}: {error.strerror}") from None
        if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BundleError(f"{path}: altered, its sha256 is not the manifest's; install the bundle again")
        return data

    def contents(self, artifact: Artifact) -> dict[str, bytes]:
        """Return {file name: checked bytes} of an artifact, in the manifest's order."""
        return {entry.path: self.read(entry) for entry in artifact.files}

    def verify(self) -> None:
        """Check every file that the manifest lists."""
        for entry in self.files():
            self.read(entry)

    @classmethod
    def load(cls, directory: Path | str) -> Bundle:
        """Return the bundle in a directory. Reads the manifest only; files are checked when they are read."""
        directory = Path(directory)
        path = directory / MANIFEST
        try:
            if path.stat().st_size > _MAX_MANIFEST_BYTES:
                raise BundleError(f"{path}: larger than {_MAX_MANIFEST_BYTES >> 20} MiB, not a manifest")
            manifest = json.loads(path.read_bytes())
        except FileNotFoundError:
            found = "no such directory" if not directory.exists() else f"no {MANIFEST} in it"
            raise BundleError(f"{directory}: {found}; a bundle is what 'hemline convert' writes") from None
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"{path}: cannot be read as JSON ({error})") from None
        return _parse(manifest, path, directory)

    def manifest(self) -> dict[str, Any]:
        """Return the manifest as plain values."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "created": self.created,
            "labels": list(self.labels),
            "class_lock": self.class_lock,
            "preprocess": self.preprocess.as_dict(),
            "outputs": dict(self.outputs),
            "artifacts": [asdict(artifact) for artifact in self.artifacts],
            "golden": asdict(self.golden) if self.golden else None,
            "extras": [asdict(entry) for entry in self.extras],
            "gates": self.gates.as_dict(),
            "metrics": dict(self.metrics),
            "provenance": dict(self.provenance),
        }

    def write(self, directory: Path | str, contents: Mapping[str, bytes]) -> None:
        """Write the bundle so that a reader sees the old one or the new one, never half of either.

        contents: {file name: bytes} for every entry of files().
        """
        for entry in self.files():
            if File.of(entry.path, contents[entry.path]) != entry:
                raise BundleError(f"{entry.path}: its bytes are not those of its manifest entry")
        text = json.dumps(self.manifest(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        listed = {entry.path: contents[entry.path] for entry in self.files()}
        storage.write_directory(Path(directory), {**listed, MANIFEST: text.encode()})


def _parse(manifest: Any, path: Path, directory: Path) -> Bundle:
    if not isinstance(manifest, dict) or "schema" not in manifest:
        raise BundleError(f"{path}: not a bundle's manifest; it has no schema")
    if manifest["schema"] != SCHEMA:
        raise BundleError(
            f"{path}: schema {manifest['schema']!r}, this version reads {SCHEMA}; convert it again with this version"
        )
    try:
        bundle = Bundle(
            name=_text(manifest["name"]),
            version=_text(manifest["version"]),
            created=_text(manifest["created"]),
            labels=tuple(_text(label) for label in manifest["labels"]),
            preprocess=Preprocess.from_dict(manifest["preprocess"]),
            outputs={_text(name): int(width) for name, width in manifest["outputs"].items()},
            artifacts=tuple(_artifact(row) for row in manifest["artifacts"]),
            golden=_file(manifest["golden"]) if manifest.get("golden") else None,
            extras=tuple(_file(row) for row in manifest.get("extras", ())),
            gates=Gates.from_dict(manifest.get("gates", {})),
            metrics=manifest.get("metrics", {}),
            provenance=manifest.get("provenance", {}),
            directory=directory,
        )
        lock = manifest["class_lock"]
    except KeyError as error:
        raise BundleError(f"{path}: {error.args[0]!r} is missing; convert it again") from None
    except (TypeError, ValueError, OverflowError, AttributeError, UsageError) as error:
        raise BundleError(f"{path}: {error}; convert it again") from None
    _check(bundle, lock, path)
    return bundle


def _check(bundle: Bundle, lock: object, path: Path) -> None:
    if lock != bundle.class_lock:
        raise BundleError(f"{path}: class lock {str(lock)[:12]}... is not that of its labels; they were edited")
    if len(set(bundle.labels)) != len(bundle.labels) or len(bundle.labels) < 2:
        raise BundleError(f"{path}: {len(bundle.labels)} labels; expected two or more, each once")
    if bundle.outputs.get("logits") != len(bundle.labels):
        raise BundleError(f"{path}: {bundle.outputs.get('logits')} logits for {len(bundle.labels)} labels")
    if not bundle.artifacts:
        raise BundleError(f"{path}: lists no artifact")


def _artifact(row: Mapping[str, Any]) -> Artifact:
    temperature = float(row["temperature"])
    if not 0.0 < temperature < float("inf"):
        raise ValueError(f"temperature {temperature}; it is above 0")
    return Artifact(
        engine=_text(row["engine"]),
        precision=_text(row["precision"]),
        files=tuple(_file(entry) for entry in row["files"]),
        outputs=tuple(_text(name) for name in row["outputs"]),
        parity=row["parity"],
        temperature=temperature,
        thresholds={_text(key): float(value) for key, value in row["thresholds"].items()},
        min_runtime=row["min_runtime"],
        # the first bundles were written without these
        lint=_table(row.get("lint", {})),
        calibration=None if row.get("calibration") is None else _calibration(row["calibration"]),
        unknown=None if row.get("unknown") is None else _score_file(row),
    )


def _score_file(row: Mapping[str, Any]) -> File:
    if "known" not in row["thresholds"]:
        raise ValueError("unknown: a score, and no threshold 'known' to hold it against")
    return _file(row["unknown"])


def _calibration(row: object) -> Calibration:
    try:
        return Calibration.from_dict(_table(row))
    except KeyError as error:
        # the manifest has other keys of these names
        raise ValueError(f"calibration: {error} is missing") from None


def _file(row: Mapping[str, Any]) -> File:
    name = _text(row["path"])
    if not _FLAT_NAME.fullmatch(name) or name == MANIFEST:
        raise ValueError(f"file name {name!r}; a bundle holds flat names of letters, digits, '.', '_', '+', '-'")
    return File(name, int(row["bytes"]), _text(row["sha256"]))


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value
