"""
One connection to an MQTT broker, from CONNECT until it is lost. A new one is made after that: what was on its way in an
old one would be sent once more, out of order, by the client itself.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from hemline.line.publishers import PublishError

CONNECT_S = 5.0
ACKNOWLEDGE_S = 10.0  # without any acknowledgement; a broker that is busy goes on sending some
KEEPALIVE_S = 15  # between two signs of life; after one and a half of it the broker tells the last will
IN_FLIGHT = 100  # messages that wait for their acknowledgement at once, where the broker does not ask for fewer
_FAILED = 0x80  # reason codes from here on are failures
_OLD = 0x84  # the broker does not know this version of the protocol
_SETTINGS = (0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C)  # version, name, password, permission, banned, method
_NEVER = (0x90, 0x95, 0x99)  # topic, size, format: of this message


@dataclass(frozen=True)
class Address:
    """Where a broker is and who we are to it. tls: with any of the files, or on port 8883."""

    host: str
    port: int
    client_id: str
    will_topic: str
    will: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    tls: bool = False

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return f"mqtt {self.host}:{self.port}"


class OldProtocolError(PublishError):
    """The broker speaks an older version of MQTT."""


class Link:
    """A connection that stands. Raises PublishError when it cannot be made."""

    def __init__(self, address: Address, login: tuple[str, str | None] | None, version: MQTTProtocolVersion) -> None:
        self._address = address
        self._change = threading.Condition()
        self._connected: ReasonCode | None = None
        self._lost: str | None = None
        self._acknowledged: dict[int, ReasonCode] = {}
        self._window = IN_FLIGHT
        self._client: paho.Client | None = self._made(login, version)
        try:
            self._connect(self._client)
            self._client.loop_start()
            self._admitted()
        except BaseException:
            self.drop()
            raise

    @property
    def stands(self) -> bool:
        """Whether it has not been lost."""
        return self._lost is None

    def send(
        self, messages: Sequence[tuple[str, bytes]], *, retain: bool = False, wait_s: float = ACKNOWLEDGE_S
    ) -> list[int]:
        """Send (topic, payload) and return the reason code of each acknowledgement, in order.

        As many as were acknowledged, without a gap, before the connection was lost or silent for wait_s.
        """
        with self._change:
            self._acknowledged.clear()
        sent: list[int] = []
        codes: list[int] = []
        client = self._client
        if client is None:
            return codes
        until = time.monotonic() + wait_s
        while len(codes) < len(messages) and self._lost is None and time.monotonic() < until:
            for topic, payload in messages[len(sent) : len(codes) + self._window]:
                sent.append(client.publish(topic, payload, qos=1, retain=retain).mid)
            with self._change:
                while len(codes) < len(sent) and sent[len(codes)] in self._acknowledged:
                    codes.append(self._acknowledged[sent[len(codes)]].value)
                    until = time.monotonic() + wait_s
                if len(sent) == min(len(messages), len(codes) + self._window) and len(codes) < len(messages):
                    self._change.wait(0.05)  # an acknowledgement that came meanwhile is not waited for longer
        return codes

    def why(self) -> str:
        """Return why not everything was acknowledged."""
        return f"{self._address.name}: {self._lost or f'no acknowledgement for {ACKNOWLEDGE_S:.0f} s'}"

    def drop(self) -> None:
        """End it, whatever state it is in."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
            # it closes its sockets when it is deleted: now, not when the cycles through these are found
            client.on_connect = client.on_disconnect = client.on_publish = None

    def _made(self, login: tuple[str, str | None] | None, version: MQTTProtocolVersion) -> paho.Client:
        address = self._address
        client = paho.Client(
            CallbackAPIVersion.VERSION2, address.client_id, protocol=version, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(0)  # send() counts itself: the client does not heed what the broker asks
        client.will_set(address.will_topic, address.will, qos=1, retain=True)
        if login is not None:
            client.username_pw_set(*login)
        if address.tls:
            client.tls_set_context(_context(address))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _connect(self, client: paho.Client) -> None:
        address = self._address
        try:
            client.connect(address.host, address.port, keepalive=KEEPALIVE_S)
        except ssl.SSLCertVerificationError as error:
            raise PublishError(
                f"{address.name}: its certificate does not match: {error.verify_message}; see ca_file and host",
                settings=True,
            ) from error
        except ssl.SSLError as error:
            raise PublishError(f"{address.name}: no TLS with it ({error.reason or error})", settings=True) from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise PublishError(f"{address.name}: {why.lower()}") from error

    def _admitted(self) -> None:
        with self._change:
            self._change.wait_for(lambda: self._connected is not None or self._lost is not None, CONNECT_S)
            code = self._connected
        if code is None:
            raise PublishError(f"{self._address.name}: {self._lost or 'it does not answer as a broker'}")
        if code.value >= _FAILED:
            refusal = OldProtocolError if code.value == _OLD else PublishError
            raise refusal(
                f"{self._address.name}: refused: {str(code).lower()}; see username and its password",
                settings=code.value in _SETTINGS,
            )

    # called by the client's own thread

    def _on_connect(self, client: paho.Client, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        with self._change:
            self._window = min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", IN_FLIGHT))
            self._connected = code
            self._change.notify_all()

    def _on_disconnect(self, client: paho.Client, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        with self._change:
            self._lost = f"the connection was lost ({str(code).lower()})"
            self._change.notify_all()

    def _on_publish(self, client: paho.Client, data: Any, mid: int, code: ReasonCode, properties: Properties) -> None:
        with self._change:
            self._acknowledged[mid] = code
            self._change.notify_all()


def failed(code: int) -> bool:
    """Say whether a broker acknowledged that it did not take a message."""
    return code >= _FAILED


def refusal(code: int) -> tuple[str, bool, bool]:
    """Return what an acknowledgement that failed says: in words, never to be taken, somebody has to see to it."""
    try:
        words = str(ReasonCode(PacketTypes.PUBACK, identifier=code)).lower()
    except KeyError:
        words = f"reason {code}"
    return words, code in _NEVER, code in _SETTINGS


class _Socket(ssl.SSLSocket):
    """Is closed where the handshake fails; the client leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _context(address: Address) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=address.ca_file)
        if address.certificate_file is not None:
            context.load_cert_chain(address.certificate_file, address.key_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = ", ".join(str(file) for file in (address.ca_file, address.certificate_file, address.key_file) if file)
        why = getattr(error, "strerror", None) or str(error)
        raise PublishError(f"{files}: no certificates to use ({why.lower()})", settings=True) from error
    context.sslsocket_class = _Socket
    return context
