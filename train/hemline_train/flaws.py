"""
Flaws drawn into pictures of good parts while a network trains: a line has many good parts and few of each defect.

What is drawn is what light does to a surface: a hole is dark and has a rim, a crack is a dark line, a chip is missing
from the edge, a stain is dull and has an outline, a step is a patch that reflects otherwise. A picture that gets one is
trained towards the class of that flaw. Held-out pictures are never drawn on. Where flaws are marked
(hemline_train.marked) those are copied, too (hemline_train.copies).
Law, as in hemline_train.augment: what a picture becomes follows from its row of random numbers alone.
Source of the idea: Li et al. 2021, "CutPaste"; Zavrtanik et al. 2021, "DRAEM".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError, unknown
from hemline_train import copies
from hemline_train.flawdrawing import KINDS, draw
from hemline_train.tables import number

if TYPE_CHECKING:
    from hemline_train.data import Part
    from hemline_train.marked import Box

Pixels = NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True)
class FlawsConfig:
    """Which flaws are drawn, and the class that each is of; "" draws none of it.

    share: of the good pictures, in each epoch, that get one; as many of each kind, drawn or copied.
    marks: where flaws are in the pictures: a PATH.csv, or the name of a data set whose marks came with hemline.
    copied: classes whose marked flaws are copied into good pictures. What goes all through a part cannot be.
    places: what the loss at each place of the feature map counts beside that of the picture (hemline_train.places).
    other: classes whose parts may have other flaws beside the marked ones: of the rest of them no place is asked.
    good_bias: is added to the logit of good parts at the end. Who has seen many flaws drawn sees some where there are
        none, in parts that are new; how much to add, the answers of a cross-validation to such parts say.
    window: side in pixels of the windows that learning begins with (hemline_train.windows); 0 begins with the pictures.
    windows: how many there are. window_epochs: how often they are all seen. window_rate: their learning rate; 0 takes
        the training's own. window_marked: the share of the windows with a flaw that are of marked ones.
    """

    share: float = number(0.0, 1.0)
    hole: str = ""
    crack: str = ""
    chip: str = ""
    stain: str = ""
    step: str = ""
    marks: str = ""
    copied: tuple[str, ...] = ()
    places: float = number(0.0, 100.0, default=0.0)
    other: tuple[str, ...] = ()
    good_bias: float = number(-10.0, 10.0, default=0.0)
    window: int = number(0, 4096, default=0)
    windows: int = number(1, 1_000_000, default=6000)
    window_epochs: int = number(1, 1000, default=6)
    window_rate: float = number(0.0, 10.0, default=0.0)
    window_marked: float = number(0.0, 1.0, default=0.5)

    @property
    def labels(self) -> dict[str, str]:
        """The class of each kind that is drawn."""
        return {kind: label for kind in KINDS if (label := getattr(self, kind))}

    def __post_init__(self) -> None:
        if self.copied and not self.marks:
            raise UsageError(f"flaws.copied {', '.join(self.copied)}: where they are is not known; give flaws.marks")
        if self.places and not self.marks:
            raise UsageError("flaws.places: where flaws are is not known; give flaws.marks")
        if not self.labels and not self.copied:
            raise UsageError(f"no flaw is named; give the class of one or more of {', '.join(KINDS)}")


COPY = "copy"  # the kind of what is copied


@dataclass(frozen=True, eq=False)
class Flaws:
    """What is drawn into which pictures.

    good: the class that is drawn on. kinds: (kind, its class), copies among them; classes by number.
    marked: (picture (H, W, C), box, class) of every flaw that may be copied. other: classes of parts that may have
    flaws beside the marked ones. good_bias: as in FlawsConfig.
    """

    share: float
    good: int
    kinds: tuple[tuple[str, int], ...]
    marked: tuple[tuple[Pixels, Box, int], ...] = ()
    other: frozenset[int] = frozenset()
    good_bias: float = 0.0

    @classmethod
    def of(cls, config: FlawsConfig | None, good: str, labels: Sequence[str]) -> Flaws | None:
        """Return the flaws of a recipe's [flaws] with the labels of its data, None without any."""
        if config is None:
            return None
        named = [*config.labels.items(), *(("copied", label) for label in config.copied)]
        for kind, label in (*named, *(("other", label) for label in config.other)):
            if label not in labels or label == good:
                raise UsageError(f"flaws.{kind}: {unknown('defect', label, [name for name in labels if name != good])}")
        kinds = tuple((COPY if kind == "copied" else kind, list(labels).index(label)) for kind, label in named)
        other = frozenset(list(labels).index(label) for label in config.other)
        return cls(config.share, list(labels).index(good), kinds, other=other, good_bias=config.good_bias)

    def knowing(self, train: Part) -> Flaws:
        """Return the flaws with those that are marked in what is trained on; no other is copied."""
        wanted = [target for kind, target in self.kinds if kind == COPY]
        marked = tuple(
            (pixels, box, target)
            for pixels, target, boxes in zip(train.pixels, train.targets.tolist(), train.marks or (), strict=False)
            if target in wanted
            for box in boxes
        )
        there = {target for _, _, target in marked}
        return replace(self, marked=marked, kinds=tuple(one for one in self.kinds if one[0] != COPY or one[1] in there))

    def shift(self, targets: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
        """Return what takes the logits (classes,) of a network that saw these flaws to how often parts have one.

        Every defect is as likely then as any other: which of them a line makes changes from week to week. good_bias is
        in it.
        targets: (N,) of the pictures as they are. Source: Menon et al. 2021, "Long-tail learning via logit adjustment".
        """
        there = np.bincount(targets, minlength=classes).astype(np.float64)
        seen = there.copy()
        if self.kinds:
            changed = self.share * there[self.good]
            seen[self.good] -= changed
            for _, target in self.kinds:
                seen[target] += changed / len(self.kinds)
        flawed = (there > 0) & (np.arange(classes) != self.good)
        there[flawed] = there[flawed].mean() if flawed.any() else 0.0
        known = (there > 0) & (seen > 0)
        shift = np.zeros(classes)
        shift[known] = np.log(there[known] / seen[known])
        shift[self.good] += self.good_bias
        return shift.astype(np.float32)

    def chosen(self, targets: NDArray[np.int64], gates: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the place in `kinds` of what each picture gets, (N,), -1 for nothing. gates: (N,) 0 to below 1."""
        if not (self.share and self.kinds):
            return np.full(len(gates), -1)
        place = (gates * (len(self.kinds) / self.share)).astype(np.int64)
        return np.where((targets == self.good) & (gates < self.share), np.minimum(place, len(self.kinds) - 1), -1)

    def targets(self, targets: NDArray[np.int64], gates: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return what each picture is trained towards, (N,)."""
        chosen = self.chosen(targets, gates)
        classes = np.array([*(target for _, target in self.kinds), -1], np.int64)
        return np.where(chosen >= 0, classes[chosen], targets)

    def drawn(
        self,
        pixels: Pixels,
        targets: NDArray[np.int64],
        gates: NDArray[np.float32],
        seeds: NDArray[np.float32],
        pad: int,
    ) -> Pixels:
        """Return the pictures (N, H, W, C) with their flaws, a copy. seeds: (N,), of each picture's own generator."""
        out = pixels.copy()
        chosen = self.chosen(targets, gates)
        for index in np.flatnonzero(chosen >= 0):
            random = np.random.Generator(np.random.SFC64(int(np.float32(seeds[index]).view(np.uint32))))
            out[index] = self.one(self.kinds[chosen[index]], out[index], random, pad=pad)
        return out

    def one(self, kind: tuple[str, int], picture: Pixels, random: Random, *, pad: int) -> Pixels:
        """Return a picture (H, W, C) with one flaw of a kind, drawn or copied."""
        if kind[0] != COPY:
            return draw(kind[0], picture, random, pad=pad)
        there = [index for index, (_, _, target) in enumerate(self.marked) if target == kind[1]]
        source, box, _ = self.marked[there[int(random.integers(len(there)))]]
        return copies.copy(picture, source, box, random, pad=pad)
