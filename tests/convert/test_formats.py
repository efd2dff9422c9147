"""Each format on small nets: what comes out is what its engine and its ecosystem are promised."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import engines, parity
from hemline.errors import DataError, UsageError
from hemline.preprocess import Preprocess
from hemline_convert.source import Converted, Options, Source

pytestmark = pytest.mark.tensorflow

LABELS = ("bag", "shirt", "shoe", "trouser")
FLOATS = ("litert:float32", "litert:float16", "onnx:float32", "openvino:float32", "openvino:float16")
QUANTIZED = ("litert:dynamic", "litert:int8", "onnx:int8", "openvino:int8")


def source(middle: Callable[[Any], Any] | None = None, *, channels: int = 1, offset: float = 0.0) -> Source:
    """Return a net of seeded weights; `middle` is put behind its convolution."""
    import keras

    keras.utils.set_random_seed(3)
    pixels = keras.Input((12, 12, channels), name="pixels")
    scale = 1 / 255 if not offset else 1 / 127.5
    tensor = keras.layers.Rescaling(scale, offset, name="rescaling")(pixels)
    tensor = keras.layers.Conv2D(6, 3, activation="relu", name="conv1")(tensor)
    tensor = middle(tensor) if middle else keras.layers.MaxPooling2D(name="pool1")(tensor)
    tensor = keras.layers.Flatten(name="flatten1")(tensor)
    embedding = keras.layers.Dense(9, activation="relu", name="embedding")(tensor)
    logits = keras.layers.Dense(len(LABELS), name="logits")(embedding)
    model = keras.Model(pixels, {"logits": logits, "embedding": embedding}, name="hemline")
    pictures = np.random.default_rng(5).integers(0, 256, (30, 12, 12, channels), np.uint8)
    return Source("tiny", model, LABELS, Preprocess(12, 12, channels), pictures)


def convert(given: Source, name: str, **options: Any) -> Converted:
    engine, _, precision = name.partition(":")
    module = importlib.import_module(f"hemline_convert.{engine}")
    converted: Converted = module.convert(given, precision, options=Options(**options))
    return converted


def answers(given: Source, name: str, converted: Converted, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    model = engines.Model(name, converted.files, given.preprocess.shape, converted.outputs, given.widths)
    with engines.open_model(name.partition(":")[0], model) as engine:
        return engine.run(pixels)[0]


def difference(given: Source, name: str, converted: Converted) -> float:
    """Return the largest difference of a probability to Keras' on 40 pictures."""
    pixels = np.random.default_rng(9).integers(0, 256, (40, *given.preprocess.shape), np.uint8)
    reference = np.asarray(given.model(pixels.astype(np.float32), training=False)["logits"])
    return float(parity.compare(answers(given, name, converted, pixels), reference)["dp_max"])


def only(converted: Converted) -> bytes:
    (content,) = converted.files.values()
    return content


@pytest.fixture(scope="module")
def tiny() -> Source:
    return source()


@pytest.fixture(scope="module")
def made(tiny: Source) -> Callable[[str], Converted]:
    """Return a function that converts the tiny net, once a format."""
    held: dict[str, Converted] = {}

    def make(name: str) -> Converted:
        if name not in held:
            held[name] = convert(tiny, name)
        return held[name]

    return make


@pytest.mark.parametrize("name", [*FLOATS, *QUANTIZED])
def test_every_artifact_answers_like_keras(tiny: Source, made: Callable[[str], Converted], name: str) -> None:
    bound = {"float32": 1e-5, "float16": 2e-3}.get(name.partition(":")[2], 0.1)
    assert difference(tiny, name, made(name)) < bound


