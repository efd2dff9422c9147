"""
Augmentation: training pictures changed at random, as they are fed, so that it never reaches the exported model.

Law: what a picture becomes is a function of (seed, epoch, its index) alone. A resumed training, and one that
batches in another way, sees the same pictures. NumPy and OpenCV only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError

Pixels = NDArray[np.uint8]

# columns of one row of random numbers, one row a picture
_SHIFT_Y, _SHIFT_X, _FLIP, _TURN, _MOVE_Y, _MOVE_X, _ZOOM, _LIGHT, _CONTRAST, _NOISE = range(10)
_ERASE, _AREA, _ASPECT, _TOP, _LEFT, _LEVEL, _CORNERS = range(10, 17)
_COLUMNS = _CORNERS + 8
# drawn after those, so that what they give stays as it was
_NEGATIVE, _SURROUNDINGS, _AROUND, _BLUR, _LOUD, _GATES = range(_COLUMNS, _COLUMNS + 6)
GATED = ("rotation", "translation", "zoom", "perspective", "brightness", "contrast", "noise", "blur")
_MORE = 5 + len(GATED)
# and after those
_ASPECT_OF, _SATURATION, _HUE, _RED, _GREEN, _BLUE, _COLOUR_GATES = range(_COLUMNS + _MORE, _COLUMNS + _MORE + 7)
GATED_LATER = ("aspect", "saturation", "hue", "tint")
_LATER = 6 + len(GATED_LATER)
MIXING = _COLUMNS + _MORE + _LATER  # and after those, five for hemline_train.mixing
_MIXED = 5
_FLIP_VERTICAL, _EXPOSURE, _EXPOSURE_GATE, FLAW, FLAW_SEED = range(MIXING + _MIXED, MIXING + _MIXED + 5)
COLOUR = ("saturation", "hue", "tint")
MOVING = ("crop", "flip", "flip_vertical", "rotation", "translation", "zoom", "perspective", "aspect")
LIGHT = ("exposure", "contrast", "brightness", "noise")  # in the order in which they happen
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, what a colour is as gray
NEAR_PAD = 12  # levels: what is no further from the padding, and joined to the edge, is the surroundings
MOST_ASPECT = 10 / 3  # of an erased rectangle, as Zhong et al. 2017, "Random Erasing Data Augmentation"


def _share(high: float = 1.0) -> Any:
    return field(default=0.0, metadata={"low": 0.0, "high": high})


@dataclass(frozen=True)
class Augment:
    """What may happen to a training picture; 0 leaves a thing out. Amounts are the most there will be, either way.

    crop: pixels of padding on each side before a crop back to size, at any place. flip: probability of a mirror
    image, left to right; flip_vertical: top to bottom. rotation: degrees. translation: share of the edge. zoom: share
    of the size, in or out. perspective: share of the edge that each corner moves.
    exposure: stops of light, each of which doubles or halves the levels; what gets brighter than white is white.
    brightness: share of 255 that is added. contrast: share by which levels move from or to the picture's mean. noise:
    standard deviation of normal noise, in levels, at most.
    erase: probability of a rectangle of one random level, of up to erase_area of the picture (at least 0.02).
    negative: probability of the negative. surroundings: probability that what is around the garment, of the padding's
    level and joined to the edge, gets one random level. blur: standard deviation of a normal blur, in pixels.
    aspect: share by which a picture gets longer than wide, or wider than long. saturation: share by which colours move
    from or to their gray. hue: degrees that colours turn around the gray axis. tint: share that each of red, green and
    blue gains or loses.
    mixup, cutmix: probability that a picture is blended with another, and that a rectangle of any size is another's;
    its label is that of both, by their shares (hemline_train.mixing).
    often: the share of pictures that each of rotation, translation, zoom, perspective, brightness, contrast, noise,
    blur, aspect, saturation, hue, tint and exposure happens to, drawn for each by itself; where eight of them are asked
    for, at 0.1 four pictures in ten have none.
    """

    crop: int = field(default=0, metadata={"low": 0, "high": 1000})
    flip: float = _share()
    rotation: float = _share(180.0)
    translation: float = _share(0.5)
    zoom: float = _share(0.9)
    perspective: float = _share(0.4)
    brightness: float = _share()
    contrast: float = _share()
    noise: float = _share(128.0)
    erase: float = _share()
    erase_area: float = field(default=0.2, metadata={"low": 0.02, "high": 0.9})
    negative: float = _share()
    surroundings: float = _share()
    blur: float = _share(16.0)
    aspect: float = _share()
    saturation: float = _share()
    hue: float = _share(180.0)
    tint: float = _share()
    mixup: float = _share()
    cutmix: float = _share()
    flip_vertical: float = _share()
    exposure: float = _share(4.0)
    often: float = field(default=1.0, metadata={"low": 0.0, "high": 1.0})

    @property
    def asked(self) -> dict[str, float]:
        """What differs from no augmentation, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}

    @property
    def mixes(self) -> bool:
        """Whether pictures may be mixed with others, so that a label is that of two."""
        return bool(self.mixup or self.cutmix)

    @property
    def any(self) -> bool:
        """Whether anything may happen."""
        return any(getattr(self, one.name) for one in fields(self) if one.name not in ("erase_area", "often"))


