"""
Keeping C libraries quiet: some print to the process's stderr whatever they like, with no setting for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.Lock()  # two threads swapping descriptor 2 would lose the real one


@contextmanager
def native_stderr_discarded() -> Iterator[None]:
    """Discard what is written to file descriptor 2 meanwhile. Keep the body short: it holds for all threads."""
    with _one_at_a_time:
        try:
            kept = os.dup(2)
        except OSError:  # started without a stderr; nothing to discard
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
