"""
What stands before every page: who may ask, from where, how much, and what a browser may do with the answer.

Laws. Nothing is answered under a name that is not ours. Nothing changes by GET, nor for a request that another page
sent. Where a token is needed, nothing but the sheet and the script is given without it. No body grows past its cap.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hemline.web.address import Bound

SAFE = ("GET", "HEAD", "OPTIONS")
BODY_BYTES = 64 * 2**10  # of a request that no route gives more
COOKIE_S = 30 * 86_400
WRONG_S = 0.5  # that an answer to a wrong token takes
PUBLIC = "/assets/"  # files of the package: the page that asks for the token needs its sheet

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """An ASGI application behind its guard.

    largest: of a path, how many bytes of body it may be sent; None for BODY_BYTES everywhere.
    """

    def __init__(self, app: ASGIApp, bound: Bound, *, largest: Callable[[str], int] | None = None) -> None:
        self._app, self._bound = app, bound
        self._largest = largest or (lambda _: BODY_BYTES)
        self._cookie = f"hemline-{bound.port}"  # a cookie is of a host, whatever its port
        self._ticket = None if bound.token is None else _ticket(bound.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return  # no websocket, no lifespan: uvicorn then refuses it
        ask = _Asked(scope)
        refusal = self._refusal(ask)
        if refusal is not None:
            await _refuse(ask, *refusal, send)
            return
        if self._ticket is not None and not ask.path.startswith(PUBLIC) and not await self._known(ask, send):
            return
        cap = self._largest(ask.path)
        if ask.length is not None and ask.length > cap:
            await _refuse(ask, 413, _too_large(cap), send)
            return
        await self._pass(ask, cap, receive, send)

    def _refusal(self, ask: _Asked) -> tuple[int, str] | None:
        """Return why a request is refused before it is looked at, None when it is not."""
        hosts = ask.all("host")
        if len(hosts) != 1 or not self._bound.answers_to(hosts[0]):
            named = repr(hosts[0])[:80] if hosts else "no host"
            return 421, f"{named} is not the name of this page; open {self._bound.url}"
        site, origin = ask.one("sec-fetch-site"), ask.one("origin")
        if ask.method in SAFE:
            # a link from elsewhere may lead here; a picture or a script of ours within another page may not
            leads = ask.one("sec-fetch-mode") == "navigate" and ask.one("sec-fetch-dest") in (None, "document")
            if site not in (None, "same-origin", "none") and not leads:
                return 403, "asked for by another page"
            return None
        own = (f"http://{hosts[0]}", f"https://{hosts[0]}")
        if (origin is not None and origin not in own) or site not in (None, "same-origin"):
            return 403, f"sent by another page, {(origin or site or '')[:80]!r}; changes are made from this one"
        return None

    async def _known(self, ask: _Asked, send: Send) -> bool:
        """Whether a request shows the token; when it does not, or shows it in the address, it is answered here."""
        assert self._ticket is not None
        if any(hmac.compare_digest(given, self._ticket) for given in ask.cookies(self._cookie)):
            return True
        bearer = (ask.one("authorization") or "").partition("Bearer ")[2]
        if bearer and self._right(bearer):
            return True
        pairs = parse_qsl(ask.query, keep_blank_values=True)
        given = [value for name, value in pairs if name == "token"]
        if ask.method == "GET" and len(given) == 1 and self._right(given[0]):
            await self._let_in(ask, [pair for pair in pairs if pair[0] != "token"], send)
            return False
        if given or bearer:
            await asyncio.sleep(WRONG_S)
        if ask.path.startswith("/api/"):
            await _refuse(ask, 401, "the token is missing or wrong; open the page and give it", send)
        else:
            await _answer(ask, 401, _login(wrong=bool(given)), send)
        return False

    def _right(self, token: str) -> bool:
        return self._ticket is not None and hmac.compare_digest(_ticket(token), self._ticket)

    async def _let_in(self, ask: _Asked, rest: list[tuple[str, str]], send: Send) -> None:
        """Keep the token in a cookie and open the page again without it in the address.

        By a page of our own, not by a redirect: after a link from elsewhere a browser keeps a strict cookie back.
        """
        where = ask.path + (f"?{urlencode(rest)}" if rest else "")
        where = "/" + where.lstrip("/\\")  # //elsewhere would be another host
        cookie = f"{self._cookie}={self._ticket}; Path=/; HttpOnly; SameSite=Strict; Max-Age={COOKIE_S}"
        page = f'<p>Come in: <a href="{html.escape(where)}">open the page</a></p>'
        more = {"set-cookie": cookie, "refresh": f"0; url={where}"}
        await _answer(ask, 200, _page(page), send, more)

    async def _pass(self, ask: _Asked, cap: int, receive: Receive, send: Send) -> None:
        taken, started, refused = 0, False, False

        async def counted() -> Message:
            nonlocal taken, refused
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > cap:
                refused = True
                if not started:
                    await _refuse(ask, 413, _too_large(cap), send)
                raise _TooLarge
            return message

        async def dressed(message: Message) -> None:
            nonlocal started
            if refused:
                return  # what the application makes of it; the answer is given
            if message["type"] == "http.response.start":
                started = True
                headers = list(message.get("headers", []))
                there = {name.lower() for name, _ in headers}
                headers += [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there]
                message = {**message, "headers": headers}
            await send(message)

        with suppress(_TooLarge):
            await self._app(ask.scope, counted, dressed)


class _TooLarge(Exception):
    """A body has grown past its cap."""


class _Asked:
    """One request, as far as a guard looks at it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    def all(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value.decode("latin-1") for key, value in self._headers if key == name.encode()]

    def one(self, name: str) -> str | None:
        """The header of this name, None where there is none; two are none that we would trust."""
        found = self.all(name)
        return ", ".join(found) if found else None

    @property
    def length(self) -> int | None:
        """The length that the body is said to have."""
        text = self.one("content-length")
        return int(text) if text is not None and text.isascii() and text.isdigit() else None

    def cookies(self, name: str) -> Iterable[str]:
        """Every cookie of this name."""
        for header in self.all("cookie"):
            for part in header.split(";"):  # one by one: a strange cookie of a neighbour must not hide ours
                try:
                    found = SimpleCookie(part.strip()).get(name)
                except CookieError:
                    continue
                if found is not None and found.value.isascii():
                    yield found.value


