"""
The API of the wardrobe's page: JSON over the catalogue, the scanner and the live view. docs/wardrobe.md lists it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hemline.errors import DataError, PictureError, UsageError, unknown
from hemline.image import read_bytes
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.page import facts
from hemline.wardrobe.page.candidates import Candidates
from hemline.wardrobe.page.changes import Changes
from hemline.wardrobe.page.endpoints import asked, number, posted, step_of
from hemline.wardrobe.page.refusals import GoneError
from hemline.wardrobe.reading import ORDERS
from hemline.wardrobe.records import PATTERNS, STATUSES, Query
from hemline.wardrobe.scanning import Candidate, Scanner
from hemline.wardrobe.suggest import suggest
from hemline.watch.live import TICK_S, LiveView, event
from hemline.watch.page import Streams
from hemline.watch.page import routes as live_routes
from hemline.web.assets import tagged
from hemline.web.serving import Ending

PHOTO_PATH = "/api/candidates/photo"
PHOTO_BYTES = 32 * 2**20
MOST_PAGE = 200  # garments in one answer
SIMILAR = 6
_LOOK_S = 0.3  # between two looks at the change number, for all browsers together
_FOREVER = "private, max-age=31536000, immutable"
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp", "BMP": "image/bmp"}


def largest(path: str) -> int:
    """Return how many bytes a request to a path may carry."""
    return PHOTO_BYTES if path == PHOTO_PATH else 64 * 2**10


class Api:
    """The answers to one catalogue's page. live: None where there is no camera."""

    def __init__(self, catalogue: Catalogue, scanner: Scanner, live: LiveView | None, ending: Ending) -> None:
        self._catalogue, self._scanner, self._live, self._ending = catalogue, scanner, live, ending
        self._changes = Changes(catalogue, scanner.labels)
        self._candidates = Candidates(scanner)
        self._looking = threading.Lock()  # one photo at a time: decoding one may take 200 MB
        self._reading = asyncio.Semaphore(2)  # photos that are being sent
        self._streams = Streams()
        self._number, self._looked_at = 0, -inf
        self._counted: tuple[int, dict[str, Any]] = (-1, {})

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        get, post = ["GET"], ["POST"]
        live: list[BaseRoute]
        if self._live is None:
            live = [Route("/api/events", self._ticks, methods=get)]
        else:
            live = list(live_routes(self._live, self._more))
        garment, candidate, picture = "/api/garments/{id:int}", "/api/candidates/{key}", "/api/pictures/{id:int}"
        return [
            *live,
            Route("/api/state", self._state, methods=get),
            Route("/api/candidates/frame", posted(self._frame), methods=post),
            Route(PHOTO_PATH, self._photo, methods=post),
            Route(candidate, asked(self._candidate), methods=get),
            Route(candidate, posted(self._skip), methods=["DELETE"]),
            Route(f"{candidate}/thumbnail", asked(self._candidate_thumbnail), methods=get),
            Route(f"{candidate}/keep", posted(self._keep), methods=post),
            Route("/api/garments", asked(self._garments), methods=get),
            Route(garment, asked(self._garment), methods=get),
            Route(f"{garment}/similar", asked(self._similar), methods=get),
            Route(f"{garment}/suggestions", asked(self._suggestions), methods=get),
            Route(f"{garment}/{{what}}", posted(self._change), methods=post),
            Route(f"{picture}/thumbnail", asked(self._thumbnail), methods=get),
            Route(f"{picture}/file", asked(self._file), methods=get),
            Route("/api/steps", asked(self._steps), methods=get),
            Route("/api/undo", posted(self._undo), methods=post),
            Route("/api/redo", posted(self._redo), methods=post),
        ]

    # what there is

    async def _state(self, request: Request) -> Response:
        return await asked(lambda _: self._standing())(request)

    def _standing(self) -> dict[str, Any]:
        """Return what every view needs: counts, classes, the last step."""
        change = self._now(at_once=True)
        if change != self._counted[0]:
            self._counted = (change, self._catalogue.statistics().as_dict())
        steps = self._catalogue.steps(limit=-1)
        done = next((step for step in steps if not step.undone), None)
        undone = next((step for step in reversed(steps) if step.undone), None)
        bundle = self._scanner.classifier.bundle
        return {
            "change": change,
            "bundle": bundle.title,
            "artifact": self._scanner.classifier.artifact,
            "labels": list(self._scanner.labels),
            "known": sorted({*self._scanner.labels, *self._catalogue.labels()}, key=str.casefold),
            "live": None if self._live is None else self._live.name,
            "undo": None if done is None else done.as_dict(),
            "redo": None if undone is None else undone.as_dict(),
            "statistics": self._counted[1],
        }

    def _now(self, *, at_once: bool = False) -> int:
        """Return the number of the catalogue's last change; pages that show an older one ask again."""
        if at_once or time.monotonic() - self._looked_at >= _LOOK_S:
            self._looked_at = time.monotonic()
            self._number, _ = self._catalogue.touched_since(self._number)
        return self._number

    def _more(self) -> dict[str, Any]:
        return {"change": self._now()}

    async def _ticks(self, request: Request) -> Response:
        async def ticks() -> AsyncIterator[str]:
            while not self._ending.over:
                yield event("seen", {"state": "none", **await run_in_threadpool(self._more)})
                for _ in range(4):  # an end is noticed soon
                    if not self._ending.over:
                        await asyncio.sleep(TICK_S / 4)

        return self._streams.answer(ticks())

    # candidates

    def _frame(self, request: Request, given: dict[str, Any]) -> Any:
        if self._live is None:
            raise UsageError("no camera: the page was started without a source; choose a photo instead")
        item, picture = self._live.now()
        with self._looking:
            if self._live.still and isinstance(item.content, (str, bytes)):  # a photo: its file is what is kept
                data = read_bytes(item.content) if isinstance(item.content, str) else item.content
                return self._held(self._scanner.candidate_of_file(data, source=item.source))
            return self._held(self._scanner.candidate(picture, source=item.source))

    async def _photo(self, request: Request) -> Response:
        name = "".join(c for c in request.query_params.get("name", "") if c.isprintable())[-80:] or "photo"
        async with self._reading:
            data = await request.body()

            def look(_: Request) -> Any:
                if not data:
                    raise PictureError(f"{name}: empty; choose a photo")
                with self._looking:
                    return self._held(self._scanner.candidate_of_file(data, source=name))

            return await asked(look)(request)

    def _held(self, candidate: Candidate) -> dict[str, Any]:
        return self._told(self._candidates.hold(candidate), candidate)

    def _candidate(self, request: Request) -> Any:
        key = request.path_params["key"]
        return self._told(key, self._candidates.get(key))

    def _told(self, key: str, candidate: Candidate) -> dict[str, Any]:
        similar = self._scanner.similar(candidate, limit=SIMILAR) if candidate.there else []
        return facts.candidate(key, candidate, self._catalogue, labels=self._scanner.labels, similar=similar)

    def _candidate_thumbnail(self, request: Request) -> Response:
        return Response(self._candidates.get(request.path_params["key"]).thumbnail, media_type="image/jpeg")

    def _keep(self, request: Request, given: dict[str, Any]) -> Any:
        label, same = given.get("label"), given.get("duplicate_of")
        if not (label is None or isinstance(label, str)):
            raise UsageError("label: give text, or null for what the model says")
        if not (same is None or (isinstance(same, int) and not isinstance(same, bool))):
            raise UsageError("duplicate_of: give the number of a garment, or null")
        if same is not None:
            self._changes.garment(same)
        key = request.path_params["key"]
        return self._changes.noted(lambda: self._candidates.keep(key, label=label, duplicate_of=same))

    def _skip(self, request: Request, given: dict[str, Any]) -> Any:
        self._candidates.skip(request.path_params["key"])
        return {}

    # garments

    def _garments(self, request: Request) -> Any:
        given = request.query_params
        limit, offset = number(given.get("limit"), "limit", 60, MOST_PAGE), number(given.get("offset"), "offset", 0)
        statuses, order = ("kept", "review"), given.get("order") or "newest"
        for kind, value, known in (
            ("status", given.get("status"), STATUSES),
            ("pattern", given.get("pattern"), PATTERNS),
            ("order", order, ORDERS),
        ):
            if value and value not in known:
                raise UsageError(unknown(kind, value, known))
        if status := given.get("status"):
            statuses = (status,)  # type: ignore[assignment]
        label, words = given.get("class") or None, given.get("words", "")[:200]
        query = Query(words, label, given.get("colour") or None, given.get("pattern") or None, statuses)
        page = self._catalogue.find(query, order=order, limit=limit, offset=offset)
        return {"total": page.total, "offset": offset, "garments": [facts.card(row) for row in page.garments]}

    def _garment(self, request: Request) -> Any:
        return facts.whole(self._catalogue, self._changes.garment(request.path_params["id"]))

    def _similar(self, request: Request) -> Any:
        garment = self._changes.garment(request.path_params["id"])
        limit = number(request.query_params.get("limit"), "limit", SIMILAR, 50)
        try:
            found = self._catalogue.similar(garment.id, limit=limit)
        except (UsageError, DataError) as error:  # removed, or without an embedding: nothing can be said, and why
            return {"similar": [], "why": str(error)}
        return {"similar": facts.neighbours(self._catalogue, found), "why": None}

    def _suggestions(self, request: Request) -> Any:
        garment = self._changes.garment(request.path_params["id"])
        try:
            found = suggest(self._catalogue, garment.id)
        except UsageError as error:  # a class that the rules do not know
            return {"suggestions": [], "why": str(error)}
        rows = [
            {"category": row.category, "reasons": list(row.reasons), "garment": facts.card(row.garment)}
            for row in found
        ]
        return {"suggestions": rows, "why": None}

    def _change(self, request: Request, given: dict[str, Any]) -> Any:
        return self._changes.do(request.path_params["id"], request.path_params["what"], given)

    # pictures

    def _thumbnail(self, request: Request) -> Response:
        picture = self._picture(request)
        return tagged(
            request, self._catalogue.thumbnail(picture.id), "image/jpeg", f'"{picture.sha256}"', keep=_FOREVER
        )

    def _file(self, request: Request) -> Response:
        picture = self._picture(request)
        data = self._catalogue.picture_bytes(picture.id)
        return tagged(request, data, _TYPES[picture.format], f'"{picture.sha256}"', keep=_FOREVER)

    def _picture(self, request: Request) -> Any:
        try:
            return self._catalogue.picture(request.path_params["id"])
        except UsageError as error:
            raise GoneError(str(error)) from error

    # steps

    def _steps(self, request: Request) -> Any:
        return {"steps": [step.as_dict() for step in self._catalogue.steps()]}

    def _undo(self, request: Request, given: dict[str, Any]) -> Any:
        return self._changes.undo(step_of(given))

    def _redo(self, request: Request, given: dict[str, Any]) -> Any:
        return self._changes.redo(step_of(given))
