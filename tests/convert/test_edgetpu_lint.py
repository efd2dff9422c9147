"""The Edge TPU's rules, each on a TFLite model made to break it and on its neighbour that keeps it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemline import select
from hemline.errors import DataError
from hemline_convert.edgetpu_lint import Report, lint, summary, table
from hemline_convert.edgetpu_rules import ON_CHIP_BYTES, READ, RULES
from hemline_convert.tflitegraph import read

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="crafting TFLite files needs ai-edge-litert")

RELU = 1  # ActivationFunctionType
# the options table of the operators that are made here
OPTIONS = {
    "ADD": "Add",
    "AVERAGE_POOL_2D": "Pool2D",
    "CONCATENATION": "Concatenation",
    "CONV_2D": "Conv2D",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "FULLY_CONNECTED": "FullyConnected",
    "MAX_POOL_2D": "Pool2D",
    "MEAN": "Reducer",
    "PACK": "Pack",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "SPLIT": "Split",
    "STRIDED_SLICE": "StridedSlice",
    "SUM": "Reducer",
}
TYPES = {"INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "FLOAT32": np.float32}
Shape = Sequence[int]


class Net:
    """A TFLite file in the making: tensors and operators are added, tensors are numbers."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.model.subgraphs = []
        self.begin()

    def begin(self) -> None:
        """Begin a subgraph."""
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs.append(self.graph)

    def tensor(
        self,
        shape: Shape,
        type: str = "INT8",
        *,
        values: Any = None,
        scales: int = 1,
        zero_point: int = 0,
        signature: Shape | None = None,
    ) -> int:
        row = schema.TensorT()
        row.name = f"net/layer{len(self.graph.tensors)}/out"
        row.shape, row.shapeSignature = list(shape), None if signature is None else list(signature)
        row.type = getattr(schema.TensorType, type)
        if scales:
            row.quantization = schema.QuantizationParametersT()
            row.quantization.scale, row.quantization.zeroPoint = [0.5] * scales, [zero_point] * scales
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.full(shape, values, TYPES[type]).reshape(-1).view(np.uint8)
            self.model.buffers.append(buffer)
            row.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(row)
        return len(self.graph.tensors) - 1

    def integers(self, *values: int) -> int:
        return self.tensor([len(values)], "INT32", values=values, scales=0)

    def op(self, name: str, inputs: Sequence[int], outputs: Sequence[int], version: int = 1, **options: Any) -> None:
        code = schema.OperatorCodeT()
        code.version = version
        if hasattr(schema.BuiltinOperator, name):
            code.builtinCode = getattr(schema.BuiltinOperator, name)
        else:
            code.builtinCode, code.customCode = schema.BuiltinOperator.CUSTOM, name
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self.model.operatorCodes.append(code)
        row = schema.OperatorT()
        row.opcodeIndex = len(self.model.operatorCodes) - 1
        row.inputs, row.outputs = list(inputs), list(outputs)
        if options:
            kind = f"{OPTIONS[name]}Options"
            row.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            row.builtinOptions = getattr(schema, f"{kind}T")()
            for option, value in options.items():
                assert hasattr(row.builtinOptions, option)
                setattr(row.builtinOptions, option, value)
        self.graph.operators.append(row)

    def bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        import flatbuffers

        graph = self.model.subgraphs[0]
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def one(name: str, shape: Shape, out: Shape, *more: Callable[[Net], int], version: int = 1, **options: Any) -> bytes:
    """Return a model of one operator: an input of `shape`, what `more` adds, an output of `out`."""
    net = Net()
    given, made = net.tensor(shape), net.tensor(out)
    net.op(name, [given, *(add(net) for add in more)], [made], version, **options)
    return net.bytes([given], [made])


def weights(*shape: int, scales: int = 1, computed: bool = False) -> Callable[[Net], int]:
    return lambda net: net.tensor(shape, values=None if computed else 1, scales=scales)


def integers(*values: int) -> Callable[[Net], int]:
    return lambda net: net.integers(*values)


def bias(count: int) -> Callable[[Net], int]:
    return lambda net: net.tensor([count], "INT32", values=3)


def conv(name: str = "CONV_2D", version: int = 3, shape: Shape = (1, 8, 8, 4), **options: Any) -> bytes:
    return one(name, shape, shape, weights(4, 3, 3, 4, scales=4), bias(4), version=version, **options)


