"""
To a web server: each message is posted as JSON, in order, over one connection that is kept.

Its id goes along as Idempotency-Key. 2xx is delivered. What the server says is wrong with the message (4xx) is never
tried again; what is wrong with who asks or where (401, 403, 404, 405, 407, 410, and a redirect) somebody has to see to,
and so it is kept and tried again slowly; 408, 429, 5xx and silence are tried again.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from hemline import __version__
from hemline.errors import UsageError
from hemline.line.publishers import PublishError
from hemline.line.publishers.secret import secret
from hemline.line.records import Message

TIMEOUT_S = 5.0  # for each step of a connection and of an answer
ANSWER_BYTES = 65_536  # of an answer are read, to use the connection again
_SETTINGS = (401, 403, 404, 405, 407, 410)
_AGAIN = (408, 429)


def connect(line: str, settings: Mapping[str, Any]) -> Webhook:
    """Return the publisher; it connects with the first message. settings: url, token_env or token_file."""
    return Webhook(settings["url"], (settings.get("token_file"), settings.get("token_env")))


class Webhook:
    """Posts to one address."""

    def __init__(self, url: str, token: tuple[Any, str | None] = (None, None)) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"webhook {url}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"webhook {url!r}: an address is http://HOST/PATH or https://HOST/PATH")
        if parts.username is not None or parts.password is not None:
            raise UsageError("webhook: no password in the address, where others read it; use token_env")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        self._name = f"webhook {parts.scheme}://{parts.netloc}{parts.path}"  # a query may hold what others must not see
        self._token = token
        self._connection: http.client.HTTPConnection | None = None

    def publish(self, messages: Sequence[Message]) -> list[str]:
        """Deliver messages and return their ids."""
        delivered: list[str] = []
        for message in messages:
            status, location = self._post(message, delivered)
            if 200 <= status < 300:
                delivered.append(message.id)
                continue
            settings = 300 <= status < 400 or status in _SETTINGS
            moved = f", it is at {location} now" if location and 300 <= status < 400 else ""
            raise PublishError(
                f"{self._name}: answers {status}{moved}{'; see url and its token' if settings else ''}",
                delivered=delivered,
                refused=int(400 <= status < 500 and status not in _AGAIN and not settings),
                settings=settings,
            )
        return delivered

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, message: Message, delivered: Sequence[str]) -> tuple[int, str | None]:
        """Return the status of the answer to a message, and where it points to."""
        kept = self._connection is not None
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.id,
            "Hemline-Topic": message.topic,
            "User-Agent": f"hemline/{__version__}",
        }
        token = secret(*self._token)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            try:
                return self._answer(message.payload, headers)
            except (http.client.RemoteDisconnected, ConnectionError):
                if not kept:
                    raise
                # a server ends a connection that was idle, and says so only now
                return self._answer(message.payload, headers)
        except ssl.SSLCertVerificationError as error:
            raise PublishError(
                f"{self._name}: its certificate does not match: {error.verify_message}",
                delivered=delivered,
                settings=True,
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise PublishError(f"{self._name}: {why.lower()}", delivered=delivered) from error

    def _answer(self, payload: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=TIMEOUT_S)
        try:
            self._connection.request("POST", self._path, payload, headers)
            answer = self._connection.getresponse()
            if len(answer.read(ANSWER_BYTES)) == ANSWER_BYTES:
                self.close()  # what is left of it is in the way of the next answer
            return answer.status, answer.getheader("Location")
        except BaseException:
            self.close()
            raise
