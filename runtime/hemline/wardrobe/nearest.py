"""
Which garments are like one: by the embeddings of one model and by colour. Exact, every garment is looked at.

The matrix is read once and then follows the changes (reading.touched_since), those of other processes too. 100,000
garments of 128 numbers are 51 MB and one product of a matrix with a vector.

Score: (1 - COLOUR) * cosine + COLOUR * exp(-d / SCALE), where d is how far two palettes are apart: each colour goes to
the nearest of the other palette, weighted by its share, averaged over both directions, in CIE76 units. A garment of
which no colour is known counts as half alike.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.wardrobe import reading
from hemline.wardrobe.records import Colour

COLOUR = 0.3  # of the score
SCALE = 20.0  # CIE76; two colours this far apart have different names, as a rule
PALETTE = 4  # colours of a garment that are looked at
_FAR = 1e4  # CIE76, where there is no colour
_GONE = -1


@dataclass(frozen=True)
class Neighbour:
    """A garment that is like the one asked about. colour: how alike the colours are, 0..1, None where not known."""

    garment_id: int
    score: float
    cosine: float
    colour: float | None


class Nearest:
    """The embeddings of one model and the colours of their garments, in memory. Calls may come from several threads."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._lock = threading.Lock()
        self._change = -1
        self._count = 0
        self._ids = np.empty(0, np.int64)
        self._vectors = np.empty((0, 0), np.float32)
        # garments last: numpy runs along them, and never along three numbers at a time, which took 30 times longer
        self._lab = np.empty((PALETTE, 3, 0), np.float32)
        self._shares = np.empty((PALETTE, 0), np.float32)
        self._rows: dict[int, list[int]] = {}
        self._free: list[int] = []
        self._most = 1  # pictures that one garment has had

    def __len__(self) -> int:
        return self._count - len(self._free)

    def follow(self, connection: sqlite3.Connection) -> None:
        """Read what has changed since the last call."""
        with self._lock:
            connection.execute("BEGIN")  # ids, vectors and colours of one moment
            try:
                change, ids = reading.touched_since(connection, self._change)
                if self._change < 0:
                    self._put(*reading.embeddings(connection, self.model), reading.palettes(connection))
                elif ids:
                    for garment_id in ids:
                        self._drop(garment_id)
                    self._put(*reading.embeddings(connection, self.model, ids), reading.palettes(connection, ids))
                self._change = change
            finally:
                connection.execute("ROLLBACK")

    def similar(
        self,
        vectors: NDArray[np.float32],
        palette: Sequence[Colour],
        *,
        limit: int,
        without: Collection[int] = (),
        colour_share: float = COLOUR,
    ) -> list[Neighbour]:
        """Return the garments most like this one, the most alike first.

        vectors: (k, D) embeddings of its pictures; the best pair of pictures counts. palette: its colours.
        without: garments to leave out. colour_share: of the score, 0 looks at embeddings only.
        """
        with self._lock:
            count = self._count
            if not count or not len(vectors):
                return []
            cosine = (self._vectors[:count] @ _normal(vectors).T).max(axis=1)
            colour = self._likeness(palette)
            known = np.where(np.isnan(colour), 0.5, colour)
            score = (1 - colour_share) * cosine + colour_share * known
            score[self._ids[:count] == _GONE] = -np.inf
            for garment_id in without:
                score[self._rows.get(garment_id, [])] = -np.inf
            # pictures of one garment may fill several places: enough to have `limit` garments left
            taken = min(count, (limit + len(without)) * self._most)
            best = np.argpartition(score, count - taken)[count - taken :] if taken < count else np.arange(count)
            found: dict[int, Neighbour] = {}
            for row in best[np.lexsort((self._ids[best], -score[best]))].tolist():
                garment_id = int(self._ids[row])
                if len(found) < limit and np.isfinite(score[row]) and garment_id not in found:
                    alike = None if np.isnan(colour[row]) else float(colour[row])
                    found[garment_id] = Neighbour(garment_id, float(score[row]), float(cosine[row]), alike)
            return list(found.values())

    def _likeness(self, palette: Sequence[Colour]) -> NDArray[np.float32]:
        """Return (N,) how alike the colours are, 0..1; NaN where those of one side are not known."""
        count = self._count
        asked = sorted(palette, key=lambda colour: -colour.share)[:PALETTE]
        if not asked:
            return np.full(count, np.nan, np.float32)
        total = sum(colour.share for colour in asked) or 1.0
        nearest_here = np.full((PALETTE, count), _FAR, np.float32)  # of each of their colours to one of ours
        apart = np.zeros(count, np.float32)
        for colour in asked:
            lightness, a, b = (np.float32(value) for value in colour.lab)
            nearest_there = np.full(count, _FAR, np.float32)
            for place in range(PALETTE):
                squares = np.square(self._lab[place, 0, :count] - lightness)
                squares += np.square(self._lab[place, 1, :count] - a)
                squares += np.square(self._lab[place, 2, :count] - b)
                distance = np.sqrt(squares, out=squares)
                np.minimum(nearest_there, distance, out=nearest_there)
                np.minimum(nearest_here[place], distance, out=nearest_here[place])
            apart += np.float32(colour.share / total) * nearest_there
        for place in range(PALETTE):
            apart += self._shares[place, :count] * nearest_here[place]
        alike: NDArray[np.float32] = np.exp(apart * np.float32(-0.5 / SCALE))
        alike[self._shares[0, :count] == 0] = np.nan
        return alike

    def _put(
        self,
        ids: NDArray[np.int64],
        vectors: NDArray[np.float32],
        colours: Sequence[tuple[int, float, float, float, float]],
    ) -> None:
        if not len(ids):
            return
        rows = [self._free.pop() for _ in range(min(len(self._free), len(ids)))]
        fresh = len(ids) - len(rows)
        self._reserve(self._count + fresh, vectors.shape[1])
        rows += range(self._count, self._count + fresh)
        self._count += fresh
        self._ids[rows] = ids
        self._vectors[rows] = _normal(vectors)
        for garment_id, row in zip(ids.tolist(), rows, strict=True):
            own = self._rows.setdefault(garment_id, [])
            own.append(row)
            self._most = max(self._most, len(own))
        self._lab[:, :, rows], self._shares[:, rows] = _palettes(ids, colours)

    def _drop(self, garment_id: int) -> None:
        for row in self._rows.pop(garment_id, ()):
            self._ids[row] = _GONE
            self._free.append(row)

    def _reserve(self, count: int, width: int) -> None:
        """Make room for `count` rows, twice as much as before when there is too little."""
        if count <= len(self._ids) and self._vectors.shape[1] == width:
            return
        room = max(count, 2 * len(self._ids)) if len(self._ids) else count
        kept = self._count if self._vectors.shape[1] == width else 0
        self._ids = _longer(self._ids, kept, room, axis=0)
        self._vectors = _longer(self._vectors if kept else np.empty((0, width), np.float32), kept, room, axis=0)
        self._lab = _longer(self._lab, kept, room, axis=2)
        self._shares = _longer(self._shares, kept, room, axis=1)


