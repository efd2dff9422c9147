"""How the actions print: garments as rows of a table, or objects one a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hemline.wardrobe.reader import CatalogueReader
    from hemline.wardrobe.records import Garment


def as_lines(values: Iterable[dict[str, Any]]) -> None:
    """Print objects, one a line, in ASCII: what a person wrote need not suit the terminal."""
    import json

    for value in values:
        print(json.dumps(value))


def as_table(garments: Sequence[Garment], extra: Sequence[tuple[str, Sequence[str]]] = ()) -> None:
    """Print garments as a table. extra: (head, cells) of columns to add after the number."""
    from hemline.report.table import table
    from hemline.wardrobe.records import UNKNOWN

    rows = []
    for index, garment in enumerate(garments):
        rows.append(
            [
                f"#{garment.id}",
                *(cells[index] for _, cells in extra),
                garment.label or UNKNOWN,
                "you" if garment.confidence == 0 and garment.label else f"{garment.confidence:.2f}",
                garment.status,
                ", ".join(colour.name for colour in garment.colours[:3]) or "-",
                garment.last_worn or "-",
                line(garment.caption) or "-",
            ]
        )
    heads = [
        "garment",
        *(head for head, _ in extra),
        "class",
        "confidence",
        "status",
        "colours",
        "last worn",
        "caption",
    ]
    print(table(heads, rows))


def line(text: str) -> str:
    """Return text as it can stand in one line of a terminal."""
    words = " ".join(text.split())
    return words if words.isprintable() else ascii(words)


def say_empty(catalogue: CatalogueReader) -> None:
    """Say on stderr that nothing is in the catalogue, and how to begin."""
    import sys

    print(
        f"the catalogue at {catalogue.folder} is empty; scan something: hemline wardrobe scan SOURCE", file=sys.stderr
    )
    for aside in sorted(catalogue.folder.glob("database.corrupt-*")):
        print(
            f"a damaged database was set aside as {aside}; the pictures of its garments are still here", file=sys.stderr
        )
