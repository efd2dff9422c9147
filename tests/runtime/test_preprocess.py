from __future__ import annotations

import numpy as np
import pytest

from hemline.errors import PictureError, UsageError
from hemline.preprocess import FITS, INTERPOLATIONS, Preprocess


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_a_picture_of_the_right_size_is_unchanged() -> None:
    gray, colour = noise(28, 28), noise(28, 28, 3)
    assert np.array_equal(Preprocess(28, 28).apply(gray)[..., 0], gray)
    assert np.array_equal(Preprocess(28, 28, channels=3).apply(colour), colour)


def test_gray_stored_as_rgb_becomes_the_same_gray_again() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(Preprocess(16, 16).apply(np.dstack([every] * 3))[..., 0], every)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(9, 200), (300, 8), (28, 28), (5, 5), (1, 1), (3, 4000)])
def test_every_picture_becomes_the_contracts_shape(
    fit: str, interpolation: str, channels: int, size: tuple[int, int]
) -> None:
    contract = Preprocess(20, 30, channels, fit, interpolation)
    for picture in (noise(*size), noise(*size, 3)):
        pixels = contract.apply(picture)
        assert pixels.shape == contract.shape == (20, 30, channels)
        assert pixels.dtype == np.uint8
        assert pixels.flags["C_CONTIGUOUS"]


def test_a_constant_picture_stays_constant_and_pad_frames_it() -> None:
    wide = np.full((10, 40), 200, np.uint8)
    padded = Preprocess(20, 20, pad=7).apply(wide)[..., 0]
    assert np.array_equal(np.unique(padded[:7]), [7])
    assert np.array_equal(np.unique(padded[8:12]), [200])
    for fit in ("crop", "stretch"):
        assert np.array_equal(np.unique(Preprocess(20, 20, fit=fit).apply(wide)), [200])


def test_pad_keeps_the_aspect_and_crop_keeps_the_centre() -> None:
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    assert Preprocess(20, 20, fit="crop").apply(wide).min() == 255
    rows = np.flatnonzero(Preprocess(30, 30, pad=9).apply(wide)[:, 15, 0] == 255)
    assert (rows[0], rows[-1]) == (10, 19)


def test_the_callers_picture_is_not_written_to() -> None:
    picture = noise(50, 60, 3)
    before = picture.copy()
    Preprocess(28, 28).apply(picture)
    assert np.array_equal(picture, before)


def test_a_contract_reads_back_as_it_was_written() -> None:
    contract = Preprocess(96, 128, 3, "crop", "linear", 114, mirror="both")
    assert Preprocess.from_dict(contract.as_dict()) == contract


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hight": 28}, "no key 'hight'; nearest: height"),
        ({"fit": "padd"}, "no fit 'padd'; nearest: pad"),
        ({"interpolation": "lanczos"}, "no interpolation 'lanczos'"),
        ({"isolation": "magic"}, "no isolation 'magic'"),
        ({"mirror": "left"}, "no mirror 'left'"),
        ({"channels": 4}, "channels 4; use 1"),
        ({"pad": 256}, "pad 256"),
        ({"height": 0}, "size 0x28"),
        ({"height": 28.0}, "whole numbers"),
        ({"height": True}, "whole numbers"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Preprocess.from_dict({"height": 28, "width": 28, **change})


@pytest.mark.parametrize(
    "picture", [noise(28, 28).astype(np.float32), noise(28, 28, 4), noise(0, 28), noise(28), noise(1, 28, 28, 1)]
)
def test_what_is_not_a_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(PictureError, match="expected"):
        Preprocess(28, 28).apply(picture)
