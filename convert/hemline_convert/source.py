"""
What a converter is given and what it gives back. A format is one module with PRECISIONS, METHODS and
convert(source, precision, *, options) -> Converted, and one line in FORMATS of pipeline.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError, unknown
from hemline.preprocess import Preprocess

OUTPUTS = ("logits", "embedding")


@dataclass(frozen=True)
class Options:
    """How to quantize, where there is a choice; the float formats have none.

    calibration: how many of the run's calibration pictures to look at, None for all.
    per_channel: a scale for each output channel of a weight, else one for the whole weight.
    method: from a tensor's values to its range, one of the format's METHODS. "minmax" covers all of them,
        "percentile" leaves out the few that are farthest away.
    """

    calibration: int | None = None
    per_channel: bool = True
    method: str = "minmax"

    def check(self, engine: str, methods: Sequence[str]) -> None:
        """Raise UsageError when the format does not have the method."""
        if self.method not in methods:
            raise UsageError(f"{engine}: {unknown('calibration method', self.method, methods)}")


DEFAULTS = Options()


@dataclass(frozen=True)
class Source:
    """A float model and what it was trained for.

    model: Keras model, float32 pixels 0..255 (N, H, W, C) in, logits and embedding out.
    calibration: (N, H, W, C) uint8, training pictures as Preprocess.apply returned them.
    """

    name: str
    model: Any
    labels: tuple[str, ...]
    preprocess: Preprocess
    calibration: NDArray[np.uint8]

    @property
    def widths(self) -> dict[str, int]:
        """{"logits": classes, "embedding": D} as the model has them."""
        outputs = self.model.output
        named = outputs if isinstance(outputs, dict) else dict(zip(OUTPUTS, outputs, strict=True))
        return {name: int(named[name].shape[-1]) for name in OUTPUTS}

    def pictures(self, options: Options) -> NDArray[np.uint8]:
        """Return the pictures to calibrate with, (n, H, W, C) uint8.

        Two corners of the first are 0 and 255 in every channel. Converters take a tensor's range from the
        values they see, and the range of the pixels is known: 0..255, whatever these pictures hold.
        """
        count = len(self.calibration) if options.calibration is None else options.calibration
        if not 1 <= count <= len(self.calibration):
            raise UsageError(f"{count} calibration pictures; the run has {len(self.calibration)}")
        pictures = self.calibration[:count].copy()
        pictures[0, 0, 0], pictures[0, -1, -1] = 0, 255
        return pictures

    def layer_of(self, node: str) -> str:
        """Return the name of the layer that a node of a converted graph came from; the node's own when none did.

        node: as converters name them, "hemline_1/conv1_1/BiasAdd": each layer of the model that was called
        again, with the number of the call behind its name.
        """
        # of a functional model, operations are its layers and the keras.ops between them
        layers = {layer.name for layer in getattr(self.model, "operations", self.model.layers)}
        for part in node.replace(":", "/").split("/"):
            for name in (part, part.rpartition("_")[0]):
                if name in layers:
                    return name
        return node


@dataclass(frozen=True)
class Converted:
    """An artifact's files, its outputs by position, and the oldest runtime that was seen to load it.

    lint: what a checker of the format found, for the manifest; JSON values only.
    remarks: lines for the person who converts.
    measure_with, measure_files: the engine and the files that stand in for the artifact when it is measured,
        where its own engine can run nowhere but on the device; None for the artifact itself.
    """

    files: Mapping[str, bytes]
    outputs: tuple[str, ...]
    min_runtime: str | None = None
    lint: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    measure_with: str | None = None
    measure_files: Mapping[str, bytes] | None = None