@pytest.mark.parametrize("name", [*FLOATS, *QUANTIZED])
def test_files_are_named_after_the_artifact_and_the_oldest_runtime_is_told(
    made: Callable[[str], Converted], name: str
) -> None:
    engine, _, precision = name.partition(":")
    endings = {"litert": [".tflite"], "onnx": [".onnx"], "openvino": [".xml", ".bin"]}[engine]
    assert list(made(name).files) == [f"{engine}-{precision}{ending}" for ending in endings]
    package = {"litert": "tflite-runtime", "onnx": "onnxruntime", "openvino": "openvino"}[engine]
    assert str(made(name).min_runtime).startswith(f"{package} ")
    assert sorted(made(name).outputs) == ["embedding", "logits"]


@pytest.mark.parametrize("name", ["onnx:float32", "onnx:int8"])
def test_onnx_runs_in_plain_onnxruntime_at_any_batch(tiny: Source, made: Callable[[str], Converted], name: str) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(only(made(name)), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("pixels", "tensor(uint8)", ["batch", 12, 12, 1])
    assert [(entry.name, entry.type, entry.shape) for entry in session.get_outputs()] == [
        ("logits", "tensor(float)", ["batch", 4]),
        ("embedding", "tensor(float)", ["batch", 9]),
    ]
    for count in (1, 5):
        logits, embedding = session.run(None, {"pixels": tiny.calibration[:count]})
        assert (logits.shape, embedding.shape) == ((count, 4), (count, 9))


@pytest.mark.parametrize("name", ["onnx:float32", "onnx:int8"])
def test_onnx_is_whole_checked_and_computes_no_shapes(made: Callable[[str], Converted], name: str) -> None:
    import onnx

    from hemline_convert.onnx import OPSET

    content = only(made(name))
    onnx.checker.check_model(content, full_check=True)
    model = onnx.load_from_string(content)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    operators = {node.op_type for node in model.graph.node}
    assert "Reshape" in operators
    assert not operators & {"Shape", "Gather", "Slice", "Concat"}
    assert b"external_data" not in content
    assert not any(tensor.external_data for tensor in model.graph.initializer)


@pytest.mark.parametrize("channels", [1, 3])
def test_onnx_int8_takes_camera_bytes_as_they_are_and_gives_float_logits(channels: int) -> None:
    import onnx

    given = source(channels=channels)
    # pictures that never reach 0 or 255 must not narrow the input's range
    dull = Source(given.name, given.model, LABELS, given.preprocess, given.calibration // 4 + 90)
    for method in ("minmax", "percentile"):
        converted = convert(dull, "onnx:int8", method=method)
        graph = onnx.load_from_string(only(converted)).graph
        operators = [node.op_type for node in graph.node]
        assert not {"Cast", "Mul", "Add"} & set(operators)
        made_by = {name: node.op_type for node in graph.node for name in node.output}
        assert made_by["logits"] in ("Gemm", "MatMul")
        assert difference(given, "onnx:int8", converted) < 0.1


def test_onnx_int8_keeps_the_scaling_whose_zero_point_is_no_integer() -> None:
    import onnx

    given = source(offset=-1.0)
    converted = convert(given, "onnx:int8")
    assert "Cast" in {node.op_type for node in onnx.load_from_string(only(converted)).graph.node}
    assert difference(given, "onnx:int8", converted) < 0.05


@pytest.mark.parametrize("name", ["litert:float32", "litert:int8", "onnx:float32", "openvino:float32"])
def test_an_operator_that_a_format_lacks_is_named_with_its_layer(name: str) -> None:
    from keras import layers, ops

    given = source(lambda tensor: layers.Activation(ops.erfinv, name="strange")(tensor))
    with pytest.raises(DataError, match=rf"{name}: .* operator for Erfinv of layer strange; change the recipe's model"):
        convert(given, name)


def test_constants_in_another_file_are_never_written(tiny: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnx import TensorProto

    from hemline_convert import onnx as converter

    make = converter.float_model

    def reaching_out(*arguments: Any) -> Any:
        model = make(*arguments)
        model.graph.initializer[0].data_location = TensorProto.EXTERNAL
        return model

    monkeypatch.setattr(converter, "float_model", reaching_out)
    with pytest.raises(DataError, match=r"onnx:float32: .* lies in another file"):
        convert(tiny, "onnx:float32")


@pytest.mark.parametrize("name", ["litert:int8", "onnx:int8", "openvino:int8"])
def test_the_ways_to_quantize_make_other_files_that_still_answer_like_keras(
    tiny: Source, made: Callable[[str], Converted], name: str
) -> None:
    methods = importlib.import_module(f"hemline_convert.{name.partition(':')[0]}").METHODS
    ways: list[dict[str, Any]] = [{"calibration": 10}, {"per_channel": False}]
    ways += [{"method": method} for method in methods if method != "minmax"]
    for way in ways:
        converted = convert(tiny, name, **way)
        assert converted.files != made(name).files, way
        assert difference(tiny, name, converted) < 0.1, way


@pytest.mark.parametrize("count", [0, 31])
def test_more_calibration_pictures_than_the_run_has_are_refused(tiny: Source, count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} calibration pictures; the run has 30"):
        convert(tiny, "onnx:int8", calibration=count)


@pytest.mark.parametrize("engine", ["litert", "onnx", "openvino"])
def test_an_unknown_precision_or_method_names_what_there_is(tiny: Source, engine: str) -> None:
    with pytest.raises(UsageError, match=f"{engine}: no precision 'int4'; nearest: int8"):
        convert(tiny, f"{engine}:int4")
    with pytest.raises(UsageError, match=f"{engine}: no calibration method 'entropy'.*there .* minmax"):
        convert(tiny, f"{engine}:int8", method="entropy")


def test_the_calibration_of_the_run_is_left_as_it_is(tiny: Source) -> None:
    before = tiny.calibration.copy()
    pictures = tiny.pictures(Options(calibration=3))
    assert pictures.shape == (3, 12, 12, 1)
    assert (pictures[0].min(), pictures[0].max()) == (0, 255)
    assert np.array_equal(pictures[1:], before[1:3])
    assert np.array_equal(tiny.calibration, before)


def operator_versions(content: bytes) -> dict[str, int]:
    from hemline_convert.tflitegraph import read

    return {operator.name: operator.version for graph in read(content) for operator in graph.operators}


def test_dynamic_and_int8_tflite_use_no_operator_newer_than_tflite_runtime_2_14(
    made: Callable[[str], Converted],
) -> None:
    # FULLY_CONNECTED 12 (a scale for each row of the weights, input quantized at each call) does not load there
    assert operator_versions(only(made("litert:dynamic")))["FULLY_CONNECTED"] == 9
    assert operator_versions(only(made("litert:int8")))["FULLY_CONNECTED"] == 4
    for name in ("litert:float32", "litert:float16", "litert:dynamic", "litert:int8"):
        assert made(name).min_runtime == "tflite-runtime 2.14.0"


def test_a_tflite_file_that_needs_a_newer_runtime_says_which() -> None:
    flatbuffers = pytest.importorskip("flatbuffers")
    from tensorflow.lite.python import schema_py_generated as schema

    from hemline_convert.litert import _min_runtime

    for written, told in (
        (b"1.5.0\0\0", "tflite-runtime 2.14.0"),
        (b"2.14.0\0", "tflite-runtime 2.14.0"),
        (b"2.17.0\0", "a runtime of TensorFlow Lite 2.17.0"),
    ):
        model = schema.ModelT()
        model.buffers, model.metadata = [schema.BufferT()], [schema.MetadataT()]
        model.buffers[0].data = list(written)
        model.metadata[0].name, model.metadata[0].buffer = "min_runtime_version", 0
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        assert _min_runtime(bytes(builder.Output())) == told


def test_float16_halves_the_weights(made: Callable[[str], Converted]) -> None:
    sizes = {name: sum(map(len, made(name).files.values())) for name in FLOATS}
    weights = 4 * (6 * 9 + 6 + 150 * 9 + 9 + 9 * 4 + 4)
    for engine in ("litert", "openvino"):
        saved = sizes[f"{engine}:float32"] - sizes[f"{engine}:float16"]
        # decompressing needs an operator a tensor, which IR writes as text
        assert saved > weights // 2 - (6000 if engine == "openvino" else 2000)
    assert len(made("openvino:float16").files["openvino-float16.bin"]) < 0.6 * weights


def test_ir_keeps_a_free_batch_uint8_pixels_and_the_order_of_outputs(made: Callable[[str], Converted]) -> None:
    from hemline.engines.openvino import library

    for precision in ("float32", "float16", "int8"):
        xml, weights = made(f"openvino:{precision}").files.values()
        model = library().Core().read_model(xml, weights)
        assert str(model.input().partial_shape) == "[?,12,12,?]"  # one channel, or three for Model API
        assert model.input().element_type.get_type_name() == "u8"
        assert [entry.get_any_name() for entry in model.outputs] == ["logits", "embedding"]


def test_no_path_of_this_machine_is_in_an_artifact(made: Callable[[str], Converted]) -> None:
    for name in (*FLOATS, *QUANTIZED):
        for content in made(name).files.values():
            assert b"/tmp" not in content
            assert str(Path.home()).encode() not in content


@pytest.mark.parametrize(
    ("node", "layer"),
    [
        ("hemline_1/conv1_1/BiasAdd", "conv1"),
        ("functional_3/hemline_2/embedding_1/MatMul;functional", "embedding"),
        ("pool1", "pool1"),
        ("Const__42", "Const__42"),
    ],
)
def test_a_node_is_traced_to_its_layer(tiny: Source, node: str, layer: str) -> None:
    assert tiny.layer_of(node) == layer


CONVERT_QUIETLY = """
import os, socket, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
def refuse(*arguments, **more):
    raise SystemExit(f"looked up {arguments}")
socket.getaddrinfo = socket.socket.connect = refuse
import keras, numpy as np
from hemline.preprocess import Preprocess
from hemline_convert import openvino
from hemline_convert.source import Source
pixels = keras.Input((12, 12, 1))
embedding = keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels)))
model = keras.Model(pixels, {"logits": keras.layers.Dense(2)(embedding), "embedding": embedding})
pictures = np.zeros((4, 12, 12, 1), np.uint8)
openvino.convert(Source("x", model, ("a", "b"), Preprocess(12, 12), pictures), "int8")
"""


@pytest.mark.parametrize("zero", [True, False])
def test_a_first_layer_that_answers_to_differences_stays_float_in_openvino(zero: bool) -> None:
    import keras

    from hemline.engines.openvino import library
    from hemline_convert import openvino

    keras.utils.set_random_seed(4)
    pixels = keras.Input((12, 12, 1), name="pixels")
    tensor = keras.layers.Rescaling(1 / 255)(pixels)
    first = keras.layers.Conv2D(6, 5, activation="relu", padding="same")
    tensor = keras.layers.Conv2D(8, 3, activation="relu", padding="same")(first(tensor))
    embedding = keras.layers.GlobalMaxPooling2D(name="embedding")(tensor)
    model = keras.Model(pixels, {"logits": keras.layers.Dense(2, name="logits")(embedding), "embedding": embedding})
    kernel, bias = first.get_weights()
    first.set_weights([kernel - zero * kernel.mean(axis=(0, 1, 2), keepdims=True), bias])
    pictures = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 1), np.uint8)
    made = openvino.convert(Source("x", model, ("a", "b"), Preprocess(12, 12), pictures), "int8")
    xml, weights = made.files.values()
    read = library().Core().read_model(xml, weights)
    convolutions = [node for node in read.get_ordered_ops() if node.get_type_name() == "Convolution"]
    quantized = [node.input_value(1).get_node().get_type_name() != "Constant" for node in convolutions]
    assert quantized == [not zero, True]


def test_converting_to_openvino_sends_nothing_and_leaves_no_client_id(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CONVERT_QUIETLY], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
