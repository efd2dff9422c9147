"""
The protobuf wire format, as far as finding a field takes: what an ONNX file says is read before, and without,
any ONNX library. Encoding: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (number, value) of each field: an integer, or the bytes of a text, a message or packed numbers.

    Nothing is copied. ValueError when the bytes are not a message.
    """
    message = memoryview(message)
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
        else:  # groups, which are no longer written
            raise ValueError(f"wire type {wire_type}")
        if length > len(message) - position:
            raise ValueError("ends inside a field")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, least first, and the position behind it."""
    value = 0
    for index in range(10):  # 64 bits
        if position + index >= len(message):
            raise ValueError("ends inside a number")
        byte = message[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("a number longer than 64 bits")
