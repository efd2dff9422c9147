"""hemline wardrobe correct: say what a garment is, or write something about it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands.wardrobe import arguments, printing

if TYPE_CHECKING:
    from hemline.wardrobe.reader import CatalogueReader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("garment", type=arguments.garment_id, metavar="ID", help="number of a garment")
    parser.add_argument("label", nargs="?", metavar="LABEL", help="what it is")
    parser.add_argument("--new", action="store_true", help="LABEL is a class that the catalogue does not know yet")
    parser.add_argument("--caption", metavar="TEXT", help="what it is called")
    parser.add_argument("--notes", metavar="TEXT", help="whatever is to be remembered")
    parser.add_argument("--tags", metavar="A,B", help="its tags, instead of those it had")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Correct."""
    from hemline.errors import UsageError

    written = (options.caption, options.notes, options.tags)
    if options.label is None and all(value is None for value in written):
        raise UsageError("what is to be corrected? give a LABEL, --caption, --notes or --tags")
    with arguments.to_write(options) as catalogue:
        garment = catalogue.get(options.garment)
        if options.label is not None:
            if not options.new:
                require_known(catalogue, options.label)
            garment = catalogue.correct(garment.id, options.label, caption=options.caption)
        tags = None
        if options.tags is not None:
            tags = [tag for tag in (part.strip() for part in options.tags.split(",")) if tag]
        if any(value is not None for value in written):
            garment = catalogue.edit(garment.id, caption=options.caption, notes=options.notes, tags=tags)
        if options.json:
            printing.as_lines([garment.as_dict()])
        else:
            print(f"{printing.line(garment.name)}: {garment.label}, {garment.status}")
    return 0


def require_known(catalogue: CatalogueReader, label: str) -> None:
    """Refuse a label that is nowhere used: a slip would begin a class of its own."""
    from hemline.errors import UsageError, unknown
    from hemline.wardrobe.suggest import rules

    known = {*catalogue.labels(), *rules().categories}
    if label.strip() not in known:
        raise UsageError(f"{unknown('class', label, known)}; for a class of your own: --new")
