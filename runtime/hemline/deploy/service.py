"""
A service, as facts: what is started, and what it needs of the machine. Everything else is closed to it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hemline.deploy import places
from hemline.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NONE, HERE, ANY = NETWORKS = ("none", "this machine", "any")  # who can be reached, and who can come; rising


@dataclass(frozen=True)
class Secret:
    """A file that systemd reads for the service. option: that is given the copy in its place. name: of the copy."""

    option: str
    name: str
    file: Path


@dataclass(frozen=True)
class Needs:
    """What a service needs.

    devices: kinds, as in devices.DEVICES. network: one of NETWORKS. why_network: what wants it.
    compiles: whether an engine may make machine code while it runs. reads, writes: paths that are not seen, or not
    writable, unless said. secrets: see Secret. variables: that its file of variables has to hold.
    """

    devices: frozenset[str] = frozenset()
    network: str = NONE
    why_network: tuple[str, ...] = ()
    compiles: bool = True
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    secrets: tuple[Secret, ...] = ()
    variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watched:
    """How systemd watches a service that tells it how it is. All in seconds.

    proof_s: without a proof for so long it is ended and started again. start_s: until it is ready. stop_s: to end.
    """

    proof_s: int
    start_s: int
    stop_s: int


@dataclass(frozen=True)
class Service:
    """A verb that runs as a service.

    words: after `hemline`. watched: None for one that tells systemd nothing. final: exit statuses after which it is not
    started again.
    """

    verb: str
    name: str
    about: str
    words: tuple[str, ...]
    needs: Needs
    watched: Watched | None = None
    final: tuple[int, ...] = (2,)

    @property
    def unit(self) -> str:
        """The name of its unit."""
        return unit_name(self.verb, self.name)

    @property
    def state(self) -> Path | None:
        """The folder that is its own; None for one that keeps nothing."""
        return places.STATE / self.name if self.watched is not None else None

    @property
    def variables(self) -> Path:
        """Its file of variables: what must not be read by others and has no file of its own."""
        return places.CONFIGURATIONS / f"{self.name}.env"


def unit_name(verb: str, name: str) -> str:
    """Return the name of a unit. The @ makes it one of a kind: systemctl status 'hemline-line@*' is about all lines."""
    require_name(name)
    return f"hemline-{verb}@{name}.service"


def require_name(name: str) -> None:
    """Raise UsageError for what systemd, a file and a topic of messages cannot all be called."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name {name!r}: 1 to 64 letters, digits, . _ and -, the first a letter or a digit")


@dataclass(frozen=True)
class Reach:
    """Somebody who is reached over the network, or comes over it."""

    network: str
    why: str


def reach(what: str, host: str | None) -> Reach:
    """Return how far a host is."""
    return Reach(HERE if host is not None and _is_here(host) else ANY, f"{what} {host or ''}".strip())


def reach_address(what: str, address: str) -> Reach:
    """Return how far those are who come to HOST:PORT."""
    return reach(what, address.rpartition(":")[0].strip("[]"))


def reach_url(what: str, url: str) -> Reach:
    """Return how far the host of a URL is."""
    try:
        return reach(what, urlsplit(url).hostname)
    except ValueError as error:
        raise UsageError(f"{what}: no such URL ({error})") from None


def furthest(reached: Iterable[Reach]) -> tuple[str, tuple[str, ...]]:
    """Return the network that all of them together want, and why."""
    each = list(reached)
    return max((one.network for one in each), key=NETWORKS.index, default=NONE), tuple(one.why for one in each)


def has_password(url: str) -> bool:
    """Whether a URL holds a password."""
    try:
        return "://" in url and urlsplit(url).password is not None
    except ValueError:
        return "@" in url


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
