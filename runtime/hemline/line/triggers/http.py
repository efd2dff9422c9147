"""
http:HOST:PORT: who posts to /part says that a part is there, and is answered with its decision.

    POST /part                  {"id": "A-17"} or nothing; 200 with the verdict once it is stored
    curl -X POST http://127.0.0.1:8380/part -d '{"id": "A-17"}'

Laws. 200 is a decision that was stored, and no other answer is a pass. An address that others can reach has a token,
which is sent as a bearer's. A page in somebody's browser cannot post here. Bodies, waiting and what waits are bounded.
Standard library only: no extra is needed.
"""

from __future__ import annotations

import errno
import hmac
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from hemline.errors import MissingError, UsageError
from hemline.line.camera import Camera
from hemline.line.triggers import Part, Settings
from hemline.line.triggers.posts import Waiting, id_of
from hemline.web import address
from hemline.web.address import Bound

BODY_BYTES = 4096
IDLE_S = 30.0  # a connection that says nothing is closed after this long
MOST_WAITING = 64  # parts that were posted and have no decision yet
MOST_AT_ONCE = 128  # connections; more are closed
WAIT_S = 60.0  # beyond the budget, for those posted before it; after that something is wrong that a person has to see
WRONG_S = 0.5  # that an answer to a wrong token takes


def check(argument: str) -> None:
    """Raise UsageError for what is no address, or needs a token; MissingError for one that this machine has not.

    One that is in use is none of these: the line that runs has it.
    """
    try:
        address.claim(argument, option="trigger http:").listener.close()
    except MissingError as error:
        if getattr(error.__cause__, "errno", None) != errno.EADDRINUSE:
            raise


def open(argument: str, camera: Camera, settings: Settings) -> Http:
    """Return the trigger, listening."""
    return Http(address.claim(argument, option="trigger http:"), settings)


class Http:
    """The listening trigger; requests run in threads of their own and wait for the line's."""

    looks = False

    def __init__(self, bound: Bound, settings: Settings) -> None:
        self.bound = bound
        self._run = settings.run
        self.wait_s = settings.budget_s + WAIT_S
        self._posted: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._open: set[Waiting] = set()
        self._number = 0
        self._closed = False
        self._server = _Server(bound, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="hemline-trigger", daemon=True
        )
        self._thread.start()

    def wait(self, timeout_s: float) -> Part | None:
        """Return the part of the next post."""
        try:
            post = self._posted.get(timeout=timeout_s)
        except queue.Empty:
            return None
        return Part(post.part, post.at, tell=post.tell)

    def post(self, part: str) -> Waiting | None:
        """Enter a part; None when there is no room for it to wait."""
        with self._turn:
            if self._closed or len(self._open) >= MOST_WAITING:
                return None
            self._number += 1
            post = Waiting(part or f"{self._run}-{self._number}")
            self._open.add(post)
        self._posted.put(post)
        return post

    def done(self, post: Waiting) -> None:
        """Forget a post that was answered."""
        with self._turn:
            self._open.discard(post)

    def close(self) -> None:
        """Answer who waits that there is no decision, and let the address go."""
        with self._turn:
            self._closed = True
            waiting = list(self._open)
        for post in waiting:
            post.end()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Http:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """The standard library's, on a socket that is listening already."""

    daemon_threads = True  # who is slow to read its answer does not keep the line from ending
    block_on_close = False

    def __init__(self, bound: Bound, trigger: Http) -> None:
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()  # the one that it made; ours is bound
        self.socket = bound.listener
        self.trigger = trigger
        self._room = threading.Semaphore(MOST_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, when there is room for one."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it, and make room again."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a peer that went away is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "hemline", ""
    timeout = IDLE_S
    server: _Server

    def do_POST(self) -> None:
        """Enter a part and answer with its decision."""
        bound = self.server.trigger.bound
        host = self.headers.get_all("host", [])
        if len(host) != 1 or not bound.answers_to(host[0]):
            return self._say(421, {"error": f"not the name of this line; post to {bound.url}part"})
        if "origin" in self.headers or self.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return self._say(403, {"error": "sent by a page in a browser; parts are posted by machines"})
        if bound.token is not None and not self._knows(bound.token):
            time.sleep(WRONG_S)
            return self._say(401, {"error": "the token is missing or wrong; send Authorization: Bearer TOKEN"})
        if self.path != "/part":
            return self._say(404, {"error": "parts are posted to /part"})
        try:
            part = id_of(self._body())
        except UsageError as error:
            return self._say(400, {"error": str(error)})
        post = self.server.trigger.post(part)
        if post is None:
            return self._say(503, {"error": f"{MOST_WAITING} parts are waiting, or the line is ending; no decision"})
        try:
            return self._say(*post.answer(self.server.trigger.wait_s))
        finally:
            self.server.trigger.done(post)

    def do_GET(self) -> None:
        """Say that parts are posted."""
        self._say(405, {"error": "parts are posted: POST /part"}, allow="POST")

    def log_message(self, *_: Any) -> None:
        """Say nothing: each part has a decision, which is told."""

    def _knows(self, token: str) -> bool:
        given = self.headers.get("authorization", "").partition("Bearer ")[2]
        return hmac.compare_digest(given.encode(errors="replace"), token.encode())

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES or "transfer-encoding" in self.headers:
            self.close_connection = True
            raise UsageError(f"a body of at most {BODY_BYTES} bytes, with its length")
        return self.rfile.read(int(length))

    def _say(self, status: int, body: dict[str, Any], *, allow: str = "") -> None:
        data = json.dumps(body).encode() + b"\n"
        if status != 200:
            self.close_connection = True  # what was not read of its body must not be taken for a request
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        if allow:
            self.send_header("Allow", allow)
        self.end_headers()
        self.wfile.write(data)
