"""
http://HOST/PATH: a camera that sends MJPEG over HTTP, as multipart/x-mixed-replace, read without OpenCV.

    http://USER:PASSWORD@10.0.0.7/mjpeg        basic and digest authentication
    http://10.0.0.7/video?channel=1#deadline=3 options follow "#"; the "?" is the server's

Each picture is checked whole when it arrives and decoded when somebody asks for it. No proxy is used.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from typing import Any

from hemline import image
from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import live
from hemline.sources.address import Address, taken_apart
from hemline.sources.concatenated import Concatenated
from hemline.sources.limits import Limits
from hemline.sources.multipart import Multipart
from hemline.sources.shot import Notebook, Shot

_CHUNK_BYTES = 2**16
_TIMEOUT_SECONDS = 30.0  # of one read; the deadline of the capture process is shorter
_BOUNDARY = re.compile(r'boundary\s*=\s*("[^"]+"|[^;\s]+)', re.IGNORECASE)
# some cameras send their pictures one after another under these, without boundaries
_BARE = re.compile(r"video/.*m?jpe?g|application/octet-stream", re.IGNORECASE)


def connect(arguments: Sequence[str]) -> live.Live:
    """Return the opened stream."""
    return live.connect(__name__, arguments)


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("stream", text)
    address.allow(())
    try:
        parts = urllib.parse.urlsplit(address.target)
        complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, half an IPv6 address
        complete = False
    if not complete:
        raise UsageError(f"{address.name}: no such URL; as in http://10.0.0.7:8080/mjpeg")
    return address


def limits(address: Address) -> Limits:
    """Return the limits of a camera."""
    return Limits()


def check(address: Address) -> None:
    """Nothing can be known without opening it."""


def shots(address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
    """Yield the pictures of the stream until the server hangs up."""
    try:
        with _open(address) as response:
            pictures = _pictures(address, response.headers.get("Content-Type", ""))
            while data := response.read1(_CHUNK_BYTES):
                for picture in pictures.feed(data):
                    yield _whole(picture, address.name)
    except (OSError, HTTPException) as error:
        raise DataError(f"{address.name}: lost: {_reason(error)}") from error
    raise DataError(f"{address.name}: the server has ended the stream")


def _whole(picture: bytes | PictureError, name: str) -> Shot | PictureError:
    if isinstance(picture, PictureError):
        return picture
    try:
        image.header(picture, name=name)
    except PictureError as error:
        return error
    return Shot(picture, time.monotonic_ns())


def _pictures(address: Address, kind: str) -> Multipart | Concatenated:
    """Return the parser for what the server says that it sends."""
    boundary = _BOUNDARY.search(kind)
    if kind.lower().startswith("multipart/") and boundary:
        return Multipart(boundary[1].encode(), name=address.name)
    if _BARE.match(kind):
        return Concatenated(name=address.name)
    what = f"sends {image.shown(kind)!r}" if kind else "does not say what it sends"
    raise DataError(f"{address.name}: no MJPEG stream: the server {what}; expected multipart/x-mixed-replace")


def _open(address: Address) -> HTTPResponse:
    url, handlers = _authenticated(address.target)
    # nothing that could leave http and https, and no proxy: cameras are on the local network
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)
    request = urllib.request.Request(url, headers={"User-Agent": "hemline", "Accept": "*/*"})  # noqa: S310
    try:
        response: HTTPResponse = opener.open(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        hint = {401: "; put USER:PASSWORD@ before the host", 404: "; is the path right?"}.get(error.code, "")
        raise DataError(f"{address.name}: the server says {error.code} {error.reason}{hint}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(f"{address.name}: {_reason(error)}") from error
    return response


def _authenticated(url: str) -> tuple[str, list[urllib.request.BaseHandler]]:
    """Return the URL without user and password, and what sends them when the server asks for them."""
    parts = urllib.parse.urlsplit(url)
    if parts.username is None:
        return url, []
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    user, password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
    passwords.add_password(None, bare, user, password)
    return bare, [
        _Basic(passwords),
        _Digest(passwords),
    ]


class _Basic(urllib.request.HTTPBasicAuthHandler):
    """The library's, which leaves the answer that asks for the password open."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()
        return super().http_error_401(req, fp, code, msg, headers)


class _Digest(urllib.request.HTTPDigestAuthHandler):
    """The same."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()
        return super().http_error_401(req, fp, code, msg, headers)


def _reason(error: Exception) -> str:
    """Return what went wrong, in one line without the URL."""
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return str(text).lower().replace("\n", " ")
