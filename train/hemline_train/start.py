"""
The weights that a training begins with, where they are not random: those of another run of hemline's.

A layer takes over what the layer of the same name has learned, where its weights have the same shapes. The size of the
pictures may differ, and so may the classes; the classifying layer comes along where the labels are the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemline.bundle import class_lock
from hemline.errors import UsageError
from hemline_train.data import Pictures
from hemline_train.evaluate import model_of
from hemline_train.recipe import Recipe
from hemline_train.run import finished_run, read_facts

CLASSIFYING = "logits"
# of run.json's data: by these the same pictures are held out
HELD_OUT = ("validation", "split_seed", "limit")


@dataclass(frozen=True)
class Start:
    """A finished run to begin with. same_labels: it classifies into the same labels in the same order."""

    run: Path
    same_labels: bool

    @property
    def facts(self) -> dict[str, str]:
        """What run.json of the training that begins with it says of it."""
        digest = hashlib.sha256((self.run / "model.keras").read_bytes()).hexdigest()
        return {"run": self.run.name, "model_sha256": digest}

    def into(self, model: Any) -> int:
        """Put the run's weights into a model; return how many layers took them.

        Raises UsageError where no layer has the same name and shapes.
        """
        from hemline_train.models import take_over

        theirs = {layer.name: layer.get_weights() for layer in model_of(self.run).layers}
        if not self.same_labels:
            theirs.pop(CLASSIFYING, None)
        taken = take_over(model, theirs)
        if not taken:
            raise UsageError(f"start.run: no layer of {self.run} fits one of this model; their [model] must be alike")
        return taken


def start(recipe: Recipe, beside: Path, pictures: Pictures) -> Start | None:
    """Return what a recipe begins with, None where that is random.

    beside: the directory that runs given by name lie in.
    Raises UsageError for a run that is not there or not finished, and for one of the same data set that held out other
    pictures: it may have learnt what this one is validated on.
    """
    if recipe.start is None:
        return None
    run = finished_run(recipe.start.run, beside, f"{recipe.name} starts from", "start.run=PATH")
    theirs = read_facts(run)
    alike = all(theirs["data"][key] == getattr(recipe.data, key) for key in HELD_OUT)
    if theirs["data"]["name"] == pictures.name and not alike:
        raise UsageError(
            f"{recipe.name} starts from {run}: it was trained on another part of {pictures.name}, and may have seen "
            "pictures that this one is validated on; give both the same data.validation, split_seed and limit"
        )
    return Start(run, theirs["class_lock"] == class_lock(pictures.labels))
