"""
TFLite Metadata, as Android's and MediaPipe's readers know it: a ModelMetadata table inside the model, and the
files that it names in a ZIP archive behind the model.

The schema stands here in tables: its Python classes come with tflite-support (up to Python 3.11) and mediapipe (43 MB).
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import flatbuffers
import numpy as np

from hemline.describe import Description, tflite

# Tables of metadata_schema.fbs (github.com/tensorflow/tflite-support, identifier M001) and of TensorFlow Lite's
# schema.fbs: field names in the order of their slots, as far as they are used. A union is two fields, type and value.
TABLES: dict[str, tuple[str, ...]] = {
    "ModelMetadata": (
        *("name", "description", "version", "subgraph_metadata", "author", "license", "associated_files"),
        "min_parser_version",
    ),
    "SubGraphMetadata": ("name", "description", "input_tensor_metadata", "output_tensor_metadata"),
    "TensorMetadata": (
        *("name", "description", "dimension_names", "content", "process_units", "stats", "associated_files"),
    ),
    "Content": ("properties_type", "properties"),
    "FeatureProperties": (),
    "ImageProperties": ("color_space", "default_size"),
    "ImageSize": ("width", "height"),
    "ProcessUnit": ("options_type", "options"),
    "NormalizationOptions": ("mean", "std"),
    "Stats": ("max", "min"),
    "AssociatedFile": ("name", "description", "type"),
    "Buffer": ("data",),
    "Metadata": ("name", "buffer"),
}
# enumerations; the first three are unions, whose type is an unsigned byte
FEATURE_PROPERTIES, IMAGE_PROPERTIES, NORMALIZATION = np.uint8(1), np.uint8(2), np.uint8(1)
COLOR_SPACE = {3: np.int8(1), 1: np.int8(2)}  # channels: RGB, GRAYSCALE
DESCRIPTIONS, TENSOR_AXIS_LABELS = np.int8(1), np.int8(2)
MIN_PARSER_VERSION = "1.0.0"  # nothing here is newer than the first schema

# Model's fields in schema.fbs: all but the version are references
MODEL_FIELDS = 10
VERSION, BUFFERS, METADATA = 0, 4, 6
SCHEMA_VERSION = 3
ENTRY_NAME = "TFLITE_METADATA"
ALIGNMENT = 16  # of weights in a TFLite file


def write(model: bytes, description: Description) -> bytes:
    """Return a TFLite model that describes itself."""
    if model[4:8] != tflite.IDENTIFIER or zipfile.is_zipfile(io.BytesIO(model)):
        raise ValueError("not a TFLite model, or one that carries files already")
    archive = io.BytesIO(_with_entry(model, _model_metadata(description)))
    # stored, because readers map the files; a fixed date, so that the same model gives the same bytes
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as files:
        for name, text in (
            (tflite.LABELS_FILE, tflite.labels_text(description.labels)),
            (tflite.JSON_FILE, description.as_json()),
        ):
            files.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text.encode())
    return archive.getvalue()


def _model_metadata(description: Description) -> bytes:
    """Return the ModelMetadata table: what Android's and MediaPipe's readers show of a model."""
    contract = description.preprocess
    labels = _table("AssociatedFile", name=tflite.LABELS_FILE, type=TENSOR_AXIS_LABELS)
    everything = _table(
        "AssociatedFile",
        name=tflite.JSON_FILE,
        description="labels, class lock and preprocessing contract, for hemline",
        type=DESCRIPTIONS,
    )
    pixels = _table(
        "TensorMetadata",
        name="pixels",
        description=f"{contract.height}x{contract.width} pixels 0..255, fit {contract.fit}, "
        f"interpolation {contract.interpolation}, pad {contract.pad}, mirror {contract.mirror}; "
        "the model normalises them itself",
        content=_table(
            "Content",
            properties_type=IMAGE_PROPERTIES,
            properties=_table(
                "ImageProperties",
                color_space=COLOR_SPACE[contract.channels],
                default_size=_table("ImageSize", width=np.uint32(contract.width), height=np.uint32(contract.height)),
            ),
        ),
        process_units=[
            _table(
                "ProcessUnit",
                options_type=NORMALIZATION,
                options=_table("NormalizationOptions", mean=np.array([0], np.float32), std=np.array([1], np.float32)),
            )
        ],
        stats=_table("Stats", max=np.array([255], np.float32), min=np.array([0], np.float32)),
    )
    outputs = [
        _table(
            "TensorMetadata",
            name=name,
            description="one logit a label; their softmax is the probability" if name == "logits" else "",
            content=_table("Content", properties_type=FEATURE_PROPERTIES, properties=_table("FeatureProperties")),
            **({"associated_files": [labels]} if name == "logits" else {}),
        )
        for name in description.outputs
    ]
    root = _table(
        "ModelMetadata",
        name=description.name,
        description=f"{description.artifact}, class lock {description.class_lock}",
        version=description.version,
        subgraph_metadata=[
            _table("SubGraphMetadata", input_tensor_metadata=[pixels], output_tensor_metadata=outputs),
        ],
        author=f"hemline {description.hemline}",
        license=description.licence,
        associated_files=[everything],
        min_parser_version=MIN_PARSER_VERSION,
    )
    builder = flatbuffers.Builder()
    builder.Finish(_write(builder, root), b"M001")
    return bytes(builder.Output())


def _table(kind: str, /, **fields: Any) -> dict[int, Any]:
    """Return a table as {slot: value}: text, a numpy number or vector, another table, or a list of tables."""
    return {TABLES[kind].index(field): value for field, value in fields.items()}


def _write(builder: Any, value: Any) -> int:
    """Write a value, what it refers to first, and return its offset in the builder."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, np.ndarray):
        return int(builder.CreateNumpyVector(value))
    if isinstance(value, list):
        return _references(builder, [_write(builder, item) for item in value])
    offsets = {slot: _write(builder, item) for slot, item in value.items() if not isinstance(item, np.number)}
    add = {
        np.int8: builder.PrependInt8Slot,
        np.uint8: builder.PrependUint8Slot,
        np.uint32: builder.PrependUint32Slot,
    }
    builder.StartObject(max(value, default=-1) + 1)
    for slot, item in value.items():
        if slot in offsets:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        else:
            add[type(item)](slot, int(item), 0)
    return int(builder.EndObject())


