"""
The decision file: thresholds that somebody signed for, for one artifact, and what they rest on.

It lies beside the bundle, never in it: a bundle is sealed, and thresholds belong to a line. It names the artifact by
the hash of its files and by everything else that a score depends on, so that a line which runs another model, or the
same one at another temperature, refuses it instead of deciding by numbers that mean something else.

The file carries the sha256 of its own content. That finds a slip of an editor and a bad disk. It is no signature: who
may write the file may write its hash.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hemline import __version__, storage
from hemline.bundle import Artifact, Bundle
from hemline.errors import DataError, UsageError
from hemline.line.baseline import Baseline
from hemline.line.config import default_folder
from hemline.line.curve import Curve
from hemline.line.thresholds import Thresholds
from hemline.select import packaged

__all__ = ["SUFFIX", "DecisionFile", "Thresholds", "artifact_sha256", "beside", "now", "plain", "require_name"]

SCHEMA = 1
SUFFIX = ".decision.json"
_MAX_BYTES = 8 << 20
_NAME_LENGTH = 200


@dataclass(frozen=True)
class DecisionFile:
    """A signed-off decision.

    bundle: name@version. artifact_sha256: of its files. good: the class of good parts. target: as it was asked for.
    claims: escape and overkill, each with what is promised and what it rests on; promised: the same in sentences.
    defects, good_parts: what became of the parts at these thresholds. data: name, split, counts, sha256, and how many
    of the pictures the model was trained on, None where that is not known.
    """

    bundle: str
    artifact: str
    artifact_sha256: str
    temperature: float
    class_lock: str
    good: str
    thresholds: Thresholds
    target: Mapping[str, float]
    claims: Mapping[str, Mapping[str, Any]]
    promised: tuple[str, ...]
    defects: tuple[Mapping[str, Any], ...]
    good_parts: Mapping[str, Any]
    data: Mapping[str, Any]
    curve: Curve
    baseline: Baseline
    signed_by: str
    signed_utc: str
    hemline: str = __version__

    def __post_init__(self) -> None:
        require_name(self.signed_by)

    def verdict(self, score: float | None, quality: str) -> tuple[str, str | None]:
        """Return (verdict, reason) for a picture; the reason of a plain pass is None.

        score: 0..1, None where there was no answer. quality: what hemline.line.scores.standing says of the answer.
        What cannot be judged never passes: without an answer, or of quality "bad", it is rejected, and an uncertain
        answer that would pass is reviewed.
        """
        at = self.thresholds
        if score is None or quality == "bad" or not 0.0 <= score <= 1.0:
            return "reject", "no answer that can be used"
        verdict = at.verdict(score)
        if verdict == "reject":
            return verdict, f"score {score:.4g}, rejected from {at.reject_from:g} on"
        if verdict == "review":
            return verdict, f"score {score:.4g}, passes below {at.pass_below:g}, rejected from {at.reject_from:g} on"
        if quality != "good":
            return "review", f"score {score:.4g} would pass, the answer is {quality}"
        return verdict, None

    @property
    def sha256(self) -> str:
        """Of the content: of its keys in order, without spaces, in UTF-8."""
        text = json.dumps(self._content(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the file. Law: DecisionFile.parse(f.to_bytes(), name) == f."""
        whole = {**self._content(), "sha256": self.sha256}
        return (json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()

    def write(self, path: Path) -> None:
        """Replace the file in one step."""
        storage.write_file(path, self.to_bytes())

    def _content(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **plain(asdict(self))}

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> DecisionFile:
        """Return the decision in the bytes of a file; DataError, naming it, for any other or an altered one."""
        try:
            whole = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}: not a decision file; it cannot be read as JSON ({error})") from None
        if not isinstance(whole, dict) or "schema" not in whole or "thresholds" not in whole:
            raise DataError(f"{name}: not a decision file; 'hemline line tune' writes one")
        if whole["schema"] != SCHEMA:
            raise DataError(
                f"{name}: schema {whole['schema']!r}, this version reads {SCHEMA}; use the hemline that wrote it, or "
                "tune again"
            )
        stated = whole.pop("sha256", None)
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if stated != hashlib.sha256(canonical.encode(errors="replace")).hexdigest():
            raise DataError(f"{name}: altered after it was signed, its sha256 is not that of its content; tune again")
        try:
            found = cls(**{key: _FIELDS.get(key, _same)(value) for key, value in whole.items() if key != "schema"})
        except UsageError as error:  # thresholds that overlap: signed with its hash, and still none
            raise DataError(f"{name}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{name}: not a whole decision file ({error}); tune again") from None
        return found

    @classmethod
    def load(cls, path: Path | str, bundle: Bundle, artifact: str) -> DecisionFile:
        """Return the decision for an artifact of a bundle; DataError saying what differs for that of another."""
        found = cls.parse(read(Path(path)), name=str(path))
        found.require(bundle, artifact, name=str(path))
        return found

    def require(self, bundle: Bundle, artifact: str, *, name: str) -> None:
        """Raise DataError, saying what differs, unless it was made for that artifact of that bundle."""
        chosen = bundle.artifact(artifact)
        # class lock before the rest: other classes are another question, not another model
        pairs = (
            ("class lock", self.class_lock[:12], bundle.class_lock[:12], self.class_lock == bundle.class_lock),
            ("bundle", self.bundle, bundle.title, self.bundle == bundle.title),
            ("artifact", self.artifact, chosen.name, self.artifact == chosen.name),
            *_hashes(self, chosen),
            ("temperature", f"{self.temperature:g}", f"{chosen.temperature:g}", self.temperature == chosen.temperature),
        )
        for what, ours, theirs, same in pairs:
            if not same:
                raise DataError(
                    f"{name}: decides for {what} {ours}, this is {theirs} ({bundle.title} {chosen.name}); thresholds "
                    "are of one artifact: tune this one"
                )
        if self.good not in bundle.labels:
            raise DataError(f"{name}: its good class {self.good!r} is none of {bundle.title}; tune again")


