"""
A real Mosquitto broker on a free port of this machine, to be started, stopped and killed; and somebody who listens.

The listener must miss nothing that a broker acknowledged, or a test would blame the wrong one. It has a session that
the broker remembers, and the broker writes it down once: also one that was killed and started again keeps what comes
before the listener is back. It listens with QoS 0, so it never writes: who writes to a broker that is gone may not read
what that has sent before. And on one machine a broker passes a message on before it acknowledges it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

START_S = 30.0  # a drive that is busy takes its time


def program() -> str | None:
    """Return where mosquitto is; Debian installs it out of a user's way."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """Return a port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A broker; a context manager that starts and ends it.

    login: (username, password) that it asks for. certificate: (file, key), with which it speaks TLS.
    lines: more of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        *,
        login: tuple[str, str] | None = None,
        certificate: tuple[Path, Path] | None = None,
        lines: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        configuration = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 0",
            "max_queued_messages 0",
            "queue_qos0_messages true",
            "set_tcp_nodelay true",
            *(["user root"] if os.geteuid() == 0 else []),
            *lines,
        ]
        if certificate is not None:
            configuration += [f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
        if login is None:
            configuration += ["allow_anonymous true"]
        else:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, *login], check=True, capture_output=True)
            configuration += ["allow_anonymous false", f"password_file {passwords}"]
        (folder / "mosquitto.conf").write_text("\n".join(configuration) + "\n")

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [program() or "mosquitto", "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"mosquitto does not start: {self.log[-500:]}")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def remember(self) -> None:
        """Let it write down the sessions that there are."""
        assert self._process is not None
        database = self.folder / "mosquitto.db"
        before = database.stat().st_mtime_ns if database.exists() else 0
        self._process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + START_S
        while not database.exists() or database.stat().st_mtime_ns == before:
            if time.monotonic() > end:
                raise RuntimeError(f"mosquitto does not save: {self.log[-500:]}")
            time.sleep(0.01)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(START_S)
            self._process = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Listener:
    """Takes what a broker passes on, over all its restarts; a context manager that waits until it is heard."""

    def __init__(self, port: int, topic: str = "#") -> None:
        self.heard: list[tuple[str, bytes, bool]] = []  # topic, payload, retained
        self._subscribed, self._ending = threading.Event(), threading.Event()
        self._port, self._topic = port, topic
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, f"listener {topic}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._session = Properties(PacketTypes.CONNECT)
        self._session.SessionExpiryInterval = 0xFFFFFFFF
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._thread = threading.Thread(target=self._run, daemon=True)

    def payloads(self, topic: str) -> list[bytes]:
        """Return what was heard on a topic, in order."""
        return [payload for heard, payload, _ in list(self.heard) if heard == topic]

    def wait(self, ready: Callable[[Listener], bool], timeout_s: float = 20.0) -> bool:
        """Wait until something is true of what was heard, and say whether it is."""
        end = time.monotonic() + timeout_s
        while not ready(self):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def wait_until_heard(self, timeout_s: float = START_S) -> None:
        """Wait until it is subscribed."""
        if not self._subscribed.wait(timeout_s):
            raise RuntimeError("the listener is not subscribed")

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._client.connect("127.0.0.1", self._port, clean_start=False, properties=self._session)
                while self._client.loop(0.2) == paho.MQTT_ERR_SUCCESS and not self._ending.is_set():
                    pass
            except (OSError, ValueError):
                pass
            self._subscribed.clear()
            self._ending.wait(0.02)

    def _on_connect(self, client: paho.Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
        client.subscribe(self._topic, qos=0)

    def _on_message(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, message.payload, message.retain))

    def __enter__(self) -> Listener:
        self._thread.start()
        self.wait_until_heard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        with suppress(OSError):
            self._client.disconnect()
        # it closes its sockets when it is deleted: now, not when the cycles through these are found
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
        del self._client
