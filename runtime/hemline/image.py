"""
From a file or its bytes to RGB pixels: JPEG, PNG, WebP and BMP, by their first bytes, never by their name. And back:
a picture made smaller, and written as JPEG.

Bounded: the header is read first, and what it says is held against the caps before a pixel is allocated.
Upright: the EXIF orientation is applied, exactly once. Opaque: transparent pixels lie over a gray background.
Whole: a file yields its picture or a PictureError of one line, no other exception; what is cut off, or fails
its checksum, is refused. JPEG has no checksum: where only its compressed data was altered, libjpeg fills in
what it guesses and says so on stderr, which is left as it is (it could only be silenced for all threads).
Colour profiles are not applied: the numbers in the file are taken as sRGB.
"""

from __future__ import annotations

import os
import stat
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import PictureError
from hemline.imageheader import Header, header, png, shown

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "Header",
    "decode",
    "header",
    "jpeg",
    "read",
    "read_bytes",
    "shown",
    "shrunk",
]

MAX_PIXELS = 64_000_000  # 192 MB as RGB; a phone's largest still picture is 50 to 200 Mpx, its usual one 12
MAX_BYTES = 256 * 2**20
MIN_SIDE = 8  # pixels
# pixels a side that a reduced JPEG keeps for each one that the model needs. Averaging two or more hides that
# the decoder's blocks do not end where the model's pixels do: against a full decode these differ by 1 of 255
# in the mean (photos, 14 to 64 px); keeping one pixel it is 3, keeping four 0.3.
KEPT = 2

# reduction: OpenCV flag; for a JPEG the decoder itself then computes fewer pixels per 8x8 block
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_OUT_OF_MEMORY = -4  # OpenCV's StsNoMem
# EXIF orientation: how the stored picture gets upright; 5 and 7 are transposed first
_FLIPS = {2: 1, 4: 0, 7: -1}
_TURNS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}


