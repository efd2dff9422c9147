"""
Where a page is served: HOST:PORT taken apart, and claimed before anything slow is opened.

Law: an address that others can reach is not bound without a token.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from hemline.errors import MissingError, UsageError

TOKEN_VARIABLE = "HEMLINE_TOKEN"  # noqa: S105  its name
LEAST_TOKEN = 12  # characters: guessing at a few hundred a second takes longer than anybody waits
# a peer that reads nothing, or is gone without a word, is cut off by the kernel after this long
UNREAD_MS = 30_000
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:/@?#\s]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class Bound:
    """A listening address; a context manager that lets it go.

    host: as it was asked for. port: the real one, also when 0 was asked for. token: what a visitor has to know, None
    where only this machine can come.
    """

    host: str
    port: int
    token: str | None
    listener: socket.socket = field(repr=False)

    @property
    def url(self) -> str:
        """Where a person opens the page."""
        host = _reachable() if _is_any(self.host) else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def answers_to(self, host: str) -> bool:
        """Whether a Host header names this page; any port, since it may be forwarded.

        Another name that was made to lead here (DNS rebinding) is not ours. An address in digits cannot be made so.
        """
        name = _name_of(host)
        if name is None:
            return False
        if _is_any(self.host):
            own = socket.gethostname().lower()
            return _digits(name) or name in ("localhost", own, own.partition(".")[0], f"{own.partition('.')[0]}.local")
        if _is_loopback(self.host):
            return name == "localhost" or _is_loopback(name)
        return name in (self.host.lower(), str(self.listener.getsockname()[0]))

    def __enter__(self) -> Bound:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listener.close()


def claim(text: str, *, option: str, token: str | None = None, environment: Mapping[str, str] = os.environ) -> Bound:
    """Return the address that a text such as 127.0.0.1:8377 names, bound and listening; port 0 takes a free one.

    option: by which the text was given, for errors. token: that of the environment when None.
    Raises UsageError for what is no address, or needs a token; MissingError for one that cannot be had.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise UsageError(f"{option} {text}: give HOST:PORT, such as 127.0.0.1:8377, or [::1]:8377; port 0 is any free")
    host, port = found["six"] or found["host"], int(found["port"])
    chosen = token if token is not None else environment.get(TOKEN_VARIABLE) or None
    if chosen is not None and (len(chosen) < LEAST_TOKEN or not chosen.isascii() or not chosen.isprintable()):
        such = secrets.token_urlsafe(16)
        raise UsageError(f"--token: {len(chosen)} characters; give at least {LEAST_TOKEN} of ASCII, such as {such}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise MissingError(f"{option} {text}: no address of that name ({_said(error)})") from error
    if not _is_loopback(str(place[0])) and chosen is None:
        raise UsageError(
            f"{option} {text}: others can reach it, so it needs a token: --token {secrets.token_urlsafe(16)}, "
            f"or {TOKEN_VARIABLE} in the environment"
        )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)  # inherited by every connection
        listener.bind(place)
        listener.listen(64)
    except OSError as error:
        listener.close()
        advice = f"; end what uses it, or give another: {option} {text.rpartition(':')[0]}:0 takes a free one"
        raise MissingError(
            f"{option} {text}: {_said(error)}{advice if error.errno == errno.EADDRINUSE else ''}"
        ) from error
    return Bound(host, int(listener.getsockname()[1]), chosen, listener)


def _said(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _name_of(host: str) -> str | None:
    """Return the name in a Host header, lower case, without port; None when it is none."""
    found = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:/@?#\s]+?)\.?)(?::\d{1,5})?", host.lower())
    return None if found is None else found[1] or found[2]


def _digits(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_any(host: str) -> bool:
    return _digits(host) and ipaddress.ip_address(host).is_unspecified


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (_digits(host) and ipaddress.ip_address(host).is_loopback)


def _reachable() -> str:
    """Return the address by which others see this machine; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET: only the route is looked up
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