def draw(count: int, *, seed: int, epoch: int) -> NDArray[np.float32]:
    """Return the random numbers of an epoch, (count, columns) float32 from 0 to below 1: a row a picture."""
    key = np.array([seed, epoch], np.uint64)
    # one stream a group of columns: the numbers of a picture do not depend on how many there are
    first = np.random.Generator(np.random.Philox(key=key)).random((count, _COLUMNS), np.float32)
    more = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 1])).random((count, _MORE), np.float32)
    later = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 2])).random((count, _LATER), np.float32)
    mixing = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 3])).random((count, _MIXED), np.float32)
    latest = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 4])).random((count, 5), np.float32)
    return np.concatenate([first, more, later, mixing, latest], axis=1)


def gentle(augment: Augment) -> Augment:
    """Return the part of it that leaves every pixel of a garment as it is: crop and flips."""
    return Augment(crop=augment.crop, flip=augment.flip, flip_vertical=augment.flip_vertical)


def moving(augment: Augment) -> Augment:
    """Return the part of it that says where in a picture each pixel goes."""
    return Augment(**{name: getattr(augment, name) for name in (*MOVING, "often")})


def with_gentle(numbers: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of numbers with what crop and flips take from them replaced by that of others."""
    mixed = numbers.copy()
    columns = [_SHIFT_Y, _SHIFT_X, _FLIP, _FLIP_VERTICAL]
    mixed[:, columns] = others[:, columns]
    return mixed


def apply(augment: Augment, pixels: Pixels, numbers: NDArray[np.float32], *, pad: int = 0) -> Pixels:
    """Return the pictures as they are trained on, (N, H, W, C) uint8, but for what is mixed into them.

    pixels: (N, H, W, C) uint8. numbers: their rows of draw(). pad: level 0..255 of what a picture does not cover.
    """
    happens = {name: numbers[:, _GATES + place] < augment.often for place, name in enumerate(GATED)}
    happens |= {name: numbers[:, _COLOUR_GATES + place] < augment.often for place, name in enumerate(GATED_LATER)}
    happens["exposure"] = numbers[:, _EXPOSURE_GATE] < augment.often
    out = _moved(augment, pixels, numbers, happens, pad) if _moves(augment) else pixels.copy()
    if augment.surroundings:
        for index in np.flatnonzero(numbers[:, _SURROUNDINGS] < augment.surroundings):
            out[index][surroundings(out[index], pad)] = int(numbers[index, _AROUND] * 256)
    if augment.negative:
        negative = numbers[:, _NEGATIVE] < augment.negative
        out[negative] = 255 - out[negative]
    if augment.blur:
        for index in np.flatnonzero(happens["blur"]):
            out[index] = _blurred(out[index], augment.blur * float(numbers[index, _BLUR]))
    if any(getattr(augment, name) for name in COLOUR):
        for index in np.flatnonzero(np.any([happens[name] for name in COLOUR], axis=0)):
            gates = {name: bool(happens[name][index]) for name in COLOUR}
            out[index] = cv2.transform(out[index], _mixture(augment, numbers[index], gates))
    if any(getattr(augment, name) for name in LIGHT):
        some = np.any([happens[name] for name in LIGHT], axis=0)
        out[some] = _lit(augment, out[some], numbers[some], {name: gate[some] for name, gate in happens.items()})
    if augment.erase:
        for picture, row in zip(out, numbers, strict=True):
            _erase(augment, picture, row)
    return out


def _moves(augment: Augment) -> bool:
    return any(getattr(augment, name) for name in MOVING)


def surroundings(picture: Pixels, pad: int) -> NDArray[np.bool_]:
    """Return where (H, W) a picture (H, W, C) shows no garment: near the padding's level and joined to the edge."""
    near = np.all(np.abs(picture.astype(np.int16) - pad) <= NEAR_PAD, axis=2)
    framed = np.pad(near, 1, constant_values=True).astype(np.uint8)  # one ring joins whatever reaches the edge
    _, parts = cv2.connectedComponents(framed, connectivity=4)
    around: NDArray[np.bool_] = (parts == parts[0, 0])[1:-1, 1:-1] & near
    return around


def _blurred(picture: Pixels, sigma: float) -> Pixels:
    if sigma < 0.2:  # less moves no level of a picture
        return picture
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8).reshape(picture.shape)