def read(
    path: str | os.PathLike[str],
    *,
    needed: tuple[int, int] | None = None,
    background: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Return the picture in a file, (h, w, 3) RGB uint8, upright; the options are those of decode."""
    name = os.fspath(path)
    return decode(read_bytes(name), name=name, needed=needed, background=background, max_pixels=max_pixels)


def decode(
    data: bytes,
    *,
    name: str = "<bytes>",
    needed: tuple[int, int] | None = None,
    background: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Return the picture in the bytes of a file, (h, w, 3) RGB uint8, upright.

    name: what a PictureError calls it.
    needed: (height, width) that the picture will be averaged down to (Preprocess with interpolation "area";
        "linear" and "cubic" pick pixels, and would pick others). A large JPEG then comes back at 1/2, 1/4 or
        1/8 of its size, in half the time, each side still at least twice as long as needed.
    background: gray value 0..255 under transparent pixels.
    max_pixels: width times height that the header may state; more is refused before it is decoded.
    """
    if len(data) > MAX_BYTES:
        raise PictureError(_too_many_bytes(name, f"{len(data):,}"))
    found = header(data, name=name)
    if found.width * found.height > max_pixels:
        raise PictureError(
            f"{shown(name)}: {found.format} of {found.width}x{found.height} pixels, "
            f"{found.width * found.height / 1e6:,.1f} Mpx; the limit is {max_pixels / 1e6:,.1f}: scale it down first"
        )
    if found.animated:
        count = "1 frame" if found.frames == 1 else f"{found.frames} frames"
        raise PictureError(
            f"{shown(name)}: animated {found.format}, {count}; hemline reads still pictures: export one frame"
        )
    if found.width < MIN_SIDE or found.height < MIN_SIDE:
        raise PictureError(
            f"{shown(name)}: {found.width}x{found.height} pixels; nothing to classify below {MIN_SIDE}x{MIN_SIDE}"
        )
    try:
        picture = _decode(data, found, needed, background)
    except (cv2.error, MemoryError) as error:
        if isinstance(error, MemoryError) or getattr(error, "code", None) == _OUT_OF_MEMORY:
            raise PictureError(
                f"{shown(name)}: not enough memory for {found.width}x{found.height} pixels; scale it down first"
            ) from error
        picture = None
    if picture is None:
        raise PictureError(
            f"{shown(name)}: {found.format} damaged: the decoder gave up on its {found.width}x{found.height} pixels; "
            "copy it again, or open it in an image editor and save it anew"
        )
    return picture if found.orientation == 1 else _upright(picture, found.orientation)


def shrunk(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return the picture (h, w) or (h, w, C) averaged down to `longest` pixels on its longer side; never enlarged."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return _uint8(small).reshape(size[1], size[0], *picture.shape[2:])  # OpenCV drops a channel of one


def reduced(picture: NDArray[np.uint8], needed: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture (h, w) or (h, w, C) averaged down by as much as decode() would have, for the same `needed`."""
    height, width = picture.shape[:2]
    factor = _factor(height, width, needed)
    if factor == 1:
        return picture
    small = cv2.resize(picture, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return _uint8(small).reshape(height // factor, width // factor, *picture.shape[2:])


def jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Return a picture (h, w, 3) RGB or (h, w, 1) gray as JPEG of this quality, 0..100."""
    bgr = np.ascontiguousarray(picture[..., ::-1])  # one channel reversed is itself
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise PictureError(f"a picture of {picture.shape[1]}x{picture.shape[0]} pixels cannot be written as JPEG")
    return bytes(data.tobytes())


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file or a pipe, at most MAX_BYTES + 1 of them; PictureError where there are none."""
    name = os.fspath(path)
    try:
        # not blocking: opening a named pipe that nobody writes to would wait for ever
        handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise PictureError(_os_error(name, error)) from error
    except ValueError as error:  # a NUL in the name
        raise PictureError(f"{shown(name)}: not a file name") from error
    try:
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode):
            if status.st_size > MAX_BYTES:
                raise PictureError(_too_many_bytes(name, f"{status.st_size:,}"))
            data = os.read(handle, status.st_size)
            return data if len(data) == status.st_size else data + _rest(handle, status.st_size - len(data))
        if stat.S_ISFIFO(status.st_mode):
            os.set_blocking(handle, True)
            return _rest(handle, MAX_BYTES + 1)
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a socket"
        raise PictureError(f"{shown(name)}: {what}, not a picture; name a picture file")
    except OSError as error:
        raise PictureError(_os_error(name, error)) from error
    finally:
        os.close(handle)


def _rest(handle: int, limit: int) -> bytes:
    """Return what is still to be read, at most `limit` bytes: a pipe or a network drive gives a part at a time."""
    parts = []
    while limit > 0 and (part := os.read(handle, min(limit, 2**20))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _os_error(name: str, error: OSError) -> str:
    advice = "; make it readable (chmod u+r)" if isinstance(error, PermissionError) else ""
    return f"{shown(name)}: {(error.strerror or str(error)).lower()}{advice}"


def _too_many_bytes(name: str, found: str) -> str:
    return f"{shown(name)}: {found} bytes; the limit is {MAX_BYTES:,}: scale it down first"


def _decode(data: bytes, found: Header, needed: tuple[int, int] | None, background: int) -> NDArray[np.uint8] | None:
    """Return the picture as stored, RGB, not yet turned; None when it is not what its header says."""
    factor, flags = 1, cv2.IMREAD_COLOR
    if found.format == "JPEG":
        factor = _reduction(found, needed)
        flags = _REDUCED[factor]
    elif found.alpha or found.depth == 16:
        flags = cv2.IMREAD_UNCHANGED
    if found.extras:
        data = png.essential(data)
    if flags != cv2.IMREAD_UNCHANGED:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION  # UNCHANGED ignores it already
    picture: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    # the decoder rounds up: of 17 columns at 1/8 it leaves 3
    if picture is None or picture.shape[:2] != (-(-found.height // factor), -(-found.width // factor)):
        return None
    if flags == cv2.IMREAD_UNCHANGED:
        return _opaque(picture, data, found, background)
    if found.depth in (5, 6):  # a 16-bit BMP: OpenCV leaves the low bits empty, white would be 248
        picture |= picture >> np.array([5, found.depth, 5], np.uint8)
    # of a gray picture all three channels are the same
    return picture if found.channels == 1 else _uint8(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def _reduction(found: Header, needed: tuple[int, int] | None) -> int:
    """Return 1, 2, 4 or 8: how many times smaller a JPEG may be decoded."""
    if needed is None:
        return 1
    return _factor(found.height, found.width, needed if found.orientation < 5 else needed[::-1])  # 5 to 8 lie on a side


def _factor(height: int, width: int, needed: tuple[int, int]) -> int:
    """Return 1, 2, 4 or 8: how many times smaller a picture may be and still have KEPT times what is needed."""
    for factor in (8, 4, 2):
        # Only what divides: a rounded side changes the aspect, and with it how many rows the model's frame
        # gets; on photos of 320x213 that moved single pixels by 100.
        divides = not (height % factor or width % factor)
        if divides and height >= KEPT * factor * needed[0] and width >= KEPT * factor * needed[1]:
            return factor
    return 1


def _opaque(picture: NDArray[Any], data: bytes, found: Header, background: int) -> NDArray[np.uint8]:
    """Return RGB uint8 from what IMREAD_UNCHANGED gives: gray, BGR or BGRA, uint8 or uint16."""
    clear = None
    if picture.ndim == 2 and found.alpha:  # one gray value means transparent; OpenCV does not look at it
        clear = picture == png.clear_gray(data, found.depth)
    if picture.dtype == np.uint16:
        # 65535 / 257 = 255: rounded, where a shift by 8 would take 0.4 % off; exact, no value lies half way
        picture = cv2.convertScaleAbs(picture, alpha=1 / 257)
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        if clear is not None:
            picture[clear] = background
        return _uint8(picture)
    # some writers of 32-bit BMPs declare the fourth byte as alpha and leave it 0 everywhere
    if picture.shape[2] == 3 or (found.format == "BMP" and not picture[..., 3].any()):
        return _uint8(cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2RGB))
    return _over(picture, background)


def _over(bgra: NDArray[np.uint8], background: int) -> NDArray[np.uint8]:
    """Return (h, w, 3) RGB: the picture over a gray background, each value rounded to the nearest."""
    rgb = _uint8(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB))
    # alpha three times, beside its colours: four times faster than broadcasting one column
    alpha = cv2.cvtColor(bgra[..., 3], cv2.COLOR_GRAY2RGB)
    rows = max(1, 2**16 // rgb.shape[1])  # the 16-bit values in between stay below 1 MB
    for top in range(0, len(rgb), rows):
        part = slice(top, top + rows)
        share = alpha[part].astype(np.uint16)
        mixed = rgb[part] * share
        mixed += (255 - share) * np.uint16(background) + 128
        mixed += mixed >> 8
        rgb[part] = mixed >> 8  # the sum / 255, exact up to its largest value, 255 * 255 + 128
    return rgb


def _upright(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return the picture turned as its EXIF orientation, 2 to 8, asks."""
    if orientation in (5, 7):
        picture = _uint8(cv2.transpose(picture))
    if orientation in _FLIPS:
        return _uint8(cv2.flip(picture, _FLIPS[orientation]))
    return _uint8(cv2.rotate(picture, _TURNS[orientation])) if orientation in _TURNS else picture


def _uint8(picture: Any) -> NDArray[np.uint8]:
    """Narrow what OpenCV returns (typed as any MatLike) to what it is for uint8 input."""
    array: NDArray[np.uint8] = picture
    return array
