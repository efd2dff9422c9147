"""
A network as data: one short line a layer, "conv 64 padding=same", read into frozen dataclasses.

A line is a kind, its size where it has one, then key=value. C32-P-C64-P-D.3-F-128-D.3-10 is

    ["conv 32", "pool", "conv 64", "pool", "dropout 0.3", "flatten", "dense 128", "dropout 0.3"]

and a small residual network is

    ["conv 16 stride=2 padding=same norm=batch", "residual 16", "residual 32 stride=2", "average", "dropout 0.1"]

The classifying layer is not written down: its width is the number of labels the data has.
A new kind is one dataclass and one line in KINDS here, one function and one line in models.BUILDERS.
No TensorFlow: a recipe is checked in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from hemline.errors import UsageError, unknown

ACTIVATIONS = ("relu", "none")
PADDINGS = ("valid", "same")
NORMS = ("none", "batch")
SUMS = ("any", "zero")


@dataclass(frozen=True)
class Conv:
    """A convolution. kernel: its side in pixels. padding: "valid" shrinks by kernel - 1. stride: pixels a step.

    norm: "batch" puts batch normalisation between it and its activation, in the place of a bias.
    sum: "zero" keeps the sum of each filter's weights at 0, over its window and all channels: it answers to differences
        and not to how bright a picture is. Of a first layer, where light varies more than what is looked for.
    """

    size: int
    kernel: int = 3
    padding: str = "valid"
    activation: str = "relu"
    stride: int = 1
    norm: str = "none"
    sum: str = "any"

    def __post_init__(self) -> None:
        _positive("filters", self.size)
        _positive("kernel", self.kernel)
        _positive("stride", self.stride)
        _one_of("padding", self.padding, PADDINGS)
        _one_of("activation", self.activation, ACTIVATIONS)
        _one_of("norm", self.norm, NORMS)
        _one_of("sum", self.sum, SUMS)


@dataclass(frozen=True)
class Residual:
    """Two 3x3 convolutions, each with batch normalisation, added to what came in; ReLU after both.

    stride: of the first. Where size or picture change, a 1x1 convolution with batch normalisation brings what came
    in to them. Source: He et al. 2015, "Deep Residual Learning", its basic block with projection.
    """

    size: int
    stride: int = 1

    def __post_init__(self) -> None:
        _positive("filters", self.size)
        _positive("stride", self.stride)


@dataclass(frozen=True)
class Average:
    """(N, H, W, C) to (N, C): the mean over the picture, global average pooling."""


@dataclass(frozen=True)
class Maximum:
    """(N, H, W, C) to (N, C): the largest over the picture; what is a few pixels large counts in full."""


@dataclass(frozen=True)
class Pool:
    """The largest value of each size x size square.

    padding: "valid" leaves out what does not fill a square, "same" takes what there is of it.
    """

    size: int = 2
    padding: str = "valid"

    def __post_init__(self) -> None:
        _positive("size", self.size)
        _one_of("padding", self.padding, PADDINGS)


@dataclass(frozen=True)
class BatchNorm:
    """Each channel to mean 0 and variance 1 over the batch, then scaled and moved; over all training at inference."""


@dataclass(frozen=True)
class Dropout:
    """Zero each value with this probability, 0 up to but not including 1; in training only."""

    size: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.size < 1.0:
            raise UsageError(f"rate {self.size}; it is 0 or more and below 1")


@dataclass(frozen=True)
class Flatten:
    """(N, H, W, C) to (N, H * W * C)."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer with bias."""

    size: int
    activation: str = "relu"

    def __post_init__(self) -> None:
        _positive("width", self.size)
        _one_of("activation", self.activation, ACTIVATIONS)


Layer = Conv | Residual | Average | Maximum | Pool | BatchNorm | Dropout | Flatten | Dense

KINDS: dict[str, type[Layer]] = {
    "conv": Conv,
    "residual": Residual,
    "average": Average,
    "maximum": Maximum,
    "pool": Pool,
    "batchnorm": BatchNorm,
    "dropout": Dropout,
    "flatten": Flatten,
    "dense": Dense,
}


def parse(lines: Sequence[str]) -> tuple[Layer, ...]:
    """Return the layers that the lines describe; the UsageError of a wrong one quotes the line."""
    return tuple(_parse(line) for line in lines)


def _parse(line: str) -> Layer:
    words = line.split()
    if not words:
        raise UsageError("an empty line; write a layer such as 'conv 32'")
    if words[0] not in KINDS:
        raise UsageError(f"{line!r}: {unknown('layer', words[0], KINDS)}")
    kind = KINDS[words[0]]
    # the annotations are text here (PEP 563): "int", "float" or "str"
    types = {field.name: str(field.type) for field in fields(kind)}
    given: dict[str, Any] = {}
    for position, word in enumerate(words[1:]):
        key, equals, text = word.partition("=")
        if not equals and position == 0 and "size" in types:
            key, text = "size", word
        elif not equals or key not in types or key == "size":
            options = [f"{name}=" for name in types if name != "size"]
            raise UsageError(f"{line!r}: {unknown('option', word, options)}")
        if key in given:
            raise UsageError(f"{line!r}: {key} is given twice")
        given[key] = _value(line, key, text, types[key])
    if "size" not in given and any(f.name == "size" and f.default is MISSING for f in fields(kind)):
        raise UsageError(f"{line!r}: a {words[0]} needs its size, such as '{words[0]} {_EXAMPLES[words[0]]}'")
    try:
        return kind(**given)
    except UsageError as error:
        raise UsageError(f"{line!r}: {error}") from None


_EXAMPLES = {"conv": "32", "residual": "32", "dense": "128", "dropout": "0.3"}


def _value(line: str, key: str, text: str, type_name: str) -> Any:
    try:
        return {"int": int, "float": float, "str": str}[type_name](text)
    except ValueError:
        wanted = {"int": "a whole number", "float": "a number"}[type_name]
        raise UsageError(f"{line!r}: {key} is {wanted}, found {text!r}") from None


def _positive(what: str, value: int) -> None:
    if value < 1:
        raise UsageError(f"{what} {value}; it is 1 or more")


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(unknown(what, value, known))
