"""The names of colours: what is said of a garment, whatever the light, the folds and the floor."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import garment, toml
from hemline.drawn import LABELS
from hemline.drawn.photo import CLOTHS, FLOORS, photo
from hemline.garment import Isolation
from hemline.garment.quality import NO_MASK
from hemline.wardrobe.ciede2000 import difference
from hemline.wardrobe.colours import LEAST, MOST, NAMES, colours, lab_of, name_of, names, of_pixels
from hemline.wardrobe.histogram import WIDTH, histogram

COAT = LABELS.index("Coat")
# Sharma, Wu, Dalal (2005), table 1: two colours and their difference
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]


def worn(cloth: NDArray[np.uint8], ground: tuple[int, int, int] = (200, 196, 190)) -> tuple[np.ndarray, Isolation]:
    """Return a picture of cloth (h, w, 3) on a ground, and its exact isolation."""
    height, width = cloth.shape[:2]
    picture = np.full((height + 40, width + 40, 3), ground, np.uint8)
    picture[20:-20, 20:-20] = cloth
    mask = np.zeros(picture.shape[:2], bool)
    mask[20:-20, 20:-20] = True
    return picture, Isolation(mask, 1.0, None, 1, NO_MASK)


def dyed(rgb: tuple[int, int, int], height: int = 200, width: int = 150) -> NDArray[np.uint8]:
    return np.full((height, width, 3), rgb, np.uint8)


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_ciede2000_gives_the_published_differences_either_way_round(
    one: tuple[float, ...], other: tuple[float, ...], expected: float
) -> None:
    assert difference(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)
    assert difference(np.array(other), np.array(one)) == pytest.approx(expected, abs=1e-4)


def test_lightness_can_be_made_to_count_less() -> None:
    black, gray = np.array([20.0, 0, 0]), np.array([40.0, 0, 0])
    assert difference(black, gray, lightness=2) == pytest.approx(difference(black, gray) / 2)


def test_every_look_is_called_by_one_name_and_names_are_words_of_a_list() -> None:
    rows = toml.read(NAMES)["colour"]
    looks = Counter(look for row in rows for look in row["looks"])
    assert not [look for look, count in looks.items() if count > 1]
    assert [row["name"] for row in rows] == [row["name"].lower().strip() for row in rows]
    assert len({row["name"] for row in rows}) == len(rows)
    known = names()
    assert [name_of(look) for look in known.looks] == list(known.names)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("cloth", CLOTHS)
def test_a_garment_in_a_photo_is_called_by_the_colour_of_its_cloth(cloth: str, floor: str) -> None:
    picture, true = photo(COAT, seed=3, cloth=cloth, floor=floor)
    found = colours(picture, Isolation(true, 1.0, None, 1, NO_MASK))
    assert found[0].name == cloth
    assert found[0].share > 0.6


def test_the_floor_has_no_say() -> None:
    cloth = dyed((120, 30, 40))
    said = {colours(*worn(cloth, ground)) for ground in ((0, 0, 0), (255, 255, 255), (20, 90, 200), (240, 220, 30))}
    assert len(said) == 1


@pytest.mark.parametrize("light", [0.8, 0.9, 1.1, 1.2])
@pytest.mark.parametrize("cloth", CLOTHS)
def test_more_or_less_light_leaves_the_family_of_a_colour(cloth: str, light: float) -> None:
    picture, true = photo(COAT, seed=5, cloth=cloth, floor="tiles")
    isolation = Isolation(true, 1.0, None, 1, NO_MASK)
    lit = np.clip(picture.astype(np.float32) * light, 0, 255).astype(np.uint8)
    families = names().families
    assert families[colours(lit, isolation)[0].name] == families[colours(picture, isolation)[0].name]


@pytest.mark.parametrize("rgb", [(190, 30, 45), (40, 90, 190), (40, 130, 70), (225, 222, 220), (60, 160, 165)])
def test_folds_and_shade_make_no_second_colour(rgb: tuple[int, int, int]) -> None:
    rows, columns = np.mgrid[0:200, 0:150]
    light = 0.86 + 0.14 * np.sin(columns / 9 + rows / 40)  # folds that run down, and the far side in the shade
    light *= np.linspace(1.0, 0.85, 200)[:, None]
    cloth = (np.array(rgb) * light[..., None]).astype(np.uint8)
    found = colours(*worn(cloth))
    assert found[0].share > 0.97
    families = names().families
    assert families[found[0].name] == families[name_of(lab_of(dyed(rgb))[0, 0])]


def test_colours_come_with_their_shares_the_largest_first() -> None:
    cloth = dyed((250, 250, 250))
    cloth[:120] = (25, 30, 60)
    found = colours(*worn(cloth))
    assert [colour.name for colour in found] == ["navy", "white"]
    assert found[0].share == pytest.approx(0.6, abs=0.03)
    assert found[1].share == pytest.approx(0.4, abs=0.03)
    assert found[0].lab[0] < found[1].lab[0]


def test_a_button_is_no_colour_of_a_garment_and_a_collar_is() -> None:
    cloth = dyed((40, 90, 190))
    cloth[60:80, 60:80] = (200, 30, 40)
    assert [colour.name for colour in colours(*worn(cloth))] == ["blue"]
    cloth[:30] = (250, 250, 250)
    assert [colour.name for colour in colours(*worn(cloth))] == ["blue", "white"]


def test_shares_never_exceed_the_whole_and_small_ones_are_left_out() -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        found = of_pixels(lab_of(random.integers(0, 256, (1, 600, 3)).astype(np.uint8))[0])
        assert 1 <= len(found) <= MOST
        assert sum(colour.share for colour in found) <= 1 + 1e-6
        assert all(colour.share >= LEAST for colour in found[1:])
        assert len({colour.name for colour in found}) == len(found)


def test_a_gray_picture_has_gray_names() -> None:
    picture, isolation = worn(dyed((30, 30, 30)))
    assert [colour.name for colour in colours(picture[..., 0], isolation)] == ["black"]


def test_without_a_garment_there_are_no_colours() -> None:
    nothing = Isolation(np.zeros((30, 40), bool), 0.0, "nothing there", 0, NO_MASK)
    assert colours(np.zeros((30, 40, 3), np.uint8), nothing) == ()
    assert not histogram(np.empty((0, 3), np.float32)).any()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_pixels_have_a_colour(count: int) -> None:
    assert of_pixels(np.tile(np.array([[30, 40, 20]], np.float32), (count, 1)))[0].share == 1


def test_the_same_picture_gives_the_same_colours_whatever_was_drawn_before() -> None:
    picture, _ = photo(COAT, seed=9, cloth="green", floor="wood")
    isolation = garment.isolate(picture)
    first = colours(picture, isolation)
    cv2.setRNGSeed(77)
    assert colours(picture, isolation) == first


def test_histograms_are_near_for_one_cloth_in_two_lights_and_far_for_two_cloths() -> None:
    vectors = {
        (cloth, light): histogram(lab_of(np.clip(np.array([[CLOTHS[cloth]]]) * light, 0, 255).astype(np.uint8))[0])
        for cloth in CLOTHS
        for light in (0.9, 1.0)
    }
    for cloth in CLOTHS:
        assert vectors[cloth, 1.0].shape == (WIDTH,)
        assert np.linalg.norm(vectors[cloth, 1.0]) == pytest.approx(1, abs=1e-5)
        alike = {other: float(vectors[cloth, 1.0] @ vectors[other, 0.9]) for other in CLOTHS}
        assert max(alike, key=alike.__getitem__) == cloth
        assert alike[cloth] > 0.85
