"""
ONNX: metadata_props "hemline" and "labels" of ModelProto, whose graph is never looked into.
"""

from __future__ import annotations

from hemline.describe.found import KEY, LABELS_KEY, MAX_BYTES, Found, label_lines
from hemline.protobuf import fields

GRAPH, METADATA_PROPS = 7, 14  # field numbers of ModelProto
labels_text = label_lines

_MAX_FIELDS = 100_000


def find(data: bytes) -> Found | None:
    """Return what the metadata holds, None when it is not hemline's."""
    properties: dict[bytes, bytes] = {}
    graphs = 0
    try:
        for count, (number, value) in enumerate(fields(data)):
            if count == _MAX_FIELDS:
                raise ValueError(f"more than {_MAX_FIELDS} fields")
            graphs += number == GRAPH
            if number == METADATA_PROPS and isinstance(value, memoryview):
                entry = {key: text for key, text in fields(value[:MAX_BYTES]) if isinstance(text, memoryview)}
                # StringStringEntryProto {key = 1, value = 2}; of two with one key the last counts
                properties[bytes(entry.get(1, b""))] = bytes(entry.get(2, b""))
    except ValueError as error:
        raise ValueError(f"not a whole ONNX model ({error})") from None
    if not graphs:
        raise ValueError("not an ONNX model; it has no graph")
    text = properties.get(KEY.encode())
    return Found(text, properties.get(LABELS_KEY.encode())) if text is not None else None
