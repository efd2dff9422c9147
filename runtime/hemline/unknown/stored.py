"""
What a score has learnt, as the bytes of an .npz without pickle: one kind and its fields, parts under their number.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import BundleError
from hemline.unknown.answers import Facts
from hemline.unknown.combined import Combined
from hemline.unknown.distance import Cosine, Directions, Mahalanobis, Neighbours, Residual
from hemline.unknown.probability import Energy, Logit, Softmax

KINDS: dict[str, type[Any]] = {
    "softmax": Softmax,
    "logit": Logit,
    "energy": Energy,
    "mahalanobis": Mahalanobis,
    "directions": Directions,
    "cosine": Cosine,
    "neighbours": Neighbours,
    "residual": Residual,
    "combined": Combined,
}
_DEEPEST = 3  # a sum of a sum of scores


def to_bytes(facts: Facts) -> bytes:
    """Return the bytes. Law: parse(to_bytes(f)) gives every picture the score that f gives it."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **_flat(facts, ""))
    return stream.getvalue()


def _flat(facts: Facts, prefix: str) -> dict[str, NDArray[Any]]:
    (kind,) = (name for name, known in KINDS.items() if type(facts) is known)
    arrays: dict[str, NDArray[Any]] = {f"{prefix}kind": np.array(kind)}
    for field in fields(facts):  # type: ignore[arg-type]  # Facts are dataclasses, which a protocol cannot say
        value = getattr(facts, field.name)
        if field.name == "parts":
            arrays[f"{prefix}parts"] = np.array(len(value))
            for number, part in enumerate(value):
                arrays |= _flat(part, f"{prefix}{number}.")
        else:
            arrays[prefix + field.name] = np.asarray(value)
    return arrays


def parse(data: bytes, *, name: str, classes: int, width: int) -> Facts:
    """Return what to_bytes wrote; BundleError when it is not that, or not for this many classes and dimensions."""
    from zipfile import BadZipFile  # numpy imports it for the same file, and nothing else here does

    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            facts = _facts({key: archive[key] for key in archive.files}, "", _DEEPEST)
        with np.errstate(all="ignore"):
            tried = facts.opened()([0.0] * classes, np.ones(width, np.float32))
        if not np.isfinite(tried):
            raise ValueError(f"it scores {tried}")
    # what arrays of another kind or shape do in numpy, too
    except (ValueError, TypeError, KeyError, IndexError, OSError, EOFError, ArithmeticError, BadZipFile) as error:
        raise BundleError(f"{name}: not what a score has learnt ({error}); convert it again") from None
    return facts


def _facts(arrays: Mapping[str, NDArray[Any]], prefix: str, depth: int) -> Facts:
    kind = str(arrays[f"{prefix}kind"])
    if kind not in KINDS or depth == 0:
        raise ValueError(f"kind {kind!r}")
    given: dict[str, Any] = {}
    for field in fields(KINDS[kind]):
        value = arrays[prefix + field.name]
        if field.name == "parts":
            given["parts"] = tuple(_facts(arrays, f"{prefix}{number}.", depth - 1) for number in range(int(value)))
        else:
            given[field.name] = value if value.ndim else float(value)
    facts: Facts = KINDS[kind](**given)
    return facts
