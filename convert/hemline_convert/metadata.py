"""
Writing into an artifact what it is: labels, class lock, preprocessing contract, version and licence, each in the
form that its ecosystem reads. hemline.describe reads it back; what is between the two stands there.

No format's own library takes part, the model inside is not taken apart: a TFLite model keeps its every byte
behind a new front, an ONNX model gets fields at its end, an IR one element. So the answers cannot change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from xml.etree import ElementTree

from hemline.describe import Description, describable, onnx, openvino
from hemline.describe.found import KEY, LABELS_KEY
from hemline.errors import DataError
from hemline_convert import tflitemetadata

RESIZE_TYPES = {"pad": "fit_to_window_letterbox", "crop": "crop", "stretch": "standard"}
INTERPOLATIONS = {"area": "LINEAR", "linear": "LINEAR", "cubic": "CUBIC"}  # Model API has no area


def describe_artifact(files: Mapping[str, bytes], description: Description) -> dict[str, bytes]:
    """Return an artifact's files with the description inside the one that can carry it.

    files: {file name: bytes} as a converter returned them, not described yet.
    """
    name = next((name for name in files if describable(name)), None)
    if name is None:
        raise DataError(f"{', '.join(files)}: no file of a format that can describe itself")
    write = _WRITERS[name.rpartition(".")[2].lower()]
    try:
        return {**files, name: write(files[name], description)}
    except (ValueError, struct.error, ElementTree.ParseError) as error:
        raise DataError(f"{name}: cannot be described: {error}") from None


def _onnx(model: bytes, description: Description) -> bytes:
    """Return an ONNX model with metadata_props more: joining protobuf messages appends to their repeated fields."""
    if onnx.find(model) is not None:
        raise ValueError("it is described already")
    properties = {
        "name": description.name,
        "version": description.version,
        "license": description.licence,
        "class_lock": description.class_lock,
        LABELS_KEY: onnx.labels_text(description.labels),
        KEY: description.as_json(),
    }
    entries = (_field(1, key.encode()) + _field(2, value.encode()) for key, value in properties.items())
    return model + b"".join(_field(onnx.METADATA_PROPS, entry) for entry in entries)


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of a protobuf message; number below 16."""
    size, digits = len(content), []
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


def _openvino(xml: bytes, description: Description) -> bytes:
    """Return an IR with rt_info/model_info in the keys of OpenVINO Model API, so that it needs no argument."""
    if openvino.find(xml) is not None:
        raise ValueError("it is described already")
    contract = description.preprocess
    values = {
        "model_type": "Classification",
        LABELS_KEY: openvino.labels_text(description.labels),
        "resize_type": RESIZE_TYPES[contract.fit],
        "interpolation_mode": INTERPOLATIONS[contract.interpolation],
        "pad_value": str(contract.pad),
        # Model API is given BGR, as OpenCV reads it; mean_values and scale_values stay out: the model normalises
        "reverse_input_channels": "True",
        "multilabel": "False",
        "hierarchical": "False",
        "topk": "1",
        "confidence_threshold": "0.0",
        "output_raw_scores": "True",
        "name": description.name,
        "version": description.version,
        "license": description.licence,
        "class_lock": description.class_lock,
        KEY: description.as_json(),
    }
    net = ElementTree.fromstring(xml)  # noqa: S314 - our converter's own
    info = net.find("rt_info")
    if info is None:
        info = ElementTree.SubElement(net, "rt_info")
    for old in info.findall(openvino.SECTION):
        info.remove(old)
    section = ElementTree.SubElement(info, openvino.SECTION)
    for key, value in values.items():
        ElementTree.SubElement(section, key, {"value": value})
    ElementTree.indent(section, "\t", 2)
    described: bytes = ElementTree.tostring(net, encoding="utf-8", xml_declaration=True)
    return described


_WRITERS: dict[str, Callable[[bytes, Description], bytes]] = {
    "tflite": tflitemetadata.write,
    "onnx": _onnx,
    "xml": _openvino,
}
