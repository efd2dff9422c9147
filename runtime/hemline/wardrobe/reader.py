"""
The open catalogue, to read. It waits for nobody and holds nobody up (hemline/database/reading.py).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hemline import lock
from hemline.database.opening import loudly
from hemline.database.reading import Readers
from hemline.database.schema import version
from hemline.errors import DataError, UsageError
from hemline.wardrobe import reading, storehouse, undo
from hemline.wardrobe.nearest import Nearest, Neighbour
from hemline.wardrobe.pictures import Pictures
from hemline.wardrobe.records import (
    Colour,
    Correction,
    Garment,
    Page,
    Picture,
    Prediction,
    Query,
    Statistics,
    Step,
)
from hemline.wardrobe.writing import Writer

T = TypeVar("T", bound="CatalogueReader")
_ALL = Query()


class CatalogueReader:
    """A catalogue that is open to read; a context manager. Calls may come from several threads, not after a fork."""

    def __init__(self, layout: storehouse.Layout) -> None:
        self.folder = layout.folder
        self._layout = layout
        self._pictures = Pictures(layout)
        self._nearest: dict[str, Nearest] = {}
        self._turn = threading.Lock()
        self._readers = Readers(layout.database)

    @classmethod
    def open(cls, folder: Path | str) -> CatalogueReader:
        """Return the catalogue in a folder; DataError when there is none. Another process may be writing meanwhile."""
        layout = storehouse.require_folder(Path(folder), create=False)
        connection = layout.database.open_reader()
        if version(connection) < layout.database.schema.version:
            connection.close()
            Writer(layout, wait_s=lock.WAIT_S, say=loudly).close()  # brings it to this version
            connection = layout.database.open_reader()
        catalogue = CatalogueReader(layout)
        catalogue._readers.add(connection)
        return catalogue

    def close(self) -> None:
        """Close every connection. A second time does nothing."""
        self._readers.close()

    def __enter__(self: T) -> T:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, garment_id: int) -> Garment:
        """Return a garment, a removed one too; UsageError when there is none of this number."""
        with self._readers.lend() as connection:
            return reading.garment(connection, garment_id)

    def garments(self, ids: Sequence[int]) -> tuple[Garment, ...]:
        """Return these garments in this order, without those that are not there."""
        with self._readers.lend() as connection:
            return reading.garments(connection, ids)

    def find(self, query: Query = _ALL, *, order: str = "newest", limit: int = 50, offset: int = 0) -> Page:
        """Return some of the garments that a query finds. order: newest, oldest or review (the least skipped first)."""
        with self._readers.lend() as connection:
            return reading.page(connection, query, order=order, limit=limit, offset=offset)

    def review(self, *, limit: int = 50) -> Page:
        """Return the garments that a person should look at, in the order of the queue."""
        return self.find(Query(statuses=("review",)), order="review", limit=limit)

    def labels(self) -> list[str]:
        """Return the labels that are in use, sorted."""
        with self._readers.lend() as connection:
            return reading.labels(connection)

    def predictions(self, garment_id: int) -> list[Prediction]:
        """Return what was predicted about a garment's pictures, oldest first."""
        with self._readers.lend() as connection:
            return reading.predictions(connection, garment_id)

    def corrections(self, garment_id: int | None = None) -> list[Correction]:
        """Return what a person said about labels, of one garment or of all, oldest first."""
        with self._readers.lend() as connection:
            return reading.corrections(connection, garment_id)

    def wears(self, garment_id: int) -> list[str]:
        """Return the days on which a garment was worn."""
        with self._readers.lend() as connection:
            return reading.wears(connection, garment_id)

    def statistics(self) -> Statistics:
        """Return the counts over all garments."""
        with self._readers.lend() as connection:
            return reading.statistics(connection)

    def picture(self, picture_id: int) -> Picture:
        """Return what is known of a picture; UsageError when there is none of this number."""
        with self._readers.lend() as connection:
            return reading.picture(connection, picture_id)

    def picture_path(self, picture: Picture) -> Path:
        """Return the file of a picture."""
        return self._pictures.path(picture.sha256, picture.format)

    def picture_bytes(self, picture_id: int) -> bytes:
        """Return the bytes of a picture's file as they came; DataError when the file is gone or altered."""
        picture = self.picture(picture_id)
        return self._pictures.read(picture.sha256, picture.format)

    def thumbnail(self, picture_id: int) -> bytes:
        """Return a JPEG of at most 320 pixels a side."""
        picture = self.picture(picture_id)
        return self._pictures.thumbnail(picture.sha256, picture.format)

    # for those who look for similar garments and duplicates

    def embeddings(self, model: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return (garment ids (N,), embeddings (N, D)) of one model: a row a picture, without removed garments."""
        with self._readers.lend() as connection:
            return reading.embeddings(connection, model)

    def features(self, version: int, ids: Sequence[int] | None = None) -> list[tuple[int, int, bytes]]:
        """Return (garment id, picture id, features) of one version, without removed garments; ids: only of these."""
        with self._readers.lend() as connection:
            return reading.features(connection, version, ids)

    def touched_since(self, change: int) -> tuple[int, list[int]]:
        """Return (the number of the last change, the garments changed after number `change`, gone ones included).

        By whichever process. Begin with 0 and give back the number; a garment that get() does not find is gone.
        """
        with self._readers.lend() as connection:
            return reading.touched_since(connection, change)

    def models(self, garment_id: int) -> list[str]:
        """Return what made the embeddings of a garment, newest first."""
        with self._readers.lend() as connection:
            return reading.models(connection, garment_id)

    def similar(self, garment_id: int, *, limit: int = 5) -> list[Neighbour]:
        """Return the garments most like one, by the newest of its models; DataError when it has no embedding."""
        with self._readers.lend() as connection:
            garment = reading.garment(connection, garment_id)
            models = reading.models(connection, garment_id)
            if not models:
                raise DataError(
                    f"#{garment_id} has no embedding to compare; scan it again with a bundle that gives one"
                )
            if garment.status == "removed":
                raise UsageError(f"#{garment_id} is removed; bring it back first: remove --restore {garment_id}")
            _, vectors = reading.embeddings(connection, models[0], [garment_id])
        return self.candidates(models[0], vectors, garment.colours, limit=limit, without=(garment_id,))

    def candidates(
        self,
        model: str,
        vectors: NDArray[np.float32],
        palette: Sequence[Colour] = (),
        *,
        limit: int = 10,
        without: Sequence[int] = (),
    ) -> list[Neighbour]:
        """Return the garments most like something that need not be in the catalogue, the most alike first.

        vectors: (k, D) embeddings by `model`. Garments with embeddings of other models are not compared.
        """
        with self._turn:
            nearest = self._nearest.setdefault(model, Nearest(model))
        with self._readers.lend() as connection:
            nearest.follow(connection)
        return nearest.similar(vectors, palette, limit=limit, without=without)

    def steps(self, *, limit: int = 20) -> list[Step]:
        """Return the last steps, the newest first, those that are undone included."""
        with self._readers.lend() as connection:
            return undo.steps(connection, limit)
