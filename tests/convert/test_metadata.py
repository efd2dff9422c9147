"""What is written into artifacts: read by hemline, by each format's own libraries, and with the answers unchanged."""

from __future__ import annotations

import ast
import importlib.util
import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import describe, drawn
from hemline.describe import Description
from hemline.engines.litert import interpreter_class
from hemline.errors import DataError
from hemline.preprocess import Preprocess

pytestmark = pytest.mark.tensorflow

LABELS = ("T-shirt/top", "Ankle boot", 'a "quoted" <b> & c', "größe 42")  # as many as the tiny run has
CONTRACT = Preprocess(28, 28, fit="pad", interpolation="linear", pad=7)
DESCRIPTION = Description("closet", "1.2", "onnx:float32", LABELS, CONTRACT, ("logits", "embedding"))
OUTPUTS = ("logits", "embedding")


@pytest.fixture(scope="module")
def source(tiny_run: Path) -> Any:
    from hemline_convert.run import read
    from hemline_convert.source import Source

    run = read(tiny_run)
    return Source(run.name, run.model(), run.labels, run.preprocess, run.calibration)


def describe_artifact(files: Mapping[str, bytes], description: Description) -> dict[str, bytes]:
    from hemline_convert.metadata import describe_artifact

    return describe_artifact(files, description)


# TFLite


@pytest.fixture(scope="module", params=["float32", "int8"])
def converted(request: pytest.FixtureRequest, source: Any) -> tuple[str, bytes, Description]:
    """Return file name, bytes and description of a TFLite file as its converter left it."""
    from hemline_convert import litert

    made = litert.convert(source, request.param)
    ((name, model),) = made.files.items()
    artifact = f"litert:{request.param}"
    return name, model, Description("closet", "1.2", artifact, LABELS, source.preprocess, made.outputs)


def answers(model: bytes, pictures: NDArray[np.uint8]) -> tuple[list[Any], list[Any]]:
    """Return all outputs for all pictures, and what the interpreter tells of inputs, outputs and signatures."""
    interpreter = interpreter_class()(model_content=model)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    outputs = interpreter.get_output_details()
    found = []
    for picture in pictures:
        interpreter.set_tensor(given["index"], picture[None].astype(given["dtype"]))
        interpreter.invoke()
        found += [interpreter.get_tensor(entry["index"]).tobytes() for entry in outputs]
    names = [given["name"], *(entry["name"] for entry in outputs)]
    return found, [given["quantization"], names, interpreter.get_signature_list()]


def test_a_described_tflite_answers_to_the_last_bit_as_before(converted: tuple[str, bytes, Description]) -> None:
    name, model, description = converted
    described = describe_artifact({name: model}, description)[name]
    assert describe.parse(name, described) == description
    pictures = np.random.default_rng(2).integers(0, 256, (20, *description.preprocess.shape), np.uint8)
    assert answers(described, pictures) == answers(model, pictures)


def test_every_byte_of_a_tflite_stays_and_keeps_its_alignment(converted: tuple[str, bytes, Description]) -> None:
    name, model, description = converted
    described = describe_artifact({name: model}, description)[name]
    assert described.count(model) == 1
    assert described.index(model) % 16 == 0
    assert len(described) - len(model) < 4096


def test_describing_twice_gives_the_same_bytes_and_describing_the_described_is_refused(
    converted: tuple[str, bytes, Description],
) -> None:
    name, model, description = converted
    described = describe_artifact({name: model, "other.bin": b"x"}, description)
    assert described == describe_artifact({name: model, "other.bin": b"x"}, description)
    assert described["other.bin"] == b"x"
    with pytest.raises(DataError, match="one that carries files already"):
        describe_artifact(described, description)


def test_the_archive_of_a_tflite_is_one_that_any_zip_reader_opens(converted: tuple[str, bytes, Description]) -> None:
    name, model, description = converted
    with zipfile.ZipFile(io.BytesIO(describe_artifact({name: model}, description)[name])) as files:
        assert files.namelist() == ["labels.txt", "hemline.json"]
        assert files.testzip() is None
        assert files.read("labels.txt").decode().splitlines() == list(LABELS)
        # readers map the files where they lie
        assert {entry.compress_type for entry in files.infolist()} == {zipfile.ZIP_STORED}


