"""
A page served from this process: uvicorn in a thread of its own, the caller's thread waits for a person to stop it.

Law: when a Serving is left, by ctrl-C too, no request is running any more and the port is free.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import TracebackType
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from hemline.web.address import Bound

GRACE_S = 2  # for requests that run when a page is ended
KEEP_ALIVE_S = 15
MOST_AT_ONCE = 128  # connections and requests; more are answered 503


class Ending:
    """How a page ends: a person stops it, or something that it cannot do without fails. From any thread."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._failure: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether the page is being ended."""
        return self._over.is_set()

    def end(self, failure: BaseException | None = None) -> None:
        """Let wait() return, or raise the failure; the first one counts."""
        self._failure = self._failure or failure
        self._over.set()

    def wait(self) -> None:
        """Wait until end() is called; ctrl-C raises KeyboardInterrupt, as everywhere."""
        try:
            while not self._over.wait(0.5):
                pass
        finally:
            self._over.set()
        if self._failure is not None:
            raise self._failure


class Serving:
    """An application on its address; a context manager.

    ending: is told when the server fails, and when SIGTERM comes while it is entered in the main thread.
    """

    def __init__(self, app: ASGIApp, bound: Bound, ending: Ending) -> None:
        self._bound, self._ending = bound, ending
        self._stopping = False
        self._before: Any = None  # what SIGTERM did before
        config = uvicorn.Config(
            app,
            http="h11",  # the one that is always there
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=MOST_AT_ONCE,
        )
        self._server = uvicorn.Server(config)
        self._log = logging.getLogger("uvicorn.error")
        self._thread = threading.Thread(target=self._run, name="hemline-web")

    def __enter__(self) -> Serving:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, lambda *_: self._ending.end())
        self._log.addFilter(self._worth_a_line)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._server.should_exit = True
        self._thread.join()
        self._log.removeFilter(self._worth_a_line)
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._bound.listener])
        except BaseException as error:  # noqa: BLE001  raised again where somebody waits
            self._ending.end(error)

    def _worth_a_line(self, record: logging.LogRecord) -> bool:
        """Whether uvicorn's line tells more than that a browser went away, or that we are going."""
        return record.levelno >= logging.ERROR and not self._stopping


def announce(what: str, bound: Bound) -> None:
    """Say on stderr where a page is, and how it ends."""
    token = " (asks for the token)" if bound.token is not None else ""
    print(f"hemline: {what} at {bound.url}{token}; ctrl-C ends it", file=sys.stderr, flush=True)


async def broken(request: Request, error: Exception) -> Response:
    """Return what a browser is told about a bug; uvicorn writes the traceback to stderr."""
    line = f"a bug in hemline: {type(error).__name__}; its traceback is where the page was started"
    return JSONResponse({"error": line}, status_code=500)
