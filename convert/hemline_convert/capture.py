"""
Keeping a converter's pages of warnings out of the terminal: they go into a log file.

The converters are C++ and Python: one writes to the file descriptors, the other to sys.stdout, which may
be something else altogether (a notebook's, a test's). Both are redirected.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO


@contextmanager
def captured(log: IO[bytes]) -> Iterator[None]:
    """Send everything written to stdout and stderr meanwhile, by this process, to `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    text = io.TextIOWrapper(io.FileIO(os.dup(log.fileno()), "w"), write_through=True)
    try:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        with redirect_stdout(text), redirect_stderr(text):
            yield
    finally:
        text.close()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])
