"""
What is in a TFLite file: operators with versions and options, tensors with shapes, types and constants.

Read with the flatbuffer classes that ai-edge-litert carries, which need no TensorFlow. Nothing is executed
and no interpreter sees the bytes, so a file of a newer schema can still be described.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError, MissingError

# the first that is installed; TensorFlow's own copy costs the import of TensorFlow
SCHEMAS = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")
IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every TFLite file
DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}


@dataclass(frozen=True)
class Tensor:
    """One tensor.

    shape: sizes as stored; a size that is only known at run time is stored as 1. dynamic: whether there is one.
    type: as the schema names it, "INT8". scales: how many scales quantize it, 0 when nothing does.
    content: its bytes when it is a constant, else None. variable: state that is kept between runs.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dynamic: bool
    type: str
    scales: int
    zero_point: int
    content: bytes | None
    variable: bool

    @property
    def constant(self) -> bool:
        """Whether its values are in the file."""
        return self.content is not None

    @property
    def elements(self) -> int:
        """How many values it holds."""
        return int(np.prod(self.shape, dtype=np.int64))

    def values(self) -> NDArray[Any] | None:
        """Return the constant's values, flat, or None when it is none or of a type without a numpy one."""
        if self.content is None or self.type not in DTYPES:
            return None
        return np.frombuffer(self.content, np.dtype(DTYPES[self.type]).newbyteorder("<"))


@dataclass(frozen=True)
class Operator:
    """One operator. name: as the schema names it, "CONV_2D"; a custom operator's own name.

    inputs: by position, None where an optional one is left out. options: as the schema names them.
    """

    index: int
    name: str
    custom: bool
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """One subgraph; operators in the order in which they run."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]


def read(content: bytes, *, name: str = "model") -> tuple[Graph, ...]:
    """Return the subgraphs of a TFLite file, the main one first. `name` is what errors call the file."""
    if content[4:8] != IDENTIFIER:
        raise DataError(f"{name}: not a TFLite file; bytes 4 to 7 are {content[4:8]!r}, expected {IDENTIFIER!r}")
    schema = _schema()
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
        return tuple(_graph(model, subgraph, content, schema) for subgraph in model.subgraphs)
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        # the generated reader checks no offset: a damaged file ends in whichever of these comes first
        raise DataError(f"{name}: a damaged TFLite file ({error}); convert it again") from error


def _schema() -> ModuleType:
    for module in SCHEMAS:
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError:
            continue
    raise MissingError("reading a TFLite file needs ai-edge-litert: pip install 'hemline[convert]'")


def _graph(model: Any, subgraph: Any, content: bytes, schema: ModuleType) -> Graph:
    types = {number: name for name, number in vars(schema.TensorType).items() if isinstance(number, int)}
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    tensors = [_tensor(index, row, model, content, types) for index, row in enumerate(subgraph.tensors)]
    operators = []
    for index, row in enumerate(subgraph.operators):
        code = model.operatorCodes[row.opcodeIndex]
        # codes above 126 stand in builtinCode alone, older writers fill the deprecated one alone
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        custom = number == schema.BuiltinOperator.CUSTOM
        operators.append(
            Operator(
                index,
                _text(code.customCode) if custom else names.get(number, f"BUILTIN_{number}"),
                custom,
                int(code.version),
                tuple(None if at < 0 else tensors[at] for at in _list(row.inputs)),
                tuple(tensors[at] for at in _list(row.outputs)),
                dict(vars(row.builtinOptions)) if row.builtinOptions is not None else {},
            )
        )
    inputs, outputs = (tuple(tensors[at] for at in _list(row)) for row in (subgraph.inputs, subgraph.outputs))
    return Graph(inputs, outputs, tuple(operators))


def _tensor(index: int, row: Any, model: Any, content: bytes, types: Mapping[int, str]) -> Tensor:
    shape, signature = _list(row.shape), _list(row.shapeSignature)
    quantization = row.quantization
    zero_points = _list(quantization.zeroPoint) if quantization is not None else []
    return Tensor(
        index,
        _text(row.name),
        tuple(shape),
        any(size < 0 for size in (*shape, *signature)),
        types.get(row.type, f"TYPE_{row.type}"),
        len(_list(quantization.scale)) if quantization is not None else 0,
        zero_points[0] if zero_points else 0,
        _constant(model.buffers[row.buffer], content),
        bool(row.isVariable),
    )


def _constant(buffer: Any, content: bytes) -> bytes | None:
    if getattr(buffer, "offset", 0) > 1:  # files above 2 GiB keep their buffers behind the flatbuffer
        return content[buffer.offset : buffer.offset + buffer.size]
    return bytes(bytearray(buffer.data)) if buffer.data is not None and len(buffer.data) else None


def _list(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
