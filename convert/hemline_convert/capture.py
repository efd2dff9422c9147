"""
Keeping a converter's pages of warnings out of the terminal: they go into a log file.

The converters are C++ and write to the file descriptors themselves, so sys.stderr is not enough.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def captured(log: IO[bytes]) -> Iterator[None]:
    """Send everything written to stdout and stderr meanwhile, by this process, to `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])
