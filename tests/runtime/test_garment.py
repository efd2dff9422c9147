from __future__ import annotations

import cv2
import numpy as np
import pytest

from hemline import garment
from hemline.drawn import LABELS
from hemline.drawn.photo import CLOTHS, FLOORS, empty, photo
from hemline.errors import PictureError
from hemline.garment import quality
from hemline.preprocess import Preprocess

COAT, TROUSER, DRESS = LABELS.index("Coat"), LABELS.index("Trouser"), LABELS.index("Dress")


def overlap(found: np.ndarray, true: np.ndarray) -> float:
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("cloth", ["navy", "red", "yellow"])
def test_a_garment_is_found_on_every_floor(cloth: str, floor: str) -> None:
    for seed, label in enumerate((COAT, TROUSER, DRESS)):
        picture, true = photo(label, seed=seed, cloth=cloth, floor=floor)
        found = garment.isolate(picture)
        assert found.reason is None
        assert found.count == 1
        assert overlap(found.scaled(*true.shape), true) > 0.75


@pytest.mark.parametrize("floor", FLOORS)
def test_an_empty_floor_has_nothing_there(floor: str) -> None:
    for seed in range(5):
        found = garment.isolate(empty(floor, seed=seed))
        assert found.count == 0
        assert (found.reason or "").startswith("nothing there: ")
        assert found.quality < 0.5
        # far from the limit: processors differ in the last digit
        assert quality.odds(found.facts) < quality.NOTHING - 1


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_value_has_nothing_there_and_an_empty_mask(value: int) -> None:
    found = garment.isolate(np.full((60, 80, 3), value, np.uint8))
    assert found.count == 0
    assert not found.scaled(60, 80).any()


def test_two_garments_are_counted_and_a_pair_is_one() -> None:
    left, _ = photo(COAT, seed=1, cloth="navy", floor="sheet")
    right, _ = photo(TROUSER, seed=2, cloth="red", floor="sheet")
    found = garment.isolate(np.hstack([left, right]))
    assert found.count == 2
    assert found.reason == "2 garments in the picture; show one at a time"
    shoe, _ = photo(LABELS.index("Sneaker"), seed=3, cloth="green", floor="sheet", height=240, width=240)
    pair = garment.isolate(np.vstack([shoe, shoe[:, ::-1]]))
    assert pair.count == 1


def test_a_garment_that_reaches_beyond_the_picture_is_said_so() -> None:
    picture, _ = photo(COAT, seed=4, cloth="red", floor="sheet", share=0.6)
    assert garment.isolate(picture).reason is None
    found = garment.isolate(picture[:190])
    assert found.count == 1
    assert found.reason == "the garment reaches beyond the picture; step back"


def test_the_same_photo_gives_the_same_mask() -> None:
    picture, _ = photo(DRESS, seed=5)
    first = garment.isolate(picture).mask
    garment.isolate(photo(COAT, seed=6, floor="tiles")[0])
    assert np.array_equal(garment.isolate(picture).mask, first)


def test_a_gray_picture_and_its_rgb_are_isolated_alike() -> None:
    gray = np.ascontiguousarray(photo(COAT, seed=7, cloth="black", floor="sheet")[0].min(axis=2))
    assert np.array_equal(garment.isolate(gray).mask, garment.isolate(np.dstack([gray] * 3)).mask)


def test_a_mask_at_another_size_is_the_same_mask() -> None:
    picture, true = photo(COAT, seed=8)
    found = garment.isolate(picture)
    large = found.scaled(*(4 * side for side in true.shape))
    assert large.shape == (4 * true.shape[0], 4 * true.shape[1])
    assert abs(large.mean() - found.mask.mean()) < 0.01


def test_too_small_a_picture_is_refused() -> None:
    with pytest.raises(PictureError, match=r"7x40 pixels; no garment can be found below 8x8"):
        garment.isolate(np.zeros((40, 7, 3), np.uint8))


def test_a_layout_is_trimmed_light_on_black_and_a_white_garment_is_not_lost() -> None:
    picture = np.full((90, 60, 3), 90, np.uint8)
    picture[20:70, 10:30] = 255
    mask = picture[..., 0] == 255
    laid = garment.laid_out(picture, mask)
    assert laid.shape == (50, 20)
    assert np.unique(laid).tolist() == [32]
    picture[mask] = 0
    assert np.unique(garment.laid_out(picture, mask)).tolist() == [255]


