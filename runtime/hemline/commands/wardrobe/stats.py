"""hemline wardrobe stats: how many of what, worn how often."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments, printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Count."""
    from hemline.report.table import size, table

    with arguments.to_read(options) as catalogue:
        counts = catalogue.statistics()
        most = catalogue.garments([garment_id for garment_id, _ in counts.most_worn])
        if options.json:
            printing.as_lines([counts.as_dict()])
            return 0
        if not counts.statuses:
            printing.say_empty(catalogue)
            return 0
    statuses = ", ".join(f"{count:,} {status}" for status, count in counts.statuses.items())
    print(f"{catalogue.folder}: {statuses}; {counts.pictures:,} pictures, {size(counts.pictures_bytes)}")
    print(table(["class", "garments"], [[label, str(count)] for label, count in counts.labels.items()]))
    if counts.colours:
        print(table(["colour", "garments"], [[name, str(count)] for name, count in counts.colours.items()]))
    print(
        f"labels corrected: {counts.corrections:,}; worn: {counts.wears:,} times, {counts.never_worn:,} garments never"
    )
    for garment in most:
        print(f"  worn {garment.worn}x  {printing.line(garment.name)}")
    return 0