def _palettes(
    ids: NDArray[np.int64], colours: Sequence[tuple[int, float, float, float, float]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the colours of garments as (PALETTE, 3, N) L*a*b* and (PALETTE, N) shares, which sum to 1 or are 0.

    colours: as reading.palettes gives them, in any order; of garments that are not among ids, too.
    """
    garments, place_of = np.unique(ids, return_inverse=True)
    lab = np.full((PALETTE, 3, len(garments)), _FAR, np.float32)
    shares = np.zeros((PALETTE, len(garments)), np.float32)
    if len(colours):
        table = np.array(colours, np.float64)
        table = table[np.lexsort((-table[:, 1], table[:, 0]))]
        owner = table[:, 0].astype(np.int64)
        first = np.searchsorted(owner, owner)  # where the colours of the same garment begin
        rank = np.arange(len(owner)) - first
        column = np.minimum(np.searchsorted(garments, owner), len(garments) - 1)
        taken = (rank < PALETTE) & (garments[column] == owner)
        rank, column, table = rank[taken], column[taken], table[taken]
        lab[rank, :, column] = table[:, 2:]
        shares[rank, column] = table[:, 1]
        shares /= np.maximum(shares.sum(axis=0), np.float32(1e-6))
    return lab[:, :, place_of], shares[:, place_of]


def _longer(array: NDArray[Any], kept: int, room: int, *, axis: int) -> NDArray[Any]:
    """Return an array of `room` along one axis that begins with the first `kept` of this one."""
    shape = list(array.shape)
    shape[axis] = room - kept
    return np.concatenate([np.take(array, range(kept), axis), np.zeros(shape, array.dtype)], axis)


def _normal(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors with length 1; one of length 0 stays, and is like nothing."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
