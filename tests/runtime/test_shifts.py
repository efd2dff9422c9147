"""Shifts: the same pictures everywhere, harder with each strength, and figures that add up."""

from __future__ import annotations

import os
import zlib
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.drawn import drawn
from hemline.errors import UsageError
from hemline.shifts import SHIFTS, STRENGTHS, accuracy, apply
from hemline.shifts.batch import SUITE, Batch

ROOT = Path(__file__).resolve().parents[2]
KINDS = tuple(SHIFTS)
BY_CHANCE = ("gaussian_noise", "salt_noise", "rotation", "translation", "occlusion")
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def garments() -> Pixels:
    return drawn(4, seed=7)[0][..., None]


def bars(height: int, width: int, channels: int) -> Pixels:
    """Two pictures from arithmetic alone, with a frame of zeros: the same with every OpenCV."""
    y, x, channel, picture = np.ogrid[:height, :width, :channels, :2]
    level = (y * 37 + x * 11 + channel * 90 + picture * 53) % 200 + 50
    inside = (y > 2) & (y < height - 3) & (x > 4) & (x < width - 5)
    return np.ascontiguousarray(np.where(inside, level, 0).transpose(3, 0, 1, 2).astype(np.uint8))


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 33, 3), (64, 48, 3), (1, 1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_shape_and_type_are_kept(kind: str, shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)
    before = pixels.copy()
    for strength in STRENGTHS:
        out = apply(kind, pixels, strength, pad=128)
        assert (out.shape, out.dtype) == (pixels.shape, np.uint8)
        assert out.flags.c_contiguous
        assert apply(kind, pixels[:0], strength).shape == (0, *shape)
    assert np.array_equal(pixels, before), "the pictures given are left as they are"


@pytest.mark.parametrize("kind", KINDS)
def test_no_cut_into_batches_changes_a_picture(kind: str, garments: Pixels) -> None:
    whole = apply(kind, garments, 4)
    pieces = [apply(kind, garments[first:last], 4, first=first) for first, last in ((0, 1), (1, 17), (17, 40))]
    assert np.array_equal(whole, np.concatenate(pieces))


@pytest.mark.parametrize("kind", KINDS)
def test_each_strength_is_further_from_the_clean_pictures(kind: str, garments: Pixels) -> None:
    clean = garments.astype(np.int64)
    distances = [float(np.abs(apply(kind, garments, strength) - clean).mean()) for strength in STRENGTHS]
    assert distances[0] > 0
    assert distances == sorted(distances)
    assert len(set(distances)) == len(STRENGTHS)


@pytest.mark.parametrize("kind", KINDS)
def test_chance_goes_with_the_index_of_a_picture_and_is_the_same_at_every_strength(kind: str) -> None:
    same = np.repeat(bars(28, 28, 1)[:1], 8, axis=0)
    outs = {apply(kind, same, 3)[index].tobytes() for index in range(8)}
    assert (len(outs) > 1) == (kind in BY_CHANCE)
    if kind == "salt_noise":
        changed = [apply(kind, same, strength) != same for strength in STRENGTHS]
        assert all((less <= more).all() for less, more in pairwise(changed))


# crc32 of both pictures at every strength. Another number here is another suite: raise SUITE, and say so. The JPEG
# coder is OpenCV's, whose versions may differ.
PINNED = {
    "gaussian_noise": 2594776115,
    "salt_noise": 4261761107,
    "blur": 2257797746,
    "rotation": 96034251,
    "translation": 3582035419,
    "smaller": 2302199465,
    "larger": 3721974248,
    "brightness": 1400335270,
    "contrast": 670733532,
    "inverted_polarity": 2060649795,
    "white_background": 943187202,
    "occlusion": 4132123023,
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "jpeg"])
def test_suite_1_makes_the_pictures_that_it_always_made(kind: str) -> None:
    digest = 0
    for pixels in (bars(28, 28, 1), bars(30, 41, 3)):
        for strength in STRENGTHS:
            digest = zlib.crc32(apply(kind, pixels, strength, first=5).tobytes(), digest)
    assert (SUITE, digest) == (1, PINNED[kind])


