"""
Which operators of a TFLite file run on the Edge TPU and which stay on the processor, each with the reason.

The compiler maps one connected part of the graph: "as soon as an unsupported operation occurs, that operation
and everything after it executes on the CPU, even if supported operations occur later". A leading QUANTIZE of
float pixels is the exception that the same page names ("the compiler leaves a quantize op at the beginning of
your graph (which runs on the CPU)"): https://coral.ai/docs/edgetpu/models-intro/#compiling. "After" is read as
"depends on": in the logs that people publish, a branch beside an unmapped operator is mapped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hemline.report import table as text_table
from hemline.report.table import size
from hemline_convert import tflitegraph
from hemline_convert.edgetpu_rules import COMPILER, ON_CHIP_BYTES, READ, RULES
from hemline_convert.tflitegraph import Graph, Operator, Tensor

COMPILED = "edgetpu-custom-op"  # the name of the one operator that the compiler puts in place of all it maps
EIGHT_BIT = ("INT8", "UINT8")


@dataclass(frozen=True)
class Placement:
    """Where one operator runs.

    layer: the Keras layer it came from, or else the end of its output's name.
    where: "edgetpu" or "cpu". why: the reason on the CPU; a caution, or "", on the Edge TPU.
    refused: the compiler would not read the file because of it.
    """

    operator: str
    version: int
    layer: str
    where: str
    why: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Report:
    """The placements in the order of execution.

    parameter_bytes: constants of the operators on the Edge TPU. runtime: least Edge TPU runtime version, 0 for
    every one. subgraphs: of the file; those beyond the first belong to control flow.
    """

    placements: tuple[Placement, ...]
    parameter_bytes: int
    runtime: int
    subgraphs: int = 1

    def count(self, where: str) -> int:
        """Return how many operators run on "edgetpu" or on "cpu"."""
        return sum(row.where == where for row in self.placements)

    @property
    def compilable(self) -> bool:
        """Whether the compiler would read the file and map something."""
        return self.count("edgetpu") > 0 and not any(row.refused for row in self.placements)

    @property
    def streamed_bytes(self) -> int:
        """Parameters beyond the on-chip memory; they cross the bus for every picture."""
        return max(0, self.parameter_bytes - ON_CHIP_BYTES)

    def groups(self) -> list[dict[str, Any]]:
        """Return the placements as plain values, those alike counted in one row: where its first one is."""
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for place in self.placements:
            row = rows.setdefault(
                (place.operator, place.where, place.why),
                {"operator": place.operator, "count": 0, "where": place.where, "why": place.why, "first": place.layer},
            )
            row["count"] += 1
        return list(rows.values())

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into a manifest; JSON values only."""
        return {
            "rules": COMPILER,
            "edgetpu": self.count("edgetpu"),
            "cpu": self.count("cpu"),
            "subgraphs": self.subgraphs,
            "runtime": self.runtime,
            "parameter_bytes": self.parameter_bytes,
            "on_chip_bytes": ON_CHIP_BYTES,
            "streamed_bytes": self.streamed_bytes,
            "operators": self.groups(),
        }


def lint(content: bytes, *, name: str = "model", layer_of: Callable[[str], str] = str) -> Report:
    """Return where each operator of an int8 TFLite file would run.

    name: what errors call the file. layer_of: from a node's name to its layer's, the node's own where there is none.
    """
    main, *others = tflitegraph.read(content, name=name)
    placements, mapped = _place(main, layer_of)
    for number, graph in enumerate(others, 1):
        why = f"in subgraph {number}, called by an operator on the CPU"
        placements += [Placement(o.name, o.version, _layer(o, layer_of), "cpu", why) for o in graph.operators]
    parameters = {t.index: len(t.content) for o in mapped for t in o.inputs if t is not None and t.content is not None}
    runtime = max((RULES[o.name].runtime for o in mapped if o.name in RULES), default=0)
    return Report(tuple(placements), sum(parameters.values()), runtime, 1 + len(others))


def _place(graph: Graph, layer_of: Callable[[str], str]) -> tuple[list[Placement], list[Operator]]:
    """Return the placements of the main graph, and the operators that are mapped."""
    behind: dict[int, str] = {}  # tensor: the operator on the CPU that it depends on
    placements, mapped = [], []
    for operator in graph.operators:
        why, refused = _reason(operator, graph)
        leading = operator.name == "QUANTIZE" and bool(why) and operator.inputs[0] in graph.inputs
        cause = next((behind[t.index] for t in operator.inputs if t is not None and t.index in behind), "")
        if not why and cause:
            why = f"after {cause} on the CPU; the compiler maps one part only"
        if why:
            where = "cpu"
            if not leading:
                behind.update({tensor.index: cause or operator.name for tensor in operator.outputs})
        else:
            where = "edgetpu"
            mapped.append(operator)
            why = RULES[operator.name].caution if operator.name in RULES else "compiled"
        layer = _layer(operator, layer_of)
        placements.append(Placement(operator.name, operator.version, layer, where, why, refused))
    return placements, mapped