class Table:
    """A table of a flatbuffer, its fields by slot; the schema's own classes do not come with LiteRT."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        vtable = position - struct.unpack_from("<l", data, position)[0]
        size = struct.unpack_from("<H", data, vtable)[0]
        self.offsets = struct.unpack_from(f"<{size // 2 - 2}H", data, vtable + 4)

    def target(self, slot: int) -> int:
        position = self.position + self.offsets[slot]
        return position + int(struct.unpack_from("<L", self.data, position)[0])

    def table(self, slot: int) -> Table:
        return Table(self.data, self.target(slot))

    def tables(self, slot: int) -> list[Table]:
        start = self.target(slot)
        places = [start + 4 + 4 * index for index in range(struct.unpack_from("<L", self.data, start)[0])]
        return [Table(self.data, place + struct.unpack_from("<L", self.data, place)[0]) for place in places]

    def text(self, slot: int) -> str:
        start = self.target(slot)
        return self.data[start + 4 : start + 4 + struct.unpack_from("<L", self.data, start)[0]].decode()

    def number(self, slot: int, kind: str) -> Any:
        return struct.unpack_from(f"<{kind}", self.data, self.position + self.offsets[slot])[0]

    def floats(self, slot: int) -> list[float]:
        start = self.target(slot)
        return list(struct.unpack_from(f"<{struct.unpack_from('<L', self.data, start)[0]}f", self.data, start + 4))


def test_model_metadata_says_what_its_schema_has_places_for(converted: tuple[str, bytes, Description]) -> None:
    from ai_edge_litert import schema_py_generated as schema

    name, model, description = converted
    described = schema.Model.GetRootAs(describe_artifact({name: model}, description)[name])
    entries = [described.Metadata(index) for index in range(described.MetadataLength())]
    (entry,) = [entry for entry in entries if entry.Name() == b"TFLITE_METADATA"]
    assert len(entries) > 1  # the converter's own are still there
    data = described.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert data[4:8] == b"M001"
    metadata = Table(data, struct.unpack_from("<L", data)[0])
    texts = [metadata.text(slot) for slot in (0, 2, 4, 5, 7)]
    assert texts == ["closet", "1.2", f"hemline {description.hemline}", "Apache-2.0", "1.0.0"]
    assert [file.text(0) for file in metadata.tables(6)] == ["hemline.json"]
    (graph,) = metadata.tables(3)
    (pixels,) = graph.tables(2)
    content = pixels.table(3)
    assert content.number(0, "B") == 2  # ImageProperties
    assert content.table(1).number(0, "b") == 2  # GRAYSCALE
    assert [content.table(1).table(1).number(slot, "L") for slot in (0, 1)] == [12, 12]
    (unit,) = pixels.tables(4)
    assert unit.number(0, "B") == 1  # NormalizationOptions
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([0.0], [1.0])
    outputs = graph.tables(3)
    assert tuple(output.text(0) for output in outputs) == description.outputs
    (labels,) = outputs[description.outputs.index("logits")].tables(6)
    assert (labels.text(0), labels.number(2, "b")) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


def test_a_tflite_of_a_newer_schema_is_refused(converted: tuple[str, bytes, Description]) -> None:
    name, model, description = converted
    (root,) = struct.unpack_from("<L", model)
    vtable = root - struct.unpack_from("<l", model, root)[0]
    newer = bytearray(model)
    struct.pack_into("<L", newer, root + struct.unpack_from("<H", model, vtable + 4)[0], 4)
    with pytest.raises(DataError, match=f"{name}: cannot be described: TFLite schema 4"):
        describe_artifact({name: bytes(newer)}, description)


@pytest.mark.parametrize(
    ("name", "data"),
    [("m.tflite", b""), ("m.tflite", b"\xff" * 99), ("m.onnx", b"\x0b"), ("m.xml", b"<net"), ("m.xml", b"<net >")],
)
def test_what_is_no_model_cannot_be_described(name: str, data: bytes) -> None:
    with pytest.raises(DataError, match=f"{name}: cannot be described: "):
        describe_artifact({name: data}, DESCRIPTION)


def test_files_of_no_known_format_are_named() -> None:
    with pytest.raises(DataError, match=r"m\.bin, m\.json: no file of a format that can describe itself"):
        describe_artifact({"m.bin": b"", "m.json": b"{}"}, DESCRIPTION)


# ONNX


@pytest.fixture(scope="module")
def onnx_model() -> bytes:
    """Return a model of one product, with a metadata entry of somebody else's."""
    from onnx import TensorProto, helper

    weights = helper.make_tensor("w", TensorProto.FLOAT, (3, 2), np.arange(6, dtype=np.float32))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 2))],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"author": "someone"})
    content: bytes = model.SerializeToString()
    return content


