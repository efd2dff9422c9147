"""Patterns and captions: stripes, checks, flowers and prints told apart from folds, and said in a few words."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import toml
from hemline.garment import Isolation
from hemline.garment.quality import NO_MASK
from hemline.wardrobe import cloth
from hemline.wardrobe.caption import caption
from hemline.wardrobe.looks import looks
from hemline.wardrobe.pattern import WEIGHTS, Pattern, pattern
from hemline.wardrobe.records import PATTERNS, Colour

HEIGHT, WIDTH = 240, 190
NAVY, CREAM, RED = np.array([30, 38, 74]), np.array([226, 220, 205]), np.array([178, 40, 48])
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]


def photographed(tones: NDArray[np.floating], seed: int = 0) -> tuple[NDArray[np.uint8], Isolation]:
    """Return a photo of cloth of these tones (HEIGHT, WIDTH, 3), folded, blurred and grainy, and where it is."""
    random = np.random.default_rng(seed)
    folds = cv2.GaussianBlur(random.normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 14, sigmaY=30)
    lit = tones * (1 + 0.06 * folds / folds.std())[..., None]
    lit = cv2.GaussianBlur(lit, (0, 0), 0.6) + random.normal(0, 1.5, lit.shape)
    picture = np.full((HEIGHT + 60, WIDTH + 60, 3), 150, np.uint8)
    mask = np.zeros(picture.shape[:2], np.uint8)
    # a body and two sleeves
    outline = np.array([(60, 30), (190, 30), (220, 110), (180, 120), (180, 270), (70, 270), (70, 120), (30, 110)])
    cv2.fillPoly(mask, [outline], 1)
    picture[30:-30, 30:-30] = np.clip(lit, 0, 255).astype(np.uint8)
    picture[mask == 0] = 150
    return picture, Isolation(mask > 0, 1.0, None, 1, NO_MASK)


def dyed(rgb: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.tile(rgb.astype(np.float64), (HEIGHT, WIDTH, 1))


def mixed(where: NDArray[np.floating], one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return cloth that is `one` where `where` is 1 and `other` where it is 0."""
    return where[..., None] * one + (1 - where[..., None]) * other


@pytest.mark.parametrize("rgb", [NAVY, CREAM, RED])
def test_folds_are_no_pattern(rgb: NDArray[np.integer]) -> None:
    for seed in range(3):
        assert pattern(*photographed(dyed(rgb), seed)).word == "plain"


@pytest.mark.parametrize("period", [10, 16])
@pytest.mark.parametrize(("axis", "direction"), [(ROWS, "horizontal"), (COLUMNS, "vertical")])
def test_stripes_are_striped_and_have_a_direction(axis: NDArray[np.integer], direction: str, period: int) -> None:
    found = pattern(*photographed(mixed((axis % period < period // 2).astype(float), NAVY, CREAM)))
    assert found.word == found.name == "striped"
    assert found.direction == direction


@pytest.mark.parametrize("period", [12, 18])
def test_checks_are_checked(period: int) -> None:
    share = ((period // 2 > ROWS % period) * 0.5) + ((period // 2 > COLUMNS % period) * 0.5)
    found = pattern(*photographed(mixed(share, RED, NAVY)))
    assert found.word == "checked"
    assert found.direction is None


def test_spots_all_over_are_patterned() -> None:
    random = np.random.default_rng(5)
    spots = np.zeros((HEIGHT, WIDTH))
    for x, y, size in zip(*(random.integers(0, most, 160) for most in (WIDTH, HEIGHT, 5)), strict=True):
        cv2.circle(spots, (int(x), int(y)), int(size) + 3, 1.0, -1)
    assert pattern(*photographed(mixed(spots, RED, CREAM))).name == "patterned"


def test_a_print_is_printed_and_counts_as_patterned_in_a_catalogue() -> None:
    sign = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row, word in enumerate(("HEM", "LINE")):
        cv2.putText(sign, word, (52, 90 + 42 * row), cv2.FONT_HERSHEY_DUPLEX, 1.2, 255, 4, cv2.LINE_AA)
    found = pattern(*photographed(mixed(sign / 255, CREAM, NAVY)))
    assert (found.word, found.name) == ("printed", "patterned")


def test_too_little_cloth_has_no_pattern() -> None:
    picture = np.zeros((40, 50, 3), np.uint8)
    assert pattern(picture, Isolation(np.zeros((40, 50), bool), 0.0, "nothing there", 0, NO_MASK)) == Pattern(None, 0.0)
    line = np.zeros((40, 50), bool)
    line[20] = True
    assert pattern(picture, Isolation(line, 0.5, None, 1, NO_MASK)).word is None


@pytest.mark.parametrize("size", [(9, 9), (8, 60), (700, 12), (64, 64)])
def test_a_picture_of_any_size_has_measures_that_are_numbers(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = cloth.measure(picture, Isolation(np.ones(size, bool), 1.0, None, 1, NO_MASK))
    assert found is None or np.isfinite(found[0]).all()


def test_a_gray_picture_is_measured_as_its_colours_would_be() -> None:
    picture, isolation = photographed(mixed((ROWS % 12 < 6).astype(float), NAVY * 0 + 30, CREAM * 0 + 220))
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert pattern(np.asarray(gray, np.uint8), isolation).word == "striped"


def test_every_pattern_has_a_weight_for_every_measure_and_a_name_in_a_catalogue() -> None:
    table = toml.read(WEIGHTS)
    for part in (table["mean"], table["spread"], *table["pattern"].values()):
        assert set(part) - {"bias"} == set(cloth.MEASURES)
    assert {Pattern(word, 1.0).name for word in table["pattern"]} == set(PATTERNS)


def named(*shares: tuple[str, float]) -> list[Colour]:
    return [Colour(name, share, (50.0, 0.0, 0.0)) for name, share in shares]


@pytest.mark.parametrize(
    ("label", "colours", "word", "said"),
    [
        ("longsleeve", named(("navy", 0.9)), "striped", "navy longsleeve, striped"),
        ("dress", named(("black", 0.5), ("white", 0.45)), "checked", "black and white dress, checked"),
        ("Dress", named(("red", 0.4), ("navy", 0.3), ("white", 0.25)), None, "red, navy and white dress"),
        ("T-shirt/top", named(("red", 0.9), ("white", 0.1)), "printed", "red t-shirt, printed"),
        ("shirt", named(("light grey", 0.5), ("grey", 0.4)), "plain", "light grey shirt"),
        ("shorts", named(("beige", 0.15)), None, "beige shorts"),
        (None, named(("navy", 0.9)), "plain", "navy garment"),
        ("hat", [], None, "hat"),
        (None, [], None, "garment"),
    ],
)
def test_a_caption_says_colours_garment_and_pattern(
    label: str | None, colours: list[Colour], word: str | None, said: str
) -> None:
    assert caption(label, colours, word) == said


def test_a_look_says_what_a_person_would() -> None:
    picture, isolation = photographed(mixed((ROWS % 14 < 7).astype(float), NAVY, CREAM))
    look = looks(picture, isolation)
    assert look.caption("longsleeve") in ("navy and cream longsleeve, striped", "cream and navy longsleeve, striped")