@pytest.mark.parametrize("kind", ["rotation", "translation", "smaller"])
def test_what_a_picture_leaves_uncovered_has_the_level_of_pad(kind: str) -> None:
    out = apply(kind, np.full((4, 28, 28, 3), 90, np.uint8), 5, pad=200)
    corners = out[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 200).all(axis=2).any(axis=1).all()
    assert (out[:, 14, 14] == 90).all()


def test_turning_and_resizing_are_those_of_opencv_to_within_its_rounding(garments: Pixels) -> None:
    for kind, strength, angle, scale in (("rotation", 3, 20, 1), ("smaller", 4, 0, 0.6), ("larger", 2, 0, 1.2)):
        for index, picture in enumerate(garments[:10, ..., 0]):
            out = apply(kind, garments[index : index + 1], strength, first=index)[0, ..., 0].astype(int)
            likely = []
            for sign in (1, -1):
                matrix = cv2.getRotationMatrix2D((13.5, 13.5), sign * angle, scale)
                likely.append(np.abs(cv2.warpAffine(picture, matrix, (28, 28)) - out))
            assert min(difference.mean() for difference in likely) < 0.2


def test_blur_is_that_of_opencv_to_within_a_level(garments: Pixels) -> None:
    sigma = SHIFTS["blur"].amounts[2] * 28
    for picture, out in zip(garments[..., 0], apply("blur", garments, 3)[..., 0], strict=True):
        theirs = cv2.GaussianBlur(picture, (9, 9), sigma, borderType=cv2.BORDER_REPLICATE)
        assert np.abs(theirs.astype(int) - out).max() <= 1
    flat = np.full((1, 9, 30, 3), 255, np.uint8)
    assert np.array_equal(apply("blur", flat, 5), flat)


def test_noise_has_the_deviation_and_the_share_that_the_table_says() -> None:
    gray = np.full((50, 28, 28, 1), 128, np.uint8)
    for strength, sigma in enumerate(SHIFTS["gaussian_noise"].amounts[:3], 1):
        noise = apply("gaussian_noise", gray, strength).astype(float) - 128
        assert abs(noise.mean()) < 0.03 * sigma
        assert noise.std() == pytest.approx(sigma, rel=0.02)
    for strength, share in enumerate(SHIFTS["salt_noise"].amounts, 1):
        out = apply("salt_noise", np.repeat(gray, 3, axis=3), strength)
        assert (out != 128).all(axis=3).mean() == pytest.approx(share, rel=0.05)
        assert (out == 255).mean() == pytest.approx(share / 2, rel=0.1)
        assert set(np.unique(out)) == {0, 128, 255}


def test_the_negative_is_reached_at_strength_5(garments: Pixels) -> None:
    assert np.array_equal(apply("inverted_polarity", garments, 5), 255 - garments)


def test_a_white_background_leaves_the_garment_and_what_it_encloses() -> None:
    picture = np.zeros((1, 12, 12, 3), np.uint8)
    picture[0, 3:9, 3:9] = 150
    picture[0, 5:7, 5:7] = 0  # a hole
    picture[0, 0, 0] = 13  # near black: background too
    out = apply("white_background", picture, 5)[0]
    garment = np.zeros((12, 12), bool)
    garment[3:9, 3:9] = True
    assert np.array_equal(out[garment], picture[0][garment])
    assert (out[~garment] == 255).all()
    assert (apply("white_background", 255 - picture, 5, pad=255)[0][~garment] == 0).all()
    photo = np.random.default_rng(3).integers(60, 200, (1, 12, 12, 3), np.uint8)
    assert np.array_equal(apply("white_background", photo, 5), photo)


