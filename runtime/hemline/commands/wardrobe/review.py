"""hemline wardrobe review: look at what was not sure: yes, correct or skip."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands.wardrobe import arguments, printing

if TYPE_CHECKING:
    from hemline.wardrobe.catalogue import Catalogue
    from hemline.wardrobe.records import Garment

_HELP = "y: the class is right; c LABEL: it is that; s: later; r: remove it; u: undo; q: stop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--list", action="store_true", help="print the queue and ask nothing")
    parser.add_argument(
        "--confirm", nargs="+", type=arguments.garment_id, metavar="ID", help="say that the class of these is right"
    )
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List the queue, confirm, or ask about one garment after another."""
    if options.confirm:
        with arguments.to_write(options) as catalogue:
            for garment_id in options.confirm:
                catalogue.get(garment_id)  # all of them or none
            for garment_id in options.confirm:
                _tell(catalogue.confirm(garment_id), options.json)
        return 0
    if options.list or options.json:
        with arguments.to_read(options) as reader:
            page = reader.review(limit=-1)
        if options.json:
            printing.as_lines(garment.as_dict() for garment in page.garments)
        elif page.garments:
            printing.as_table(page.garments)
        else:
            print("nothing to review")
        return 0
    with arguments.to_write(options) as catalogue:
        return _ask(catalogue)


def _ask(catalogue: Catalogue) -> int:
    """Read answers, a line each, from standard input until the queue or the input ends."""
    import sys

    from hemline.commands.wardrobe.correct import require_known
    from hemline.errors import UsageError

    left = catalogue.review(limit=0).total
    if not left:
        print("nothing to review")
        return 0
    print(f"{left:,} to review. {_HELP}", file=sys.stderr)
    skipped: set[int] = set()
    while True:
        waiting = [row for row in catalogue.review(limit=len(skipped) + 1).garments if row.id not in skipped]
        if not waiting:
            break
        garment = waiting[0]
        _print(catalogue, garment)
        line = sys.stdin.readline()
        if not line or line.strip() == "q":
            break
        word, _, rest = line.strip().partition(" ")
        try:
            if word == "y":
                _tell(catalogue.confirm(garment.id), False)
            elif word == "c":
                require_known(catalogue, rest)
                _tell(catalogue.correct(garment.id, rest), False)
            elif word == "s":
                skipped.add(catalogue.skip(garment.id).id)
            elif word == "r":
                _tell(catalogue.remove(garment.id), False)
            elif word == "u":
                print(f"undone: {catalogue.undo().what}")
            else:
                print(_HELP, file=sys.stderr)
        except UsageError as error:  # a slip of the keyboard ends no review
            print(f"hemline: {error}", file=sys.stderr)
    left = catalogue.review(limit=0).total
    print(f"{left:,} left to review")
    return 0


def _print(catalogue: Catalogue, garment: Garment) -> None:
    import sys

    from hemline.wardrobe.records import UNKNOWN

    said = catalogue.predictions(garment.id)
    others = ", ".join(f"{label} {share:.2f}" for label, share in said[-1].top) if said else ""
    why = f"; {garment.reason}" if garment.reason else ""
    where = catalogue.picture_path(garment.pictures[0]) if garment.pictures else "no picture"
    print(f"{printing.line(garment.name)}: {garment.label or UNKNOWN} {garment.confidence:.2f} ({others}{why}) {where}")
    print("y/c LABEL/s/r/u/q> ", end="", file=sys.stderr, flush=True)


def _tell(garment: Garment, json: bool) -> None:
    if json:
        printing.as_lines([garment.as_dict()])
    else:
        print(f"{printing.line(garment.name)}: {garment.label}, {garment.status}")
