"""
Short tensor names in a TFLite file.

The converter joins the names of everything that went into a tensor: 150 bytes and more for each, a tenth of a
small model's file. Nothing computes with them.
"""

from __future__ import annotations

import flatbuffers


def shortened(model: bytes) -> bytes:
    """Return a TFLite model whose tensors have short names, different ones; everything else is as it was.

    model: as this TensorFlow's converter wrote it, so that its own schema knows every field.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    table = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    for graph in table.subgraphs:
        taken: set[str] = set()
        for tensor in graph.tensors:
            tensor.name = _free(_short(_text(tensor.name)), taken)
            taken.add(tensor.name)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(table.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _text(name: bytes | str | None) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""


def _short(name: str) -> str:
    """Return "conv4_1/Relu" of "functional_1/hemline_1/conv4_1/Relu;functional_1/hemline_1/conv4_conv_1/..."."""
    return "/".join(name.partition(";")[0].split("/")[-2:])


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}:{number}"
    return free
