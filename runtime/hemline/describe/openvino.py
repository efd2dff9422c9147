"""
OpenVINO IR: rt_info/model_info, where OpenVINO Model API looks, with "hemline" and "labels" among its keys.

The XML is searched, not parsed: model_info stands behind the layers, its entries are flat, and expat would
take 9 ms to import and go through every layer.
"""

from __future__ import annotations

import re

from hemline.describe.found import KEY, LABELS_KEY, MAX_BYTES, Found

SECTION = "model_info"

_ENTRY = re.compile(rb"""<([A-Za-z_][\w.-]*)\s+value=(?:"([^"<]*)"|'([^'<]*)')\s*/>""")
_ESCAPED = re.compile("&(?:(quot|amp|lt|gt|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
_CHARACTERS = {"quot": '"', "amp": "&", "lt": "<", "gt": ">", "apos": "'"}


def labels_text(labels: tuple[str, ...]) -> str:
    """Return the labels as Model API splits them: a space between two, blanks inside one replaced by _."""
    return " ".join("_".join(label.split()) for label in labels)


def find(data: bytes) -> Found | None:
    """Return what model_info holds, None when it is not hemline's."""
    if b"<net " not in data[:4096]:
        raise ValueError("not an OpenVINO IR")
    start = data.rfind(f"<{SECTION}>".encode())
    end = data.find(f"</{SECTION}>".encode(), start, start + MAX_BYTES) if start >= 0 else -1
    section = data[start:end] if end > 0 else b""
    entries = {match[1].decode(): (match[2] or match[3] or b"").decode() for match in _ENTRY.finditer(section)}
    if KEY not in entries:
        return None
    labels = entries.get(LABELS_KEY)
    return Found(_plain(entries[KEY]).encode(), None if labels is None else _plain(labels).encode())


def _plain(escaped: str) -> str:
    """Return an attribute's value without XML's escapes."""
    return _ESCAPED.sub(
        lambda match: _CHARACTERS.get(match[1]) or chr(int(match[2] or match[3], 10 if match[2] else 16)), escaped
    )