def dense(
    shape: Shape = (1, 8), out: Shape = (1, 4), *, scales: int = 1, computed: bool = False, **options: Any
) -> bytes:
    more = (weights(out[-1], shape[-1], scales=scales, computed=computed), bias(out[-1]))
    return one("FULLY_CONNECTED", shape, out, *more, version=4, **options)


def reduced(name: str, *axes: int, depth: int = 4) -> bytes:
    return one(name, [1, 8, 8, depth], [1, depth], integers(*axes), version=2, keepDims=False)


def joined(*constants: int, others: int = 1, activation: int = 0) -> bytes:
    """Return a Concatenation of computed tensors with constant ones, zero point 5, of these values."""
    net = Net()
    computed = [net.tensor([1, 4, 4, 2], zero_point=5) for _ in range(others)]
    fixed = [net.tensor([1, 4, 4, 2], values=value, zero_point=5) for value in constants]
    made = net.tensor([1, 4, 4, 2 * (others + len(constants))])
    net.op("CONCATENATION", [*computed, *fixed], [made], 2, axis=3, fusedActivationFunction=activation)
    return net.bytes(computed, [made])


def split(axis: int) -> bytes:
    net = Net()
    given, halves = net.tensor([1, 8, 8, 4]), [net.tensor([1, 8, 8, 2]), net.tensor([1, 8, 8, 2])]
    net.op("SPLIT", [net.integers(axis), given], halves, 2, numSplits=2)
    return net.bytes([given], halves)


def sliced(*strides: int, **masks: int) -> bytes:
    more = (integers(0, 0, 0, 0), integers(1, 8, 8, 4), integers(*strides))
    return one("STRIDED_SLICE", [1, 8, 8, 4], [1, 8, 8, 4], *more, version=2, **{"beginMask": 0, **masks})


def dynamic() -> bytes:
    net = Net()
    given, made = net.tensor([1, 8], signature=[-1, 8]), net.tensor([1, 8], signature=[-1, 8])
    net.op("RELU", [given], [made], 2)
    return net.bytes([given], [made])


def of_type(type: str, scales: int = 1) -> bytes:
    net = Net()
    given, made = net.tensor([1, 8], type, scales=scales), net.tensor([1, 8], type, scales=scales)
    net.op("RELU", [given], [made], 2)
    return net.bytes([given], [made])


def only(content: bytes) -> tuple[str, str, str]:
    """Return operator, where and why of a model of one operator."""
    (place,) = lint(content).placements
    return place.operator, place.where, place.why


