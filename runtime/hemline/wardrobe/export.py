"""
A catalogue for others: rows for a spreadsheet, objects for a program, a labelled folder for the next training.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hemline import image
from hemline.datasets.labels import folder_name
from hemline.errors import DataError, UsageError
from hemline.wardrobe import pictures
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import Garment, Picture, Query

COLUMNS = (
    *("id", "label", "status", "caption", "colours", "pattern", "confidence", "quality", "worn", "last_worn", "tags"),
    *("notes", "pictures", "created_utc", "updated_utc"),
)
_BATCH = 1000


def every(catalogue: CatalogueReader, query: Query) -> Iterator[Garment]:
    """Yield all garments of a query, the oldest first. One entered meanwhile may come or not."""
    offset = 0
    while True:
        page = catalogue.find(query, order="oldest", limit=_BATCH, offset=offset)
        yield from page.garments
        offset += _BATCH
        if offset >= page.total:
            return


def as_csv(catalogue: CatalogueReader, query: Query) -> str:
    """Return the garments as CSV, a row each; colours as "navy 70 %, white 30 %", pictures as file names."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for garment in every(catalogue, query):
        row = garment.as_dict()
        row["colours"] = ", ".join(f"{colour.name} {100 * colour.share:.0f} %" for colour in garment.colours)
        row["tags"] = ", ".join(garment.tags)
        row["pictures"] = ", ".join(str(catalogue.picture_path(picture)) for picture in garment.pictures)
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return stream.getvalue()


def as_json(catalogue: CatalogueReader, query: Query) -> dict[str, Any]:
    """Return the garments with all that is known of them, as plain values."""
    garments = []
    for garment in every(catalogue, query):
        row = garment.as_dict()
        row["predictions"] = [prediction.as_dict() for prediction in catalogue.predictions(garment.id)]
        row["corrections"] = [correction.as_dict() for correction in catalogue.corrections(garment.id)]
        row["wears"] = catalogue.wears(garment.id)
        garments.append(row)
    return {"schema": 1, "garments": garments}


def labelled_folder(catalogue: CatalogueReader, out: Path, *, confirmed: bool = False) -> int:
    """Write FOLDER/<class>/*.jpg of what a person corrected, and return how many pictures that are.

    confirmed: also what a person said was right. The label is the garment's present one; labels.txt holds the names.
    A data set for `hemline train --data` and `hemline evaluate --data`. Refuses a folder that holds anything: a
    picture left from before would be of a class that it is not any more.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: not an empty folder; give the name of a new one")
    said = {
        correction.garment_id
        for correction in catalogue.corrections()
        if confirmed or correction.before != correction.after
    }
    chosen = [
        garment
        for garment in catalogue.garments(sorted(said))
        if garment.status != "removed" and garment.label is not None and garment.pictures
    ]
    if not chosen:
        raise DataError("nothing was corrected yet; correct a label first: hemline wardrobe correct ID LABEL")
    # a label from a bundle is not checked by us: it must not lead out of the folder
    for label in sorted({str(garment.label) for garment in chosen}):
        if label.startswith("."):
            raise DataError(f"label {label!r}: cannot be the name of a folder; correct it first")
    try:
        return _write(catalogue, out, chosen)
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({(error.strerror or str(error)).lower()})") from error


def _write(catalogue: CatalogueReader, out: Path, chosen: list[Garment]) -> int:
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    count = 0
    try:
        labels = sorted({str(garment.label) for garment in chosen})
        for garment in chosen:
            folder = staging / folder_name(str(garment.label))
            for picture in garment.pictures:
                data = catalogue.picture_bytes(picture.id)
                if picture.format != "JPEG":
                    data = pictures.encoded(image.decode(data, name=picture.sha256, background=255))
                folder.mkdir(exist_ok=True)
                (folder / _name(garment, picture)).write_bytes(data)
                count += 1
        (staging / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
        rows = [
            f"{folder_name(str(garment.label))}/{_name(garment, picture)},{garment.id}"
            for garment in chosen
            for picture in garment.pictures
        ]
        # several views of one garment are one thing: a split keeps them together
        (staging / "groups.csv").write_text("\n".join(["path,group", *rows, ""]), encoding="utf-8")
        staging.chmod(0o755)
        if out.exists():
            out.rmdir()
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return count


def _name(garment: Garment, picture: Picture) -> str:
    return f"{garment.id:06d}-{picture.sha256[:12]}.jpg"


def _cell(value: object) -> object:
    return "" if value is None else value
