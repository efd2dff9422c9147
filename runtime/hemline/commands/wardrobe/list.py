"""hemline wardrobe list: the garments, or those that a search finds."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="beginnings of words: navy shi finds a navy shirt")
    arguments.add_query(parser)
    parser.add_argument("--order", default="newest", metavar="NAME", help="newest (default), oldest, rested or review")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (default: 50; 0: all)")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave the first N out (default: 0)")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List."""
    import sys

    from hemline.errors import UsageError

    if options.limit < 0 or options.skip < 0:
        raise UsageError("--limit and --skip are 0 or more")
    query = arguments.query(options, options.words)
    with arguments.to_read(options) as catalogue:
        page = catalogue.find(query, order=options.order, limit=options.limit or -1, offset=options.skip)
        if options.json:
            printing.as_lines(garment.as_dict() for garment in page.garments)
            return 0
        if page.garments:
            printing.as_table(page.garments)
        shown = len(page.garments)
        if not page.total and not sum(catalogue.statistics().statuses.values()):
            printing.say_empty(catalogue)
        elif not page.total:
            print("no garment is like that; leave a word or an option out", file=sys.stderr)
        elif shown < page.total:
            rest = f"; go on with --skip {options.skip + shown}" if options.skip + shown < page.total else ""
            print(f"{shown:,} of {page.total:,} garments{rest}", file=sys.stderr)
    return 0
