"""What to wear with it: only what the rules allow, each with the rules that made it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline.drawn import LABELS
from hemline.errors import UsageError
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.records import Colour, Garment, NewGarment, NewPicture, Prediction
from hemline.wardrobe.suggest import rules, suggest

LAB = {
    "navy": (18, 10, -32),
    "gray": (50, 0, 0),
    "red": (48, 68, 45),
    "scarlet": (45, 60, 50),
    "rose": (65, 40, 18),
    "green": (50, -50, 40),
    "moss": (40, -25, 25),
}
PNG = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
TODAY = date(2026, 6, 15)


def new(label: str, *colours: str, pattern: str = "plain") -> NewGarment:
    found = tuple(Colour(name, 1 / len(colours), LAB[name]) for name in colours)
    return NewGarment(Prediction(label, 0.9, "good"), (NewPicture(PNG),), colours=found, pattern=pattern)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "w") as opened:
        yield opened


def proposed(catalogue: Catalogue, garment_id: int) -> dict[int, tuple[str, ...]]:
    return {row.garment.id: row.reasons for row in suggest(catalogue, garment_id, today=TODAY, per_category=99)}


def test_every_class_of_both_label_sets_has_a_category_and_complements() -> None:
    law = rules()
    clothing = ["dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"]
    for label in (*LABELS, *clothing):
        assert law.complements[law.categories[label]]
    assert {other for others in law.complements.values() for other in others} <= set(law.categories.values())


def test_neutral_goes_with_everything_and_one_family_goes_together(catalogue: Catalogue) -> None:
    catalogue.add_many(
        [new("t-shirt", "red"), new("pants", "navy"), new("skirt", "rose"), new("shorts", "moss"), new("shoes", "gray")]
    )
    found = proposed(catalogue, 1)
    assert list(found) == [2, 3, 5]
    assert found[2] == (
        "top and bottom complement each other",
        "neutral colours go with everything: navy",
        "never worn yet",
    )
    assert found[3][1] == "one hue family: red and rose"


def test_two_loud_colours_and_two_patterns_are_not_worn_together(catalogue: Catalogue) -> None:
    catalogue.add_many(
        [
            new("t-shirt", "red", pattern="striped"),
            new("pants", "scarlet"),  # one family, and both loud
            new("pants", "gray", pattern="checked"),
            new("pants", "gray"),
            new("pants", "gray", "green"),  # the green is loud as well
        ]
    )
    found = proposed(catalogue, 1)
    assert list(found) == [4]
    assert found[4][2] == "one pattern at most: striped beside plain"


def test_only_what_complements_is_kept_and_rested_is_proposed(catalogue: Catalogue) -> None:
    catalogue.add_many([new("pants", "navy"), *(new("shirt", "gray") for _ in range(5)), new("pants", "gray")])
    catalogue.wear(2, "2026-06-14")
    catalogue.wear(3, "2026-06-01")
    catalogue.wear(4, "2026-05-01")
    catalogue.remove(5)
    found = proposed(catalogue, 1)
    assert list(found) == [6, 4, 3]  # never, longest ago, then later
    assert found[3][-1] == "last worn on 2026-06-01"
    assert [row.garment.id for row in suggest(catalogue, 1, today=TODAY, per_category=1)] == [6]


def test_a_class_without_rules_is_told(catalogue: Catalogue) -> None:
    catalogue.add(new("kilt", "navy"))
    with pytest.raises(UsageError, match="#1 is kilt, of which the rules say nothing; they know Ankle boot, Bag"):
        suggest(catalogue, 1)


def test_those_that_rested_longest_come_first_over_all_labels_and_pages(catalogue: Catalogue) -> None:
    asked = catalogue.add(new("shoes", "gray")).id
    count = 120  # more than the first pages hold
    bottoms = catalogue.add_many([new(("pants", "shorts")[n % 2], "navy") for n in range(count)])
    days = [f"2026-0{1 + n % 5}-{1 + n // 5:02d}" for n in range(count)]
    for garment_id, day in zip(bottoms[2:], days[2:], strict=True):
        catalogue.wear(garment_id, day)
    found = [row.garment for row in suggest(catalogue, asked, today=TODAY, per_category=count)]
    expected = bottoms[:2] + [row for _, row in sorted(zip(days[2:], bottoms[2:], strict=True))]
    assert [row.id for row in found] == expected
    assert [row.id for row in suggest_first(catalogue, asked)] == expected[:3]


def suggest_first(catalogue: Catalogue, garment_id: int) -> list[Garment]:
    return [row.garment for row in suggest(catalogue, garment_id, today=TODAY, per_category=3)]
