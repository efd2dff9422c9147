"""
Whether an ONNX file refers to data outside itself, found on the wire before any ONNX library reads it.

It matters for bytes too: of the versions tried, onnxruntime 1.17.0 and 1.20.0 read "../secret" for a model that
was given as bytes, 1.31.1 a file of the working directory. A bundle's files are whole, so all of it is refused.
The numbers of the fields are those of onnx.proto.
"""

from __future__ import annotations

from hemline.protobuf import fields

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
    for number, value in fields(message):
        if kind == "Tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            return True
        if number in inside and isinstance(value, memoryview) and _outside(value, inside[number], depth + 1):
            return True
    return False
