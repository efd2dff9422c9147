"""A garment shown again is found, another one is not; what it is recognised by survives storage or is refused."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.errors import DataError
from hemline.garment import Isolation
from hemline.garment.quality import NO_MASK
from hemline.wardrobe import features
from hemline.wardrobe.duplicates import SAME, Entry, find_duplicates, likely, same, verify
from hemline.wardrobe.features import LIMIT, RELIEF, colour_vector, unpack
from hemline.wardrobe.looks import Look, looks

HEIGHT, WIDTH = 320, 260
BLACK, NAVY, CREAM, RED = ((34, 34, 36), (30, 38, 74), (226, 220, 205), (178, 40, 48))


@cache
def shirt(seed: int, rgb: tuple[int, int, int] = BLACK, sign: str = "") -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a photo of a shirt on a floor and where it is; the seed decides how it happens to be folded."""
    random = np.random.default_rng(seed)
    picture = 160 + 12 * cv2.GaussianBlur(random.normal(0, 1, (HEIGHT, WIDTH, 1)), (0, 0), 1)[..., None].repeat(3, 2)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    outline = np.array([(95, 50), (165, 50), (220, 120), (190, 140), (178, 125), (178, 270), (82, 270), (82, 125)])
    cv2.fillPoly(mask, [np.vstack([outline, [(70, 140), (40, 120)]])], 1)
    folds = np.zeros((HEIGHT, WIDTH), np.float64)
    for _ in range(28):  # creases: short dark lines, light beside them
        x, y, angle, length = random.uniform(40, 220), random.uniform(50, 270), random.uniform(0, np.pi), 60
        end = int(x + length * np.cos(angle)), int(y + length * np.sin(angle))
        crease = np.zeros((HEIGHT, WIDTH), np.float32)
        cv2.line(crease, (int(x), int(y)), end, 1.0, 3)
        folds += cv2.GaussianBlur(crease, (0, 0), 3) - cv2.GaussianBlur(np.roll(crease, 5, 1), (0, 0), 3)
    cloth = np.array(rgb) * (1 + 0.9 * folds)[..., None]
    if sign:
        ink = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.putText(ink, sign, (88, 150), cv2.FONT_HERSHEY_DUPLEX, 0.9, 255, 2, cv2.LINE_AA)
        cloth = np.where(ink[..., None] > 127, 235, cloth)
    picture = np.where(mask[..., None] > 0, cloth, picture) + random.normal(0, 1.5, (HEIGHT, WIDTH, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), mask > 0


def again(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], degrees: float, scale: float, light: float, quality: int = 70
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the same photo turned, scaled, cut, lit otherwise and compressed."""
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, scale)
    size = round(WIDTH * scale * 0.9), round(HEIGHT * scale * 0.9)
    turn[:, 2] += np.array(size) / 2 - (WIDTH / 2, HEIGHT / 2)
    moved = cv2.warpAffine(picture, turn, size, borderMode=cv2.BORDER_REFLECT_101)
    there = cv2.warpAffine(mask.astype(np.uint8), turn, size) > 0
    lit = np.clip(moved.astype(np.float32) * light, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8), np.asarray(there)


@cache
def look_of(seed: int, rgb: tuple[int, int, int] = BLACK, sign: str = "") -> Look:
    return look(shirt(seed, rgb, sign))


def look(photo: tuple[NDArray[np.uint8], NDArray[np.bool_]]) -> Look:
    picture, mask = photo
    return looks(picture, Isolation(mask, 1.0, None, 1, NO_MASK))


@pytest.mark.parametrize(
    ("degrees", "scale", "light"), [(0, 1.0, 1.0), (8, 1.0, 0.8), (-8, 0.7, 1.2), (4, 1.3, 1.1), (-3, 0.8, 0.9)]
)
@pytest.mark.parametrize(("rgb", "sign"), [(BLACK, ""), (CREAM, ""), (RED, "HEMLINE")])
def test_a_photo_taken_from_elsewhere_shows_the_same_garment(
    rgb: tuple[int, int, int], sign: str, degrees: float, scale: float, light: float
) -> None:
    photo = shirt(1, rgb, sign)
    match = same(look(again(*photo, degrees, scale, light)).features, look_of(1, rgb, sign).features)
    assert match.verified
    assert match.score >= SAME
    assert match.why.startswith("the same cloth: ")


@pytest.mark.parametrize("rgb", [BLACK, CREAM, NAVY])
def test_two_garments_of_one_cut_and_colour_are_two(rgb: tuple[int, int, int]) -> None:
    packed = [look_of(seed, rgb).features for seed in range(4)]
    for one in range(4):
        for other in range(one):
            match = same(packed[one], packed[other])
            assert not match.verified
            assert match.colour > 0.9  # the colour alone would not tell
            assert match.why == "another garment, or another photo of it laid otherwise"


def test_the_same_print_on_other_folds_is_told_by_its_points_or_not_at_all() -> None:
    match = same(look_of(1, RED, "HEMLINE").features, look_of(2, RED, "OTHER").features)
    assert not match.verified


def test_a_match_is_as_sure_whichever_garment_comes_first() -> None:
    photo = shirt(3)
    one, other = look(photo).features, look(again(*photo, 5, 0.9, 1.0)).features
    assert same(one, other).verified
    assert same(other, one).verified


def entries(count: int, loaded: list[int]) -> list[Entry]:
    """Return garments 1, 2, ...; which of them are loaded is noted."""

    def entry(number: int) -> Entry:
        own = look_of(number, (BLACK, NAVY, CREAM, RED)[number % 4])

        def load() -> bytes:
            loaded.append(number)
            return own.features

        return Entry(number, embedding(number), own.colour_vector, load)

    return [entry(number) for number in range(1, count + 1)]


def embedding(number: int) -> NDArray[np.float32]:
    return np.random.default_rng(number).normal(0, 1, 32).astype(np.float32)


def test_a_duplicate_is_found_among_others_and_nothing_is_loaded_but_the_shortlist() -> None:
    loaded: list[int] = []
    there = entries(8, loaded)
    shown = look(again(*shirt(6, CREAM), 6, 0.8, 1.1))
    found = find_duplicates(shown.features, embedding(6) * 3, there, shortlist=3)
    assert [garment_id for garment_id, _ in found] == [6]
    assert found[0][1].verified
    assert len(loaded) == 3
    assert loaded[0] == 6


def test_a_new_garment_has_no_duplicates_and_so_has_any_in_an_empty_wardrobe() -> None:
    new = look_of(99, NAVY)
    assert find_duplicates(new.features, embedding(99), entries(6, [])) == []
    assert find_duplicates(new.features, embedding(99), []) == []


def test_the_surest_comes_first_and_a_garment_with_two_pictures_comes_once() -> None:
    photo = shirt(4, CREAM)
    near, far = look(again(*photo, 1, 1.0, 1.0, 95)), look(again(*photo, -8, 0.6, 0.8, 40))
    candidates = [(7, lambda: far.features), (9, lambda: near.features), (7, lambda: near.features)]
    found = verify(look(photo).features, candidates)
    assert sorted(garment_id for garment_id, _ in found) == [7, 9]
    scores = [match.score for _, match in found]
    assert scores == sorted(scores, reverse=True)


def test_the_shortlist_weighs_embedding_and_colour_and_holds_all_when_there_are_few() -> None:
    vectors, colours = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[[1, 0, 0, 3]]
    assert likely(vectors[0] * 5, colours[1], vectors, colours, count=2)[0] in (0, 1)
    assert sorted(likely(vectors[0], colours[0], vectors, colours, count=9)) == [0, 1, 2, 3]
    assert likely(np.zeros(4, np.float32), colours[3], vectors, colours, count=1) == [3]


# ---- features


def test_what_was_packed_is_unpacked_but_for_rounding() -> None:
    picture, mask = shirt(5, RED, "HEMLINE")
    isolation = Isolation(mask, 1.0, None, 1, NO_MASK)
    vector = look((picture, mask)).colour_vector
    before = features.extract(picture, isolation, vector)
    after = unpack(before.pack())
    assert len(after.places) == len(before.places) > 30
    assert np.abs(after.places - before.places).max() <= 0.5 / 64
    assert (after.descriptors * before.descriptors).sum(axis=1).min() > 0.98
    assert np.abs(np.angle(np.exp(1j * (after.angles - before.angles)))).max() < 0.02
    assert np.abs(np.log(after.sizes / before.sizes)).max() < 0.02
    assert (after.mask == before.mask).all()
    assert max(after.mask.shape) == RELIEF
    assert np.abs(after.relief - before.relief).mean() < 0.1
    assert after.colours @ before.colours > 0.999
    assert after.pack()[:4] == before.pack()[:4]


@pytest.mark.parametrize("kind", ["noise", "flat", "checks", "tiny", "thin"])
def test_whatever_is_shown_features_stay_within_the_limit_and_match_themselves(kind: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (400, 300, 3)).astype(np.uint8)
    if kind == "flat":
        picture[:] = 128
    elif kind == "checks":
        picture[:] = (np.indices((400, 300)).sum(axis=0) // 9 % 2 * 255)[..., None]
    elif kind == "tiny":
        picture = picture[:8, :8]
    elif kind == "thin":
        picture = picture[:, :9]
    everything = np.ones(picture.shape[:2], bool)
    packed = look((picture, everything)).features
    assert len(packed) <= LIMIT
    match = same(packed, packed)
    assert 0 <= match.score <= 1
    assert match.verified == (kind != "flat")  # of what has no detail nothing can be said


def test_without_an_isolated_garment_the_whole_picture_counts() -> None:
    picture, mask = shirt(8, RED, "HEMLINE")
    nothing = np.zeros_like(mask)
    shown = look((picture, nothing))
    assert shown.colours == ()
    assert not shown.colour_vector.any()
    assert unpack(shown.features).mask.mean() > 0.9


def test_colours_are_read_without_the_rest() -> None:
    shown = look_of(2, NAVY)
    assert colour_vector(shown.features) @ shown.colour_vector > 0.999
    assert np.linalg.norm(colour_vector(shown.features)) == pytest.approx(1, abs=1e-5)


def test_features_that_are_cut_off_are_refused_wherever_the_cut_is() -> None:
    packed = look_of(2).features
    for length in [*range(120), *range(120, len(packed), 211), len(packed) - 1]:
        with pytest.raises(DataError, match="scan it again") as caught:
            unpack(packed[:length])
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError):
        unpack(packed + b"\0")


def test_features_that_were_altered_are_refused_wherever_that_was() -> None:
    packed = look_of(2).features
    for at in range(0, len(packed), 173):
        altered = bytearray(packed)
        altered[at] ^= 0x10
        with pytest.raises(DataError):
            unpack(bytes(altered))


def test_features_of_another_version_are_refused_by_its_number() -> None:
    packed = bytearray(look_of(2).features)
    struct.pack_into("<H", packed, 4, 9)
    with pytest.raises(DataError, match="version 9, this hemline reads 1"):
        unpack(bytes(packed))
    with pytest.raises(DataError, match="version 9"):
        colour_vector(bytes(packed))


@pytest.mark.parametrize("outline", [b"", b"garbage", zlib.compress(bytes(10**7))])
def test_an_outline_that_claims_to_be_something_else_is_refused_with_a_right_checksum(outline: bytes) -> None:
    packed = look_of(2).features
    head = features._HEAD
    magic, version, count, outline_bytes, relief_bytes, height, width, _ = head.unpack_from(packed)
    rest = packed[head.size :]
    at = features.WIDTH + count * (features._PLACE.itemsize + 64)
    rest = rest[:at] + outline + rest[at + outline_bytes :]
    forged = head.pack(magic, version, count, len(outline), relief_bytes, height, width, zlib.crc32(rest)) + rest
    if len(outline) < 9000:
        with pytest.raises(DataError):
            unpack(forged)
    else:
        assert unpack(forged).mask.sum() == 0  # read no further than there are pixels
