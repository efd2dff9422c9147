"""hemline wardrobe suggest: what to wear with a garment, and why."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("garment", type=arguments.garment_id, metavar="ID", help="number of a garment")
    parser.add_argument(
        "--each", type=int, default=2, metavar="N", help="at most so many tops, bottoms, ... (default: 2)"
    )
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Suggest."""
    import sys

    from hemline.errors import UsageError
    from hemline.wardrobe.suggest import suggest

    if options.each < 1:
        raise UsageError(f"--each {options.each}: give 1 or more")
    with arguments.to_read(options) as catalogue:
        found = suggest(catalogue, options.garment, per_category=options.each)
        if options.json:
            printing.as_lines(row.as_dict() for row in found)
            return 0
        for row in found:
            print(f"{printing.line(row.garment.name)}\n    {'; '.join(row.reasons)}")
        if not found:
            print(f"nothing rested in the catalogue goes with #{options.garment} by the rules", file=sys.stderr)
    return 0
