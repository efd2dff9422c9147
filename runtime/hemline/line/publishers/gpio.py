"""
To pins: a pulse on the pin of a verdict, for an ejector, a lamp, a counter.

A pulse that comes late meets another part, so what was decided more than a second ago gets none, and its message is
refused, which is an event. Two pulses never run into one.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from gpiozero import DigitalOutputDevice
from gpiozero.exc import GPIOZeroError

from hemline.line.decision import VERDICTS
from hemline.line.publishers import PublishError
from hemline.line.records import Message

PULSE_S = 0.05
PAUSE_S = 0.01  # between two pulses of one pin
LATE_S = 1.0


def connect(line: str, settings: Mapping[str, Any]) -> Gpio:
    """Return the publisher; it takes the pins with the first publish().

    settings: pass, review, reject: the pin of each, by its BCM number, or None.
    """
    return Gpio({verdict: settings[verdict] for verdict in VERDICTS if settings.get(verdict) is not None})


class Gpio:
    """Pulses the pins of verdicts. pin_factory: gpiozero's, None for that of the machine."""

    def __init__(
        self,
        pins: Mapping[str, int],
        *,
        pin_factory: Any = None,
        pulse_s: float = PULSE_S,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._numbers, self._factory, self._pulse_s, self._clock = dict(pins), pin_factory, pulse_s, clock
        self._pins: dict[str, DigitalOutputDevice] = {}
        self._turn = threading.Lock()  # two pulses never run into one, whoever asks for them

    def publish(self, messages: Sequence[Message]) -> list[str]:
        """Pulse for each decision that has a pin, in order, and return the ids of all messages."""
        self._take()
        delivered: list[str] = []
        for place, message in enumerate(messages):
            if not message.topic.endswith("/decision"):
                delivered.append(message.id)
                continue
            values = json.loads(message.payload)
            if values["verdict"] in self._pins:
                late_s = self._late_s(values)
                if late_s > LATE_S:
                    rest = [json.loads(later.payload) for later in messages[place:]]
                    late = next((n for n, later in enumerate(rest) if not self._is_late(later)), len(rest))
                    raise PublishError(
                        f"gpio: decided {late_s:,.1f} s ago; a pulse now would meet another part",
                        delivered=delivered,
                        refused=late,
                    )
                self.pulse(values["verdict"])
            delivered.append(message.id)
        return delivered

    def pulse(self, verdict: str) -> None:
        """Pulse the pin of a verdict, now; nothing where it has none. For what could not be stored, too."""
        with self._turn:
            self._take()
            if verdict in self._pins:
                try:
                    self._pins[verdict].on()
                    time.sleep(self._pulse_s)
                finally:
                    self._pins[verdict].off()
                time.sleep(PAUSE_S)

    def close(self) -> None:
        """Let go of the pins."""
        for pin in self._pins.values():
            pin.close()
        self._pins.clear()

    def _take(self) -> None:
        try:
            for verdict, number in self._numbers.items():
                if verdict not in self._pins:
                    self._pins[verdict] = DigitalOutputDevice(number, pin_factory=self._factory)
        except (GPIOZeroError, OSError, ValueError) as error:
            raise PublishError(f"gpio: {error or type(error).__name__}", settings=True) from error

    def _late_s(self, values: Mapping[str, Any]) -> float:
        decided = datetime.strptime(values["decided_utc"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        return (self._clock() - decided).total_seconds()

    def _is_late(self, values: Mapping[str, Any]) -> bool:
        return "decided_utc" in values and values["verdict"] in self._pins and self._late_s(values) > LATE_S