def test_plain_onnxruntime_shows_the_description(onnx_model: bytes) -> None:
    import onnxruntime

    described = describe_artifact({"m.onnx": onnx_model}, DESCRIPTION)["m.onnx"]
    assert describe.parse("m.onnx", described) == DESCRIPTION
    before, after = (
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]) for model in (onnx_model, described)
    )
    shown = after.get_modelmeta().custom_metadata_map
    assert shown == {
        "author": "someone",
        "name": "closet",
        "version": "1.2",
        "license": "Apache-2.0",
        "class_lock": DESCRIPTION.class_lock,
        "labels": "".join(f"{label}\n" for label in LABELS),
        "hemline": DESCRIPTION.as_json(),
    }
    given = {"x": np.array([[1, 2, 3]], np.float32)}
    assert np.array_equal(before.run(None, given)[0], after.run(None, given)[0])


def test_a_described_onnx_is_a_valid_model_and_its_description_survives_the_onnx_package(onnx_model: bytes) -> None:
    import onnx

    described = describe_artifact({"m.onnx": onnx_model}, DESCRIPTION)["m.onnx"]
    model = onnx.load_from_string(described)
    onnx.checker.check_model(model, full_check=True)
    assert described.startswith(onnx_model)
    assert describe.parse("m.onnx", model.SerializeToString()) == DESCRIPTION
    with pytest.raises(DataError, match="it is described already"):
        describe_artifact({"m.onnx": described}, DESCRIPTION)


def test_a_description_longer_than_one_length_byte_is_written_right(onnx_model: bytes) -> None:
    many = Description("c", "1", "onnx:int8", tuple(f"class number {i}" for i in range(3000)), CONTRACT, OUTPUTS)
    for name, data in (("m.onnx", onnx_model), ("m.xml", b'<net name="n"></net>')):
        assert describe.parse(name, describe_artifact({name: data}, many)[name]) == many


# OpenVINO


def ir(channels: int, directory: Path, *, colour: bool = False) -> dict[str, bytes]:
    """Return .xml and .bin of a random classifier of 28x28 pictures, written by OpenVINO."""
    from hemline.engines.openvino import library

    openvino = library()
    from openvino import opset13 as ops

    from hemline_convert.colour import accept_colour

    random = np.random.default_rng(9)
    pixels = ops.parameter([-1, 28, 28, channels], np.uint8, name="pixels")
    pixels.output(0).set_names({"pixels"})
    scaled = ops.multiply(ops.convert(pixels, "f32"), ops.constant(np.float32(1 / 255)))
    flat = ops.reshape(scaled, ops.constant(np.array([0, 784 * channels], np.int64)), special_zero=True)
    hidden = ops.relu(ops.matmul(flat, ops.constant(random.normal(size=(784 * channels, 9)), np.float32), False, False))
    logits = ops.matmul(hidden, ops.constant(random.normal(size=(9, 4)), np.float32), False, False)
    for name, value in zip(OUTPUTS, (logits, hidden), strict=True):
        value.output(0).set_names({name})
    model = openvino.Model([ops.result(logits), ops.result(hidden)], [pixels], "tiny")
    if colour:
        accept_colour(model)
    path = directory / "openvino-float32.xml"
    openvino.save_model(model, path, compress_to_fp16=False)
    return {file.name: file.read_bytes() for file in (path, path.with_suffix(".bin"))}