BROKEN = [
    ("LEAKY_RELU", lambda: one("LEAKY_RELU", [1, 8], [1, 8], version=2), "the Edge TPU has no such operator"),
    ("CONV_2D", lambda: conv(version=6), "version 6; edgetpu_compiler 16.0 reads up to version 5 and refuses the file"),
    ("EXP", lambda: one("EXP", [1, 8], [1, 8], version=2), "version 2; edgetpu_compiler 16.0 reads up to version 1"),
    ("GELU", lambda: one("GELU", [1, 8], [1, 8], version=2), "reads no version of it and refuses the file"),
    ("Atan", lambda: one("Atan", [1, 8], [1, 8]), "a custom operator"),
    ("RELU", dynamic, "a size of layer0/out is known at run time only"),
    ("RELU", lambda: of_type("FLOAT32", 0), "works on FLOAT32; the Edge TPU on INT8 and UINT8"),
    ("RELU", lambda: of_type("INT16"), "works on INT16"),
    ("RELU", lambda: of_type("INT8", 0), "layer0/out has no quantization"),
    ("CONV_2D", lambda: conv(shape=[2, 8, 8, 4]), "batch 2; it has to be 1"),
    ("RELU", lambda: one("RELU", [1, 2, 4, 4, 4], [1, 2, 4, 4, 4]), "only the innermost 3 dimensions may be above 1"),
    ("FULLY_CONNECTED", lambda: dense(computed=True), "layer2/out is computed; it has to be a constant"),
    ("AVERAGE_POOL_2D", lambda: pool("AVERAGE_POOL_2D", RELU), "fused activation RELU"),
    ("MAX_POOL_2D", lambda: pool("MAX_POOL_2D", RELU), "fused activation RELU"),
    ("CONCATENATION", lambda: joined(others=2, activation=RELU), "fused activation RELU"),
    ("CONCATENATION", lambda: joined(7), "a constant input that is not all zeros"),
    ("CONCATENATION", lambda: joined(5, others=2), "a constant among 3 inputs"),
    ("CONV_2D", lambda: conv(dilationWFactor=2, dilationHFactor=1), "dilation 2 in x and 1 in y"),
    ("DEPTHWISE_CONV_2D", lambda: conv("DEPTHWISE_CONV_2D", dilationWFactor=1, dilationHFactor=2), "1 in x and 2 in y"),
    ("FULLY_CONNECTED", lambda: dense(weightsFormat=1), "only the default format"),
    ("FULLY_CONNECTED", lambda: dense([3, 8], [3, 4]), "output [3, 4]; one dimension may be above 1"),
    ("FULLY_CONNECTED", lambda: dense(scales=4), "weights with 4 scales"),
    ("SOFTMAX", lambda: one("SOFTMAX", [1, 3, 4], [1, 3, 4]), "input [1, 3, 4]"),
    ("SOFTMAX", lambda: one("SOFTMAX", [1, 16_001], [1, 16_001]), "16001 elements; at most 16000"),
    ("MEAN", lambda: reduced("MEAN", 0), "reduces the batch dimension"),
    ("MEAN", lambda: reduced("MEAN", -4, 1), "reduces the batch dimension"),
    ("MEAN", lambda: reduced("MEAN", -1, depth=6), "reduces a depth of 6; it has to be a multiple of 4"),
    ("SUM", lambda: reduced("SUM", 0), "reduces the batch dimension"),
    ("REDUCE_MAX", lambda: reduced("REDUCE_MAX", 0), "reduces the batch dimension"),
    ("REDUCE_MIN", lambda: reduced("REDUCE_MIN", 0), "reduces the batch dimension"),
    ("PACK", lambda: one("PACK", [8, 4], [1, 8, 4], axis=0, valuesCount=1), "packs in the batch dimension"),
    ("PAD", lambda: one("PAD", [1, 4], [2, 4], integers(0, 1, 0, 0)), "pads the batch dimension"),
    ("SPLIT", lambda: split(0), "splits the batch dimension"),
    ("PRELU", lambda: one("PRELU", [1, 8, 8, 4], [1, 8, 8, 4], weights(8, 8, 4)), "alpha [8, 8, 4]; only the last"),
    ("STRIDED_SLICE", lambda: sliced(1, 2, 1, 1), "strides [1, 2, 1, 1]; each has to be 1"),
    ("STRIDED_SLICE", lambda: sliced(1, 1, 1, 1, ellipsisMask=1), "ellipsisMask set; it has to be 0"),
    ("STRIDED_SLICE", lambda: sliced(1, 1, 1, 1, newAxisMask=2), "newAxisMask set"),
]

KEPT = [
    conv,
    lambda: conv(dilationWFactor=2, dilationHFactor=2),
    lambda: conv("DEPTHWISE_CONV_2D"),
    dense,
    lambda: dense([1, 1, 1, 8], [1, 1, 1, 4]),
    lambda: pool("AVERAGE_POOL_2D", 0),
    lambda: pool("MAX_POOL_2D", 0),
    lambda: joined(others=3),
    lambda: joined(5),
    lambda: one("SOFTMAX", [1, 16_000], [1, 16_000], version=2),
    lambda: reduced("MEAN", 1, 2),
    lambda: reduced("MEAN", -1, depth=8),
    lambda: reduced("SUM", 1, 2, depth=6),
    lambda: one("PACK", [1, 8], [1, 2, 8], axis=1, valuesCount=1),
    lambda: one("PAD", [1, 8, 8, 4], [1, 10, 10, 4], integers(0, 0, 1, 1, 1, 1, 0, 0)),
    lambda: split(3),
    lambda: split(-2),
    lambda: one("PRELU", [1, 8, 8, 4], [1, 8, 8, 4], weights(1, 1, 4)),
    lambda: sliced(1, 1, 1, 1),
    lambda: one("LOGISTIC", [1, 8], [1, 8], version=2),
    lambda: one("RELU", [1, 1, 4, 4, 4], [1, 1, 4, 4, 4], version=2),
]


