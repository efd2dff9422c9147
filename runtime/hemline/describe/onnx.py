"""
ONNX: metadata_props "hemline" and "labels". The protobuf wire format is read as far as that needs: the fields
of ModelProto, each skipped by its length; the graph is never looked into.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline.describe.found import KEY, LABELS_KEY, MAX_BYTES, Found, label_lines

GRAPH, METADATA_PROPS = 7, 14  # field numbers of ModelProto
labels_text = label_lines

_MAX_FIELDS = 100_000
_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


def find(data: bytes) -> Found | None:
    """Return what the metadata holds, None when it is not hemline's."""
    properties: dict[bytes, bytes] = {}
    graphs = 0
    for number, content in _fields(data):
        graphs += number == GRAPH
        if number == METADATA_PROPS:  # StringStringEntryProto {key = 1, value = 2}
            entry = dict(_fields(content))
            properties[entry.get(1, b"")] = entry.get(2, b"")  # the last one counts, as in protobuf
    if not graphs:
        raise ValueError("not an ONNX model")
    text = properties.get(KEY.encode())
    return Found(text, properties.get(LABELS_KEY.encode())) if text is not None else None


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, content) of a message; the content of numbers and of what is too long is empty."""
    position = 0
    for _ in range(_MAX_FIELDS):
        if position == len(data):
            return
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == _LENGTH_DELIMITED:
            size, position = _varint(data, position)
        elif wire == _VARINT:
            size = _varint(data, position)[1] - position
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError("not an ONNX model")
        if size > len(data) - position:
            raise ValueError("not a whole ONNX model; it ends inside a field")
        whole = wire == _LENGTH_DELIMITED and size <= MAX_BYTES
        yield number, data[position : position + size] if whole else b""
        position += size
    raise ValueError(f"not an ONNX model; it has more than {_MAX_FIELDS} fields")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, least first, and the position behind it."""
    value = 0
    for index, byte in enumerate(data[position : position + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("not a whole ONNX model; it ends inside a number")
