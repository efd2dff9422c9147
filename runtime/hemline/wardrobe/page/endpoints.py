"""
What every endpoint of the page does around its work: read a JSON body, run in a thread, tell errors.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hemline.errors import HemlineError, UsageError
from hemline.wardrobe.page.refusals import told

Endpoint = Callable[[Request], Awaitable[Response]]


def asked(work: Callable[[Request], Any]) -> Endpoint:
    """Return an endpoint of work that reads: in a thread, its errors told."""

    async def answer(request: Request) -> Response:
        try:
            value = await run_in_threadpool(work, request)
        except HemlineError as error:
            return told(error)
        return value if isinstance(value, Response) else JSONResponse(value)

    return answer


def posted(work: Callable[[Request, dict[str, Any]], Any]) -> Endpoint:
    """Return an endpoint of work that changes something: its body is a JSON object, or empty."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            given = _object(request.headers.get("content-type", ""), body)
        except UsageError as error:
            return told(error)
        return await asked(lambda asked: work(asked, given))(request)

    return answer


def _object(type: str, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    # a form of another page can send text and forms, never this
    if type.partition(";")[0].strip().lower() != "application/json":
        raise UsageError(f"a body of type {type[:60]!r}; send application/json")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON") from error
    if not isinstance(value, dict):
        raise UsageError("the body is no JSON object")
    return value


def number(text: str | None, name: str, default: int, most: int = 10**9) -> int:
    """Return a number of 0 to `most` of a query; the default where it is not given."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise UsageError(f"{name}={text[:20]}; a number of 0 to {most:,}")
    return int(text)


def step_of(given: dict[str, Any]) -> int | None:
    """Return the number of the step that a page means, None where it does not say."""
    step = given.get("step")
    if step is not None and (not isinstance(step, int) or isinstance(step, bool)):
        raise UsageError("step: give the number of a step, or leave it out")
    return step
