"""
The open catalogue, to write: one connection that writes, as many as needed that read.

Laws. What a method that changes something has returned from is on the disk, its pictures too, whatever happens next.
Each change is one step: all of it is there or none, and undo() takes it back as a whole, after a restart too. What
cannot be saved raises and changes nothing.

    with Catalogue.open(folder) as catalogue:
        garment = catalogue.add(NewGarment(prediction, (NewPicture(data),)))

Any method may be called from any thread: writes take turns, reads do not wait for them. Not after a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hemline import lock
from hemline.database.opening import loudly
from hemline.wardrobe import changes, entering, reading, storehouse
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import Garment, NewGarment, NewPicture, Picture, Prediction, Step
from hemline.wardrobe.undo import Change
from hemline.wardrobe.writing import Writer


class Catalogue(CatalogueReader):
    """A catalogue that is open to read and to write. One at a time: a second one waits, then is refused."""

    def __init__(self, layout: storehouse.Layout, writer: Writer) -> None:
        super().__init__(layout)
        self._writer = writer

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        wait_s: float = lock.WAIT_S,
        say: Callable[[str], None] = loudly,
    ) -> Catalogue:
        """Return the catalogue in a folder, made when it is not there.

        wait_s: how long to wait for a process that is writing to it; then DataError.
        say: is told when the database was damaged, set aside, and a new one begun.
        """
        layout = storehouse.require_folder(Path(folder), create=True)
        return cls(layout, Writer(layout, wait_s=wait_s, say=say))

    def close(self) -> None:
        """Close every connection and let the next one write. A second time does nothing."""
        super().close()
        self._writer.close()

    def add(self, new: NewGarment) -> Garment:
        """Enter a garment and return it; when this returns, it and its pictures are safe.

        Raises PictureError when a picture is none, DiskFullError when there is no room; nothing is entered then.
        """
        return self.get(self.add_many([new])[0])

    def add_many(self, new: Sequence[NewGarment]) -> list[int]:
        """Enter garments in one step, all or none, and return their ids."""

        def enter(change: Change) -> list[int]:
            ids = [entering.enter(change, row, [self._writer.put(picture) for picture in row.pictures]) for row in new]
            if len(ids) > 1:
                change.what = f"add {len(ids)} garments, #{ids[0]} to #{ids[-1]}"
            return ids

        return self._writer.change(enter)

    def add_picture(self, garment_id: int, new: NewPicture, prediction: Prediction | None = None) -> Picture:
        """Give a garment another picture, such as its back."""

        def enter(change: Change) -> int:
            garment = reading.garment(change.connection, garment_id)
            return entering.view(change, garment, new, self._writer.put(new), prediction)

        return self.picture(self._writer.change(enter))

    def correct(self, garment_id: int, label: str, *, caption: str | None = None) -> Garment:
        """Give a garment the label that a person says; it is then kept. It teaches: export.folder()."""
        return self._to_one(garment_id, lambda change, garment: changes.correct(change, garment, label, caption))

    def confirm(self, garment_id: int) -> Garment:
        """Say that the label of a garment in review is right; it is then kept."""
        return self._to_one(garment_id, changes.confirm)

    def skip(self, garment_id: int) -> Garment:
        """Put a garment to the end of the review queue."""
        return self._to_one(garment_id, changes.skip)

    def edit(
        self,
        garment_id: int,
        *,
        caption: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Garment:
        """Change what is written about a garment; None leaves a thing as it is."""
        return self._to_one(
            garment_id, lambda change, garment: changes.edit(change, garment, caption=caption, notes=notes, tags=tags)
        )

    def remove(self, garment_id: int) -> Garment:
        """Take a garment out of the wardrobe; restore() or undo() brings it back. Works on a full disk."""
        return self._to_one(garment_id, changes.remove, frees=True)

    def restore(self, garment_id: int) -> Garment:
        """Bring a removed garment back."""
        return self._to_one(garment_id, changes.restore)

    def merge(self, garment_id: int, other_id: int) -> Garment:
        """Say that two are one garment: the pictures, wears and notes of the other go to the first one."""
        return self._to_one(
            garment_id,
            lambda change, garment: changes.merge(change, garment, reading.garment(change.connection, other_id)),
        )

    def wear(self, garment_id: int, day: str) -> Garment:
        """Note that a garment was worn on a day, YYYY-MM-DD; twice on one day is once."""
        return self._to_one(garment_id, lambda change, garment: changes.wear(change, garment, day))

    def unwear(self, garment_id: int, day: str) -> Garment:
        """Take back that a garment was worn on a day."""
        return self._to_one(garment_id, lambda change, garment: changes.unwear(change, garment, day))

    def undo(self) -> Step:
        """Take the last step back and return it; UsageError when there is none. Works on a full disk."""
        return self._writer.swap(undone=False)

    def redo(self) -> Step:
        """Do again what was undone last; UsageError when nothing was, or something was done since."""
        return self._writer.swap(undone=True)

    def purge(self) -> int:
        """Delete the removed garments and their pictures for good, and return how many. This cannot be undone.

        Nor can what was done before to one of them: the journal begins after it. Works on a full disk.
        """
        return self._writer.purge()

    def sweep(self) -> int:
        """Delete picture files that no garment has, and return how many. Not beside a database that was set aside."""
        return self._writer.sweep()

    def _to_one(self, garment_id: int, work: Callable[[Change, Garment], object], *, frees: bool = False) -> Garment:
        def step(change: Change) -> Garment:
            work(change, reading.garment(change.connection, garment_id))
            return reading.garment(change.connection, garment_id)

        return self._writer.change(step, frees=frees)
