"""
What a page may change in a catalogue: one change at a time, each answered with the step that undoes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hemline.errors import UsageError, unknown
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.page import facts
from hemline.wardrobe.page.refusals import GoneError, StaleError
from hemline.wardrobe.records import Garment, Step
from hemline.wardrobe.suggest import rules

MOST_TEXT = 10_000  # characters of notes
MOST_TAGS = 50


class Changes:
    """The changes of one catalogue, made by any number of browsers. Calls may come from several threads.

    labels: the classes of the bundle; others have to be called new, or a slip would begin a class of its own.
    """

    def __init__(self, catalogue: Catalogue, labels: Sequence[str]) -> None:
        self._catalogue, self._labels = catalogue, labels
        self._turn = threading.RLock()  # a change and the look at its step are one

    def garment(self, garment_id: int) -> Garment:
        """Return a garment; GoneError when there is none of this number."""
        try:
            return self._catalogue.get(garment_id)
        except UsageError as error:
            raise GoneError(str(error)) from error

    def do(self, garment_id: int, what: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Change a garment and return it with the step.

        given: the arguments of the change, and "version", by which the page knew the garment: StaleError when it is
        another one now.
        """
        if what not in ACTIONS:
            raise GoneError(unknown("change", what, ACTIONS))
        if what == "correct" and given.get("new") is not True:
            self._require_known(_needed(given, "label").strip())
        with self._turn:
            garment = self.garment(garment_id)
            known = _text(given, "version", 32)
            if known is not None and known != facts.version(garment):
                raise StaleError(f"#{garment_id} was changed meanwhile; look at it as it is now")
            return self.noted(lambda: ACTIONS[what](self._catalogue, garment, given))

    def noted(self, change: Callable[[], Garment]) -> dict[str, Any]:
        """Make a change and return its garment and the step that it was; step null where nothing changed."""
        with self._turn:
            before = self._newest()
            garment = change()
            after = self._newest()
        step = after if after is not None and (before is None or after.id != before.id) else None
        return {"garment": facts.whole(self._catalogue, garment), "step": None if step is None else step.as_dict()}

    def undo(self, expected: int | None) -> dict[str, Any]:
        """Take the last step back; StaleError when it is not the expected one."""
        return self._swap(expected, undone=False)

    def redo(self, expected: int | None) -> dict[str, Any]:
        """Do again what was undone last; StaleError when it is not the expected one."""
        return self._swap(expected, undone=True)

    def _swap(self, expected: int | None, *, undone: bool) -> dict[str, Any]:
        with self._turn:
            steps = [step for step in self._catalogue.steps(limit=-1) if step.undone == undone]
            following = None if not steps else steps[-1] if undone else steps[0]
            if expected is not None and following is not None and following.id != expected:
                raise StaleError(f"something else was done since: {following.what}; take that back first")
            step = self._catalogue.redo() if undone else self._catalogue.undo()
        return {"step": step.as_dict()}

    def _require_known(self, label: str) -> None:
        known = {*self._labels, *self._catalogue.labels(), *rules().categories}
        if label not in known:
            raise UsageError(f"{unknown('class', label, known)}; for a class of your own say that it is new")

    def _newest(self) -> Step | None:
        return next(iter(self._catalogue.steps(limit=1)), None)


def _edit(catalogue: Catalogue, garment: Garment, given: Mapping[str, Any]) -> Garment:
    tags = given.get("tags")
    if tags is not None:
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags) or len(tags) > MOST_TAGS:
            raise UsageError(f"tags: give a list of at most {MOST_TAGS} texts")
        tags = list(dict.fromkeys(tag.strip()[:60] for tag in tags if tag.strip()))
    return catalogue.edit(
        garment.id, caption=_text(given, "caption", 200), notes=_text(given, "notes", MOST_TEXT), tags=tags
    )


def _merge(catalogue: Catalogue, garment: Garment, given: Mapping[str, Any]) -> Garment:
    other = given.get("other")
    if not isinstance(other, int) or isinstance(other, bool):
        raise UsageError("other: give the number of the garment that this one is, too")
    return catalogue.merge(garment.id, other)


# what a page may do to a garment
ACTIONS: dict[str, Callable[[Catalogue, Garment, Mapping[str, Any]], Garment]] = {
    "correct": lambda catalogue, garment, given: catalogue.correct(garment.id, _needed(given, "label")),
    "confirm": lambda catalogue, garment, given: catalogue.confirm(garment.id),
    "skip": lambda catalogue, garment, given: catalogue.skip(garment.id),
    "edit": _edit,
    "remove": lambda catalogue, garment, given: catalogue.remove(garment.id),
    "restore": lambda catalogue, garment, given: catalogue.restore(garment.id),
    "merge": _merge,
    "wear": lambda catalogue, garment, given: catalogue.wear(garment.id, _needed(given, "day")),
    "unwear": lambda catalogue, garment, given: catalogue.unwear(garment.id, _needed(given, "day")),
}


def _needed(given: Mapping[str, Any], name: str) -> str:
    text = _text(given, name, 200)
    if text is None:
        raise UsageError(f"{name} is missing; give it as text")
    return text


def _text(given: Mapping[str, Any], name: str, most: int) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > most:
        raise UsageError(f"{name}: give text of at most {most:,} characters")
    # an unpaired surrogate is JSON, but no database and no page takes it
    return value.encode("utf-8", "replace").decode("utf-8")
