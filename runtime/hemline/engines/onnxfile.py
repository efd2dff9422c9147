"""
Whether an ONNX file refers to data outside itself, found on the wire before any ONNX library reads it.

It matters for bytes too: of the versions tried, onnxruntime 1.17.0 and 1.20.0 read "../secret" for a model that
was given as bytes, 1.31.1 a file of the working directory. A bundle's files are whole, so all of it is refused.
Fields and their numbers: onnx.proto; the encoding: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

# the messages on the way to tensors: message -> {field number: message inside}
_INSIDE = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of Tensor; a location of 1 means another file
_MAX_DEPTH = 64


def refers_outside(content: bytes) -> bool:
    """Return whether any tensor of an ONNX file says that its values lie in another file.

    Raises ValueError when the bytes are not the messages of an ONNX file.
    """
    return _outside(memoryview(content), "Model", 0)


def _outside(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("graphs nested too deep")
    inside = _INSIDE.get(kind, {})
    for number, value in _fields(message):
        if kind == "Tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            return True
        if number in inside and isinstance(value, memoryview) and _outside(value, inside[number], depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (number, value) of each field: an integer, or the bytes of a text, a message or packed numbers."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire_type = tag & 7
        if wire_type == 0:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if wire_type == 2:
            length, position = _varint(message, position)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:  # groups, which ONNX does not use
            raise ValueError(f"wire type {wire_type}")
        if length > len(message) - position:
            raise ValueError("ends inside a field")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a variable-length integer and the position after it."""
    value = 0
    for index in range(10):  # 64 bits, seven to a byte
        if position + index >= len(message):
            raise ValueError("ends inside a number")
        byte = message[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("a number longer than 64 bits")
