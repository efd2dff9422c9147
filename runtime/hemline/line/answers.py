"""
The file in which a person answers an audit: CSV, a row for each part, with good, bad or unsure in its column verdict.

Laws: answers are about parts that were drawn, about each of them, and about none twice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from hemline.errors import DataError
from hemline.line.audit import ANSWERS, DrawnPart
from hemline.line.audits import Answer, Audit

COLUMNS = ("audit", "sequence", "part", "verdict", "label")
_MAX_BYTES = 16 << 20


def sheet(audit: Audit, answers: Mapping[int, Answer] | None = None) -> bytes:
    """Return the file for answers, with those that are there already."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for part in audit.draw.parts:
        answer = (answers or {}).get(part.sequence)
        said = (answer.verdict, answer.label or "") if answer else ("", "")
        rows.writerow((audit.id, part.sequence, part.part, *said))
    return text.getvalue().encode()


def read_sheet(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file with answers by column, as they stand; DataError where it is none."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, not a file with answers")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8; save it as CSV in UTF-8") from None
    head = text.partition("\n")[0]
    # a spreadsheet writes semicolons where a comma stands in numbers
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{path}: not CSV ({error})") from None
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    if "verdict" not in names or not {"part", "sequence"} & set(names):
        raise DataError(f"{path}: its first line names no part and verdict; its columns are {', '.join(COLUMNS)}")
    return [dict(zip(names, (cell.strip() for cell in row), strict=False)) for row in rows[1:]]


def audit_of(rows: Sequence[Mapping[str, str]], *, name: str) -> str | None:
    """Return which audit the rows of a file are about; None where they do not say."""
    named = {row["audit"] for row in rows if row.get("audit")}
    if len(named) > 1:
        raise DataError(f"{name}: answers about {len(named)} audits ({', '.join(sorted(named))}); give one at a time")
    return named.pop() if named else None


def answers_to(audit: Audit, rows: Sequence[Mapping[str, str]], *, name: str) -> list[Answer]:
    """Return the answers about every part of an audit, in its order.

    Raises DataError for a part that was not drawn, one that is answered twice, a verdict that is none, and where a
    part has no answer: who leaves some out chooses which.
    """
    by_sequence = {part.sequence: part for part in audit.draw.parts}
    by_name: dict[str, list[DrawnPart]] = {}
    for part in audit.draw.parts:
        by_name.setdefault(part.part.strip(), []).append(part)
    found: dict[int, Answer] = {}
    for number, row in enumerate(rows, 2):
        where, verdict = f"{name} line {number}", row.get("verdict", "").lower()
        part = _part(row, by_sequence, by_name, audit.id, where)
        if not verdict:
            continue
        if verdict not in ANSWERS:
            raise DataError(f"{where}: verdict {verdict!r} of part {part.part}; write {', '.join(ANSWERS)}")
        if part.sequence in found:
            raise DataError(f"{where}: part {part.part} ({part.sequence}) is answered twice")
        found[part.sequence] = Answer(part.sequence, verdict, row.get("label") or None)
    missing = [part for part in audit.draw.parts if part.sequence not in found]
    if missing:
        which = ", ".join(f"{part.part} ({part.sequence})" for part in missing[:3]) + (", ..." if missing[3:] else "")
        raise DataError(
            f"{name}: {len(missing)} of {len(by_sequence)} parts have no answer: {which}; write good, bad or unsure: "
            "what is left out would choose what is seen"
        )
    return [found[part.sequence] for part in audit.draw.parts]


def _part(
    row: Mapping[str, str],
    by_sequence: Mapping[int, DrawnPart],
    by_name: Mapping[str, list[DrawnPart]],
    id: str,
    where: str,
) -> DrawnPart:
    sequence, name = row.get("sequence", ""), row.get("part", "")
    if sequence:
        part = by_sequence.get(int(sequence)) if sequence.isdecimal() else None
        if part is None:
            raise DataError(f"{where}: part {sequence} was not drawn in audit {id}")
        if name and name != part.part.strip():
            raise DataError(f"{where}: {sequence} is part {part.part}, not {name}")
        return part
    named = by_name.get(name, [])
    if not named:
        raise DataError(f"{where}: part {name!r} was not drawn in audit {id}")
    if len(named) > 1:
        raise DataError(f"{where}: {len(named)} drawn parts are called {name}; say which by its sequence")
    return named[0]
