"""
A live view in a terminal, over SSH too: the picture in half blocks, the answer, the rates. Plain text, no curses.
"""

from __future__ import annotations

import os
import shutil
from typing import TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.prediction import Result
from hemline.watch.watcher import Observation

EVERY_S = 0.1  # between two views: a line at 9,600 bits is not what people have, a phone's network may be
LEAST_COLUMNS = 40
BAR = 24  # columns of a full bar
_MARKS = {"good": "\x1b[32m", "uncertain": "\x1b[33m", "bad": "\x1b[31m"}
_HOME, _CLEAR, _LINE_END, _RESET = "\x1b[H", "\x1b[J", "\x1b[K", "\x1b[0m"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"


class Screen:
    """The view on one terminal; a context manager, which leaves the last answer standing and the cursor seen."""

    def __init__(self, stream: TextIO, *, name: str) -> None:
        self._stream, self._name = stream, name
        self._next = 0.0
        self._colours = "NO_COLOR" not in os.environ

    def __enter__(self) -> Screen:
        self._stream.write(_HIDE + "\x1b[2J")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write(_RESET + _SHOW + "\n")
        self._stream.flush()

    def show(self, seen: Observation, now_s: float) -> None:
        """Draw an observation, when the last one is long enough ago."""
        if now_s < self._next:
            return
        self._next = now_s + EVERY_S
        columns, rows = shutil.get_terminal_size()
        lines = view(seen, self._name, columns, rows, colours=self._colours)
        self._stream.write(_HOME + "".join(f"{line}{_LINE_END}\r\n" for line in lines) + _CLEAR)
        self._stream.flush()


def view(seen: Observation, name: str, columns: int, rows: int, *, colours: bool = True) -> list[str]:
    """Return the lines of a view of at most this many columns and rows."""
    text = _text(seen, name, max(columns, LEAST_COLUMNS), colours)
    room = rows - len(text) - 2
    if seen.picture is None or not colours or room < 4 or columns < LEAST_COLUMNS:
        return text[: max(1, rows - 1)]
    return [*_blocks(seen.picture, columns, room), "", *text]


def _text(seen: Observation, name: str, columns: int, colours: bool) -> list[str]:
    result = seen.steady or seen.result
    mark, reset = (_MARKS[result.quality], _RESET) if colours else ("", "")
    label = "-" if result.quality == "bad" else (result.label or "unknown")
    head = f"{label}  {result.confidence:.2f}  {result.quality}"
    lines = [f"{mark}{head[:columns]}{reset}", (result.reason or "")[:columns]]
    lines += [_bar(name, share, columns) for name, share in result.top[:3]]
    state = "" if seen.scene is None else ("still" if seen.scene.still else "moving")
    blurred = "" if seen.scene is None or seen.scene.sharp else ", blurred"
    lines.append(f"{name}  {seen.fps:.1f} frames/s  {seen.frame_ms:.0f} ms  {state}{blurred}"[:columns])
    return lines


def _bar(label: str, share: float, columns: int) -> str:
    full = round(share * BAR)
    return f"{'█' * full}{'·' * (BAR - full)} {share:.2f} {label}"[:columns]


def _blocks(picture: NDArray[np.uint8], columns: int, rows: int) -> list[str]:
    """Return a picture in lines of half blocks: two pixels above each other in one character."""
    height, width = picture.shape[:2]
    scale = min(columns / width, 2 * rows / height)
    size = max(1, int(width * scale)), max(2, int(height * scale) // 2 * 2)
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    lines = []
    for upper, lower in zip(small[::2].tolist(), small[1::2].tolist(), strict=True):
        cells, before = [], ""
        for (r, g, b), (r2, g2, b2) in zip(upper, lower, strict=True):
            colour = f"\x1b[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m"
            cells.append("▀" if colour == before else f"{colour}▀")
            before = colour
        lines.append("".join(cells) + _RESET)
    return lines


def line(result: Result, seen: Observation) -> str:
    """Return one line for a terminal that cannot be drawn on, or a log."""
    label = "-" if result.quality == "bad" else (result.label or "unknown")
    why = "" if result.reason is None else f"  ({result.reason})"
    return f"{label:<12}  {result.confidence:.3f}  {result.quality:<9}  {seen.source}{why}"
