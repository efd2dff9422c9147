"""
What a garment is recognised by when it is shown again, in at most LIMIT bytes: corners and folds with what is around
them (SIFT), a small relief of the cloth, its outline, its colours.

The bytes are versioned and little-endian. Law: unpack(f.pack()) == f but for rounding; what is cut off, altered in its
counts, or of another version is a DataError, never a wrong answer.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError
from hemline.garment import Isolation, bounds
from hemline.wardrobe.histogram import WIDTH

VERSION = 1
LIMIT = 12_288  # bytes of a garment
SIDE = 240  # pixels of the garment's longer side at which points are looked for
RELIEF = 96  # and of the relief
POINTS = 110
CONTRAST = 0.012  # of SIFT, on a garment of which the contrast was made even: folds are enough
EVEN, GAIN = 40.0, 6.0  # gray levels of standard deviation that a garment is brought to; at most so many times its own
COARSE, FINE = 8.0, 0.8  # pixels of the relief: larger is light and colour, smaller is noise
RIM = 2  # pixels of the relief along the outline that are left out: what shines through there is background
MOST = 2.5  # standard deviations: a button or a label counts no more than a fold
STEPS = 15  # of a descriptor's values: four bits
TOP = 0.30  # the largest value of a descriptor that is told apart

# magic, version, points, bytes of the outline and of the relief, height and width of the relief, CRC-32 of the rest
_HEAD = struct.Struct("<4sHHHHBBI")
_MAGIC = b"HemF"
_PLACE = np.dtype([("x", "<u2"), ("y", "<u2"), ("size", "u1"), ("angle", "u1")])
_FRACTION = 64  # a place is in 64ths of a pixel of the relief


@dataclass(frozen=True, eq=False)
class Features:
    """What a garment is recognised by.

    colours: (WIDTH,) float32, length 1 (histogram.py).
    places: (n, 2) x and y in pixels of the relief. sizes: (n,) in the same. angles: (n,) radians.
    descriptors: (n, 128) float32, length 1.
    relief: (h, w) float32, light and dark of the cloth without shade and colour, 0 beside it.
    mask: (h, w) bool, the cloth without its rim.
    """

    colours: NDArray[np.float32]
    places: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    relief: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def pack(self) -> bytes:
        """Return them in at most LIMIT bytes; the weakest points are left out when there is no room."""
        height, width = self.mask.shape
        outline = zlib.compress(np.packbits(self.mask).tobytes(), 9)
        levels = np.clip(np.rint(self.relief * 50 + 128), 0, 255).astype(np.uint8)
        relief = b""
        for quality in (85, 70, 50, 30):
            _, encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
            relief = encoded.tobytes()
            if len(relief) <= 4200:
                break
        colours: bytes = np.rint(self.colours * 255).astype(np.uint8).tobytes()
        room = LIMIT - _HEAD.size - len(colours) - len(outline) - len(relief)
        count = max(0, min(len(self.places), POINTS, room // (_PLACE.itemsize + 64)))
        places = np.empty(count, _PLACE)
        fixed = np.clip(np.rint(self.places[:count] * _FRACTION), 0, 65535)
        places["x"], places["y"] = fixed.T
        places["size"] = np.clip(np.rint(np.log2(np.maximum(self.sizes[:count], 0.1)) * 24 + 96), 0, 255)
        places["angle"] = np.rint(self.angles[:count] * (256 / (2 * np.pi))).astype(np.int64) % 256
        steps = np.clip(np.rint(self.descriptors[:count] * (STEPS / TOP)), 0, STEPS).astype(np.uint8)
        packed = steps[:, 0::2] << 4 | steps[:, 1::2]
        rest: bytes = b"".join((colours, places.tobytes(), packed.tobytes(), outline, relief))
        return _HEAD.pack(_MAGIC, VERSION, count, len(outline), len(relief), height, width, zlib.crc32(rest)) + rest


def unpack(data: bytes) -> Features:
    """Return the features in bytes that pack() wrote; DataError when they are none, or of another version."""
    count, outline_bytes, relief_bytes, height, width = _head(data)
    rest = memoryview(data)[_HEAD.size :]
    at = WIDTH
    colours = np.frombuffer(rest[:at], np.uint8).astype(np.float32) / 255
    places = np.frombuffer(rest[at : at + count * _PLACE.itemsize], _PLACE)
    at += count * _PLACE.itemsize
    packed = np.frombuffer(rest[at : at + count * 64], np.uint8).reshape(count, 64)
    at += count * 64
    steps = np.empty((count, 128), np.float32)
    steps[:, 0::2], steps[:, 1::2] = packed >> 4, packed & 15
    try:
        # never more than the outline needs: what is compressed may claim to be anything
        flat = zlib.decompressobj().decompress(rest[at : at + outline_bytes], (height * width + 7) // 8)
    except zlib.error as error:
        raise DataError(f"features of a garment: their outline cannot be read ({error}); scan it again") from None
    at += outline_bytes
    levels = cv2.imdecode(np.frombuffer(rest[at : at + relief_bytes], np.uint8), cv2.IMREAD_GRAYSCALE)
    if len(flat) != (height * width + 7) // 8 or levels is None or levels.shape != (height, width):
        raise DataError("features of a garment: their outline and relief are not of one size; scan it again")
    mask = np.unpackbits(np.frombuffer(flat, np.uint8), count=height * width).reshape(height, width).astype(bool)
    return Features(
        np.asarray(colours / max(float(np.linalg.norm(colours)), 1e-6), np.float32),
        np.asarray(np.stack([places["x"], places["y"]], axis=1) / _FRACTION, np.float32),
        np.exp2((places["size"].astype(np.float32) - 96) / 24),
        places["angle"].astype(np.float32) * np.float32(2 * np.pi / 256),
        _unit(steps),
        np.where(mask, (levels.astype(np.float32) - 128) / 50, 0).astype(np.float32),
        mask,
    )


def colour_vector(data: bytes) -> NDArray[np.float32]:
    """Return the colours (WIDTH,) of packed features, length 1, without reading the rest."""
    _head(data, whole=False)
    colours = np.frombuffer(data, np.uint8, WIDTH, _HEAD.size).astype(np.float32)
    return np.asarray(colours / max(float(np.linalg.norm(colours)), 1e-6), np.float32)


def _head(data: bytes, *, whole: bool = True) -> tuple[int, int, int, int, int]:
    """Return points, bytes of outline and relief, height and width; whole: the rest is held against its checksum."""
    if len(data) < _HEAD.size + WIDTH or data[:4] != _MAGIC:
        raise DataError(f"{len(data)} bytes that are no features of a garment; scan it again")
    _, version, count, outline_bytes, relief_bytes, height, width, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise DataError(f"features of a garment: version {version}, this hemline reads {VERSION}; scan it again")
    expected = _HEAD.size + WIDTH + count * (_PLACE.itemsize + 64) + outline_bytes + relief_bytes
    if len(data) != expected:
        raise DataError(f"features of a garment: {len(data)} bytes, {expected} by their head; scan it again")
    if whole and zlib.crc32(data[_HEAD.size :]) != checksum:
        raise DataError("features of a garment: altered, the checksum does not fit; scan it again")
    return count, outline_bytes, relief_bytes, height, width


def extract(picture: NDArray[np.uint8], isolation: Isolation, colours: NDArray[np.float32]) -> Features:
    """Return the features of an isolated garment.

    picture: (h, w, 3) RGB or (h, w) gray. colours: its histogram. With an empty mask the whole picture counts: what
    could not be isolated is still recognised when the same photo comes again.
    """
    gray, mask = _framed(picture, isolation)
    inside = gray[mask].astype(np.float32)
    gain = min(GAIN, EVEN / max(float(inside.std()), 1.0))
    even = np.clip((gray.astype(np.float32) - inside.mean()) * gain + 128, 0, 255).astype(np.uint8)
    sift = cv2.SIFT_create(nfeatures=2 * POINTS, contrastThreshold=CONTRAST, edgeThreshold=15)  # type: ignore[attr-defined]
    points, described = sift.detectAndCompute(even, mask.astype(np.uint8) * 255)
    scale = RELIEF / max(gray.shape)
    height, width = (max(8, round(side * scale)) for side in gray.shape)
    small = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    within = _eroded(cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) >= 0.5)
    order = sorted(range(len(points)), key=lambda index: -points[index].response)[:POINTS]
    chosen = [points[index] for index in order]
    root = np.sqrt(described[order]) if chosen else np.empty((0, 128), np.float32)  # RootSIFT: Arandjelovic 2012
    return Features(
        colours,
        np.array([point.pt for point in chosen], np.float32).reshape(-1, 2) * np.float32(scale),
        np.array([point.size for point in chosen], np.float32) * np.float32(scale),
        np.radians(np.array([point.angle for point in chosen], np.float32)),
        _unit(root.astype(np.float32)),
        _relief(small, within),
        within,
    )


def _framed(picture: NDArray[np.uint8], isolation: Isolation) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the garment in gray, its longer side SIDE pixels, and its mask."""
    gray = picture if picture.ndim == 2 else picture[..., 0]
    if picture.ndim == 3 and picture.shape[2] == 3:
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    mask = isolation.scaled(*gray.shape[:2])
    if not mask.any():
        mask = np.ones(gray.shape[:2], bool)
    rows, columns = bounds(mask)
    gray, mask = gray[rows, columns], mask[rows, columns]
    scale = SIDE / max(gray.shape)
    size = max(16, round(gray.shape[1] * scale)), max(16, round(gray.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    within = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5
    framed = np.asarray(cv2.resize(np.ascontiguousarray(gray), size, interpolation=method), np.uint8)
    return framed, within if within.any() else np.ones(framed.shape, bool)


def _relief(gray: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return what is lighter or darker than the cloth around it, in standard deviations, 0 beside the mask."""
    weight = mask.astype(np.float32)
    there = np.maximum(cv2.GaussianBlur(weight, (0, 0), COARSE), 1e-3)
    around = cv2.GaussianBlur(gray * weight, (0, 0), COARSE) / there
    detail = cv2.GaussianBlur((gray - around) * weight, (0, 0), FINE) * weight
    spread = float(detail[mask].std()) if mask.any() else 0.0
    return np.asarray(np.clip(detail / max(spread, 1e-3), -MOST, MOST), np.float32)


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask without its rim; the mask where nothing else is."""
    kernel = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    return np.asarray(inner if inner.sum() >= 0.3 * mask.sum() else mask)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows with length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)
