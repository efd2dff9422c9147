"""
From a decoded picture to the pixels a model was trained on.

Training, conversion, parity, golden and every device call Preprocess.apply; there is no second
implementation. The contract is data: it stands in the recipe, the run, the manifest and each artifact.
Normalisation is not here: it is the first layer of the model, an engine takes uint8 0..255.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import garment, image
from hemline.errors import PictureError, UsageError, unknown
from hemline.garment import Isolation
from hemline.mirror import MIRRORS

FITS = ("pad", "crop", "stretch")
INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
ISOLATIONS = ("none", "layout", "cutout")
# what a cut-out keeps of the garment's surroundings: enough to see a sleeve that the mask missed
SURROUNDINGS = 0.25


@dataclass(frozen=True)
class Preprocess:
    """The preprocessing contract of a model.

    height, width: pixels of the model's input, each 1 or more.
    channels: 1 (gray, ITU-R BT.601 luma) or 3 (RGB).
    fit: "pad" keeps the whole picture and its aspect, "crop" fills the frame and cuts what hangs over,
        "stretch" ignores the aspect.
    interpolation: "area" averages when shrinking (and is bilinear when enlarging), "linear", "cubic".
    pad: value 0..255 of whatever lies outside the picture: the frame of fit="pad" and transparent pixels.
    isolation: "none", the whole picture; "layout", the garment in it, gray and light on black as in Fashion-MNIST;
        "cutout", the garment in colour, its surroundings faded towards the gray of pad (hemline.garment). A picture
        that has the size already is taken as isolated, and so is a gray one whose border is black for "layout".
    mirror: which mirror images of the pixels are asked beside them, the answer being the mean (hemline.mirror):
        "none", "horizontal" (left to right), "vertical" or "both", which asks about four. apply returns none of them.
    """

    height: int
    width: int
    channels: int = 1
    fit: str = "pad"
    interpolation: str = "area"
    pad: int = 0
    isolation: str = "none"
    mirror: str = "none"

    def __post_init__(self) -> None:
        whole = (self.height, self.width, self.channels, self.pad)
        if any(type(value) is not int for value in whole):
            raise UsageError("preprocess: height, width, channels and pad are whole numbers")
        if not (1 <= self.height <= 4096 and 1 <= self.width <= 4096):
            raise UsageError(f"preprocess: size {self.height}x{self.width}; each side is 1 to 4096 pixels")
        if self.channels not in (1, 3):
            raise UsageError(f"preprocess: channels {self.channels}; use 1 (gray) or 3 (RGB)")
        if self.isolation == "layout" and (self.channels, self.pad) != (1, 0):
            raise UsageError('preprocess: isolation "layout" is gray on black; use channels 1 and pad 0')
        if not 0 <= self.pad <= 255:
            raise UsageError(f"preprocess: pad {self.pad}; a pixel value is 0 to 255")
        for kind, asked, known in (
            ("fit", self.fit, FITS),
            ("interpolation", self.interpolation, INTERPOLATIONS),
            ("isolation", self.isolation, ISOLATIONS),
            ("mirror", self.mirror, MIRRORS),
        ):
            if asked not in known:
                raise UsageError(f"preprocess: {unknown(kind, asked, known)}")

    @classmethod
    def from_dict(cls, contract: Mapping[str, Any]) -> Preprocess:
        """Return the contract written by as_dict; an unknown key is an error, never ignored."""
        for key in contract:
            if key not in cls.__dataclass_fields__:
                raise UsageError(f"preprocess: {unknown('key', key, cls.__dataclass_fields__)}")
        missing = [key for key in ("height", "width") if key not in contract]
        if missing:
            raise UsageError(f"preprocess: {' and '.join(missing)} missing")
        return cls(**contract)

    def as_dict(self) -> dict[str, Any]:
        """Return the contract as plain values. Law: Preprocess.from_dict(p.as_dict()) == p."""
        return asdict(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of what apply returns."""
        return (self.height, self.width, self.channels)

    @property
    def needed(self) -> tuple[int, int] | None:
        """(height, width) that a picture may be averaged down to before apply, None for none: image.decode's option."""
        if self.isolation != "none":
            return self._garment_needs
        # reduced decoding keeps twice the pixels that averaging needs; other interpolations look at single ones
        return (self.height, self.width) if self.interpolation == "area" else None

    @property
    def _garment_needs(self) -> tuple[int, int]:
        return max(garment.SIDE, self.height), max(garment.SIDE, self.width)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the model's pixels, (H, W, C) uint8, contiguous.

        picture: (h, w, 3) RGB or (h, w) gray, uint8.
        A picture that already has the size and channels comes back with its values unchanged.
        """
        return self.isolated(picture)[0]

    def isolated(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Isolation | None]:
        """Return what apply returns, and where the garment is; None where the contract does not ask for it.

        Where no garment is found the pixels are those of the whole picture, and the isolation says why.
        """
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
            raise PictureError(f"expected a uint8 picture (h, w, 3) or (h, w), found {picture.dtype} {picture.shape}")
        if picture.ndim == 3 and picture.shape[2] not in (1, 3):
            raise PictureError(f"expected 1 or 3 channels, found {picture.shape[2]}")
        found = None
        if self.isolation != "none" and not self._isolated(picture):
            # a frame of a camera is as large as a file would have been decoded: cutting out costs by the pixel
            picture = image.reduced(picture, self._garment_needs)
            found = garment.isolate(picture)
            picture = self._lifted(picture, found)
        pixels = self._channels(picture)
        if pixels.shape[:2] != (self.height, self.width):
            pixels = self._fit(pixels)
        return np.ascontiguousarray(pixels).reshape(self.shape), found

    def _isolated(self, picture: NDArray[np.uint8]) -> bool:
        """Whether there is nothing to isolate: the picture has the size already, or is gray on black, or tiny."""
        if picture.shape[:2] == (self.height, self.width) or min(picture.shape[:2]) < garment.LEAST:
            return True
        if self.isolation != "layout":
            return False
        gray = picture.ndim == 2 or picture.shape[2] == 1 or not np.ptp(picture, axis=2).any()
        return gray and garment.on_black(picture)

    def _lifted(self, picture: NDArray[np.uint8], found: Isolation) -> NDArray[np.uint8]:
        mask = found.scaled(*picture.shape[:2])
        if not mask.any():
            mask = np.ones(picture.shape[:2], bool)
        if picture.ndim == 2 or picture.shape[2] == 1:
            picture = _uint8(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB))
        if self.isolation == "layout":
            return garment.laid_out(picture, mask)
        return garment.cut_out(picture, mask, kept=SURROUNDINGS, ground=self.pad)

    def _channels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        gray = picture.ndim == 2 or picture.shape[2] == 1
        if self.channels == 1:
            # exact for a gray picture stored as RGB: OpenCV's fixed-point weights add up to 1
            return picture if gray else _uint8(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        return _uint8(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)) if gray else picture

    def placed(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return (top, left, height, width) in pixels of where a picture of this size lies in the frame.

        Not of a contract that isolates; with fit="crop" top and left are 0 or less, and what hangs over is cut.
        """
        if self.fit == "stretch":
            return 0, 0, self.height, self.width
        across, down = self.width / width, self.height / height
        scale = min(across, down) if self.fit == "pad" else max(across, down)
        # at least one pixel: a 10000x3 picture still has a height after shrinking
        inner_height = max(1, round(height * scale))
        inner_width = max(1, round(width * scale))
        if self.fit == "crop":
            return -((inner_height - self.height) // 2), -((inner_width - self.width) // 2), inner_height, inner_width
        return (self.height - inner_height) // 2, (self.width - inner_width) // 2, inner_height, inner_width

    def _fit(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        top, left, inner_height, inner_width = self.placed(*pixels.shape[:2])
        inner = self._resize(pixels, inner_height, inner_width)
        if self.fit != "pad":
            return inner[-top : self.height - top, -left : self.width - left]
        framed = np.full((self.height, self.width, *inner.shape[2:]), self.pad, np.uint8)
        framed[top : top + inner_height, left : left + inner_width] = inner
        return framed

    def _resize(self, pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        method = INTERPOLATIONS[self.interpolation]
        if self.interpolation == "area" and (height > pixels.shape[0] or width > pixels.shape[1]):
            method = cv2.INTER_LINEAR  # area repeats pixels when enlarging
        resized = _uint8(cv2.resize(pixels, (width, height), interpolation=method))
        return resized if resized.ndim == pixels.ndim else resized[..., None]


def _uint8(picture: Any) -> NDArray[np.uint8]:
    """Narrow what OpenCV returns (typed as any MatLike) to what it is for uint8 input."""
    array: NDArray[np.uint8] = picture
    return array
