"""From bytes that arrive in any pieces to whole pictures: multipart streams, pictures one after another, the stamp."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import image
from hemline.errors import PictureError, UsageError
from hemline.sources import concatenated, multipart, stamp
from hemline.sources.concatenated import Concatenated
from hemline.sources.multipart import Multipart

PIECES = (1, 7, 1000, 10**6)


def picture(seed: int, kind: str = ".jpg", side: int = 48) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    done, data = cv2.imencode(kind, pixels)
    assert done
    return data.tobytes()


def with_thumbnail(outer: bytes, inner: bytes) -> bytes:
    """A JPEG whose first segment holds another one, whole, as cameras write them."""
    return outer[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + outer[2:]


PICTURES = [picture(1), with_thumbnail(picture(2), picture(3, side=16)), picture(4, side=90), picture(5, side=16)]


def parts(pictures: list[bytes], *, lengths: bool, boundary: bytes = b"--frame", newline: bytes = b"\r\n") -> bytes:
    stream = b""
    for data in pictures:
        stream += boundary + newline + b"Content-Type: image/jpeg" + newline
        stream += (b"Content-length:%d" % len(data) + newline if lengths else b"") + newline + data + newline
    return stream


def fed(parser: Multipart | Concatenated, stream: bytes, piece: int) -> list[bytes | str]:
    found: list[bytes | PictureError] = []
    for at in range(0, len(stream), piece):
        found += parser.feed(stream[at : at + piece])
    return [str(each) if isinstance(each, PictureError) else each for each in found]


def whole(found: list[bytes | str]) -> list[bytes]:
    return [each for each in found if isinstance(each, bytes) and readable(each)]


def readable(data: bytes) -> bool:
    try:
        image.header(data)
    except PictureError:
        return False
    return True


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(
    ("declared", "sent"),
    [(b"frame", b"--frame"), (b'"frame"', b"--frame"), (b"--frame", b"--frame"), (b"--frame", b"----frame")],
)
def test_parts_are_found_however_they_are_cut_and_whatever_the_boundary(
    piece: int, lengths: bool, declared: bytes, sent: bytes
) -> None:
    stream = parts(PICTURES, lengths=lengths, boundary=sent)
    assert fed(Multipart(declared, name="s"), stream, piece) == PICTURES


@pytest.mark.parametrize("piece", PIECES)
def test_bare_newlines_a_preamble_and_no_newline_before_the_boundary_do(piece: int) -> None:
    stream = b"hello\n" + parts(PICTURES, lengths=True, newline=b"\n").replace(b"\xd9\n--frame", b"\xd9--frame")
    assert fed(Multipart(b"frame", name="s"), stream, piece)[:1] == PICTURES[:1]
    stream = b"hello\n" + parts(PICTURES, lengths=False, newline=b"\n")
    assert fed(Multipart(b"frame", name="s"), stream, piece) == PICTURES


def test_without_a_length_a_part_is_complete_with_its_last_byte_not_with_the_next_boundary() -> None:
    parser = Multipart(b"frame", name="s")
    for data in PICTURES:
        stream = parts([data], lengths=False)
        assert parser.feed(stream[:-3]) == []
        assert parser.feed(stream[-3:-2]) == [data]
        assert parser.feed(stream[-2:]) == []


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("lengths", [True, False])
def test_after_half_a_part_the_next_one_is_found(piece: int, lengths: bool) -> None:
    first, second, third, _ = PICTURES
    half = parts([second], lengths=lengths)[: -len(second) // 2]
    stream = parts([first], lengths=lengths) + half + b"\r\n" + parts([third, first], lengths=lengths)
    found = fed(Multipart(b"frame", name="s"), stream, piece)
    assert whole(found) == [first, third, first]
    assert len(found) == 4  # the half one is refused, here or by its header


@pytest.mark.parametrize("stated", [b"0", b"99999999999", b"12", b"1000000"])
def test_a_length_that_lies_costs_at_most_its_own_part(stated: bytes) -> None:
    lie = b"--frame\r\nContent-Length: %s\r\n\r\n%s\r\n" % (stated, PICTURES[3])
    found = fed(Multipart(b"frame", name="s"), lie + parts(PICTURES[:3], lengths=True), 4096)
    assert whole(found)[-3:] == PICTURES[:3]
    # one that is too long is held back by nothing: the boundary ends the part
    assert whole(found)[:-3] == ([PICTURES[3]] if stated == b"1000000" else [])


def test_a_stream_that_never_ends_a_part_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "MAX_PART_BYTES", 10_000)
    parser = Multipart(b"frame", name="s")
    found = fed(parser, b"--frame\r\n\r\n" + bytes(50_000) + b"\r\n" + parts(PICTURES[:1], lengths=True), 1000)
    assert found[0] == "s: a picture of more than 10,000 bytes"
    assert found[-1] == PICTURES[0]
    assert fed(parser, b"--frame\r\n" + b"a: b\r\n" * 5000, 1000)[0] == "s: a part's head has more than 8,192 bytes"
    assert len(parser._buffer) < 20_000
    for _ in range(100):
        parser.feed(bytes(10_000))
    assert len(parser._buffer) < 20_000


@pytest.mark.parametrize("piece", PIECES)
def test_pictures_one_after_another_are_told_apart_by_their_own_structure(piece: int) -> None:
    pictures = [*PICTURES, picture(6, ".png"), PICTURES[1], picture(7, ".png", side=100)]
    assert fed(Concatenated(name="-"), b"\n" + b"\n".join(pictures), piece) == pictures
    multi = fed(Concatenated(name="-"), parts(pictures, lengths=True), piece)
    assert multi == pictures


@pytest.mark.parametrize("kind", [".jpg", ".png"])
@pytest.mark.parametrize("seed", range(20))
def test_after_damage_whole_pictures_are_found_again(kind: str, seed: int) -> None:
    dice = random.Random(seed)
    damaged = bytearray(picture(seed, kind))
    if seed % 2:
        del damaged[dice.randrange(20, len(damaged)) :]
    else:
        for _ in range(5):
            damaged[dice.randrange(8, len(damaged))] = dice.randrange(256)
    good = [picture(number, kind) for number in range(100, 106)]
    found = fed(Concatenated(name="-"), bytes(damaged) + b"".join(good), dice.choice(PIECES))
    # lengths that lie may swallow what follows: at most until the parser meets something that cannot be
    assert found[-1] == good[-1]
    assert [each for each in found if each in good] == good[-sum(each in good for each in found) :]


def test_noise_is_dropped_and_counted_once_and_nothing_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concatenated, "MAX_PICTURE_BYTES", 10_000)
    parser = Concatenated(name="-")
    noise = bytes(200_000)
    assert fed(parser, noise, 1000) == []
    assert len(parser._buffer) < 100
    assert fed(parser, PICTURES[0], 1000) == ["-: 200,000 bytes that belong to no picture", PICTURES[0]]
    found = fed(parser, PICTURES[0][:-2] + bytes(50_000), 1000)
    assert "-: a picture of more than 10,000 bytes" in found
    assert len(parser._buffer) < 20_000


def test_what_is_unfinished_at_the_end_is_known() -> None:
    parser = Concatenated(name="-")
    parser.feed(PICTURES[0] + PICTURES[1][:100])
    assert parser.unfinished == 100
    assert Concatenated(name="-").unfinished == 0


@pytest.mark.parametrize(("height", "width"), [(64, 128), (128, 64), (240, 320), (720, 1280), (65, 131)])
def test_a_stamp_is_read_back_from_pixels_that_were_a_jpeg(height: int, width: int) -> None:
    background: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    for number, time_ns in ((0, 0), (2**32 - 1, 2**64 - 1), (77, 123_456_789_012_345)):
        assert stamp.read(stamp.draw(background, number, time_ns)) == (number, time_ns)
        assert stamp.read(image.decode(stamp.encoded(background, number, time_ns))) == (number, time_ns)


def test_a_stamp_that_is_not_whole_is_none() -> None:
    stamped = stamp.draw(np.full((64, 128, 3), 90, np.uint8), 5, 6)
    stamped[:8, :8] = 255 - stamped[:8, :8]
    assert stamp.read(stamped) is None
    assert stamp.read(np.zeros((4, 4, 3), np.uint8)) is None
    assert stamp.read(np.zeros((64, 128, 3), np.uint8)) is None
    with pytest.raises(UsageError, match="20x20 pixels are too few for a stamp; 128x64 are enough"):
        stamp.draw(np.zeros((20, 20, 3), np.uint8), 1, 1)
