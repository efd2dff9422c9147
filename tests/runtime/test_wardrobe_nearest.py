"""Similar garments: exact, by embedding and colour, and up to date whoever changes the catalogue."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.errors import DataError, UsageError
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.nearest import COLOUR, SCALE
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import Colour, NewGarment, NewPicture, Prediction

NAVY, SKY, RED = (
    Colour("navy", 1.0, (18, 10, -32)),
    Colour("sky", 1.0, (75, -10, -28)),
    Colour("red", 1.0, (48, 68, 45)),
)
SIDE = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()


def new(*vectors: list[float], colours: tuple[Colour, ...] = (), model: str = "m@1") -> NewGarment:
    pictures = tuple(NewPicture(SIDE, model=model, embedding=np.array(vector, np.float32)) for vector in vectors)
    return NewGarment(Prediction("shirt", 0.9, "good"), pictures, colours=colours)


def found(catalogue: CatalogueReader, garment_id: int, limit: int = 5) -> list[int]:
    return [row.garment_id for row in catalogue.similar(garment_id, limit=limit)]


def test_the_nearest_in_angle_comes_first(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add_many([new([1, 0]), new([0, 5]), new([3, 1]), new([1, 1]), new([0, 0])])
        rows = catalogue.similar(1)
        assert [row.garment_id for row in rows] == [3, 4, 2, 5]
        np.testing.assert_allclose([row.cosine for row in rows], [3 / 10**0.5, 2**-0.5, 0, 0], atol=1e-6)
        assert [row.colour for row in rows] == [None] * 4
        assert found(catalogue, 1, limit=1) == [3]


def test_colour_decides_between_equal_shapes(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        looks = [(NAVY,), (RED,), (), (SKY,), (NAVY,)]
        catalogue.add_many([new([1, 0], colours=colours) for colours in looks])
        rows = catalogue.similar(1)
        # one of which no colour is known lies between; sky is 63 from navy, red 97
        assert [row.garment_id for row in rows] == [5, 3, 4, 2]
        assert rows[0].colour == pytest.approx(1)
        apart = float(np.linalg.norm(np.subtract(NAVY.lab, SKY.lab)))
        assert rows[2].colour == pytest.approx(np.exp(-apart / SCALE), rel=1e-4)
        assert rows[2].score == pytest.approx((1 - COLOUR) + COLOUR * np.exp(-apart / SCALE), rel=1e-4)


def test_the_best_pair_of_pictures_counts_and_a_garment_comes_once(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add_many([new([1, 0], [0, 1]), new([0, 2], [0, 3], [0, 4]), new([1, 1])])
        assert found(catalogue, 1, limit=2) == [2, 3]


def test_models_are_never_compared(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add_many([new([1, 0]), new([1, 0, 0], model="m@2"), new([1, 0]), new([0, 0, 1], model="m@2")])
        assert found(catalogue, 1) == [3]
        assert found(catalogue, 2) == [4]
        catalogue.add(NewGarment(Prediction("shirt", 0.9, "good"), (NewPicture(SIDE),)))
        with pytest.raises(DataError, match="#5 has no embedding to compare; scan it again"):
            catalogue.similar(5)


def test_it_follows_every_change_and_undo_from_another_connection_too(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add_many([new([1, 0]), new([1, 0.1])])
        with CatalogueReader.open(tmp_path / "w") as reader:
            for side in (catalogue, reader):
                assert found(side, 1) == [2]
            catalogue.add(new([1, 0.01]))
            assert found(reader, 1) == found(catalogue, 1) == [3, 2]
            catalogue.undo()
            assert found(reader, 1) == found(catalogue, 1) == [2]
            catalogue.redo()
            catalogue.remove(2)
            assert found(reader, 1) == found(catalogue, 1) == [3]
            catalogue.merge(1, 3)
            assert found(reader, 1) == found(catalogue, 1) == []
            catalogue.undo()
            catalogue.restore(2)
            assert found(reader, 1) == found(catalogue, 1) == [3, 2]
            with pytest.raises(UsageError, match="no garment #9"):
                reader.similar(9)


def test_it_agrees_with_a_plain_search_after_many_changes(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    palette = [NAVY, SKY, RED]

    def made() -> NewGarment:
        colours = tuple(
            Colour(palette[place].name, float(random.uniform(0.2, 1)), palette[place].lab)
            for place in random.choice(3, random.integers(0, 4), replace=False)
        )
        vectors = random.standard_normal((random.integers(1, 4), 6))
        return new(*vectors.tolist(), colours=colours)

    def likeness(one: tuple[Colour, ...], other: tuple[Colour, ...]) -> float:
        if not one or not other:
            return 0.5
        table = np.array([[np.linalg.norm(np.subtract(a.lab, b.lab)) for b in other] for a in one])
        ours, theirs = (np.array([colour.share for colour in side]) for side in (one, other))
        there = table.min(axis=1) @ (ours / ours.sum())
        back = table.min(axis=0) @ (theirs / theirs.sum())
        return float(np.exp(-(there + back) / 2 / SCALE))

    def plain(catalogue: Catalogue, garment_id: int) -> list[int]:
        ids, matrix = catalogue.embeddings("m@1")
        unit: NDArray[np.float32] = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        scores = {}
        for other in set(ids.tolist()) - {garment_id}:
            cosine = float((unit[ids == garment_id] @ unit[ids == other].T).max())
            alike = likeness(catalogue.get(garment_id).colours, catalogue.get(other).colours)
            scores[other] = (1 - COLOUR) * cosine + COLOUR * alike
        return sorted(scores, key=lambda other: -scores[other])[:7]

    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add_many([made() for _ in range(30)])
        for _ in range(8):
            catalogue.similar(1)
            catalogue.add_many([made() for _ in range(3)])
            living = [row.id for row in catalogue.find(limit=-1).garments]
            catalogue.remove(int(random.choice(living[:-1])))
        ids = [row.id for row in catalogue.find(limit=-1).garments]
        for garment_id in ids[:6]:
            assert found(catalogue, garment_id, limit=7) == plain(catalogue, garment_id)
