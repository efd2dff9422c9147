"""
Telling systemd how the line is: sd_notify, a datagram to the socket that NOTIFY_SOCKET names. Without one, nothing.

Law: WATCHDOG=1 is sent for a proof, never by a timer alone. A proof is a decision that was stored or, while no part
comes, a picture that came and a model that answered. A line that hangs is ended by systemd and started again.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType

_WATCHDOG_SHARE = 3  # proofs in the time that systemd waits for one: two may come late
STATUS_S = 1.0  # between two lines for a person


class Watchdog:
    """The line's end of the socket; a context manager. Whoever does not listen is no reason to stop."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.proof_s = _proof_s(environment)
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self._status, self._status_at = "", 0.0
        if self._path.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def ready(self, status: str) -> None:
        """Say that everything is open."""
        self._status = status
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def proven(self) -> None:
        """Say that the line has just been seen to work."""
        self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """Say what a person reads in `systemctl status`, when it is something else than before; once a second."""
        now = time.monotonic()
        if status != self._status and now - self._status_at >= STATUS_S:
            self._status, self._status_at = status, now
            self._send(f"STATUS={_line(status)}")

    def stopping(self, why: str) -> None:
        """Say that the line is being ended."""
        self._send(f"STOPPING=1\nSTATUS={_line(why)}")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, text: str) -> None:
        if self._socket is not None:
            # an @ stands for the NUL of a name that is in no folder
            address = f"\0{self._path[1:]}" if self._path.startswith("@") else self._path
            with suppress(OSError):
                self._socket.sendto(text.encode(), address)


def _proof_s(environment: Mapping[str, str]) -> float | None:
    """Return how often a proof is wanted, in seconds; None when systemd does not wait for any from this process."""
    text, owner = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID")
    if not text.isdecimal() or int(text) == 0 or owner not in (None, str(os.getpid())):
        return None
    return int(text) / 1e6 / _WATCHDOG_SHARE


def _line(text: str) -> str:
    return " ".join(text.split())
