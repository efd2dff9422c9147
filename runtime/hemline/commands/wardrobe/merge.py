"""hemline wardrobe merge: say that two garments are one."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("garment", type=arguments.garment_id, metavar="ID", help="the garment that stays")
    parser.add_argument("other", type=arguments.garment_id, metavar="OTHER", help="the one that was the same all along")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Merge."""
    with arguments.to_write(options) as catalogue:
        garment = catalogue.merge(options.garment, options.other)
        if options.json:
            printing.as_lines([garment.as_dict()])
        else:
            count = len(garment.pictures)
            print(f"{printing.line(garment.name)}: has {count} pictures now; #{options.other} is part of it")
    return 0