def _ticket(token: str) -> str:
    """Return what stands for a token in a cookie: made from it, and of no use to find it."""
    return hmac.new(token.encode(errors="replace"), b"hemline page", hashlib.sha256).hexdigest()


def _too_large(cap: int) -> str:
    return (
        f"larger than {cap / 2**20:,.1f} MiB, which is the most that is taken here"
        if cap >= 2**20
        else (f"larger than {cap // 2**10} KiB, which is the most that is taken here")
    )


async def _refuse(ask: _Asked, status: int, line: str, send: Send) -> None:
    if ask.path.startswith("/api/"):
        await _answer(ask, status, json.dumps({"error": line}), send, {"content-type": "application/json"})
    else:
        await _answer(ask, status, f"{line}\n", send, {"content-type": "text/plain; charset=utf-8"})


async def _answer(ask: _Asked, status: int, text: str, send: Send, more: dict[str, str] | None = None) -> None:
    body = text.encode()
    fields = {"content-type": "text/html; charset=utf-8", "content-length": str(len(body)), **HEADERS, **(more or {})}
    headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if ask.method == "HEAD" else body})


def _login(*, wrong: bool) -> str:
    said = "That is not the token." if wrong else "This page is for those who know its token."
    return _page(
        f"<p>{said}</p>"
        '<form method="get" action="/"><label for="token">Token</label>'
        '<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>'
        '<button class="primary">Open</button></form>'
        '<p class="note">It is what <code>--token</code> or <code>HEMLINE_TOKEN</code> said '
        "when the page was started.</p>"
    )


def _page(inner: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>hemline</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/assets/page.css">'
        '<link rel="stylesheet" href="/assets/parts.css"></head>'
        f'<body><main class="door"><p class="kind">hemline</p>{inner}</main></body></html>'
    )