def test_a_cut_out_keeps_the_garment_and_fades_the_rest() -> None:
    picture = np.full((100, 100, 3), (200, 0, 0), np.uint8)
    picture[30:70, 30:70] = (0, 200, 0)
    mask = picture[..., 1] == 200
    cut = garment.cut_out(picture, mask, kept=0.0, ground=128)
    assert cut.shape == (44, 44, 3)
    assert cut[22, 22].tolist() == [0, 200, 0]
    assert np.abs(cut[0, 0].astype(int) - 128).max() < 25
    half = garment.cut_out(picture, mask, kept=0.5, ground=128)
    assert abs(int(half[0, 0, 0]) - 164) < 25


def test_a_cut_out_at_the_edge_of_a_photo_is_framed_with_the_ground() -> None:
    picture = np.full((50, 50, 3), 255, np.uint8)
    mask = np.zeros((50, 50), bool)
    mask[:, :20] = True
    cut = garment.cut_out(picture, mask, kept=0.0, ground=10)
    assert cut.shape == (56, 26, 3)
    assert cut[0].max() == cut[:, 0].max() == 10


@pytest.mark.parametrize("isolation", ["layout", "cutout"])
def test_isolated_pixels_are_isolated_once(isolation: str) -> None:
    contract = Preprocess(28, 28, 1 if isolation == "layout" else 3, pad=0, isolation=isolation)
    pixels = contract.apply(photo(COAT, seed=9)[0])
    assert np.array_equal(contract.apply(pixels), pixels)


def test_a_layout_shows_the_model_the_garment_alone() -> None:
    contract = Preprocess(28, 28, isolation="layout")
    picture, mask = photo(TROUSER, seed=10, cloth="black", floor="sheet")
    pixels, found = contract.isolated(picture)
    assert found is not None
    rows, columns = garment.bounds(mask)
    trimmed = mask[rows, columns].astype(np.uint8) * 255
    expected = Preprocess(28, 28).apply(trimmed)
    assert overlap(pixels[..., 0] > 128, expected[..., 0] > 128) > 0.8
    assert pixels[:, 0].max() == 0


def test_what_lies_gray_on_black_already_is_not_isolated_again() -> None:
    contract = Preprocess(28, 28, isolation="layout")
    laid = cv2.resize(Preprocess(28, 28).apply(photo(COAT, seed=11)[1].astype(np.uint8) * 200), (56, 56))
    for picture in (laid, np.dstack([laid] * 3)):
        pixels, found = contract.isolated(picture)
        assert found is None
        assert np.array_equal(pixels, Preprocess(28, 28).apply(picture))


@pytest.mark.parametrize("size", [(1, 1), (5, 5), (9, 200), (8, 8), (3, 4000)])
@pytest.mark.parametrize("isolation", ["layout", "cutout"])
def test_every_picture_becomes_the_contracts_shape_under_isolation(isolation: str, size: tuple[int, int]) -> None:
    contract = Preprocess(20, 30, 1 if isolation == "layout" else 3, isolation=isolation)
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for picture in (noise, noise[..., 0]):
        assert contract.apply(picture).shape == contract.shape


@pytest.mark.parametrize("isolation", ["layout", "cutout"])
def test_a_frame_gives_the_pixels_of_the_same_frame_averaged_down(isolation: str) -> None:
    contract = Preprocess(100, 100, 1 if isolation == "layout" else 3, pad=0, isolation=isolation)
    frame, _ = photo(COAT, seed=12, cloth="red", floor="sheet", height=1000, width=1280)
    half = cv2.resize(frame, (640, 500), interpolation=cv2.INTER_AREA)
    assert np.array_equal(contract.apply(frame), contract.apply(half))
    odd = np.ascontiguousarray(frame[:-1])  # 999 rows cannot be halved
    assert contract.apply(odd).shape == contract.shape


def test_a_file_is_decoded_large_enough_to_find_the_garment() -> None:
    assert Preprocess(28, 28).needed == (28, 28)
    assert Preprocess(28, 28, interpolation="linear").needed is None
    assert Preprocess(28, 28, isolation="layout").needed == (garment.SIDE, garment.SIDE)
    assert Preprocess(160, 96, 3, isolation="cutout").needed == (160, garment.SIDE)


def test_cloths_and_floors_are_told_apart_from_each_other() -> None:
    assert len({*CLOTHS.values()}) == len(CLOTHS)
    assert {"wood", "sheet"} <= set(FLOORS)
