"""
Golden inputs: a few drawn pictures and the float reference's outputs that travel in a bundle, so that any
device can check itself in a second with no data set.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline.bundle import Bundle
from hemline.errors import BundleError

KEYS = ("pictures", "logits", "embedding")


@dataclass(frozen=True)
class Golden:
    """pictures (N, H, W, C) uint8, the reference's logits (N, classes) and embedding (N, D) float32."""

    pictures: NDArray[np.uint8]
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """Return it as an .npz without pickle. Law: parse(g.to_bytes()) holds the same arrays."""
        stream = io.BytesIO()
        np.savez_compressed(stream, pictures=self.pictures, logits=self.logits, embedding=self.embedding)
        return stream.getvalue()


def parse(data: bytes, *, name: str) -> Golden:
    """Return the golden inputs in the bytes of an .npz."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            pictures, logits, embedding = (archive[key] for key in KEYS)
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise BundleError(f"{name}: not golden inputs ({error}); convert it again") from None
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or not len(pictures) == len(logits) == len(embedding):
        raise BundleError(f"{name}: golden arrays do not fit together; convert it again")
    return Golden(pictures, logits.astype(np.float32), embedding.astype(np.float32))


def load(bundle: Bundle) -> Golden | None:
    """Return the bundle's golden inputs after their hash was checked, or None when it has none."""
    if bundle.golden is None:
        return None
    golden = parse(bundle.read(bundle.golden), name=bundle.golden.path)
    if golden.pictures.shape[1:] != bundle.preprocess.shape or golden.logits.shape[1] != len(bundle.labels):
        raise BundleError(f"{bundle.title}: golden inputs are not of its size or labels; convert it again")
    return golden
