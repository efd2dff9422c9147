"""
gpio:PIN: a sensor on a pin of this board, such as a light barrier; pulled low when a part is there.

    gpio:17    gpio:17?high    the sensor's signal is high when a part is there

Needs gpiozero and a library for the board's pins below it; both come with Raspberry Pi OS.
"""

from __future__ import annotations

import importlib
import queue
import time
from types import TracebackType
from typing import Any

from hemline.errors import MissingError, UsageError
from hemline.line.camera import Camera
from hemline.line.triggers import Part, Settings, Staying

BOUNCE_S = 0.005  # a contact that closes within this is one contact


def check(argument: str) -> None:
    """Raise UsageError for what is no pin, MissingError where gpiozero is not."""
    _parse(argument)
    _library()


def open(argument: str, camera: Camera, settings: Settings) -> Gpio:
    """Return the opened pin."""
    pin, high = _parse(argument)
    try:
        sensor = _library().Button(pin, pull_up=not high, bounce_time=BOUNCE_S)
    except Exception as error:
        raise MissingError(f"trigger gpio:{argument}: {error or type(error).__name__}") from error
    return Gpio(sensor, settings)


class Gpio:
    """A sensor of gpiozero, closed with this. Its callbacks come from a thread of its library."""

    looks = False

    def __init__(self, sensor: Any, settings: Settings) -> None:
        self._sensor, self._settings = sensor, settings
        self._times: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._number = 0
        self._since: float | None = None  # when the part that is there came
        sensor.when_pressed = lambda: self._times.put(time.monotonic())

    def wait(self, timeout_s: float) -> Part | Staying | None:
        """Return the next part."""
        try:
            at = self._times.get(timeout=timeout_s)
        except queue.Empty:
            return self._staying()
        self._number, self._since = self._number + 1, at
        return Part(f"{self._settings.run}-{self._number}", at)

    def close(self) -> None:
        """Let go of the pin."""
        self._sensor.close()

    def __enter__(self) -> Gpio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _staying(self) -> Staying | None:
        stays_s = self._settings.stays_s
        if self._since is None or not stays_s or time.monotonic() - self._since < stays_s:
            return None
        stood_s, self._since = time.monotonic() - self._since, None
        if not self._sensor.is_pressed:
            return None
        return Staying(f"the sensor has seen a part for {stood_s:.0f} s; it is decided once")


def _parse(argument: str) -> tuple[int, bool]:
    pin, mark, option = argument.partition("?")
    if not pin.isdecimal() or (mark and option != "high"):
        raise UsageError(f"trigger gpio:{argument}: give the number of a pin, such as gpio:17, or gpio:17?high")
    return int(pin), bool(mark)


def _library() -> Any:
    try:
        return importlib.import_module("gpiozero")
    except ImportError as error:
        raise MissingError("trigger gpio needs: pip install gpiozero lgpio (Raspberry Pi OS has them)") from error
