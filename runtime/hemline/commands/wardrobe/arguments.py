"""What the arguments of the actions mean: which catalogue, which garments, which day."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hemline.commands import PHOTO_BUNDLE

if TYPE_CHECKING:
    from pathlib import Path

    from hemline.wardrobe.catalogue import Catalogue
    from hemline.wardrobe.reader import CatalogueReader
    from hemline.wardrobe.records import Query


def garment_id(text: str) -> int:
    """Return the number of a garment: 12 or #12."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}: give the number of a garment, such as 12")
    return int(digits)


def day(text: str) -> str:
    """Return a day as YYYY-MM-DD: today, yesterday, or given like that."""
    from datetime import date, timedelta

    named = {"today": 0, "yesterday": 1}
    if text in named:
        return (date.today() - timedelta(days=named[text])).isoformat()
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give today, yesterday or YYYY-MM-DD") from None
    if found > date.today():
        raise argparse.ArgumentTypeError(f"{text!r}: is still to come; give today or a day before")
    return found.isoformat()


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Declare --bundle."""
    parser.add_argument(
        "--bundle", metavar="B", default=PHOTO_BUNDLE, help=f"bundle directory or name (default: {PHOTO_BUNDLE})"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def add_query(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which garments."""
    parser.add_argument("--class", dest="label", metavar="LABEL", help="of this class only")
    parser.add_argument("--colour", "--color", dest="colour", metavar="NAME", help="that have this colour")
    parser.add_argument("--pattern", metavar="NAME", help="plain, striped, checked or patterned")
    parser.add_argument("--status", metavar="NAME", help="kept, review or removed (default: kept and review)")


def query(options: argparse.Namespace, words: Sequence[str] = ()) -> Query:
    """Return what these options ask for."""
    from hemline.errors import UsageError, unknown
    from hemline.wardrobe.records import PATTERNS, STATUSES, Query

    for kind, asked, known in (("pattern", options.pattern, PATTERNS), ("status", options.status, STATUSES)):
        if asked is not None and asked not in known:
            raise UsageError(unknown(kind, asked, known))
    chosen = Query(" ".join(words), options.label, options.colour, options.pattern)
    return chosen if options.status is None else Query(**{**vars(chosen), "statuses": (options.status,)})


def folder(options: argparse.Namespace) -> Path:
    """Return the folder of the catalogue that is meant."""
    from pathlib import Path

    from hemline.wardrobe.storehouse import default_folder

    return Path(options.catalogue) if options.catalogue else default_folder()


def to_read(options: argparse.Namespace) -> CatalogueReader:
    """Return the catalogue, open to read."""
    from hemline.wardrobe.reader import CatalogueReader

    return CatalogueReader.open(folder(options))


def to_write(options: argparse.Namespace) -> Catalogue:
    """Return the catalogue, open to write. One that is not there is not made: only a scan begins one."""
    from hemline.wardrobe.catalogue import Catalogue
    from hemline.wardrobe.storehouse import require_folder

    require_folder(folder(options), create=False)
    return Catalogue.open(folder(options))