def _moved(
    augment: Augment, pixels: Pixels, numbers: NDArray[np.float32], happens: dict[str, NDArray[np.bool_]], pad: int
) -> Pixels:
    out = _shifted(augment, pixels, numbers, pad)
    warping = [name for name in ("rotation", "translation", "zoom", "perspective", "aspect") if getattr(augment, name)]
    for index in np.flatnonzero(np.any([happens[name] for name in warping], axis=0)) if warping else ():
        left_out: dict[str, Any] = {name: 0.0 for name in warping if not happens[name][index]}
        chosen = replace(augment, **left_out)
        out[index] = _warped(chosen, pixels[index], numbers[index], pad)
    return out


def _shifted(augment: Augment, pixels: Pixels, numbers: NDArray[np.float32], pad: int) -> Pixels:
    """Return the pictures cropped and mirrored: whole pixels only, slices and no interpolation."""
    height, width = pixels.shape[1:3]
    edge = augment.crop
    padded = np.pad(pixels, ((0, 0), (edge, edge), (edge, edge), (0, 0)), constant_values=pad) if edge else pixels
    tops = (numbers[:, _SHIFT_Y] * (2 * edge + 1)).astype(np.int64)
    lefts = (numbers[:, _SHIFT_X] * (2 * edge + 1)).astype(np.int64)
    mirrored, upended = numbers[:, _FLIP] < augment.flip, numbers[:, _FLIP_VERTICAL] < augment.flip_vertical
    out = np.empty_like(pixels)
    for index, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
        part = padded[index, top : top + height, left : left + width]
        part = part[:, ::-1] if mirrored[index] else part
        out[index] = part[::-1] if upended[index] else part
    return out


def _warped(augment: Augment, picture: Pixels, row: NDArray[np.float32], pad: int) -> Pixels:
    """Return one picture moved, turned, zoomed, mirrored and tilted in one step, interpolated once."""
    height, width = picture.shape[:2]
    either = 2 * row.astype(np.float64) - 1  # -1 to below 1
    angle = math.radians(augment.rotation * either[_TURN])
    zoom = (1 + augment.zoom) ** either[_ZOOM]  # as often in as out
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    wide = (1 + augment.aspect) ** (either[_ASPECT_OF] / 2)  # and as much less long: the area stays
    mirror = -1.0 if row[_FLIP] < augment.flip else 1.0
    upend = -1.0 if row[_FLIP_VERTICAL] < augment.flip_vertical else 1.0
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    shift_x = augment.translation * width * either[_MOVE_X] + augment.crop * either[_SHIFT_X]
    shift_y = augment.translation * height * either[_MOVE_Y] + augment.crop * either[_SHIFT_Y]
    about = np.array(
        [
            [cos * mirror, -sin * upend, middle_x + shift_x - cos * mirror * middle_x + sin * upend * middle_y],
            [sin * mirror, cos * upend, middle_y + shift_y - sin * mirror * middle_x - cos * upend * middle_y],
            [0, 0, 1],
        ]
    )
    if augment.aspect:
        about = about @ [[wide, 0, middle_x * (1 - wide)], [0, 1 / wide, middle_y * (1 - 1 / wide)], [0, 0, 1]]
    if augment.perspective:
        corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
        apart = augment.perspective * either[_CORNERS : _CORNERS + 8].reshape(4, 2) * (width, height)
        about = cv2.getPerspectiveTransform(corners, (corners + apart).astype(np.float32)) @ about
    border: tuple[float, ...] = (float(pad),) * 4
    warped = cv2.warpPerspective(
        picture, about, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border
    )
    out: Pixels = np.asarray(warped, np.uint8).reshape(picture.shape)  # OpenCV drops a channel of one
    return out


