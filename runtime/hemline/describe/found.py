"""What a format's reader finds in an artifact, before anything is believed of it."""

from __future__ import annotations

from typing import NamedTuple

KEY = "hemline"  # in ONNX metadata_props and OpenVINO model_info
LABELS_KEY = "labels"
MAX_BYTES = 4 << 20  # of one text inside an artifact


class Found(NamedTuple):
    """The JSON that hemline wrote, and the labels that the ecosystem reads, or None when there are none."""

    json: bytes
    labels: bytes | None


def label_lines(labels: tuple[str, ...]) -> str:
    """Return the labels one a line, as labels.txt and ONNX metadata hold them."""
    return "".join(f"{label}\n" for label in labels)
