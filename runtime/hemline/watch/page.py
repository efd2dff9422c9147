"""
hemline watch --serve: what a camera sees and what it is taken for, in any browser.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from hemline.report.html import STYLE
from hemline.sources import LiveSource
from hemline.watch.live import LiveView
from hemline.watch.watcher import Watcher
from hemline.web import address, assets, serving
from hemline.web.guard import Guard

STATIC = Path(__file__).with_name("static")
# what every page with a live view is made of
SHARED = (STYLE, *(STATIC / name for name in ("parts.css", "live.css", "live.js", "dom.js")))
MOST_STREAMS = 24  # browsers that are kept informed at once


def serve(
    watcher: Watcher, where: str, *, source: LiveSource, name: str, token: str | None = None, option: str = "--serve"
) -> int:
    """Serve the live view until a person stops it; return the exit status.

    where: HOST:PORT. Raises UsageError, MissingError for an address that cannot be had, and what ends the source.
    """
    ending = serving.Ending()
    view = LiveView(source, watcher, name=name, failed=ending.end)
    with (
        address.claim(where, option=option, token=token) as bound,
        serving.Serving(application(view, bound), bound, ending),
        view,
    ):
        serving.announce(f"watching {name}", bound)
        ending.wait()
    return 0


def application(view: LiveView, bound: address.Bound) -> Guard:
    """Return the guarded page of a view."""
    pages = assets.routes(STATIC / "index.html", [*SHARED, STATIC / "watch.js"])
    app = Starlette(routes=[*pages, *routes(view)], exception_handlers={Exception: serving.broken})
    return Guard(app, bound)


def routes(view: LiveView, more: Callable[[], dict[str, Any]] | None = None) -> Iterable[BaseRoute]:
    """Return what a page asks of a live view: the events, the newest picture, the facts once."""
    streams = Streams()

    def frame(request: Request) -> Response:
        data = view.jpeg()
        if data is None:
            return JSONResponse({"error": f"{view.name}: no picture yet"}, status_code=404)
        return Response(data, media_type="image/jpeg")

    def facts(request: Request) -> Response:
        return JSONResponse(view.facts())

    async def events(request: Request) -> Response:
        return streams.answer(view.events(more))

    return [
        Route("/api/live", facts, methods=["GET"]),
        Route("/api/live/frame", frame, methods=["GET"]),
        Route("/api/events", events, methods=["GET"]),
    ]


class Streams:
    """The event streams that are open, at most MOST_STREAMS. Used in one event loop."""

    def __init__(self) -> None:
        self._open = 0

    def answer(self, events: AsyncIterator[str]) -> Response:
        """Return the events as a response, or a refusal that a browser tries again after."""
        if self._open >= MOST_STREAMS:
            line = f"{MOST_STREAMS} browsers are watching already; close one"
            return JSONResponse({"error": line}, status_code=503, headers={"retry-after": "5"})
        return StreamingResponse(self._counted(events), media_type="text/event-stream")

    async def _counted(self, events: AsyncIterator[str]) -> AsyncIterator[str]:
        self._open += 1
        try:
            yield "retry: 1500\n\n"
            async for text in events:
                yield text
        finally:
            self._open -= 1
