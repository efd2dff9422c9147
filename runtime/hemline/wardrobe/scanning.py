"""
From a photo to a garment of the catalogue: what it is, what it looks like, whether it is there already; then kept.

Law: what keep() has returned is in the catalogue, with its picture, whatever happens next. A candidate that nobody
keeps leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemline import garment, image
from hemline.classifier import Classifier, Seen
from hemline.errors import PictureError, UsageError, unknown
from hemline.garment import Isolation
from hemline.prediction import Result
from hemline.wardrobe import duplicates, features
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.duplicates import SHORTLIST, Match
from hemline.wardrobe.looks import Look, looks
from hemline.wardrobe.nearest import Neighbour
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import Garment, NewGarment, NewPicture, Prediction

JPEG_QUALITY = 92  # of a frame that comes as pixels
LONGEST = 1600  # pixels of such a frame: more than a screen shows
THUMBNAIL = 320  # pixels of the longer side
GROUND = 236  # gray behind a garment that is cut out for a person


@dataclass(frozen=True, eq=False)
class Candidate:
    """A garment in front of the camera that is not in the catalogue yet.

    result: of the classifier. duplicates: garments of the catalogue that it is, the surest first.
    data: the bytes of its picture file. thumbnail: a JPEG of the garment cut out.
    """

    result: Result
    seen: Seen
    isolation: Isolation
    look: Look
    duplicates: tuple[tuple[int, Match], ...]
    data: bytes
    thumbnail: bytes
    source: str

    @property
    def caption(self) -> str:
        """The garment in a few words."""
        return self.look.caption(self.result.label)

    @property
    def there(self) -> bool:
        """Whether there is a garment to keep: a result of quality "bad" has none, but for cloth that is known."""
        return self.result.quality != "bad" or bool(self.duplicates)


class Scanner:
    """A classifier and a catalogue. Calls may come from several threads; both belong to the caller."""

    def __init__(self, catalogue: CatalogueReader, classifier: Classifier) -> None:
        self.catalogue = catalogue
        self.classifier = classifier
        # embeddings of two artifacts of one bundle differ by rounding only, those of two bundles in everything
        self.model = f"{classifier.bundle.title} {classifier.bundle.class_lock[:12]}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that a garment can be given."""
        return self.classifier.bundle.labels

    def candidate_of_file(self, data: bytes, *, source: str) -> Candidate:
        """Return the candidate in a picture file's bytes; PictureError when it is none."""
        picture = image.decode(data, name=source, needed=(LONGEST // image.KEPT, LONGEST // image.KEPT))
        return self.candidate(picture, data=data, source=source)

    def candidate(self, picture: NDArray[np.uint8], *, data: bytes | None = None, source: str = "") -> Candidate:
        """Return what is in a picture (h, w, 3) RGB; without data it is kept as a JPEG of at most LONGEST pixels."""
        seen = self.classifier.look(picture, source=source)
        found = seen.isolation or garment.isolate(picture)
        look = looks(picture, found)
        return Candidate(
            seen.result,
            seen,
            found,
            look,
            # also where the outline says that nothing is there: it is wrong about tight crops before the cloth is
            tuple(self._duplicates(seen, look)) if found.mask.any() else (),
            data if data is not None else image.jpeg(image.shrunk(picture, LONGEST), JPEG_QUALITY),
            thumbnail(picture, found),
            source,
        )

    def similar(self, candidate: Candidate, *, limit: int = 5) -> list[Neighbour]:
        """Return the garments of the catalogue most like a candidate, the most alike first."""
        vectors = candidate.seen.embedding[None]
        return self.catalogue.candidates(self.model, vectors, candidate.look.colours, limit=limit)

    def keep(self, candidate: Candidate, *, label: str | None = None, duplicate_of: int | None = None) -> Garment:
        """Enter a candidate and return the garment; it is safe when this returns.

        label: what a person says it is, one of the bundle's. duplicate_of: the garment that it is another picture of.
        Without either a good answer is kept and any other waits for review.
        """
        if not isinstance(self.catalogue, Catalogue):
            raise UsageError(f"{self.catalogue.folder}: open to read only")
        if not candidate.there:
            raise PictureError(f"{candidate.source}: {candidate.result.reason}; nothing to keep")
        if label is not None and label not in self.labels:
            raise UsageError(unknown("class", label, self.labels))
        prediction = Prediction.of(candidate.result, self.classifier.bundle.class_lock)
        picture = NewPicture(
            candidate.data,
            source=candidate.source,
            model=self.model,
            embedding=candidate.seen.embedding,
            features=candidate.look.features,
            features_version=features.VERSION,
            thumbnail=candidate.thumbnail,
        )
        if duplicate_of is not None:
            self.catalogue.add_picture(duplicate_of, picture, prediction)
            return self.catalogue.get(duplicate_of)
        return self.catalogue.add(
            NewGarment(
                prediction,
                (picture,),
                label=label,
                colours=candidate.look.colours,
                pattern=candidate.look.pattern.name,
                caption=candidate.look.caption(label or candidate.result.label),
            )
        )

    def _duplicates(self, seen: Seen, look: Look) -> list[tuple[int, Match]]:
        near = self.catalogue.candidates(self.model, seen.embedding[None], look.colours, limit=SHORTLIST)
        if not near:
            return []
        rows = self.catalogue.features(features.VERSION, [row.garment_id for row in near])
        return duplicates.verify(look.features, [(owner, partial(bytes, data)) for owner, _, data in rows])


def thumbnail(picture: NDArray[np.uint8], found: Isolation) -> bytes:
    """Return a JPEG of the garment cut out, or of the whole picture where there is none; at most THUMBNAIL pixels."""
    mask = found.scaled(*picture.shape[:2])
    cut = garment.cut_out(picture, mask, kept=0.0, ground=GROUND) if mask.any() and found.count else picture
    return image.jpeg(image.shrunk(cut, THUMBNAIL), 85)