def _references(builder: Any, offsets: list[int]) -> int:
    """Write a vector of references and return its offset."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _with_entry(model: bytes, metadata: bytes) -> bytes:
    """Return a TFLite model with a metadata entry more, all its present bytes unchanged behind a new front.

    References in a flatbuffer are relative and point forwards, so a new root with the old fields can stand
    before the old file. Packing the model again with TensorFlow's schema classes would lose whatever they do
    not know of a newer converter's file. The front is a multiple of 16 bytes: weights keep their alignment.
    """
    (root,) = struct.unpack_from("<L", model)
    vtable = root - struct.unpack_from("<l", model, root)[0]
    slots = struct.unpack_from("<H", model, vtable)[0] // 2 - 2
    fields = {slot: offset for slot, offset in enumerate(struct.unpack_from(f"<{slots}H", model, vtable + 4)) if offset}
    version = struct.unpack_from("<L", model, root + fields.pop(VERSION))[0] if VERSION in fields else 0
    if slots > MODEL_FIELDS or version != SCHEMA_VERSION:
        raise ValueError(f"TFLite schema {version} with {slots} fields; this version writes schema {SCHEMA_VERSION}")
    padded = model + bytes(-len(model) % ALIGNMENT)

    def target(position: int) -> int:
        """Return what the reference at a position points to, as the builder counts: from the end."""
        return len(padded) - position - int(struct.unpack_from("<L", model, position)[0])

    def items(slot: int) -> list[int]:
        if slot not in fields:
            return []
        start = len(padded) - target(root + fields[slot])
        (count,) = struct.unpack_from("<L", model, start)
        return [target(start + 4 + 4 * index) for index in range(count)]

    buffers = items(BUFFERS)
    # a builder writes from the end to the front; it is given the old file as what was written already
    builder = flatbuffers.Builder(2 * len(padded))
    builder.head -= len(padded)
    builder.Bytes[builder.head :] = padded
    builder.StartVector(1, len(metadata), ALIGNMENT)
    for byte in reversed(metadata):
        builder.PrependByte(byte)
    data = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, data, 0)
    new = {
        BUFFERS: _references(builder, [*buffers, builder.EndObject()]),
        METADATA: _references(
            builder,
            [*items(METADATA), _write(builder, _table("Metadata", name=ENTRY_NAME, buffer=np.uint32(len(buffers))))],
        ),
    }
    old = {slot: target(root + offset) for slot, offset in fields.items()}
    builder.StartObject(MODEL_FIELDS)
    builder.PrependUint32Slot(VERSION, version, 0)
    for slot, offset in {**old, **new}.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.Finish(builder.EndObject(), tflite.IDENTIFIER)
    return bytes(builder.Output())
