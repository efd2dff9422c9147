"""hemline wardrobe similar: the garments most like one, or like the one in a photo."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands import DEVICE
from hemline.commands.wardrobe import arguments, printing

if TYPE_CHECKING:
    from hemline.wardrobe.nearest import Neighbour
    from hemline.wardrobe.reader import CatalogueReader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "garment", metavar="PHOTO|ID", help="a picture file, seen by the bundle, or the number of a garment"
    )
    parser.add_argument("--limit", type=int, default=5, metavar="N", help="how many (default: 5)")
    arguments.add_bundle(parser)
    parser.add_argument("--device", metavar="NAME|PATH", help=DEVICE)
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Find and print."""
    from hemline.errors import UsageError

    if options.limit < 1:
        raise UsageError(f"--limit {options.limit}: give 1 or more")
    with arguments.to_read(options) as catalogue:
        found = _found(catalogue, options)
        garments = catalogue.garments([row.garment_id for row in found])
        if options.json:
            printing.as_lines(
                {"score": round(row.score, 4), "cosine": round(row.cosine, 4), "garment": garment.as_dict()}
                for row, garment in zip(found, garments, strict=True)
            )
        elif garments:
            printing.as_table(garments, [("score", [f"{row.score:.3f}" for row in found])])
        else:
            print("no other garment has an embedding of the same bundle")
    return 0


def _found(catalogue: CatalogueReader, options: argparse.Namespace) -> list[Neighbour]:
    if options.garment.removeprefix("#").isdigit():
        return catalogue.similar(arguments.garment_id(options.garment), limit=options.limit)
    from hemline import image
    from hemline.classifier import Classifier
    from hemline.wardrobe.scanning import Scanner

    data = image.read_bytes(options.garment)
    with Classifier.open(options.bundle, device=options.device) as classifier:
        scanner = Scanner(catalogue, classifier)
        return scanner.similar(scanner.candidate_of_file(data, source=options.garment), limit=options.limit)
