"""Reading pictures: what comes out is right to the last value, and what cannot be read is one clear line."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import image
from hemline.errors import PictureError
from hemline.imageheader.facts import MAX_PARTS
from hemline.imageheader.jpeg import MAX_SCANS
from hemline.preprocess import Preprocess

Pixels = NDArray[np.uint8]

# ---------------------------------------------------------------- pictures, written by hand where it matters


def drawn(height: int = 32, width: int = 16) -> Pixels:
    """A picture of four differently coloured quarters: no two of its eight orientations are alike."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (200, 60, 30)
    rgb[: height // 2, width // 2 :] = (20, 180, 90)
    rgb[height // 2 :, : width // 2] = (240, 240, 250)
    return rgb


def encoded(rgb: Pixels, extension: str, *options: int) -> bytes:
    done, data = cv2.imencode(extension, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    assert done
    return data.tobytes()


def exact(rgb: Pixels, extension: str) -> bytes:
    """The picture in a format, without loss where the format can."""
    fine = (cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    options = {".webp": (cv2.IMWRITE_WEBP_QUALITY, 101), ".jpg": fine}
    return encoded(rgb, extension, *options.get(extension, ()))


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int, colour: int, rows: list[bytes], *, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG from its rows of samples; `before` and `after` are chunks around IDAT."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + after + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg(values: list[int], *, adobe: int | None = None, copies: int = 1, sizes: tuple[int, ...] = (8,)) -> bytes:
    """A JPEG of 8x8 pixels of one colour: `values` are its components, `adobe` the transform of that marker."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    bits = ""
    for value in values:  # one block: the difference of DC, then "no more"
        level = value - 128
        size = abs(level).bit_length()
        bits += f"{size:04b}" + (f"{level if level > 0 else level + 2**size - 1:0{size}b}" if size else "") + "0"
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frames = b"".join(
        segment(0xC0, struct.pack(">BHHB", 8, side, side, len(values)) + b"".join(bytes((i, 0x11, 0)) for i in parts))
        for side in sizes
        for parts in [range(1, len(values) + 1)]
    )
    start = bytes((len(values),)) + b"".join(bytes((i, 0)) for i in range(1, len(values) + 1)) + b"\0\x3f\0"
    marker = b"" if adobe is None else segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe))
    return (
        b"\xff\xd8"
        + marker
        + segment(0xDB, b"\0" + b"\x08" * 64)  # every step is 8, so that DC is the value itself
        + frames
        + segment(0xC4, b"\x00" + bytes((0, 0, 0, 9)) + bytes(12) + bytes(range(9)))  # sizes 0 to 8 in 4 bits each
        + segment(0xC4, b"\x10" + bytes((1,)) + bytes(15) + b"\0")  # one code: no more coefficients
        + (segment(0xDA, start) + scan) * copies
        + b"\xff\xd9"
    )


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8x(flags: int, width: int, height: int) -> tuple[bytes, bytes]:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes((flags, 0, 0, 0)) + sides


def webp_chunk(rgb: Pixels) -> tuple[bytes, bytes]:
    """The one chunk of a lossless WebP."""
    data = exact(rgb, ".webp")
    return data[12:16], data[20 : 20 + struct.unpack_from("<I", data, 16)[0]]


def bmp(
    width: int, height: int, bits: int, pixels: bytes, *, compression: int = 0, palette: bytes = b"", masks: bytes = b""
) -> bytes:
    """A BMP; 16 bytes of masks make it a version 4, which may have alpha."""
    size = 108 if len(masks) == 16 else 40
    offset = 14 + size + len(palette) + (len(masks) if size == 40 else 0)
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    rest = masks + bytes(108 - 40 - len(masks)) if size == 108 else masks
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + rest + palette + pixels


def tiff(value: int, *, order: str = "<", kind: int = 3) -> bytes:
    """An EXIF block with the orientation as its only entry."""
    field = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIHHHI", 42, 8, 1, 0x0112, kind, 1) + field + bytes(4)


def with_exif(data: bytes, exif: bytes) -> bytes:
    """The same file with an EXIF block, for JPEG, PNG and lossless WebP."""
    if data.startswith(b"\xff\xd8"):
        block = b"Exif\0\0" + exif
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    if data.startswith(b"\x89PNG"):
        return data[:33] + chunk(b"eXIf", exif) + data[33:]
    found = image.header(data)
    pixels = data[12:16], data[20 : 20 + struct.unpack_from("<I", data, 16)[0]]
    return riff(vp8x(8, found.width, found.height), pixels, (b"EXIF", exif))


def refusal(data: bytes, **options: int) -> str:
    with pytest.raises(PictureError) as caught:
        image.decode(data, name="x", **options)  # type: ignore[arg-type]
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("x: ")
    return line


EXTENSIONS = (".jpg", ".png", ".webp", ".bmp")
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WebP", ".bmp": "BMP"}

# ---------------------------------------------------------------- the four formats


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_picture_comes_back_as_rgb_whatever_its_file_is_called(extension: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.gif"
    path.write_bytes(exact(drawn(), extension))
    picture = image.read(path)
    assert picture.shape == (32, 16, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - drawn()).max() <= (2 if extension == ".jpg" else 0)
    np.testing.assert_array_equal(picture, image.read(str(path)))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_header_says_what_the_decoder_finds(extension: str) -> None:
    found = image.header(exact(drawn(), extension))
    assert (found.format, found.width, found.height) == (FORMATS[extension], 16, 32)
    assert (found.channels, found.depth, found.orientation, found.frames) == (3, 8, 1, 1)
    assert not found.animated
    assert not found.alpha


def test_a_16_bit_png_is_rounded_to_8_bits() -> None:
    values = np.arange(65536, dtype=">u2").reshape(256, 256)
    picture = image.decode(png(256, 256, 16, 0, [row.tobytes() for row in values]))
    np.testing.assert_array_equal(picture[..., 0], np.round(values / 257))
    colour = np.stack([values, values[::-1], values.T], axis=-1).astype(">u2")
    picture = image.decode(png(256, 256, 16, 2, [row.tobytes() for row in colour]))
    np.testing.assert_array_equal(picture, np.round(colour / 257))


@pytest.mark.parametrize("background", [0, 77, 255])
def test_transparent_pixels_lie_over_the_background_exactly(background: int) -> None:
    value, alpha = np.meshgrid(np.arange(256), np.arange(256))
    expected = np.floor((value * alpha + background * (255 - alpha)) / 255 + 0.5)
    rgba = np.stack([value, value, value, alpha], axis=-1).astype(np.uint8)
    gray = np.stack([value, alpha], axis=-1).astype(np.uint8)
    wide = gray.astype(">u2") * 257
    for data in (
        png(256, 256, 8, 6, [row.tobytes() for row in rgba]),
        png(256, 256, 8, 4, [row.tobytes() for row in gray]),
        png(256, 256, 16, 4, [row.astype(">u2").tobytes() for row in wide]),
    ):
        picture = image.decode(data, background=background)
        assert image.header(data).alpha
        np.testing.assert_array_equal(picture, np.repeat(expected[..., None], 3, axis=2))


def test_the_colours_of_a_transparent_picture_keep_their_order() -> None:
    rgba = np.tile(np.array([10, 20, 30, 255], np.uint8), (8, 8, 1))
    assert image.decode(png(8, 8, 8, 6, [row.tobytes() for row in rgba]))[0, 0].tolist() == [10, 20, 30]
    bgra = np.tile(np.array([30, 20, 10, 128], np.uint8), (8, 8, 1))
    done, data = cv2.imencode(".webp", bgra, [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert done
    assert image.header(data.tobytes()).alpha
    assert image.decode(data.tobytes(), background=255)[0, 0].tolist() == [132, 137, 142]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_gray_value_declared_transparent_becomes_the_background(depth: int) -> None:
    top = 2**depth - 1
    row = f"{top:0{depth}b}{0:0{depth}b}" * 4
    data = png(8, 8, depth, 0, [int(row, 2).to_bytes(depth, "big")] * 8)
    assert image.decode(data)[0, :2, 0].tolist() == [255, 0]
    clear = chunk(b"tRNS", struct.pack(">H", top))
    data = png(8, 8, depth, 0, [int(row, 2).to_bytes(depth, "big")] * 8, before=clear)
    assert image.header(data).alpha
    assert image.decode(data, background=9)[0, :2].tolist() == [[9, 9, 9], [0, 0, 0]]


def test_a_colour_declared_transparent_becomes_the_background() -> None:
    data = png(8, 8, 8, 2, [bytes((1, 2, 3, 4, 5, 6)) * 4] * 8, before=chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
    assert image.decode(data, background=9)[0, :2].tolist() == [[9, 9, 9], [4, 5, 6]]


@pytest.mark.parametrize(("depth", "row"), [(1, b"\x55"), (8, b"\0\1" * 4)])
def test_a_palette_is_looked_up_and_its_transparency_applied(depth: int, row: bytes) -> None:
    colours = chunk(b"PLTE", bytes((10, 20, 30, 40, 50, 60)))
    data = png(8, 8, depth, 3, [row] * 8, before=colours)
    assert image.decode(data)[0, :2].tolist() == [[10, 20, 30], [40, 50, 60]]
    data = png(8, 8, depth, 3, [row] * 8, before=colours + chunk(b"tRNS", b"\0"))
    assert image.decode(data, background=9)[0, :2].tolist() == [[9, 9, 9], [40, 50, 60]]


def test_a_gray_jpeg_is_gray_in_all_three_channels() -> None:
    assert image.decode(jpeg([77]))[3, 3].tolist() == [77, 77, 77]


def test_a_cmyk_jpeg_as_adobe_writes_it_has_its_colours() -> None:
    # inverted: 255 is no ink; black ink of 128 of 255 halves what the others let through
    assert np.abs(image.decode(jpeg([200, 100, 50, 255], adobe=0))[0, 0].astype(int) - (200, 100, 50)).max() <= 1
    assert np.abs(image.decode(jpeg([200, 100, 50, 127], adobe=0))[0, 0].astype(int) - (100, 50, 25)).max() <= 1
    # YCCK: the colours as Y, Cb, Cr, inverted once more
    assert np.abs(image.decode(jpeg([100, 128, 128, 255], adobe=2))[0, 0].astype(int) - 155).max() <= 1


def test_a_jpeg_whose_four_components_are_not_named_is_refused() -> None:
    assert "4 colour components and does not say what they mean; save it as RGB" in refusal(jpeg([1, 2, 3, 4]))
    assert "2 colour components" in refusal(jpeg([1, 2]))


PALETTE = bytes((30, 20, 10, 0, 60, 50, 40, 0)) + bytes(14 * 4)  # blue, green, red, nothing
RGB565 = struct.pack("<3I", 0xF800, 0x7E0, 0x1F)
STANDARD = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bmp(8, 8, 1, b"\x55\0\0\0" * 8, palette=PALETTE[:8]), [[10, 20, 30], [40, 50, 60]]),
        (bmp(8, 8, 4, b"\x01" * 32, palette=PALETTE), [[10, 20, 30], [40, 50, 60]]),
        (bmp(8, 8, 8, b"\0\1" * 32, palette=PALETTE + bytes(240 * 4)), [[10, 20, 30], [40, 50, 60]]),
        (bmp(8, 8, 16, struct.pack("<2H", 0x7FFF, 1 << 10) * 32), [[255, 255, 255], [8, 0, 0]]),
        (
            bmp(8, 8, 16, struct.pack("<2H", 0xFFFF, 33 << 5) * 32, compression=3, masks=RGB565),
            [[255, 255, 255], [0, 134, 0]],
        ),
        (bmp(8, -8, 24, bytes((30, 20, 10, 60, 50, 40)) * 4 + bytes(24 * 7)), [[10, 20, 30], [40, 50, 60]]),
        (bmp(8, 8, 32, bytes((30, 20, 10, 0, 60, 50, 40, 7)) * 32), [[10, 20, 30], [40, 50, 60]]),
        (
            bmp(8, 8, 32, bytes((30, 20, 10, 255, 60, 50, 40, 0)) * 32, compression=3, masks=STANDARD + b"\0\0\0\xff"),
            [[10, 20, 30], [9, 9, 9]],
        ),
        (
            bmp(8, 8, 32, bytes((30, 20, 10, 0, 60, 50, 40, 0)) * 32, compression=3, masks=STANDARD + b"\0\0\0\xff"),
            [[10, 20, 30], [40, 50, 60]],  # alpha declared and never written
        ),
    ],
    ids=["1", "4", "8", "555", "565", "24 top down", "32 without alpha", "32 with alpha", "32 with alpha all 0"],
)  # fmt: skip
def test_a_bmp_of_any_usual_depth_has_its_colours(data: bytes, expected: list[list[int]]) -> None:
    assert image.decode(data, background=9)[0, :2].tolist() == expected


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (bmp(8, 8, 2, bytes(32)),
         "x: BMP has 2 bits per pixel; hemline reads 1, 4, 8, 16, 24 and 32: save it as a PNG"),
        (bmp(8, 8, 8, bytes(64), compression=1), "x: BMP is compressed (RLE); save it uncompressed or as a PNG"),
        (bmp(8, 8, 32, bytes(256), compression=3, masks=struct.pack("<3I", 0x3FF, 0xFFC00, 0x3FF00000)),
         "x: BMP has unusual colour masks; save it as a PNG"),
    ],
    ids=["depth", "compression", "masks"],
)  # fmt: skip
def test_a_rare_bmp_is_refused_with_what_to_do(data: bytes, line: str) -> None:
    assert refusal(data) == line


# ---------------------------------------------------------------- orientation

# EXIF: which side of the upright picture the stored first row and first column are
SIDES = {
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip


def stored(upright: Pixels, orientation: int) -> Pixels:
    first_row, first_column = SIDES[orientation]
    rows_cross = first_row in ("left", "right")  # the stored rows are the upright columns
    turned = upright.transpose(1, 0, 2) if rows_cross else upright
    turned = turned[::-1] if first_row in ("bottom", "right") else turned
    return np.ascontiguousarray(turned[:, ::-1] if first_column in ("bottom", "right") else turned)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("orientation", SIDES)
def test_the_orientation_is_applied_once(extension: str, orientation: int) -> None:
    for order in "<>":
        data = with_exif(exact(stored(drawn(), orientation), extension), tiff(orientation, order=order))
        assert image.header(data).orientation == orientation
        picture = image.decode(data)
        assert picture.shape == (32, 16, 3)
        assert np.abs(picture.astype(int) - drawn()).max() <= (2 if extension == ".jpg" else 0)


def test_the_orientation_of_a_transparent_16_bit_png_is_applied() -> None:
    rgba = np.zeros((8, 12, 4), ">u2")
    rgba[0, 0] = 65535
    data = with_exif(png(12, 8, 16, 6, [row.tobytes() for row in rgba]), tiff(6))
    picture = image.decode(data, background=1)
    assert picture.shape == (12, 8, 3)
    assert picture[0, 7].tolist() == [255, 255, 255]  # the stored corner goes to the upper right
    assert (picture[1:] == 1).all()


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif",
        tiff(0),
        tiff(9),
        tiff(6)[:12],  # cut off
        tiff(6)[:4] + b"\xff\xff\xff\xff" + tiff(6)[8:],  # the directory lies outside
        tiff(6)[:8] + b"\xff\xff" + b"\0" * 40,  # more entries than bytes
        b"II" + tiff(6, order=">")[2:],  # the wrong byte order
        tiff(6).replace(b"*", b"+", 1),  # BigTIFF
        tiff(6, kind=2),
    ],
)
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_an_exif_block_without_sense_leaves_the_picture_as_stored(extension: str, exif: bytes) -> None:
    data = exact(drawn(), extension)
    marked = with_exif(data, exif)
    assert image.header(marked).orientation == 1
    np.testing.assert_array_equal(image.decode(marked), image.decode(data))


def test_an_orientation_written_as_a_long_is_understood() -> None:
    assert image.header(with_exif(exact(drawn(), ".jpg"), tiff(6, kind=4, order=">"))).orientation == 6


# ---------------------------------------------------------------- reduced decoding


def photo(height: int, width: int) -> Pixels:
    """Soft shapes with some grain, as a camera would see them."""
    random_values = np.random.default_rng(7)
    shapes = cv2.resize(random_values.integers(0, 256, (9, 12, 3), dtype=np.uint8), (width, height), interpolation=2)
    grain = random_values.integers(-6, 7, shapes.shape)
    return np.clip(shapes.astype(int) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("needed", "factor"), [((28, 28), 8), ((30, 40), 8), ((31, 40), 4), ((64, 64), 2), ((121, 10), 1), ((480, 640), 1)]
)
def test_a_large_jpeg_is_decoded_smaller_when_the_model_needs_little(needed: tuple[int, int], factor: int) -> None:
    data = encoded(photo(480, 640), ".jpg")
    picture = image.decode(data, needed=needed)
    assert picture.shape == (480 // factor, 640 // factor, 3)
    assert factor == 1 or min(picture.shape[0] / needed[0], picture.shape[1] / needed[1]) >= 2


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_reduced_decode_gives_the_model_nearly_the_same_pixels(fit: str) -> None:
    data = encoded(photo(480, 640), ".jpg")
    preprocess = Preprocess(28, 28, 3, fit=fit)
    full, reduced = image.decode(data), image.decode(data, needed=(28, 28))
    assert reduced.size * 64 == full.size
    difference = np.abs(preprocess.apply(full).astype(int) - preprocess.apply(reduced))
    assert difference.mean() < 1
    assert difference.max() <= 6


def test_a_jpeg_that_does_not_divide_is_not_reduced_by_a_fraction() -> None:
    # 484 is 121 times 4, 640 divides by 8: only 1/4 keeps the aspect
    assert image.decode(encoded(photo(484, 640), ".jpg"), needed=(8, 8)).shape == (121, 160, 3)
    assert image.decode(encoded(photo(483, 640), ".jpg"), needed=(8, 8)).shape == (483, 640, 3)


def test_what_is_needed_refers_to_the_upright_picture() -> None:
    lying = with_exif(encoded(photo(256, 1600), ".jpg"), tiff(6))
    assert image.decode(lying, needed=(100, 16)).shape == (200, 32, 3)
    assert image.decode(lying, needed=(16, 100)).shape == (1600, 256, 3)


def test_other_formats_are_not_reduced() -> None:
    for extension in (".png", ".webp", ".bmp"):
        assert image.decode(encoded(drawn(240, 160), extension), needed=(8, 8)).shape == (240, 160, 3)


# ---------------------------------------------------------------- bounds


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("the decoder was called")

    monkeypatch.setattr(cv2, "imdecode", decoded)


GIGANTIC = {
    "PNG": png(100_000, 100_000, 1, 0, [b"\0"]),
    "JPEG": jpeg([1], sizes=(65_535,)),
    "WebP": riff((b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<2H", 16_383, 16_383))),
}


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("kind", GIGANTIC)
def test_a_gigantic_header_is_refused_before_the_decoder_is_called(kind: str) -> None:
    line = refusal(GIGANTIC[kind])
    assert f"x: {kind} of " in line
    assert "Mpx; the limit is 64.0: scale it down first" in line


@pytest.mark.usefixtures("no_decoder")
def test_the_pixel_cap_can_be_lowered() -> None:
    assert "16x32 pixels, 0.0 Mpx" in refusal(exact(drawn(), ".png"), max_pixels=16 * 32 - 1)


def test_a_picture_exactly_at_the_cap_is_read() -> None:
    assert image.decode(exact(drawn(), ".png"), max_pixels=16 * 32).shape == (32, 16, 3)


@pytest.mark.usefixtures("no_decoder")
def test_a_file_of_too_many_bytes_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.png"
    path.touch()
    os.truncate(path, image.MAX_BYTES + 1)  # a hole: it takes no space
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(PictureError, match=r"huge.png: 268,435,457 bytes; the limit is 268,435,456"):
        image.read(path)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 8), (8, 7)])
def test_a_picture_too_small_to_classify_is_refused(width: int, height: int) -> None:
    line = refusal(png(width, height, 8, 0, [bytes(width)] * height))
    assert line == f"x: {width}x{height} pixels; nothing to classify below 8x8"


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize(
    "data",
    [
        png(0, 8, 8, 0, [b""] * 8),
        jpeg([1], sizes=(0,)),
        riff((b"VP8 ", b"\0\0\0\x9d\x01\x2a" + bytes(4))),
        bmp(0, 8, 24, b""),
        bmp(-8, 8, 24, bytes(192)),
    ],
    ids=["PNG", "JPEG", "WebP", "BMP", "BMP of negative width"],
)
def test_a_header_without_pixels_is_refused(data: bytes) -> None:
    assert "there is no picture in it" in refusal(data)


@pytest.mark.usefixtures("no_decoder")
def test_endless_scans_and_chunks_are_refused() -> None:
    assert f"more than {MAX_SCANS} scans" in refusal(jpeg([1], copies=MAX_SCANS + 1))
    assert "chunks" in refusal(png(8, 8, 8, 0, [bytes(8)] * 8, before=chunk(b"teXt") * MAX_PARTS))
    segments = jpeg([1]).replace(b"\xff\xdb", b"\xff\xfe\0\x02" * (MAX_PARTS + 1) + b"\xff\xdb")
    assert "segments" in refusal(segments)


# ---------------------------------------------------------------- whole or refused


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_truncated_file_is_refused_wherever_it_was_cut(extension: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = exact(drawn(), extension)
    for length in range(20, len(data) - 1):
        line = refusal(data[:length])
        assert FORMATS[extension] + " truncated: " in line
        assert line.endswith("; copy it again from where it came")
    assert "".join(capfd.readouterr()) == ""


def test_the_last_row_of_a_bmp_has_to_be_whole() -> None:
    data = bmp(9, 8, 24, bytes(28 * 8))  # 27 bytes a row, padded to 28
    assert image.decode(data).shape == (8, 9, 3)
    assert "BMP truncated: 9x8 pixels do not fit in its 277 bytes" in refusal(data[:-1])


def test_a_truncated_progressive_jpeg_is_refused() -> None:
    data = encoded(drawn(240, 160), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert image.decode(data).shape == (240, 160, 3)
    assert "JPEG truncated: " in refusal(data[: len(data) * 3 // 4])


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture() -> None:
    marked = with_exif(exact(drawn(), ".jpg"), tiff(1) + exact(drawn(8, 8), ".jpg"))
    assert image.decode(marked).shape == (32, 16, 3)
    assert "truncated" in refusal(marked[:-20])


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_what_follows_the_picture_does_not_matter(extension: str) -> None:
    data = exact(drawn(), extension)
    film = b"\0\0\0\x18ftypmp42" + exact(drawn(8, 8), ".jpg") + b"\xff\xc0\xff\xd8"
    np.testing.assert_array_equal(image.decode(data + film), image.decode(data))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (png(8, 8, 8, 0, [bytes(8)] * 8, before=chunk(b"IHDR", struct.pack(">IIB", 9, 9, 8) + bytes(4))), "2 IHDR"),
        (png(8, 8, 8, 0, [bytes(8)] * 4), "the decoder gave up on its 8x8 pixels"),
        (png(8, 8, 8, 3, [bytes(8)] * 8), "its palette is missing"),
        (png(8, 8, 3, 0, [bytes(3)] * 8), "bit depth 3"),
        (jpeg([1], sizes=(8, 80)), "two frame headers"),
        (jpeg([1]).replace(b"\xff\xdb", b"\xff\xd8\xff\xdb"), "a second picture begins inside it"),
        (jpeg([1], copies=0), "no pixels"),
        (riff(vp8x(0, 17, 32), webp_chunk(drawn())), "its header says 17x32 pixels, its picture 16x32"),
        (riff(vp8x(0, 16, 32)), "no pixels"),
        (riff((b"VP8L", bytes(20))), "no start code"),
    ],
    ids=["IHDR twice", "too few rows", "no palette", "depth", "SOF twice", "SOI twice", "no scan", "canvas", "no frame",
         "no start"],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(data: bytes, found: str) -> None:
    line = refusal(data)
    assert " damaged: " in line
    assert found in line


def test_a_picture_of_another_size_than_its_header_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = exact(drawn(), ".png")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.zeros((32, 17, 3), np.uint8))
    assert "the decoder gave up on its 16x32 pixels" in refusal(data)


def test_an_error_of_the_decoder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    data = exact(drawn(), ".png")

    def fails(*_: object) -> None:
        cv2.resize(np.zeros((0, 0), np.uint8), (1, 1))

    monkeypatch.setattr(cv2, "imdecode", fails)
    assert "PNG damaged: the decoder gave up" in refusal(data)

    def starves(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cv2, "imdecode", starves)
    assert refusal(data) == "x: not enough memory for 16x32 pixels; scale it down first"


def test_a_changed_byte_of_a_png_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    data = exact(drawn(), ".png")
    for at in range(41, len(data) - 12):  # from the first byte of IDAT to its checksum
        changed = data[:at] + bytes((data[at] ^ 0x10,)) + data[at + 1 :]
        assert "the checksum of IDAT is wrong" in refusal(changed)
    assert "".join(capfd.readouterr()) == ""


def test_text_and_profiles_of_a_png_are_not_looked_at(capfd: pytest.CaptureFixture[str]) -> None:
    extras = chunk(b"tEXt", b"Comment\0hello") + chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile" * 9))
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**22)))
    data = png(8, 8, 8, 0, [bytes(range(8))] * 8, before=extras + bomb, after=chunk(b"fdAT", bytes(9)))
    assert image.decode(data)[0, :, 0].tolist() == list(range(8))
    assert "".join(capfd.readouterr()) == ""  # libpng would complain of the profile


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_altered_bytes_give_a_picture_or_one_line(extension: str) -> None:
    dice = random.Random(20)
    sound = exact(drawn(), extension)
    if extension != ".bmp":
        sound = with_exif(sound, tiff(6))
    outcomes: set[object] = set()
    for _ in range(400):
        data = bytearray(sound)
        for _ in range(dice.choice((1, 2, 8))):
            data[dice.randrange(min(len(data), dice.choice((70, 10_000))))] = dice.randrange(256)
        if dice.random() < 0.2:
            del data[dice.randrange(len(data)) :]
        try:
            outcomes.add(image.decode(bytes(data), max_pixels=1_000_000).shape[2:])
        except PictureError as error:
            outcomes.add(str(error).count("\n"))
    assert outcomes == {(3,), 0}


# ---------------------------------------------------------------- not for us


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (png(8, 8, 8, 0, [bytes(8)] * 8, before=chunk(b"acTL", struct.pack(">2I", 12, 0))), "PNG, 12 frames"),
        (riff(vp8x(2, 16, 32), (b"ANIM", bytes(6)), (b"ANMF", bytes(40)), (b"ANMF", bytes(40))), "WebP, 2 frames"),
        (riff(vp8x(2, 16, 32), (b"ANIM", bytes(6)), (b"ANMF", bytes(40))), "WebP, 1 frame"),
    ],
)
def test_an_animation_is_refused(data: bytes, frames: str) -> None:
    assert image.header(data).animated
    assert refusal(data) == f"x: animated {frames}; hemline reads still pictures: export one frame"


def test_an_animation_chunk_with_one_frame_is_a_still_picture() -> None:
    data = png(8, 8, 8, 0, [bytes([7]) * 8] * 8, before=chunk(b"acTL", struct.pack(">2I", 1, 0)))
    assert image.decode(data)[0, 0, 0] == 7


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty (0 bytes)"),
        (b"GIF89a" + bytes(20), "a GIF; hemline reads JPEG, PNG, WebP and BMP: convert it, for example to PNG"),
        (b"II*\0\x08\0\0\0", "a TIFF or a camera raw file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video (MP4 or MOV); "),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
        (b"RIFF\x04\0\0\0AVI ", "type 'AVI '"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"P6 8 8 255\n", "a Netpbm picture"),
        (b"<?xml version='1.0'?>\n<svg>", "an SVG drawing"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "a web page"),
        (b"BMW made this car", "text, not a picture"),
        ("Gr\u00fc\u00dfe aus K\u00f6ln".encode(), "text, not a picture"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run: git lfs pull"),
        (b"\x89PNG\n\x1a\n\0\0", "a PNG altered on its way"),
        (bytes(4096), "4,096 zero bytes"),
        (b"\x01\x02\x03\xfe\xff", "not a picture (it begins with 01 02 03 fe ff)"),
        (b"\xff\xd8\xff", "JPEG truncated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_of_ours_is_named(data: bytes, found: str) -> None:
    assert found in refusal(data)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda path: None, "p.png: no such file or directory"),
        (lambda path: path.mkdir(), "p.png: a folder, not a picture; name a picture file"),
        (lambda path: path.touch(), "p.png: empty (0 bytes); copy it again from where it came"),
        (lambda path: os.mkfifo(path), "p.png: empty (0 bytes)"),  # nobody writes: no waiting for ever
        (lambda path: path.symlink_to("/dev/null"), "p.png: a device or a socket, not a picture"),
        (lambda path: path.symlink_to(path), "p.png: too many levels of symbolic links"),
    ],
    ids=["missing", "folder", "empty", "pipe", "device", "loop"],
)  # fmt: skip
def test_a_path_that_gives_no_picture_is_one_line(make: Callable[[Path], None], line: str, tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    make(path)
    with pytest.raises(PictureError) as caught:
        image.read(path)
    assert str(caught.value).startswith(f"{tmp_path}/{line}")


def test_a_file_that_may_not_be_read_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(PictureError, match=r"^a.png: permission denied; make it readable \(chmod u\+r\)$"):
        image.read("a.png")


def test_a_name_that_would_break_the_line_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"^'a\\nb\\x1b\[31m': no such file"):
        image.read("a\nb\x1b[31m")
    with pytest.raises(PictureError, match=r"^'a\\x00b': not a file name$"):
        image.read("a\0b")


def test_a_picture_can_come_through_a_pipe() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, exact(drawn(), ".png"))
        os.close(writing)
        np.testing.assert_array_equal(image.read(f"/dev/fd/{reading}"), drawn())
    finally:
        os.close(reading)


@pytest.mark.parametrize("shape", [(300, 200, 3), (300, 200), (300, 200, 1), (3, 900, 3)])
def test_a_shrunk_picture_keeps_its_channels_and_at_least_one_pixel(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 70, np.uint8)
    small = image.shrunk(picture, 30)
    assert small.ndim == picture.ndim
    assert small.shape[2:] == shape[2:]
    assert max(small.shape[:2]) == 30
    assert (small == 70).all()
    assert image.shrunk(small, 30) is small


def test_a_jpeg_that_was_written_is_read_back_in_its_colours() -> None:
    picture = np.full((16, 24, 3), (200, 90, 20), np.uint8)
    assert np.abs(image.decode(image.jpeg(picture, 95)).astype(int) - picture).max() <= 3
    gray = np.full((16, 24, 1), 90, np.uint8)
    assert (image.decode(image.jpeg(gray, 95)) == 90).all()
