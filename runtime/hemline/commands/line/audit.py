"""hemline line audit: parts that passed, drawn for a person to look at, and what that says of all that passed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands.line import options as shared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hemline.line.audits import Answer, Audit, Audits
    from hemline.line.reader import LineReader

_HELP = "g: good; b: bad, b crack: bad, and what it shows; u: unsure; q: stop"
_WORDS = {"g": "good", "good": "good", "b": "bad", "bad": "bad", "u": "unsure", "unsure": "unsure"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    shared.add_period(parser)
    line = parser.add_argument_group("which line")
    shared.add_line(line, "name", "folder")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="parts to draw (default: 50)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the draw (default: one that nobody can know)")
    parser.add_argument(
        "--html", metavar="FOLDER", help="write the pictures, a page and a file for answers there, and ask nothing"
    )
    parser.add_argument("--answers", metavar="F.csv", help="take the answers in this file, of an audit drawn before")
    parser.add_argument("--by", metavar="NAME", help="who looked at the parts")
    parser.add_argument("--replace", action="store_true", help="take answers in place of those that are there")
    parser.add_argument("--json", action="store_true", help="one JSON object: the audit, with its estimate")


def run(options: argparse.Namespace) -> int:
    """Draw and ask, draw and write, or take answers."""
    from pathlib import Path

    from hemline.errors import UsageError
    from hemline.line.audit import draw
    from hemline.line.audits import Audits
    from hemline.line.reader import LineReader

    config = shared.line_of(options)
    if options.count < 1:
        raise UsageError(f"--count {options.count}: give 1 or more")
    if options.answers is not None and options.html is not None:
        raise UsageError("--html draws and --answers takes answers: give one")
    period = shared.period_of(options)
    with LineReader.open(config.folder) as reader:
        audits = Audits(config.folder)
        if options.answers is not None:
            return _take(audits, Path(options.answers), options)
        folder = None if options.html is None else _empty(Path(options.html))
        with reader.lend() as connection:
            drawn = draw(connection, period, options.count, seed=options.seed)
        audit = audits.begin(reader.whose(), period, drawn)
        if folder is not None:
            return _write(reader, audit, folder, options)
        return _ask(reader, audits, audit, options)


def _take(audits: Audits, path: Path, options: argparse.Namespace) -> int:
    from hemline.line.answers import answers_to, audit_of, read_sheet

    rows = read_sheet(path)
    audit = audits.get(audit_of(rows, name=str(path)))
    return _answer(audits, audit, answers_to(audit, rows, name=str(path)), options)


def _answer(audits: Audits, audit: Audit, answers: list[Answer], options: argparse.Namespace) -> int:
    from hemline.errors import UsageError

    if audit.answers and not options.replace:
        raise UsageError(f"audit {audit.id} has answers, of {audit.answered_utc}; --replace takes these in their place")
    answered = audits.answer(audit, answers, options.by)
    if options.json:
        print(answered.to_bytes().decode(), end="")
    else:
        print(f"audit {audit.id}: {audit.draw}")
        print(f"{answered.estimate}")
    return 0


def _empty(folder: Path) -> Path:
    """Return a folder that is made when it is needed; UsageError when there is something in it."""
    from hemline.errors import UsageError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--html {folder}: is not an empty folder; give a name that is not taken")
    return folder


def _write(reader: LineReader, audit: Audit, folder: Path, options: argparse.Namespace) -> int:
    """Write the page, the pictures as they were kept, and the file for answers."""
    import sys

    from hemline.commands.output import write
    from hemline.line.answers import sheet
    from hemline.report.audit_page import audit_page, file_name

    data = _pictures(reader, audit)
    for number, (sequence, picture) in enumerate(data.items(), 1):
        if picture is not None:
            write(str(folder / file_name(number, sequence, picture)), picture)
    write(str(folder / "answers.csv"), sheet(audit))
    parts = [(part.sequence, part.part, part.decided_utc, data[part.sequence]) for part in audit.draw.parts]
    write(str(folder / "index.html"), audit_page(audit.id, audit.line, str(audit.draw), parts))
    if options.json:
        print(audit.to_bytes().decode(), end="")
    else:
        print(f"audit {audit.id}: {audit.draw}")
    print(
        f"{folder}: look at index.html, write good, bad or unsure into answers.csv, then: hemline line audit --answers "
        f"{folder / 'answers.csv'}",
        file=sys.stderr,
    )
    return 0


def _ask(reader: LineReader, audits: Audits, audit: Audit, options: argparse.Namespace) -> int:
    """Write contact sheets, ask about one part after another, and take the answers when there is one for each."""
    import shutil
    import sys
    import tempfile
    from pathlib import Path

    from hemline.line.answers import sheet
    from hemline.line.audits import Answer
    from hemline.report.audit_page import write_sheets

    folder = Path(tempfile.mkdtemp(prefix="hemline-audit-"))
    found: dict[int, Answer] = {}
    try:
        files = write_sheets(folder, list(_pictures(reader, audit).values()))
        print(f"audit {audit.id}: {audit.draw}", file=sys.stderr)
        print(f"pictures, by number: {', '.join(map(str, files))}\n{_HELP}", file=sys.stderr)
        for number, part in enumerate(audit.draw.parts, 1):
            answer = _asked(f"{number} of {len(audit.draw.parts)}, part {part.part}: ")
            if answer is None:
                break
            found[part.sequence] = Answer(part.sequence, *answer)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if len(found) == len(audit.draw.parts):
        return _answer(audits, audit, list(found.values()), options)
    file = Path(f"audit-{audit.id}.csv")
    file.write_bytes(sheet(audit, found))
    print(
        f"{len(found)} of {len(audit.draw.parts)} answered, in {file}; nothing counts before all are: fill it in, "
        f"then: hemline line audit --answers {file}",
        file=sys.stderr,
    )
    return 0


def _asked(question: str) -> tuple[str, str | None] | None:
    """Return (answer, label) that a person types; None for the end."""
    import sys

    while True:
        print(question, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        word, _, rest = line.strip().partition(" ")
        if not line or word == "q":
            return None
        if word in _WORDS:
            return _WORDS[word], rest.strip() or None
        print(_HELP, file=sys.stderr)


def _pictures(reader: LineReader, audit: Audit) -> Mapping[int, bytes | None]:
    """Return the pictures of the parts, in the order of the draw."""
    return {part.sequence: reader.picture(part.sequence) for part in audit.draw.parts}
