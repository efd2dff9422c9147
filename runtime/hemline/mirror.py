"""
Mirror images: a model may be asked about the pixels and about their mirror images, and the mean is its answer.

A network that was trained on mirrored pictures has learned that they mean the same, and still answers each a little
differently; the mean leaves out what depends on how the part lay. It costs a call for each image, and changes no file:
training, conversion, parity and every device call mean(), there is no second implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

# mirror of the contract: cv2.flip's code of each image that is asked beside the pixels themselves
MIRRORS: dict[str, tuple[int, ...]] = {"none": (), "horizontal": (1,), "vertical": (0,), "both": (1, 0, -1)}

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]  # logits (N, classes), embeddings (N, D)
Ask = Callable[[NDArray[np.uint8]], Outputs]  # pixels (N, H, W, C)


def images(pixels: NDArray[np.uint8], mirror: str) -> Iterator[NDArray[np.uint8]]:
    """Yield pixels (N, H, W, C) uint8 as they are, then each of their mirror images, contiguous.

    mirror: a key of MIRRORS: "horizontal" is left to right, "vertical" top to bottom, "both" has the picture turned
    by 180 degrees too.
    """
    yield pixels
    for code in MIRRORS[mirror]:
        # several times faster than numpy's reversed strides, which copy byte by byte
        yield np.stack([cv2.flip(picture, code).reshape(picture.shape) for picture in pixels])


def mean(ask: Ask, pixels: NDArray[np.uint8], mirror: str) -> Outputs:
    """Return the means of logits (N, classes) and of embeddings (N, D) over pixels (N, H, W, C) and their images."""
    if not MIRRORS[mirror] or not len(pixels):
        return ask(pixels)
    asked = images(pixels, mirror)
    logits, embeddings = ask(next(asked))
    for image in asked:
        more, further = ask(image)
        logits, embeddings = logits + more, embeddings + further
    share = np.float32(1 / (1 + len(MIRRORS[mirror])))  # of 2 or 4 images, so exact
    return logits * share, embeddings * share
