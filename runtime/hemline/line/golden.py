"""
Known parts, judged before a line runs: good ones in FOLDER/good, bad ones in FOLDER/bad, by the bundle and the decision
file of the run. A line that judges one of them wrongly does not run.

Wrong is a bad part that passes, a good part that is rejected, and any part without an answer. A part that is reviewed
is judged by a person: that is not wrong, and it is told. A picture is a part; so is a folder of pictures of one part,
combined as the line combines them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hemline import image
from hemline.classifier import Classifier
from hemline.errors import GateError, PictureError, UsageError
from hemline.line.camera import Frame
from hemline.line.combine import combined
from hemline.line.decision_file import DecisionFile
from hemline.line.faults import Fault
from hemline.line.judge import answer_of
from hemline.line.wording import counted

KINDS = ("good", "bad")
_WRONG = {("good", "reject"), ("bad", "pass")}
_NAMED = 5  # parts that an error names


class GoldenError(GateError):
    """A known part was judged wrongly."""


@dataclass(frozen=True)
class Known:
    """A known part and what became of it. verdict: None where there was no answer, and reason says why."""

    kind: str
    part: str
    verdict: str | None
    score: float | None
    label: str | None
    reason: str | None

    @property
    def wrong(self) -> bool:
        """Whether a line that judges like that must not run."""
        return self.verdict is None or (self.kind, self.verdict) in _WRONG


@dataclass(frozen=True)
class Checked:
    """All known parts."""

    folder: Path
    parts: tuple[Known, ...]

    @property
    def wrong(self) -> tuple[Known, ...]:
        """Those that were judged wrongly."""
        return tuple(part for part in self.parts if part.wrong)

    def require(self) -> None:
        """Raise GoldenError when one was judged wrongly."""
        if self.wrong:
            raise GoldenError(f"{self}; it does not run: look at light, camera and model, or tune again")

    def __str__(self) -> str:
        counts = [counted(sum(part.kind == kind for part in self.parts), f"known {kind} part") for kind in KINDS]
        reviewed = sum(part.verdict == "review" for part in self.parts)
        text = f"{self.folder}: {' and '.join(counts)}, "
        if not self.wrong:
            return f"{text}none judged wrongly" + (f", {reviewed:,} reviewed" if reviewed else "")
        named = [f"{part.kind}/{part.part} {part.verdict or 'no answer'}" for part in self.wrong[:_NAMED]]
        return f"{text}{len(self.wrong):,} judged wrongly: {', '.join(named)}{', ...' if self.wrong[_NAMED:] else ''}"


def check(classifier: Classifier, signed: DecisionFile, folder: Path, *, combine: str = "worst") -> Checked:
    """Return how the known parts in a folder are judged; require() of it refuses to go on.

    classifier: open with all classes (top=len(labels)). Raises UsageError where there are no known parts of a kind.
    """
    parts = []
    for kind in KINDS:
        for name, files in _parts(folder, kind):
            parts.append(_judged(classifier, signed, kind, name, files, combine))
    return Checked(folder, tuple(parts))


def _parts(folder: Path, kind: str) -> list[tuple[str, list[Path]]]:
    """Return the parts of a kind by name, each with its pictures."""
    root = folder / kind
    if not root.is_dir():
        raise UsageError(f"golden {folder}: no folder {kind} in it; known good parts lie in good, known bad in bad")
    found = []
    for path in sorted(root.iterdir()):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [file for file in files if file.is_file() and not file.name.startswith(".")]
        if files and not path.name.startswith("."):
            found.append((path.name, files))
    if not found:
        raise UsageError(f"golden {root}: is empty; a line that was asked about no {kind} part has shown nothing")
    return found


def _judged(
    classifier: Classifier, signed: DecisionFile, kind: str, name: str, files: Sequence[Path], combine: str
) -> Known:
    try:
        answers = []
        for number, file in enumerate(files):
            frame = Frame(str(file), image.read(file), time.monotonic())
            answers.append(answer_of(classifier, signed, frame).of_frame(number))
        answer = combined(answers, combine)
    except (PictureError, Fault) as error:
        return Known(kind, name, None, None, None, str(error))
    return Known(kind, name, answer.verdict, answer.score, answer.label, answer.reason)
