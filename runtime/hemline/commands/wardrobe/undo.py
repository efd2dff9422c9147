"""hemline wardrobe undo: take the last change back, or do it again."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--redo", action="store_true", help="do again what was undone last")
    what.add_argument("--list", action="store_true", help="the last changes, the newest first; change nothing")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Undo, redo or list."""
    from hemline.report.table import table

    if options.list:
        with arguments.to_read(options) as catalogue:
            steps = catalogue.steps()
        if options.json:
            printing.as_lines(step.as_dict() for step in steps)
        else:
            rows = [[step.done_utc, "undone" if step.undone else "done", printing.line(step.what)] for step in steps]
            print(table(["when", "is", "change"], rows))
        return 0
    with arguments.to_write(options) as writer:
        step = writer.redo() if options.redo else writer.undo()
    if options.json:
        printing.as_lines([step.as_dict()])
    else:
        print(f"{'redone' if options.redo else 'undone'}: {printing.line(step.what)}")
    return 0
