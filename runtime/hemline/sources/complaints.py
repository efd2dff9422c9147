"""
What decoders print to stderr instead of returning: that they filled in pixels they did not have.

libjpeg and FFmpeg decode a damaged picture, guess the rest, and say so on stderr only. A capture process has its
stderr to itself: a file in memory, which is read after each picture and emptied.
"""

from __future__ import annotations

import os
import re

STDERR = 2
_KEPT_BYTES = 2**14
# Not "extraneous bytes before marker": many USB cameras end each good frame with one of those.
_DAMAGE = re.compile(
    rb"(Corrupt JPEG data: (?!\d+ extraneous bytes)[^\n]*|Premature end of JPEG[^\n]*|Bogus [^\n]*"
    rb"|[^\n]*error while decoding MB[^\n]*|[^\n]*concealing \d+ [^\n]*)"
)


def complaint() -> str:
    """Return what a decoder said about damage since the last call, "" when nothing.

    Only in a capture process, by the one thread that decodes there. Where stderr cannot be read back it is silent.
    """
    try:
        size = os.fstat(STDERR).st_size
        if size == 0:
            return ""
        said = os.pread(STDERR, _KEPT_BYTES, max(0, size - _KEPT_BYTES))
        os.ftruncate(STDERR, 0)
    except OSError:  # a terminal, a pipe
        return ""
    found = _DAMAGE.search(said)
    return found[1].decode(errors="replace").strip() if found else ""
