"""hemline wardrobe wear: note that garments were worn."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("garments", nargs="+", type=arguments.garment_id, metavar="ID", help="numbers of garments")
    parser.add_argument(
        "--on", type=arguments.day, default="today", metavar="DAY", help="today (default), yesterday or YYYY-MM-DD"
    )
    parser.add_argument("--not", dest="take_back", action="store_true", help="take back that they were worn that day")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Note."""
    with arguments.to_write(options) as catalogue:
        for garment_id in options.garments:
            catalogue.get(garment_id)  # all of them or none
        for garment_id in options.garments:
            note = catalogue.unwear if options.take_back else catalogue.wear
            garment = note(garment_id, options.on)
            if options.json:
                printing.as_lines([garment.as_dict()])
            else:
                times = "once" if garment.worn == 1 else f"{garment.worn} times"
                last = f", last on {garment.last_worn}" if garment.last_worn else ""
                print(f"{printing.line(garment.name)}: worn {times}{last}")
    return 0
