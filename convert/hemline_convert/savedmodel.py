"""
A SavedModel, read and never run.

A SavedModel is a program: loading it runs operators of its own choice, and some read and write files. So it is
not loaded. Its graph is parsed as data, its variables are read from their file, and each operator is answered
by a Keras layer that does the same; an operator that is not in the table is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError
from hemline_convert import operators

SIGNATURE = "serving_default"
MAX_GRAPH_BYTES = 256 << 20
MAX_NODES, MAX_DEPTH = 100_000, 16
VARIABLE_KEY = "VARIABLE_VALUE"
CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def read(directory: Path) -> Any:
    """Return the keras.Model that answers as the serving signature of a SavedModel does."""
    saved = _parsed(directory / "saved_model.pb")
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].object_graph_def.nodes:
        raise DataError(f"{directory}: not written by TensorFlow 2; export it again with model.export()")
    graph = saved.meta_graphs[0]
    objects = graph.object_graph_def
    name = _signature(objects, directory)
    concrete = objects.concrete_functions[name]
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    if name not in functions:
        raise DataError(f"{directory}: its signature names the function {name!r}, which is not there; export it again")
    arguments = functions[name].signature.input_arg
    variables = _variables(directory, objects)
    captured = [_captured(graph, variables, index) for index in concrete.bound_inputs]
    if len(arguments) != 1 + len(captured):
        raise DataError(f"{directory}: takes {len(arguments) - len(captured)} inputs; hemline converts models of one")
    pixels = _input(graph.signature_def[SIGNATURE], directory)
    outputs = _Graph(functions).call(name, [pixels, *captured])
    if len(outputs) != 1:
        raise DataError(f"{directory}: {len(outputs)} outputs; hemline converts models of one, a score for each class")
    return keras.Model(pixels, outputs[0], name="savedmodel")


def _parsed(path: Path) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # types are another package
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        if path.stat().st_size > MAX_GRAPH_BYTES:
            raise DataError(f"{path}: larger than {MAX_GRAPH_BYTES >> 20} MiB, no graph of a small model")
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except DecodeError as error:
        raise DataError(f"{path}: not a SavedModel ({error}); export it again with model.export()") from None
    return saved


def _signature(objects: Any, directory: Path) -> str:
    """Return the name of the function behind the serving signature."""
    index = _child(objects, 0, "signatures")
    index = None if index is None else _child(objects, index, SIGNATURE)
    if index is None or objects.nodes[index].WhichOneof("kind") != "bare_concrete_function":
        raise DataError(f"{directory}: no signature {SIGNATURE!r}; export it again with model.export()")
    return str(objects.nodes[index].bare_concrete_function.concrete_function_name)


def _child(objects: Any, index: int, name: str) -> int | None:
    found = [child.node_id for child in objects.nodes[index].children if child.local_name == name]
    return found[0] if found and 0 <= found[0] < len(objects.nodes) else None


def _input(signature: Any, directory: Path) -> Any:
    if len(signature.inputs) != 1:
        raise DataError(f"{directory}: {len(signature.inputs)} inputs; hemline converts models of one picture")
    (given,) = signature.inputs.values()
    shape = tuple(dim.size if dim.size > 0 else None for dim in given.tensor_shape.dim)
    return keras.Input(shape[1:], dtype="float32", name="pixels_as_exported")


def _variables(directory: Path, objects: Any) -> Mapping[int, NDArray[Any]]:
    """Return {number of a variable's node: its value}: both graphs of objects are walked side by side."""
    import tensorflow as tf
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    try:
        reader = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
        stored = trackable_object_graph_pb2.TrackableObjectGraph()
        stored.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        keys = _keys(objects, stored)
        return {index: np.asarray(reader.get_tensor(key)) for index, key in keys.items()}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{directory}/variables: cannot be read ({reason}); export it again") from None


def _keys(objects: Any, stored: Any) -> dict[int, str]:
    keys: dict[int, str] = {}
    rest, seen = [(0, 0)], {0}
    while rest:
        index, there = rest.pop()
        for attribute in stored.nodes[there].attributes:
            if attribute.name == VARIABLE_KEY and objects.nodes[index].WhichOneof("kind") == "variable":
                keys[index] = attribute.checkpoint_key
        by_name = {child.local_name: child.node_id for child in stored.nodes[there].children}
        for child in objects.nodes[index].children:
            if child.local_name in by_name and child.node_id not in seen:
                seen.add(child.node_id)
                rest.append((child.node_id, by_name[child.local_name]))
    return keys


def _captured(graph: Any, variables: Mapping[int, NDArray[Any]], index: int) -> NDArray[Any]:
    """Return the value of something that a function was traced with: a variable or a constant."""
    import tensorflow as tf

    node = graph.object_graph_def.nodes[index]
    if index in variables:
        return variables[index]
    if node.WhichOneof("kind") == "constant":
        constants = {entry.name: entry for entry in graph.graph_def.node if entry.op == "Const"}
        if node.constant.operation in constants:
            return np.asarray(tf.make_ndarray(constants[node.constant.operation].attr["value"].tensor))
    kind = node.WhichOneof("kind")
    raise DataError(f"the graph is given a {kind}; hemline converts graphs of variables and constants")


class _Graph:
    """The functions of a graph, answered operator by operator with arrays and Keras tensors."""

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self._functions = functions
        self._layers = operators.Layers()
        self._nodes = 0

    def call(self, name: str, arguments: Sequence[Any], depth: int = 0) -> list[Any]:
        """Return what a function gives for its arguments, in the order of its signature."""
        if name not in self._functions or depth > MAX_DEPTH:
            raise DataError(f"calls the function {name!r}, which is not there or too deep; export it again")
        function = self._functions[name]
        nodes = {node.name: node for node in function.node_def}
        values = {
            argument.name: [value] for argument, value in zip(function.signature.input_arg, arguments, strict=True)
        }
        wanted = [function.ret[output.name] for output in function.signature.output_arg]
        self._evaluate(nodes, values, wanted, depth)
        return [_value(values, reference) for reference in wanted]

    def _evaluate(self, nodes: Mapping[str, Any], values: dict[str, list[Any]], wanted: list[str], depth: int) -> None:
        """Fill in the values of what is wanted. A stack of its own: a deep network would overrun Python's."""
        stack = [_node(reference) for reference in reversed(wanted)]
        waiting: set[str] = set()
        while stack:
            name = stack[-1]
            if name in values:
                stack.pop()
                continue
            if name not in nodes:
                raise DataError(f"node {name!r} is named and not there; export it again")
            # an input with ^ says when, not what
            inputs = [reference for reference in nodes[name].input if not reference.startswith("^")]
            missing = [_node(reference) for reference in inputs if _node(reference) not in values]
            if not missing:
                values[name] = self._answer(nodes[name], [_value(values, reference) for reference in inputs], depth)
                continue
            if name in waiting:
                raise DataError(f"node {name!r} depends on itself; hemline converts graphs without loops")
            waiting.add(name)
            stack += missing

    def _answer(self, node: Any, inputs: list[Any], depth: int) -> list[Any]:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise DataError(f"more than {MAX_NODES:,} operators, no graph of a small model")
        if node.op in CALLS:
            return self.call(node.attr["f"].func.name, inputs, depth + 1)
        if node.op == "IdentityN":
            return inputs
        return [self._layers.answer(node, inputs)]


def _node(reference: str) -> str:
    return reference.partition(":")[0]


def _value(values: Mapping[str, list[Any]], reference: str) -> Any:
    """Return the value behind "node:output:number"; a node with several outputs here is a call."""
    name, _, output = reference.partition(":")
    found = values[name]
    number = int(output.rpartition(":")[2]) if output and len(found) > 1 else 0
    return found[number]
