"""
Audits on disk: one JSON file each in FOLDER/audits, written in one step, beside the database and not in it: a line that
runs holds the database, and people answer while it runs. The file in which they answer: answers.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from hemline.errors import DataError, UsageError
from hemline.line.audit import Draw, DrawnPart, Estimate
from hemline.line.messages import Sender
from hemline.line.period import Period, moment, utc
from hemline.storage import write_file

SCHEMA = 1


@dataclass(frozen=True)
class Answer:
    """What a person says of one part. verdict: one of ANSWERS. label: what a bad one shows, None where nobody says."""

    sequence: int
    verdict: str
    label: str | None = None


@dataclass(frozen=True)
class Audit:
    """A draw, and what a person said of it. answers: of all its parts, or none yet."""

    id: str
    line: str
    store: str
    drawn_utc: str
    since_utc: str
    until_utc: str
    draw: Draw
    answers: tuple[Answer, ...] = ()
    by: str | None = None
    answered_utc: str | None = None

    @property
    def estimate(self) -> Estimate | None:
        """What the answers say, None while there are none."""
        if not self.answers:
            return None
        return Estimate.of([(answer.verdict, answer.label) for answer in self.answers], self.draw.passed)

    def overlaps(self, period: Period) -> bool:
        """Whether it is about parts of a period."""
        return moment(self.since_utc) < period.until and moment(self.until_utc) > period.since

    def to_bytes(self) -> bytes:
        """Return the file. Law: Audit.parse(a.to_bytes(), name) == a."""
        whole = {"schema": SCHEMA, **asdict(self), "estimate": self.estimate and self.estimate.as_dict()}
        return (json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> Audit:
        """Return the audit in the bytes of a file; DataError, naming it, for any other."""
        try:
            whole = dict(json.loads(data))
            if whole.pop("schema") != SCHEMA:
                raise ValueError("of another schema")
            whole.pop("estimate", None)  # follows from the answers
            drawn = dict(whole["draw"])
            drawn["parts"] = tuple(DrawnPart(**part) for part in drawn["parts"])
            answers = tuple(Answer(**answer) for answer in whole["answers"])
            return cls(**{**whole, "draw": Draw(**drawn), "answers": answers})
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError(f"{name}: not an audit ({error}); move it away") from None


class Audits:
    """The audits of one line. folder: of its decisions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "audits"

    def begin(self, whose: Sender, period: Period, draw: Draw) -> Audit:
        """Write a draw, to be answered, and return it."""
        now = datetime.now(timezone.utc)
        first = f"{now:%Y%m%d-%H%M%S}"
        id, number = first, 1
        while self._path(id).exists():
            number += 1
            id = f"{first}-{number}"
        audit = Audit(id, whose.line, whose.store, utc(now), utc(period.since), utc(period.until), draw)
        self._write(audit)
        return audit

    def answer(self, audit: Audit, answers: Sequence[Answer], by: str | None) -> Audit:
        """Write what a person says of all parts of an audit, in place of what was said before, and return it."""
        answered = replace(audit, answers=tuple(answers), by=by, answered_utc=utc(datetime.now(timezone.utc)))
        self._write(answered)
        return answered

    def get(self, id: str | None = None) -> Audit:
        """Return an audit, the last one where none is named; UsageError where there is none."""
        known = self._ids()
        if not known:
            raise UsageError(f"{self.folder.parent}: nothing was drawn yet; 'hemline line audit' draws")
        if id is not None and id not in known:
            raise UsageError(f"no audit {id!r}; the last ones are {', '.join(known[-3:])}")
        return self._read(known[-1] if id is None else id)

    def about(self, period: Period) -> tuple[list[Audit], list[str]]:
        """Return the audits about parts of a period, in the order in which they were drawn, and what cannot be read."""
        found, wrong = [], []
        for id in self._ids():
            try:
                found.append(self._read(id))
            except DataError as error:
                wrong.append(str(error))
        return [audit for audit in found if audit.overlaps(period)], wrong

    def _ids(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}.json"

    def _read(self, id: str) -> Audit:
        path = self._path(id)
        try:
            return Audit.parse(path.read_bytes(), name=str(path))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error

    def _write(self, audit: Audit) -> None:
        path = self._path(audit.id)
        try:
            write_file(path, audit.to_bytes())
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({(error.strerror or str(error)).lower()})") from error
