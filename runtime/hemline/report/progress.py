"""
Progress on stderr: one line that is drawn over on a terminal, one line a step elsewhere.

There is no colour in it, so NO_COLOR has nothing to turn off.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

BAR = 24  # characters
REDRAW_S = 0.1


class Progress:
    """Shows how far each of several named steps is. A context manager: the last line is ended on the way out.

    show: how an amount is written, such as report.table.size for bytes.
    """

    def __init__(self, show: Callable[[int], str] = "{:,}".format, *, stream: TextIO | None = None) -> None:
        self._show = show
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._drawn_at = 0.0
        self._drawn = ""  # the line that stands on the terminal, not yet ended

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()
            self._drawn = ""

    def update(self, name: str, done: int, total: int) -> None:
        """Say that `done` of `total` of the step are done; a step ends when they are equal."""
        if not self._terminal:
            if done == total:
                self.note(f"{name}: {self._show(total)}")
            return
        now = time.monotonic()
        if done < total and now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        filled = BAR * done // total if total else BAR
        line = f"{name}  [{'#' * filled}{'.' * (BAR - filled)}]  {self._show(done)} of {self._show(total)}"
        self._stream.write("\r" + line.ljust(len(self._drawn)))
        self._drawn = line
        if done == total:
            self.__exit__()
        self._stream.flush()

    def note(self, line: str) -> None:
        """Print a line of its own."""
        self.__exit__()
        self._stream.write(line + "\n")
        self._stream.flush()