def test_the_occluding_square_has_its_area_and_lies_inside() -> None:
    pixels = np.repeat(bars(40, 40, 1)[:1], 30, axis=0)
    for strength, share in enumerate(SHIFTS["occlusion"].amounts, 1):
        for out in apply("occlusion", pixels, strength)[..., 0]:
            levels, counts = np.unique(out[out != pixels[0, ..., 0]], return_counts=True)
            assert len(levels) == 1
            assert counts[0] <= round((40**2 * share) ** 0.5) ** 2


def test_what_does_not_exist_is_refused_with_what_does(garments: Pixels) -> None:
    with pytest.raises(UsageError, match=r"no shift 'blurr'; nearest: blur; there are blur, brightness"):
        apply("blurr", garments, 1)
    with pytest.raises(UsageError, match=r"shift blur of strength 6; use 1 to 5"):
        apply("blur", garments, 6)
    with pytest.raises(ValueError, match=r"expected uint8 \(N, H, W, 1 or 3\), found float32"):
        Batch(garments.astype(np.float32), 0, "blur", 0)  # type: ignore[arg-type]


def test_the_document_has_the_amounts_of_the_table() -> None:
    lines = (ROOT / "docs" / "shifts.md").read_text(encoding="utf-8").splitlines()
    for kind, shift in SHIFTS.items():
        amounts = " | ".join(f"{amount:g}" for amount in shift.amounts)
        assert f"| {kind.replace('_', ' ')} | {amounts} | {shift.unit} |" in lines


def test_accuracy_is_counted_over_every_kind_and_strength(garments: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = np.arange(len(garments)) % 2
    known = {picture.tobytes(): int(target) for picture, target in zip(garments, targets, strict=True)}

    def only_clean(batch: Pixels) -> NDArray[np.float32]:
        """Right for a picture that it knows, wrong for any other."""
        right = np.array([known.get(picture.tobytes(), -1) for picture in batch])
        return np.stack([right == 0, right == 1, right == -1], axis=1).astype(np.float32)

    def first_class(batch: Pixels) -> NDArray[np.float32]:
        return np.tile(np.array([1, 0, 0], np.float32), (len(batch), 1))

    told: list[tuple[str, int, int]] = []
    models = {"clean": only_clean, "blind": first_class}
    found = accuracy.measure(models, garments, targets, pad=0, progress=lambda *step: told.append(step))
    assert list(found) == ["clean", "blind"]
    assert list(found["clean"]) == ["suite", "clean", "mean", "kinds"]
    assert list(found["clean"]["kinds"]) == list(KINDS)
    assert found["clean"]["clean"] == 1.0
    assert found["clean"]["mean"] < 0.1
    assert {value for values in found["blind"]["kinds"].values() for value in values} == {0.5}
    assert (found["blind"]["clean"], found["blind"]["mean"]) == (0.5, 0.5)
    assert told == [("shifts", done, 65) for done in range(1, 66)]
    monkeypatch.setattr(accuracy, "PIECE_BYTES", 7 * 28 * 28)
    assert accuracy.measure(models, garments, targets, pad=0) == found


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("HEMLINE_DATA"), reason="HEMLINE_DATA is not set")
def test_every_kind_is_harder_on_real_garments_for_the_bundle_in_the_wheel() -> None:
    pytest.importorskip("ai_edge_litert")
    from hemline import datasets, parity
    from hemline.bundle import Bundle
    from hemline.engines import open_engine
    from hemline.select import find_bundle

    bundle = Bundle.load(find_bundle())
    dataset = datasets.read(datasets.locate("fashion-mnist"), "test").thinned(500)
    targets = parity.targets_for(bundle, dataset)
    pixels = dataset.pixels(bundle.preprocess)
    with open_engine(bundle, "litert:int8") as engine:
        found = accuracy.measure({"it": lambda batch: engine.run(batch)[0]}, pixels, targets, pad=0)["it"]
    assert found["clean"] > 0.9
    assert 0.73 < found["mean"] < found["clean"]
    for kind, values in found["kinds"].items():
        assert values[4] < values[0], kind
        assert values[0] < found["clean"] + 0.01, kind
