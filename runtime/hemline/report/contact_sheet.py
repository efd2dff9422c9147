"""
Contact sheets, to look at what was done with each picture: photo, the garment that was found, what the model sees.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import garment, storage
from hemline.classifier import Seen
from hemline.errors import UsageError
from hemline.prediction import Result

SIDE = 150  # pixels of one of the three pictures
TEXT = 48  # and of the lines below them: one of the answer, LINES of why
LINES, LINE = 2, 14
GAP = 12
COLUMNS, ROWS = 3, 7  # of one sheet
PAPER, INK, FAINT = (246, 246, 244), (40, 40, 44), (120, 120, 124)
VEIL = (60, 190, 190)  # over what is not garment
COLOURS = {"good": (30, 120, 60), "uncertain": (180, 110, 0), "bad": (190, 40, 40)}  # RGB, of a quality
_FONT = cv2.FONT_HERSHEY_SIMPLEX
SMALL = 0.36  # of the font, in the lines of why


class Sheets:
    """Sheets in a folder, sheet-001.png and on; a context manager that writes the last one when it closes."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--explain {folder}: a file; give a folder")
        self._folder = folder
        self._tiles: list[NDArray[np.uint8]] = []
        self._written = 0

    def __enter__(self) -> Sheets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()

    def add(self, picture: NDArray[np.uint8], seen: Seen) -> None:
        """Add a picture (h, w, 3) RGB; a sheet that is full is written."""
        self._tiles.append(tile(picture, seen))
        if len(self._tiles) == COLUMNS * ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._tiles:
            return
        self._written += 1
        height, width = self._tiles[0].shape[:2]
        rows = -(-len(self._tiles) // COLUMNS)
        columns = min(COLUMNS, len(self._tiles))
        sheet = np.full((GAP + rows * (height + GAP), GAP + columns * (width + GAP), 3), PAPER, np.uint8)
        for index, one in enumerate(self._tiles):
            top = GAP + index // COLUMNS * (height + GAP)
            left = GAP + index % COLUMNS * (width + GAP)
            sheet[top : top + height, left : left + width] = one
        _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        storage.write_file(self._folder / f"sheet-{self._written:03d}.png", encoded.tobytes())
        self._tiles = []


def tile(picture: NDArray[np.uint8], seen: Seen) -> NDArray[np.uint8]:
    """Return (SIDE + TEXT, 3 * SIDE, 3) RGB: the picture, its mask, the model's pixels, the answer below."""
    out = np.full((SIDE + TEXT, 3 * SIDE, 3), PAPER, np.uint8)
    if picture.ndim == 2:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    shown = [picture, *([] if seen.isolation is None else [_veiled(picture, seen.isolation)])]
    pixels = seen.pixels if seen.pixels.shape[2] == 3 else np.repeat(seen.pixels, 3, axis=2)
    for place, one in ((0, shown[0]), (1, shown[-1] if len(shown) > 1 else None), (2, pixels)):
        if one is not None:
            _put(out, one, place * SIDE)
    _write(out, seen)
    return out


def _veiled(picture: NDArray[np.uint8], found: garment.Isolation) -> NDArray[np.uint8]:
    mask = found.scaled(*picture.shape[:2])[..., None]
    veil = picture * 0.25 + np.array(VEIL) * 0.75
    return np.asarray(np.where(mask, picture, veil), np.uint8)


def _put(out: NDArray[np.uint8], picture: NDArray[np.uint8], left: int) -> None:
    scale = (SIDE - 6) / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(picture, size, interpolation=method)
    top, left = (SIDE - size[1]) // 2, left + (SIDE - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = small


def _write(out: NDArray[np.uint8], seen: Seen) -> None:
    result: Result = seen.result
    label = "-" if result.quality == "bad" else (result.label or "unknown")
    cv2.putText(out, label, (4, SIDE + 13), _FONT, 0.45, INK, 1, cv2.LINE_AA)
    sure = f"{result.quality} {result.confidence:.2f}"
    cv2.putText(out, sure, (SIDE + 4, SIDE + 13), _FONT, 0.42, COLOURS[result.quality], 1, cv2.LINE_AA)
    if seen.isolation is not None:
        mask = f"mask {seen.isolation.quality:.2f}"
        cv2.putText(out, mask, (2 * SIDE + 34, SIDE + 13), _FONT, 0.42, FAINT, 1, cv2.LINE_AA)
    below = result.reason or Path(result.source).name
    for number, line in enumerate(_wrapped(below.encode("ascii", "replace").decode(), out.shape[1] - 8)):
        cv2.putText(out, line, (4, SIDE + 28 + number * LINE), _FONT, SMALL, FAINT, 1, cv2.LINE_AA)


def _wrapped(text: str, width: int) -> list[str]:
    """Return at most LINES lines of a text, each at most so many pixels wide; three dots for what is left out."""
    lines, line = [], ""
    words = text.split(" ")
    while words:
        longer = f"{line} {words[0]}".lstrip()
        if _wide(longer) <= width or not line:
            line = longer
            words.pop(0)
            continue
        lines.append(line)
        line = ""
    lines.append(line)
    if len(lines) > LINES or _wide(lines[-1]) > width:
        lines = lines[:LINES]
        while _wide(f"{lines[-1]}...") > width:
            lines[-1] = lines[-1][:-1]
        lines[-1] += "..."
    return lines


def _wide(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, SMALL, 1)[0][0])
