"""Drawn garments as a folder of labelled pictures, in the form that hemline.datasets.folder reads."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import cv2

from hemline.drawn import LABELS, drawn
from hemline.errors import UsageError


def folder_name(label: str) -> str:
    """Return the folder that holds a label's pictures: 'T-shirt/top' lies in T-shirt_top."""
    return label.replace("/", "_")


def write(folder: Path, count_per_class: int, *, seed: int, height: int = 28, width: int = 28) -> int:
    """Write <folder>/<class>/<number>.png and labels.txt, all or nothing, and return the number of pictures.

    folder: new or empty. labels.txt has the labels in the order of their numbers.
    """
    if count_per_class < 1:
        raise UsageError(f"{count_per_class} drawn garments a class: give 1 or more")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder}: not an empty folder; give a new one")
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            staging.chmod(0o755)
            count = _fill(staging, count_per_class, seed, height, width)
            staging.replace(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {(error.strerror or str(error)).lower()}") from error
    return count


def _fill(folder: Path, count_per_class: int, seed: int, height: int, width: int) -> int:
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")
    for label in LABELS:
        (folder / folder_name(label)).mkdir()
    pictures, targets = drawn(count_per_class, seed=seed, height=height, width=width)
    for index, (picture, target) in enumerate(zip(pictures, targets.tolist(), strict=True)):
        written, encoded = cv2.imencode(".png", picture)
        if not written:
            raise OSError("the picture cannot be encoded as PNG")
        name = f"{index // len(LABELS):05}.png"
        (folder / folder_name(LABELS[target]) / name).write_bytes(encoded.tobytes())
    return len(pictures)
