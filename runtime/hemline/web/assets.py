"""
The files of a page, read once and served with their hash: a browser asks again and is told that nothing changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset:
    """One file of the package."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._type = TYPES[path.suffix]
        self._tag = f'"{hashlib.sha256(self._data).hexdigest()[:32]}"'

    def answer(self, request: Request) -> Response:
        """Return the file, or that the browser has it."""
        return tagged(request, self._data, self._type, self._tag)


def tagged(request: Request, data: bytes, type: str, tag: str, *, keep: str = "no-cache") -> Response:
    """Return data under its tag; nothing but the tag to a browser that has it. keep: how long it need not ask."""
    headers = {"etag": tag, "cache-control": keep}
    if tag in [part.strip() for part in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=type, headers=headers)


def routes(index: Path, files: Iterable[Path]) -> list[Route]:
    """Return the routes of a page: index at /, every file at /assets/NAME."""
    return [
        Route("/", Asset(index).answer, methods=["GET"]),
        *(Route(f"/assets/{path.name}", Asset(path).answer, methods=["GET"]) for path in files),
    ]