def _reason(operator: Operator, graph: Graph) -> tuple[str, bool]:
    """Return why an operator by itself stays on the CPU, or "", and whether the compiler refuses the file."""
    if operator.custom:
        # "Encountered unresolved custom op" ends a compilation; its own operator it knows
        return ("", False) if operator.name == COMPILED else ("a custom operator; the compiler knows none", True)
    read = RULES[operator.name].version if operator.name in RULES else READ.get(operator.name, 0)
    if operator.version > read:
        greatest = f"up to version {read}" if read else "no version of it"
        return f"version {operator.version}; {COMPILER} reads {greatest} and refuses the file", True
    dynamic = [tensor for tensor in _tensors(operator) if tensor.dynamic]
    if dynamic:
        return f"a size of {_short(dynamic[0].name)} is known at run time only; sizes have to be constant", True
    if operator.name == "DEQUANTIZE" and operator.outputs[0] in graph.outputs:
        return "float output, dequantized on the CPU", False
    if operator.name not in RULES:
        return "the Edge TPU has no such operator", False
    return _type(operator, graph) or _shape(operator) or _limit(operator), False


def _type(operator: Operator, graph: Graph) -> str:
    for tensor in _tensors(operator):
        if tensor.variable or (tensor.constant and tensor.type == "INT32"):
            continue  # state is the compiler's own affair; biases, axes and shapes are 32-bit
        if tensor.type not in EIGHT_BIT:
            if operator.name == "QUANTIZE" and tensor in graph.inputs:
                return "float input, quantized on the CPU"
            return f"works on {tensor.type}; the Edge TPU on INT8 and UINT8"
        if not tensor.scales:
            return f"{_short(tensor.name)} has no quantization; the model has to be fully quantized"
    return ""


def _shape(operator: Operator) -> str:
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor is None or tensor.constant or len(tensor.shape) <= 3:
            continue
        outer = tensor.shape[:-3]
        if len(tensor.shape) == 4 and outer[0] != 1:
            return f"batch {outer[0]}; it has to be 1"
        if any(extent != 1 for extent in outer):
            return f"shape {list(tensor.shape)}; only the innermost 3 dimensions may be above 1"
    return ""


def _limit(operator: Operator) -> str:
    rule = RULES[operator.name]
    for position in rule.constants:
        tensor = operator.inputs[position] if position < len(operator.inputs) else None
        if tensor is not None and not tensor.constant:
            return f"{_short(tensor.name)} is computed; it has to be a constant in the file"
    return next((broken for limit in rule.limits if (broken := limit(operator))), "")


def _tensors(operator: Operator) -> list[Tensor]:
    return [tensor for tensor in (*operator.inputs, *operator.outputs) if tensor is not None]


def _layer(operator: Operator, layer_of: Callable[[str], str]) -> str:
    # an output of the model is called "StatefulPartitionedCall_1:0"; its weights still have the layer's name
    named = [*operator.outputs[:1], *(tensor for tensor in operator.inputs if tensor is not None and tensor.constant)]
    for node in (node for tensor in named for node in tensor.name.split(";")):
        if (layer := layer_of(node)) != node:
            return layer
    return _short(named[0].name) if named else ""


def _short(name: str) -> str:
    # "functional_1_1/net_1/conv1_1/Relu;functional_1_1/..." names every layer that was folded into it
    return "/".join(name.partition(";")[0].split("/")[-2:])


def table(report: Report) -> str:
    """Return the report for a terminal: a row for operators alike, then what it comes to."""
    header = ["operator", "count", "where", "first", "why"]
    rows = [[str(row[key]) for key in header] for row in report.groups()]
    return "\n".join([text_table.table(header, rows), summary(report)])


def summary(report: Report) -> str:
    """Return in one line what the report comes to."""
    on = f"{report.count('edgetpu')} of {len(report.placements)} operators on the Edge TPU"
    held = f"{size(report.parameter_bytes)} of parameters for {ON_CHIP_BYTES >> 20} MiB of on-chip memory"
    streamed = f", {size(report.streamed_bytes)} of them streamed for every picture" if report.streamed_bytes else ""
    return f"{on}, {held}{streamed}; by the rules for {COMPILER}"