def logits_of(files: Mapping[str, bytes], pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    from hemline.engines.openvino import library

    core = library().Core()
    compiled = core.compile_model(core.read_model(*files.values()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found: NDArray[np.float32] = compiled(pictures)["logits"].copy()
    return found


def garments(channels: int = 1) -> NDArray[np.uint8]:
    """Return 40 drawn garments, (40, 28, 28, channels); in colour, a random tint each."""
    gray = np.stack([drawn.draw(index % 10, seed=index) for index in range(40)])[..., None]
    tints = np.random.default_rng(6).uniform(0.4, 1, (40, 1, 1, channels))
    return gray if channels == 1 else (gray * tints).astype(np.uint8)


def test_a_described_ir_loads_in_openvino_and_answers_as_before(tmp_path: Path) -> None:
    from hemline.engines.openvino import library

    files = ir(1, tmp_path)
    described = describe_artifact(files, DESCRIPTION)
    assert described["openvino-float32.bin"] == files["openvino-float32.bin"]
    assert describe.parse("m.xml", described["openvino-float32.xml"]) == DESCRIPTION
    assert np.array_equal(logits_of(files, garments()), logits_of(described, garments()))
    openvino = library()
    model = openvino.Core().read_model(*described.values())
    info = {key: model.get_rt_info(["model_info", key]).astype(str) for key in ("model_type", "labels", "hemline")}
    assert info == {
        "model_type": "Classification",
        "labels": 'T-shirt/top Ankle_boot a_"quoted"_<b>_&_c größe_42',
        "hemline": DESCRIPTION.as_json(),
    }
    # and when somebody saves it again
    openvino.save_model(model, tmp_path / "again.xml")
    assert describe.read(tmp_path / "again.xml") == DESCRIPTION
    with pytest.raises(DataError, match="it is described already"):
        describe_artifact(described, DESCRIPTION)


def test_an_older_model_info_is_replaced(tmp_path: Path) -> None:
    files = ir(1, tmp_path)
    old = files["openvino-float32.xml"].replace(
        b"</rt_info>\n</net>", b'<model_info><labels value="a b"/></model_info></rt_info>\n</net>'
    )
    described = describe_artifact({**files, "openvino-float32.xml": old}, DESCRIPTION)["openvino-float32.xml"]
    assert described.count(b"<model_info>") == 1
    assert b'"a b"' not in described


@pytest.mark.parametrize(
    ("fit", "interpolation", "resize_type", "mode"),
    [
        ("pad", "area", "fit_to_window_letterbox", "LINEAR"),
        ("crop", "linear", "crop", "LINEAR"),
        ("stretch", "cubic", "standard", "CUBIC"),
    ],
)
def test_the_contract_is_told_in_model_api_s_words(fit: str, interpolation: str, resize_type: str, mode: str) -> None:
    contract = Preprocess(28, 28, fit=fit, interpolation=interpolation, pad=9)
    description = Description("c", "1", "openvino:int8", LABELS, contract, OUTPUTS)
    described = describe_artifact({"m.xml": b'<net name="n"><rt_info /></net>'}, description)["m.xml"]
    for key, value in (("resize_type", resize_type), ("interpolation_mode", mode), ("pad_value", "9")):
        assert f'<{key} value="{value}" />'.encode() in described


def test_a_gray_model_that_accepts_colour_still_gives_gray_pictures_the_same_answers(tmp_path: Path) -> None:
    plain, colour = ir(1, tmp_path), ir(1, tmp_path, colour=True)
    pictures = garments()
    assert np.array_equal(logits_of(plain, pictures), logits_of(colour, pictures))
    assert np.array_equal(logits_of(plain, pictures[:1]), logits_of(colour, pictures[:1]))


def test_a_gray_model_that_accepts_colour_sees_the_gray_that_preprocess_makes(tmp_path: Path) -> None:
    plain, colour = ir(1, tmp_path), ir(1, tmp_path, colour=True)
    tinted = garments(3)
    gray = np.stack([CONTRACT.apply(picture) for picture in tinted])
    assert np.allclose(logits_of(colour, tinted), logits_of(plain, gray), rtol=0, atol=1e-4)
    assert np.ptp(logits_of(plain, gray)) > 20
    every = np.random.default_rng(3).integers(0, 256, (64, 28, 28, 3), np.uint8)
    gray = np.stack([CONTRACT.apply(picture) for picture in every])
    assert np.allclose(logits_of(colour, every), logits_of(plain, gray), rtol=0, atol=1e-4)


def test_a_model_of_colour_is_left_alone(tmp_path: Path) -> None:
    left, plain = (ir(3, tmp_path, colour=colour)["openvino-float32.xml"] for colour in (True, False))
    assert left.count(b"<layer ") == plain.count(b"<layer ")
    assert b'shape="?,28,28,3"' in left


def test_pixels_that_are_mixed_before_they_are_floats_are_refused() -> None:
    from hemline.engines.openvino import library

    openvino = library()
    from openvino import opset13 as ops

    from hemline_convert.colour import accept_colour

    pixels = ops.parameter([-1, 28, 28, 1], np.uint8, name="pixels")
    with pytest.raises(DataError, match="the pixels go into Result; expected Convert"):
        accept_colour(openvino.Model([ops.result(pixels)], [pixels], "same"))


def test_accepting_colour_costs_no_operator_once_there_is_one_channel(tmp_path: Path) -> None:
    from hemline.engines.openvino import library

    core = library().Core()
    kinds = []
    for colour in (False, True):
        model = core.read_model(*ir(1, tmp_path, colour=colour).values())
        model.reshape([1, 28, 28, 1])
        run = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).get_runtime_model()
        kinds.append([node.get_rt_info()["layerType"].astype(str) for node in run.get_ordered_ops()])
    assert kinds[0] == kinds[1]


model_api = pytest.mark.skipif(
    importlib.util.find_spec("model_api") is None,
    reason="needs openvino-model-api 0.4.7 (pip install --no-deps: it asks for OpenCV 4, and works with 5)",
)


@model_api
@pytest.mark.parametrize("channels", [1, 3])
def test_model_api_classifies_with_no_argument_as_hemline_does(channels: int, tmp_path: Path) -> None:
    files = ir(channels, tmp_path, colour=True)
    contract = Preprocess(28, 28, channels, fit="pad", interpolation="linear", pad=7)
    described = describe_artifact(files, Description("c", "1", "openvino:float32", LABELS, contract, OUTPUTS))
    for name, data in described.items():
        (tmp_path / name).write_bytes(data)
    from hemline.engines.openvino import library

    library()
    from model_api.models import Model

    model = Model.create_model(str(tmp_path / "openvino-float32.xml"))
    assert type(model).__name__ == "ClassificationModel"
    same, shifts = 0, []
    for index, whole in enumerate(garments(3)):
        picture = whole[:, : 28 - index % 9]  # narrower ones are framed by 7
        logits = logits_of(files, contract.apply(picture)[None])[0]
        result = model(np.ascontiguousarray(picture[..., ::-1]))  # it takes BGR
        same += result.top_labels[0].name == "_".join(LABELS[int(logits.argmax())].split())
        shifts.append(np.abs(result.raw_scores - np.exp(logits - np.logaddexp.reduce(logits))).max())
    # random weights are near a tie now and then, and Model API lets the processor compute in bfloat16
    assert same >= 38
    assert np.median(shifts) < 0.01


@model_api
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_model_api_classifies_with_what_our_converter_makes(source: Any, precision: str, tmp_path: Path) -> None:
    from hemline.engines.openvino import library

    openvino = library()
    from hemline_convert import openvino as converter
    from hemline_convert.colour import accept_colour

    made = converter.convert(source, precision)
    read = openvino.Core().read_model(*made.files.values())
    accept_colour(read)
    path = tmp_path / "m.xml"
    openvino.save_model(read, path, compress_to_fp16=False)
    files = {"m.xml": path.read_bytes(), "m.bin": path.with_suffix(".bin").read_bytes()}
    description = Description("c", "1", f"openvino:{precision}", source.labels, source.preprocess, made.outputs)
    path.write_bytes(describe_artifact(files, description)["m.xml"])
    from model_api.models import Model

    model = Model.create_model(str(path))
    for picture in source.calibration[:20]:
        logits = logits_of(made.files, picture[None])[0]
        assert model(np.repeat(picture, 3, axis=2)).top_labels[0].name == source.labels[int(logits.argmax())]


def test_nothing_of_the_writer_is_imported_from_tensorflow_or_a_format_s_library() -> None:
    for name in ("metadata", "tflitemetadata"):
        found = importlib.util.find_spec(f"hemline_convert.{name}")
        assert found is not None
        assert found.origin is not None
        tree = ast.parse(Path(found.origin).read_text())
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not {module.partition(".")[0] for module in modules} & {"tensorflow", "onnx", "openvino", "keras"}