def _mixture(augment: Augment, row: NDArray[np.float32], happens: dict[str, bool]) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that makes of a pixel's red, green and blue those of the augmented picture."""
    either = 2 * row.astype(np.float64) - 1
    mixture = np.eye(3)
    if happens["hue"] and augment.hue:
        turn = math.radians(augment.hue * either[_HUE])
        # Rodrigues' rotation about the axis on which all grays lie; these stay what they are
        cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
        mixture = np.eye(3) + math.sin(turn) * cross + (1 - math.cos(turn)) * cross @ cross
    if happens["saturation"] and augment.saturation:
        kept = 1 + augment.saturation * either[_SATURATION]
        mixture = (kept * np.eye(3) + (1 - kept) * np.tile(LUMA, (3, 1))) @ mixture
    if happens["tint"]:
        gains = 1 + augment.tint * either[[_RED, _GREEN, _BLUE]]
        mixture = np.diag(gains) @ mixture
    return mixture


def _lit(
    augment: Augment, pixels: Pixels, numbers: NDArray[np.float32], happens: dict[str, NDArray[np.bool_]]
) -> Pixels:
    either = 2 * numbers - 1
    shape = (-1, 1, 1, 1)
    levels = pixels.astype(np.float32)
    if augment.exposure:
        stops = augment.exposure * either[:, _EXPOSURE] * happens["exposure"]
        levels = np.minimum(levels * np.exp2(stops).reshape(shape), 255.0)
    if augment.contrast:
        mean = levels.mean(axis=(1, 2, 3), keepdims=True)
        amount = augment.contrast * either[:, _CONTRAST] * happens["contrast"]
        levels = mean + (levels - mean) * (1 + amount).reshape(shape)
    if augment.brightness:
        levels += 255 * (augment.brightness * either[:, _LIGHT] * happens["brightness"]).reshape(shape)
    if augment.noise:
        for index in np.flatnonzero(happens["noise"]):
            # the noise of a picture, too, follows from its own numbers
            seed = int(np.float32(numbers[index, _NOISE]).view(np.uint32))
            normal = np.random.Generator(np.random.SFC64(seed)).standard_normal(levels.shape[1:], np.float32)
            levels[index] += augment.noise * numbers[index, _LOUD] * normal
    out: Pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return out


def _erase(augment: Augment, picture: Pixels, row: NDArray[np.float32]) -> None:
    if row[_ERASE] >= augment.erase:
        return
    height, width = picture.shape[:2]
    area = (0.02 + (augment.erase_area - 0.02) * float(row[_AREA])) * height * width
    aspect = MOST_ASPECT ** (2 * float(row[_ASPECT]) - 1)
    tall = min(height, max(1, round(math.sqrt(area * aspect))))
    wide = min(width, max(1, round(math.sqrt(area / aspect))))
    top, left = int(row[_TOP] * (height - tall + 1)), int(row[_LEFT] * (width - wide + 1))
    picture[top : top + tall, left : left + wide] = int(row[_LEVEL] * 256)


def check(augment: Augment, height: int, width: int, channels: int) -> None:
    """Raise UsageError where the padding is larger than the picture, and where colours are asked of a gray one."""
    for name in COLOUR:
        if getattr(augment, name) and channels != 3:
            raise UsageError(f"augment.{name}: needs pictures in colour; preprocess.channels is {channels}")
    if augment.mixup + augment.cutmix > 1:
        raise UsageError(f"augment.mixup {augment.mixup} and augment.cutmix {augment.cutmix}: together at most 1")
    if augment.crop >= min(height, width):
        raise UsageError(f"augment.crop {augment.crop}: must be below the edge of a picture, {min(height, width)}")
