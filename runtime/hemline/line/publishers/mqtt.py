"""
To an MQTT broker: QoS 1, a message is delivered when the broker has acknowledged it. Topics: hemline/line/messages.py.

While it is connected hemline/LINE/availability says "online"; "offline" is the last will, which the broker tells when
the line does not end by itself. MQTT 5, where a broker can say that it did not take a message; 3.1.1 where it is old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from paho.mqtt.enums import MQTTProtocolVersion

from hemline.line.messages import topic
from hemline.line.publishers import PublishError
from hemline.line.publishers.discovery import OFFLINE, ONLINE, documents
from hemline.line.publishers.link import Address, Link, OldProtocolError, failed, refusal
from hemline.line.publishers.secret import secret
from hemline.line.records import Message

PORT, TLS_PORT = 1883, 8883
GOODBYE_S = 2.0


def connect(line: str, settings: Mapping[str, Any]) -> Mqtt:
    """Return the publisher for a line; it connects with the first publish().

    settings: host, port, username, password_file or password_env, ca_file, certificate_file, key_file, discovery.
    """
    return Mqtt(line, settings)


class Mqtt:
    """Publishes to one broker."""

    def __init__(self, line: str, settings: Mapping[str, Any]) -> None:
        files = {name: settings.get(name) for name in ("ca_file", "certificate_file", "key_file")}
        tls = any(files.values()) or settings.get("port") == TLS_PORT
        self._availability = topic(line, "availability")
        self._address = Address(
            settings.get("host") or "localhost",
            settings.get("port") or (TLS_PORT if tls else PORT),
            f"hemline-{line}",  # the same after a restart: the broker then closes what is left of the old connection
            self._availability,
            OFFLINE,
            **{name: None if file is None else Path(file) for name, file in files.items()},
            tls=tls,
        )
        self._login = (settings.get("username"), settings.get("password_file"), settings.get("password_env"))
        self._documents = documents(line) if settings.get("discovery", True) else []
        self._version = MQTTProtocolVersion.MQTTv5
        self._link: Link | None = None
        self._cut_short = False  # the last connection ended while the line announced itself

    def publish(self, messages: Sequence[Message]) -> list[str]:
        """Deliver messages and return their ids."""
        link = self._connected()
        codes = link.send([(message.topic, message.payload) for message in messages]) if messages else []
        good = next((place for place, code in enumerate(codes) if failed(code)), len(codes))
        delivered = [message.id for message in messages[:good]]
        if good == len(messages):
            return delivered
        if good == len(codes):
            reason = link.why()
            self._drop()
            raise PublishError(reason, delivered=delivered)
        words, never, settings = refusal(codes[good])
        raise PublishError(
            f"{self._address.name}: did not take a message on {messages[good].topic}: {words}",
            delivered=delivered,
            refused=int(never),
            settings=settings,
        )

    def close(self) -> None:
        """Say that the line is offline, and disconnect."""
        if self._link is not None and self._link.stands:
            self._link.send([(self._availability, OFFLINE.encode())], retain=True, wait_s=GOODBYE_S)
        self._drop()

    def _connected(self) -> Link:
        if self._link is not None and self._link.stands:
            return self._link
        self._drop()
        username, file, variable = self._login
        password = secret(file, variable)
        login = None if username is None else (username, password)
        try:
            link = Link(self._address, login, self._version)
        except OldProtocolError:
            if self._version == MQTTProtocolVersion.MQTTv311:
                raise
            self._version = MQTTProtocolVersion.MQTTv311
            link = Link(self._address, login, self._version)
        # a broker that does not let a line announce itself may take its decisions all the same; some of them
        # (Mosquitto 2.0.11) end the connection for it: the next one does without
        documents = [] if self._cut_short else self._documents
        known = [*documents, (self._availability, ONLINE.encode())]
        done = len(link.send(known, retain=True))
        self._cut_short = done < len(documents)
        if done < len(known):
            reason = link.why() + (" while the line announced itself to Home Assistant" if self._cut_short else "")
            link.drop()
            raise PublishError(reason)
        self._link = link
        return link

    def _drop(self) -> None:
        if self._link is not None:
            with suppress(OSError):
                self._link.drop()
            self._link = None
