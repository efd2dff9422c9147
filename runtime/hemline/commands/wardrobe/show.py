"""hemline wardrobe show: all that is known of garments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hemline.commands.wardrobe import arguments, printing

if TYPE_CHECKING:
    from hemline.wardrobe.reader import CatalogueReader
    from hemline.wardrobe.records import Garment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("garments", nargs="+", type=arguments.garment_id, metavar="ID", help="numbers of garments")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Show."""
    with arguments.to_read(options) as catalogue:
        for garment_id in options.garments:
            garment = catalogue.get(garment_id)
            if options.json:
                printing.as_lines([_facts(catalogue, garment)])
            else:
                _print(catalogue, garment)
    return 0


def _facts(catalogue: CatalogueReader, garment: Garment) -> dict[str, Any]:
    return {
        **garment.as_dict(),
        "files": [str(catalogue.picture_path(picture)) for picture in garment.pictures],
        "predictions": [prediction.as_dict() for prediction in catalogue.predictions(garment.id)],
        "corrections": [correction.as_dict() for correction in catalogue.corrections(garment.id)],
        "wears": catalogue.wears(garment.id),
    }


def _print(catalogue: CatalogueReader, garment: Garment) -> None:
    from hemline.wardrobe.records import UNKNOWN

    merged = f", merged into #{garment.merged_into}" if garment.merged_into is not None else ""
    print(f"{printing.line(garment.name)}  ({garment.status}{merged})")
    print(f"  class       {garment.label or UNKNOWN}")
    for said in catalogue.predictions(garment.id):
        reason = f" ({said.reason})" if said.reason else ""
        by = " ".join(part for part in (said.bundle, said.artifact) if part)
        verdict = f"{said.label or UNKNOWN} {said.confidence:.3f} {said.quality}"
        print(f"  predicted   {verdict}{reason}, {by}, {said.predicted_utc}")
    for row in catalogue.corrections(garment.id):
        word = "confirmed" if row.before == row.after else f"corrected from {row.before or UNKNOWN} to"
        print(f"  {row.corrected_utc[:10]}  {word} {row.after}")
    colours = ", ".join(f"{colour.name} {100 * colour.share:.0f} %" for colour in garment.colours)
    print(f"  colours     {colours or '-'}")
    print(f"  pattern     {garment.pattern or '-'}")
    print(f"  tags        {printing.line(', '.join(garment.tags)) or '-'}")
    print(f"  notes       {printing.line(garment.notes) or '-'}")
    times = "once" if garment.worn == 1 else f"{garment.worn} times"
    print(f"  worn        {f'{times}, last on {garment.last_worn}' if garment.worn else 'never'}")
    print(f"  entered     {garment.created_utc}, changed {garment.updated_utc}")
    for picture in garment.pictures:
        print(f"  picture     {picture.width}x{picture.height} {catalogue.picture_path(picture)}")
