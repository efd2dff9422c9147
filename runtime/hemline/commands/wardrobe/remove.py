"""hemline wardrobe remove: take garments out, or bring them back."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("garments", nargs="*", type=arguments.garment_id, metavar="ID", help="numbers of garments")
    parser.add_argument("--restore", action="store_true", help="bring them back")
    parser.add_argument(
        "--purge",
        action="store_true",
        help="delete all removed garments and their pictures for good; this cannot be undone",
    )
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Remove, restore or purge."""
    from hemline.errors import UsageError

    if options.purge and (options.garments or options.restore):
        raise UsageError("--purge goes alone: it deletes all garments that are removed")
    if not options.garments and not options.purge:
        raise UsageError("which garments? give their numbers, as hemline wardrobe list shows them")
    with arguments.to_write(options) as catalogue:
        if options.purge:
            count = catalogue.purge()
            if options.json:
                printing.as_lines([{"purged": count}])
            else:
                print(f"{count:,} garment{'' if count == 1 else 's'} deleted for good")
            return 0
        for garment_id in options.garments:
            catalogue.get(garment_id)  # all of them or none
        for garment_id in options.garments:
            garment = catalogue.restore(garment_id) if options.restore else catalogue.remove(garment_id)
            if options.json:
                printing.as_lines([garment.as_dict()])
            else:
                word = "is back" if options.restore else "removed; hemline wardrobe undo brings it back"
                print(f"{printing.line(garment.name)}: {word}")
    return 0