def pool(name: str, activation: int) -> bytes:
    return one(name, [1, 8, 8, 4], [1, 4, 4, 4], version=2, fusedActivationFunction=activation, filterWidth=2)


@pytest.mark.parametrize(("operator", "make", "why"), BROKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_an_operator_that_breaks_a_rule_is_named_with_the_reason(
    operator: str, make: Callable[[], bytes], why: str
) -> None:
    found = only(make())
    assert found[:2] == (operator, "cpu")
    assert why in found[2]


@pytest.mark.parametrize("make", KEPT)
def test_the_same_operator_within_its_limits_runs_on_the_edge_tpu(make: Callable[[], bytes]) -> None:
    operator, where, why = only(make())
    assert (where, why) == ("edgetpu", ""), operator


def test_every_limit_of_the_table_is_broken_by_a_model_here() -> None:
    limits = {(name, limit) for name, rule in RULES.items() for limit in rule.limits}
    seen = set()
    for name, make, _ in BROKEN:
        (operator,) = read(make())[0].operators
        seen |= {(name, limit) for limit in RULES[name].limits if limit(operator)} if name in RULES else set()
    assert seen == limits


def test_only_what_ends_a_compilation_makes_a_model_not_compilable() -> None:
    assert lint(conv()).compilable
    assert not lint(conv(version=6)).compilable
    assert not lint(dynamic()).compilable
    assert not lint(of_type("FLOAT32", 0)).compilable


def chain(*names: str) -> Report:
    """Return the lint of operators one behind the other, each on [1, 8]."""
    net = Net()
    tensors = [net.tensor([1, 8]) for _ in range(len(names) + 1)]
    for name, given, made in zip(names, tensors, tensors[1:], strict=False):
        net.op(name, [given], [made], 1)
    return lint(net.bytes(tensors[:1], tensors[-1:]))


def test_everything_that_depends_on_an_operator_on_the_cpu_stays_there() -> None:
    report = chain("RELU", "LEAKY_RELU", "RELU", "LOGISTIC")
    assert [place.where for place in report.placements] == ["edgetpu", "cpu", "cpu", "cpu"]
    assert report.placements[1].why == "the Edge TPU has no such operator"
    assert {place.why for place in report.placements[2:]} == {
        "after LEAKY_RELU on the CPU; the compiler maps one part only"
    }
    assert report.compilable


def test_an_operator_without_a_rule_at_the_start_leaves_nothing_for_the_edge_tpu() -> None:
    report = chain("LEAKY_RELU", "RELU")
    assert report.count("edgetpu") == 0
    assert not report.compilable


def test_a_branch_beside_an_operator_on_the_cpu_is_mapped() -> None:
    net = Net()
    given, left, right, joint = (net.tensor([1, 8]) for _ in range(4))
    net.op("LEAKY_RELU", [given], [left])
    net.op("RELU", [given], [right])
    net.op("ADD", [left, right], [joint], 2)
    places = lint(net.bytes([given], [joint])).placements
    assert [place.where for place in places] == ["cpu", "edgetpu", "cpu"]


def test_float_pixels_are_quantized_on_the_cpu_and_the_rest_is_mapped() -> None:
    net = Net()
    pixels, given, made = net.tensor([1, 8], "FLOAT32", scales=0), net.tensor([1, 8]), net.tensor([1, 8])
    answer = net.tensor([1, 8], "FLOAT32", scales=0)
    net.op("QUANTIZE", [pixels], [given])
    net.op("RELU", [given], [made])
    net.op("DEQUANTIZE", [made], [answer], 2)
    report = lint(net.bytes([pixels], [answer]))
    assert [(place.where, place.why) for place in report.placements] == [
        ("cpu", "float input, quantized on the CPU"),
        ("edgetpu", ""),
        ("cpu", "float output, dequantized on the CPU"),
    ]
    assert report.compilable


def test_uint8_pixels_are_quantized_on_the_edge_tpu() -> None:
    net = Net()
    pixels, given = net.tensor([1, 8, 8, 1], "UINT8"), net.tensor([1, 8, 8, 1])
    net.op("QUANTIZE", [pixels], [given])
    assert only(net.bytes([pixels], [given])) == ("QUANTIZE", "edgetpu", "")


def test_operators_of_another_subgraph_stay_on_the_cpu() -> None:
    net = Net()
    given, made = net.tensor([1, 8]), net.tensor([1, 8])
    net.op("RELU", [given], [made])
    net.begin()
    net.op("RELU", [net.tensor([1, 8])], [net.tensor([1, 8])])
    report = lint(net.bytes([given], [made]))
    assert report.subgraphs == 2
    assert report.placements[1].why == "in subgraph 1, called by an operator on the CPU"


def test_parameters_beyond_the_on_chip_memory_are_counted() -> None:
    outputs = 64
    inputs = (ON_CHIP_BYTES + (1 << 20)) // outputs
    report = lint(dense([1, inputs], [1, outputs]))
    bias_bytes = 4 * outputs
    assert report.parameter_bytes == outputs * inputs + bias_bytes
    assert report.streamed_bytes == (1 << 20) + bias_bytes
    assert report.compilable
    assert "1.05 MB of them streamed for every picture" in summary(report)
    assert lint(dense()).streamed_bytes == 0


def test_parameters_of_operators_on_the_cpu_are_not_counted() -> None:
    assert lint(dense(scales=4)).parameter_bytes == 0


def test_the_least_runtime_is_that_of_the_operators_that_are_mapped() -> None:
    assert lint(conv()).runtime == 0
    assert lint(conv("DEPTHWISE_CONV_2D")).runtime == 13
    assert lint(reduced("REDUCE_MAX", 1)).runtime == 14
    assert lint(reduced("REDUCE_MAX", 0)).runtime == 0


def test_the_packaged_model_is_mapped_but_for_its_dense_weights_with_a_scale_for_each_output() -> None:
    path = select.packaged() / select.DEFAULT_BUNDLE / "litert-int8.tflite"
    report = lint(path.read_bytes(), name=path.name)
    block = ["CONV_2D", "CONV_2D", "ADD"]
    assert [place.operator for place in report.placements] == [
        *("QUANTIZE", "CONV_2D", "CONV_2D", *block, *block, "CONV_2D", *block, "CONV_2D", "MEAN", "FULLY_CONNECTED"),
    ]
    assert [place.where for place in report.placements] == ["edgetpu"] * 15 + ["cpu"]
    assert "weights with 10 scales" in report.placements[-1].why


def test_the_table_counts_operators_alike_and_names_where_the_first_one_is() -> None:
    report = chain("RELU", "RELU", "LEAKY_RELU", "RELU")
    lines = table(report).splitlines()
    assert lines[0].split() == ["operator", "count", "where", "first", "why"]
    assert lines[1].split() == ["RELU", "2", "edgetpu", "layer1/out"]
    assert lines[2].split()[:4] == ["LEAKY_RELU", "1", "cpu", "layer3/out"]
    assert len(lines) == 5
    assert lines[-1].startswith("2 of 4 operators on the Edge TPU")


def test_the_layer_is_looked_for_in_the_names_of_the_weights_too() -> None:
    def layer_of(node: str) -> str:
        return {"net/layer2/out": "embedding"}.get(node, node)

    (place,) = lint(dense(), layer_of=layer_of).placements
    assert place.layer == "embedding"


def test_a_report_for_the_manifest_is_plain_json() -> None:
    report = chain("RELU", "LEAKY_RELU")
    facts = report.as_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["edgetpu"], facts["cpu"]) == (1, 1)


def test_an_operator_is_either_mapped_or_read() -> None:
    names = {name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    assert not set(RULES) & set(READ)
    assert set(RULES) | set(READ) <= names


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x00\x00\x00TFL2", bytes(400)])
def test_what_is_not_a_tflite_file_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"some\.tflite: not a TFLite file"):
        lint(content, name="some.tflite")


def test_a_damaged_file_is_refused_or_read_and_never_more(tmp_path: Path) -> None:
    whole = conv()
    chance = random.Random(5)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 8, 64])):
            damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
        try:
            lint(bytes(damaged[: chance.choice([len(whole), chance.randrange(8, len(whole))])]))
        except DataError:
            refused += 1
    assert refused > 20
