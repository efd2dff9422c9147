"""
By what a line decided: bundles, artifacts and decision files, as its rows name them; and the decision file itself,
found by its hash, for what it says of the good parts that thresholds were set on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hemline.bundle import Bundle
from hemline.errors import HemlineError, UsageError
from hemline.line import decision_file
from hemline.line.decision_file import DecisionFile
from hemline.select import find_bundle


@dataclass(frozen=True)
class Origin:
    """What judged. The hashes are None where they are not known."""

    id: int
    bundle: str
    artifact: str
    artifact_sha256: str | None
    decision_file_sha256: str | None


def origins(connection: sqlite3.Connection) -> dict[int, Origin]:
    """Return all that ever judged on this line, by their numbers."""
    rows = connection.execute("SELECT id, bundle, artifact, artifact_sha256, decision_file_sha256 FROM origin")
    return {row[0]: Origin(row[0], row[1], row[2], row[3] or None, row[4] or None) for row in rows}


def given(path: Path, known: Sequence[Origin]) -> DecisionFile:
    """Return the decision file that somebody names; UsageError where nothing was ever decided by it on this line."""
    found = DecisionFile.parse(decision_file.read(path), name=str(path))
    hashes = dict.fromkeys(origin.decision_file_sha256[:12] for origin in known if origin.decision_file_sha256)
    if hashes and found.sha256 not in {origin.decision_file_sha256 for origin in known}:
        raise UsageError(
            f"{path}: has sha256 {found.sha256[:12]}, and this line decided by {', '.join(hashes)}; give that one, or "
            "leave it out"
        )
    return found


def found(origin: Origin, *, files: Sequence[Path] = (), bundles: Sequence[str] = ()) -> DecisionFile | None:
    """Return the decision file by which was decided, where it lies at one of these; None where it does not.

    bundles: names or directories, beside which it may lie; that of the origin is looked for, too.
    """
    names = dict.fromkeys([*bundles, origin.bundle.partition("@")[0]])
    for path in (*files, *(path for name in names if (path := _beside(name)) is not None)):
        try:
            signed = DecisionFile.parse(decision_file.read(path), name=str(path))
        except HemlineError:  # nobody has asked for that one
            continue
        if signed.sha256 == origin.decision_file_sha256:
            return signed
    return None


def _beside(bundle: str) -> Path | None:
    try:
        return decision_file.beside(Bundle.load(find_bundle(bundle)))
    except HemlineError:
        return None
