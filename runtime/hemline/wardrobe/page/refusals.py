"""
Errors as a browser is told them: a status, one line, and a word to act on.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from hemline.errors import HemlineError, MissingError, PictureError, UsageError
from hemline.space import DiskFullError


class StaleError(UsageError):
    """What was decided on is not so any more."""


class GoneError(UsageError):
    """What was asked for is not there."""


# the first that fits: status, and the word that scripts act on
_STATUS: tuple[tuple[type[HemlineError], int, str], ...] = (
    (StaleError, 409, "stale"),
    (GoneError, 404, "gone"),
    (DiskFullError, 507, "disk_full"),
    (PictureError, 422, "picture"),
    (MissingError, 503, "missing"),
    (UsageError, 400, "usage"),
    (HemlineError, 500, "data"),
)


def told(error: HemlineError) -> Response:
    """Return an error as JSON."""
    status, word = next((status, word) for kind, status, word in _STATUS if isinstance(error, kind))
    return JSONResponse({"error": str(error), "kind": word}, status_code=status)