def read(path: Path) -> bytes:
    """Return the bytes of what should be a decision file; DataError, naming it, where there are none or too many."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, not a decision file")
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no decision file; 'hemline line tune' writes one") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def artifact_sha256(artifact: Artifact) -> str:
    """Return the sha256 over the files of an artifact."""
    return artifact.sha256


def beside(bundle: Bundle) -> Path:
    """Return where the decision file of a bundle lies when nothing else is said: BUNDLE.decision.json beside it.

    Of a bundle that came with hemline with the user's data: nobody writes into an installed package.
    """
    if bundle.directory is None:
        raise UsageError(f"{bundle.title}: was not read from a directory; give the file of the decision")
    directory = bundle.directory.resolve()  # of ".", too
    own = directory.parent == packaged().resolve()
    return (default_folder(directory.name) if own else directory).parent / f"{directory.name}{SUFFIX}"


def require_name(name: str) -> None:
    """Raise UsageError for what nobody is called."""
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise UsageError(f"signed by {name!r}; a name of 1 to {_NAME_LENGTH} printable characters")


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hashes(found: DecisionFile, chosen: Artifact) -> list[tuple[str, str, str, bool]]:
    ours, theirs = found.artifact_sha256, artifact_sha256(chosen)
    return [("files with sha256", ours[:12], theirs[:12], ours == theirs)]


def _thresholds(values: Mapping[str, Any]) -> Thresholds:
    return Thresholds(float(values["pass_below"]), float(values["reject_from"]))


def _same(value: Any) -> Any:
    return value


# how a field is read back; the others are what JSON has them as
_FIELDS: Mapping[str, Any] = {
    "thresholds": _thresholds,
    "promised": tuple,
    "defects": tuple,
    "curve": Curve.from_dict,
    "baseline": Baseline.from_dict,
}


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back: lists for tuples."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
