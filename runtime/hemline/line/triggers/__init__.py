"""
What says that a part is there. A trigger is opened, waited for again and again, and closed.

A trigger is one file beside this one and one line in TRIGGERS. Law: a part is given once, with the time at which it was
noticed: the budget runs from then, also while the part before it is still being judged.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from hemline.errors import UsageError, unknown
from hemline.line.camera import Camera, Frame
from hemline.line.faults import Fault

if TYPE_CHECKING:
    from hemline.line.decision import Decision

# name: module with open(argument, camera, settings) -> Trigger
TRIGGERS = {
    "keyboard": "hemline.line.triggers.keyboard",
    "folder": "hemline.line.triggers.folder",
    "http": "hemline.line.triggers.http",
    "gpio": "hemline.line.triggers.gpio",
    "change": "hemline.line.triggers.change",
}
EXAMPLES = "keyboard, folder, http:127.0.0.1:8380, gpio:17, change or change:EMPTY.png"
# of sources whose pictures are the parts, each one
EACH = ("folder",)


@dataclass(frozen=True, eq=False)
class Part:
    """A part that is there.

    at: time.monotonic() when it was noticed. frame: by which it was noticed, the first of its frames; fault: what came
    in the place of that. tell: is given the decision and its number once it is stored (None where it could not be).
    """

    id: str
    at: float
    frame: Frame | None = None
    fault: Fault | None = None
    tell: Callable[[Decision, int | None], None] | None = None


@dataclass(frozen=True)
class Staying:
    """The part that was decided has not left."""

    detail: str


@dataclass(frozen=True)
class Settings:
    """What every trigger is told.

    stays_s: after which a part that stays is told, 0 for never. budget_s: that a part has. run: a name of this run, by
    which parts are called that nobody else has named. decided: of names of parts, when those were decided last, in
    microseconds since 1970.
    """

    stays_s: float = 60.0
    budget_s: float = 0.5
    run: str = "run"
    decided: Callable[[Collection[str]], Mapping[str, int]] = lambda _: {}


class Trigger(Protocol):
    """An open trigger. looks: whether it takes the camera's frames itself; else who runs it looks after the camera."""

    looks: bool

    def wait(self, timeout_s: float) -> Part | Staying | None:
        """Return the next part, None when there is none within the timeout.

        Raises Ended when none will come, Fault for a fault of the camera that it looks through.
        """

    def close(self) -> None:
        """Let go; whoever still waits for an answer is told that there is none."""

    def __enter__(self) -> Trigger: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Kind(Protocol):
    """A trigger's module."""

    def check(self, argument: str) -> None:
        """Raise UsageError for an argument that it cannot be, MissingError for what it needs and is not here."""

    def open(self, argument: str, camera: Camera, settings: Settings) -> Trigger:
        """Return the opened trigger."""


def parsed(text: str) -> tuple[str, str]:
    """Return (name, argument) of a text such as http:127.0.0.1:8380; UsageError for one that names no trigger."""
    name, _, argument = text.partition(":")
    if name not in TRIGGERS:
        raise UsageError(f"trigger {text}: {unknown('trigger', name, TRIGGERS)}; such as {EXAMPLES}")
    return name, argument


def module_of(name: str) -> Any:
    """Return the module of a trigger, a Kind; that of no other is imported."""
    return importlib.import_module(TRIGGERS[name])


def check(text: str) -> None:
    """Raise what can be known of a trigger without opening it."""
    name, argument = parsed(text)
    kind: Kind = module_of(name)
    kind.check(argument)


def open_trigger(text: str, camera: Camera, settings: Settings) -> Trigger:
    """Return the opened trigger that a text names."""
    name, argument = parsed(text)
    kind: Kind = module_of(name)
    kind.check(argument)
    return kind.open(argument, camera, settings)


def default(source_kind: str) -> str:
    """Return the trigger that fits a kind of source."""
    return "folder" if source_kind == "inbox" else "change"
