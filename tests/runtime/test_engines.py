"""
One contract for every engine: the fake one, each artifact of the bundle in the wheel whose engine is here, and,
where the converters are installed, an artifact of every engine that the bundle has none of.

It runs in an environment that holds one engine package, numpy, OpenCV and pytest.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import engines, golden
from hemline.bundle import Bundle
from hemline.engines import Engine, Model
from hemline.engines.onnxfile import refers_outside
from hemline.errors import BundleError, HemlineError, MissingError, UsageError
from hemline.select import find_bundle

FAKE = Model(
    "fake:float32",
    {"fake.json": json.dumps({"weights_seed": 5}).encode()},
    (12, 12, 1),
    ("logits", "embedding"),
    {"logits": 4, "embedding": 9},
)
# an artifact of each engine, made when the bundle in the wheel has none
MADE = ("litert:int8", "onnx:float32", "onnx:int8", "openvino:float32", "openvino:int8")
PICTURES = 37  # more than a batch of 32, and no multiple of it


def packaged() -> dict[str, Model]:
    """Return the artifacts of the bundle in the wheel that an engine here may open."""
    try:
        bundle = Bundle.load(find_bundle())
    except HemlineError:
        return {}
    return {
        artifact.name: Model(
            artifact.name, bundle.contents(artifact), bundle.preprocess.shape, artifact.outputs, bundle.outputs
        )
        for artifact in bundle.artifacts
        if artifact.engine in ("litert", "onnx", "openvino")
    }


PACKAGED = packaged()
LACKING = [name for name in MADE if not any(held.startswith(name.partition(":")[0]) for held in PACKAGED)]
NAMES = [
    pytest.param("fake:float32"),
    *(pytest.param(name) for name in PACKAGED),
    *(pytest.param(name, marks=pytest.mark.tensorflow) for name in LACKING),
]


def available(name: str) -> None:
    probe = engines.probe(name)
    if not probe.available:
        pytest.skip(f"needs {probe.install}")


@pytest.fixture(scope="session")
def made() -> Callable[[str], Model]:
    """Return a function that converts a small net of seeded weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for package in ("tensorflow", "tf2onnx", "nncf"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the bundle in the wheel has no such artifact and {package} is not here to make one")
    import keras

    from hemline.preprocess import Preprocess
    from hemline_convert.pipeline import FORMATS
    from hemline_convert.source import Source

    keras.utils.set_random_seed(3)
    pixels = keras.Input(FAKE.shape, name="pixels")
    tensor = keras.layers.Rescaling(1 / 255)(pixels)
    tensor = keras.layers.MaxPooling2D()(keras.layers.Conv2D(6, 3, activation="relu")(tensor))
    embedding = keras.layers.Dense(9, activation="relu", name="embedding")(keras.layers.Flatten()(tensor))
    net = keras.Model(pixels, {"logits": keras.layers.Dense(4, name="logits")(embedding), "embedding": embedding})
    pictures = np.random.default_rng(0).integers(0, 256, (20, *FAKE.shape), np.uint8)
    source = Source("tiny", net, ("a", "b", "c", "d"), Preprocess(*FAKE.shape), pictures)
    models: dict[str, Model] = {}

    def make(name: str) -> Model:
        if name not in models:
            engine, _, precision = name.partition(":")
            converted = importlib.import_module(FORMATS[engine]).convert(source, precision)
            models[name] = Model(name, converted.files, FAKE.shape, converted.outputs, FAKE.widths)
        return models[name]

    return make


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    """Return an artifact whose engine is here."""
    name: str = request.param
    available(name.partition(":")[0])
    if name == FAKE.name:
        return FAKE
    found: Model = PACKAGED[name] if name in PACKAGED else request.getfixturevalue("made")(name)
    return found


@pytest.fixture
def engine(model: Model) -> Iterator[Engine]:
    with opened(model) as engine:
        yield engine


def opened(model: Model) -> Engine:
    return engines.open_model(model.name.partition(":")[0], model)


def pictures(model: Model, count: int = PICTURES, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *model.shape), np.uint8)


def test_logits_and_embedding_are_rows_of_float32(model: Model, engine: Engine) -> None:
    logits = engine.logits(pictures(model, 1))
    embedding = engine.embedding()
    assert logits.dtype == embedding.dtype == np.float32
    assert logits.shape == (1, model.widths["logits"])
    assert embedding.shape == (1, model.widths["embedding"])
    assert np.isfinite(logits).all()


def test_equal_pixels_give_equal_answers_and_others_do_not(model: Model, engine: Engine) -> None:
    first, other = pictures(model, 2)[:, None]
    answer = engine.logits(first)
    assert not np.array_equal(engine.logits(other), answer)
    assert np.array_equal(engine.logits(first), answer)
    with opened(model) as again:
        assert np.array_equal(again.logits(first), answer)


def test_an_answer_is_not_overwritten_by_the_next(model: Model, engine: Engine) -> None:
    first, other = pictures(model, 2)[:, None]
    logits, embedding = engine.logits(first), engine.embedding()
    kept = logits.copy(), embedding.copy()
    engine.logits(other)
    engine.run(pictures(model))
    assert np.array_equal(logits, kept[0])
    assert np.array_equal(embedding, kept[1])
    logits[:] = 0
    assert np.array_equal(engine.logits(first), kept[0])


def test_the_pixels_are_only_read(model: Model, engine: Engine) -> None:
    pixels = pictures(model, 1)
    kept = pixels.copy()
    pixels.flags.writeable = False
    engine.logits(pixels)
    assert np.array_equal(pixels, kept)


def test_run_equals_logits_one_by_one(model: Model, engine: Engine) -> None:
    pixels = pictures(model)
    logits, embeddings = engine.run(pixels)
    ones = [(engine.logits(pixels[i : i + 1]), engine.embedding()) for i in range(PICTURES)]
    # a float kernel for 32 pictures adds in another order than one for a single picture; integers are exact
    tolerance = 0.0 if model.name.endswith(":int8") else 1e-4
    assert logits.shape == (PICTURES, model.widths["logits"])
    assert np.allclose(logits, np.concatenate([one for one, _ in ones]), rtol=0, atol=tolerance)
    assert np.allclose(embeddings, np.concatenate([one for _, one in ones]), rtol=0, atol=tolerance)


def test_run_on_no_picture_is_empty(model: Model, engine: Engine) -> None:
    logits, embeddings = engine.run(pictures(model, 0))
    assert logits.shape == (0, model.widths["logits"])
    assert embeddings.shape == (0, model.widths["embedding"])


def test_the_embedding_belongs_to_the_last_picture(model: Model, engine: Engine) -> None:
    pixels = pictures(model, 3)
    expected = engine.run(pixels)[1]
    for index in (0, 2, 1):
        engine.logits(pixels[index : index + 1])
        assert np.allclose(engine.embedding(), expected[index], rtol=0, atol=1e-4)


def test_strided_pixels_are_taken_as_they_look(model: Model, engine: Engine) -> None:
    pixels = pictures(model, 2)
    flipped = pixels[:, :, ::-1]
    assert not flipped.flags.c_contiguous
    expected = engine.logits(np.ascontiguousarray(flipped[:1]))
    assert np.array_equal(engine.logits(flipped[:1]), expected)
    assert np.allclose(engine.run(flipped)[0][:1], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pixels: pixels[0],
        lambda pixels: pixels[:, :-1],
        lambda pixels: np.concatenate([pixels, pixels]),
        lambda pixels: np.concatenate([pixels, pixels], axis=3),
        lambda pixels: pixels.astype(np.float64),
        lambda pixels: pixels.astype(np.int32),
    ],
    ids=["no batch", "a row short", "two pictures", "two channels", "float64", "int32"],
)
def test_pixels_of_another_shape_or_type_are_refused_and_the_next_answer_is_right(
    model: Model, engine: Engine, spoil: Callable[[NDArray[np.uint8]], NDArray[Any]]
) -> None:
    pixels = pictures(model, 1)
    before = engine.logits(pixels)
    with pytest.raises(ValueError):
        engine.logits(spoil(pixels))
    assert np.array_equal(engine.logits(pixels), before)


def test_threads_get_the_answers_that_one_thread_gets(model: Model, engine: Engine) -> None:
    pixels = pictures(model, 24)
    expected = [engine.logits(pixels[i : i + 1]) for i in range(24)]
    found: dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    together = threading.Barrier(4)

    def work(which: int) -> None:
        together.wait()
        for index in range(24):
            found[which, index] = engine.logits(pixels[index : index + 1]), engine.embedding()

    threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 * 24
    for (which, index), (logits, embedding) in found.items():
        assert np.array_equal(logits, expected[index])
        assert np.array_equal(embedding, found[(which + 1) % 4, index][1])


def test_more_threads_inside_give_the_same_answers(model: Model, engine: Engine) -> None:
    pixels = pictures(model, 3)
    with opened(replace(model, threads=2)) as wider:
        assert np.allclose(wider.run(pixels)[0], engine.run(pixels)[0], rtol=0, atol=1e-4)


def test_the_librarys_own_call_gives_the_same_logits(model: Model, engine: Engine) -> None:
    pixels = pictures(model, 1)
    own = np.asarray(engine.bare(pixels)())
    if own.dtype == np.float32:  # LiteRT's own call leaves int8 as it is
        assert np.array_equal(own, engine.logits(pixels))
    assert own.shape == (1, model.widths["logits"])


def test_closing_twice_is_closing_once(model: Model) -> None:
    engine = opened(model)
    engine.logits(pictures(model, 1))
    engine.close()
    engine.close()


@pytest.mark.parametrize("name", [name for name in PACKAGED if name.endswith(":float32")])
def test_float32_gives_the_references_answers_whatever_the_processor_offers(name: str) -> None:
    available(name.partition(":")[0])
    inputs = golden.load(Bundle.load(find_bundle()))
    assert inputs is not None
    with opened(PACKAGED[name]) as engine:
        logits, embeddings = engine.run(inputs.pictures)
    # bfloat16 or float16 inside would show in the second decimal
    assert np.allclose(logits, inputs.logits, rtol=0, atol=1e-3)
    assert np.allclose(embeddings, inputs.embedding, rtol=0, atol=1e-3)


def test_backend_names_package_and_version(model: Model, engine: Engine) -> None:
    probe = engines.probe(model.name.partition(":")[0])
    assert engine.backend.startswith(probe.package if model is not FAKE else "fake")
    assert probe.version in engine.backend


OPEN_SPOILT = """
import json, sys
from pathlib import Path
from hemline import engines, golden
from hemline.errors import BundleError
asked = json.loads(sys.argv[1])
said = []
for spoil in asked["spoils"]:
    files = {name: Path(asked["folder"], name).read_bytes() for name in asked["files"]}
    for name in list(files):
        data = files[name]
        files[name] = {
            "empty": b"",
            "half": data[: len(data) // 2],
            "zeros": bytes(len(data)),
            "noise": bytes(value * 7 & 255 for value in range(len(data))),
            "text": b"a b c\\n" * 100,
            "another format": b"\\x89PNG\\r\\n" + data,
        }[spoil]
    model = engines.Model(asked["name"], files, tuple(asked["shape"]), tuple(asked["outputs"]), asked["widths"])
    try:
        engines.open_model(asked["name"].partition(":")[0], model)
        said.append([spoil, "opened"])
    except BundleError as error:
        said.append([spoil, str(error)])
sys.stdout.write("##" + json.dumps(said))
"""


def test_bytes_that_are_no_model_are_refused_in_one_line_and_nothing_is_printed(model: Model, tmp_path: Path) -> None:
    for name, content in model.files.items():
        (tmp_path / name).write_bytes(content)
    spoils = ["empty", "half", "zeros", "noise", "text", "another format"]
    if engines.probe(model.name.partition(":")[0]).package == "tflite-runtime":
        spoils.remove("half")  # it follows offsets without checking them and crashes; a bundle's hashes come first
    asked = {
        "spoils": spoils,
        "name": model.name,
        "folder": str(tmp_path),
        "files": list(model.files),
        "shape": model.shape,
        "outputs": model.outputs,
        "widths": dict(model.widths),
    }
    # in a process of its own: a library that crashes must fail this test only
    done = subprocess.run(
        [sys.executable, "-c", OPEN_SPOILT, json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("##"), "stdout carries results only"
    said = json.loads(done.stdout[2:])
    assert [spoil for spoil, _ in said] == spoils
    for spoil, line in said:
        assert line.startswith(f"{model.name}: "), spoil
        assert "\n" not in line
    if not model.name.startswith("litert"):  # its interpreter speaks of the bytes it was given
        assert done.stderr == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda model: replace(model, shape=(*model.shape[:2], 3)),
        lambda model: replace(model, shape=(model.shape[0] + 1, *model.shape[1:])),
        lambda model: replace(model, widths={**model.widths, "logits": model.widths["logits"] + 1}),
        lambda model: replace(model, outputs=model.outputs[::-1]),
    ],
    ids=["channels", "height", "classes", "outputs the other way round"],
)
def test_a_model_that_is_not_what_the_manifest_says_is_refused(model: Model, change: Callable[[Model], Model]) -> None:
    if model is FAKE:
        pytest.skip("a rule fits any manifest")
    with pytest.raises(BundleError, match=r"the manifest says .*; convert it again"):
        opened(change(model))


@pytest.mark.parametrize("name", engines.ENGINES)
def test_a_probe_names_package_and_version_or_what_installs_it(name: str) -> None:
    probe = engines.probe(name)
    if probe.available:
        assert probe.package
        assert probe.version
        return
    assert probe.install
    with pytest.raises(MissingError) as caught:
        engines.open_model(name, replace(FAKE, name=f"{name}:int8"))
    assert str(caught.value) == f"engine {name!r} needs: {probe.install}"


def test_an_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no engine 'onx'; nearest: onnx"):
        engines.probe("onx")


def some(names: tuple[str, ...], request: pytest.FixtureRequest) -> Model:
    """Return the first of these artifacts that there is."""
    held = [name for name in names if name in PACKAGED]
    model: Model = PACKAGED[held[0]] if held else request.getfixturevalue("made")(names[0])
    return model


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited protobuf field; content below 128 bytes."""
    tag = number << 3 | 2
    return (bytes([tag]) if tag < 0x80 else bytes([tag & 0x7F | 0x80, tag >> 7])) + bytes([len(content)]) + content


def reaching_out(path: str) -> bytes:
    """Return an ONNX model whose one constant lies in the file at `path`."""
    location = field(1, b"location") + field(2, path.encode())
    tensor = b"\x08\x04" + b"\x10\x01" + field(8, b"w") + field(13, location) + b"\x70\x01"
    return b"\x08\x08" + field(7, field(2, b"graph") + field(5, tensor))


@pytest.mark.parametrize("path", ["../secret", "secret", "/etc/hostname"])
@pytest.mark.parametrize("name", ["onnx:float32", "openvino:float32"])
def test_an_onnx_file_that_refers_to_another_is_refused_before_its_library_sees_it(name: str, path: str) -> None:
    available(name.partition(":")[0])
    model = replace(FAKE, name=name, files={"a.onnx": reaching_out(path)})
    with pytest.raises(BundleError, match="refers to data outside its file"):
        opened(model)


def test_a_reference_inside_a_nested_graph_is_found() -> None:
    inner = reaching_out("x")[2:]  # its graph, as field 7 of a model
    graph = inner[2:]
    attribute = field(6, graph)
    node = field(5, attribute)
    assert refers_outside(field(7, field(1, node)))
    assert refers_outside(field(20, field(1, graph)))
    assert not refers_outside(field(7, field(1, field(5, field(6, b"")))))


def test_an_ir_without_its_bin_is_named(request: pytest.FixtureRequest) -> None:
    available("openvino")
    model = some(("openvino:float32", "openvino:int8"), request)
    xml = {name: content for name, content in model.files.items() if name.endswith(".xml")}
    with pytest.raises(BundleError, match=r"an IR is an \.xml and a \.bin, found openvino-\w+\.xml; install"):
        opened(replace(model, files=xml))
    empty = {**xml, next(iter(xml)).replace(".xml", ".bin"): b""}
    with pytest.raises(BundleError, match="OpenVINO cannot read it"):
        opened(replace(model, files=empty))


def test_another_format_behind_the_name_of_an_ir_is_refused(request: pytest.FixtureRequest) -> None:
    available("openvino")
    model = some(("openvino:float32", "openvino:int8"), request)
    with pytest.raises(BundleError, match="is not XML"):
        opened(replace(model, files={"a.xml": reaching_out("../secret"), "a.bin": b""}))


@pytest.mark.parametrize(
    ("cpuinfo", "overflows"),
    [
        ("processor : 0\nflags : fpu avx2 avx512_vnni\n", False),
        ("processor : 0\nflags : fpu avx2 avx_vnni\n", False),
        ("processor : 0\nflags : fpu avx2\n", True),
        ("processor : 0\nFeatures : fp asimd\n", False),
    ],
    ids=["AVX-512 VNNI", "AVX VNNI", "AVX2 alone", "ARM"],
)
def test_processors_whose_8_bit_products_overflow_are_known(tmp_path: Path, cpuinfo: str, overflows: bool) -> None:
    from hemline.engines.onnx import _overflows

    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert _overflows(tmp_path / "cpuinfo") is overflows
    assert _overflows(tmp_path / "nothing") is False


def test_int8_answers_do_not_depend_on_how_the_overflow_is_avoided(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hemline.engines import onnx

    available("onnx")
    if onnx._overflows():
        pytest.skip("without it this processor's answers are wrong")
    model = some(("onnx:int8",), request)
    answers = []
    for overflows in (False, True):
        monkeypatch.setattr(onnx, "_overflows", lambda overflows=overflows: overflows)
        with opened(model) as engine:
            answers.append(engine.run(pictures(model))[0])
    assert np.array_equal(answers[0], answers[1])


@pytest.mark.parametrize("name", ["onnx:float32", "onnx:int8"])
def test_an_onnx_file_answers_alike_in_onnxruntime_and_openvino(name: str, request: pytest.FixtureRequest) -> None:
    from hemline.engines import onnx

    available("onnx")
    available("openvino")
    model = some((name,), request)
    second = onnx.second(model)
    assert second is not None
    with opened(model) as first, second:
        ours, theirs = first.run(pictures(model))[0], second.run(pictures(model))[0]
    # two ways to round a product to eight bits differ by a step at most; floats by the order of a sum
    assert np.allclose(ours, theirs, rtol=0, atol=1e-3 if name.endswith("float32") else 0.05 * np.ptp(ours))


def test_opening_openvino_leaves_no_client_id_and_looks_up_no_name(tmp_path: Path) -> None:
    available("openvino")
    program = """
import socket, sys
def refuse(*arguments, **more):
    raise SystemExit(f"looked up {arguments}")
socket.getaddrinfo = socket.socket.connect = refuse
from hemline.engines import openvino
openvino.library().Core()
assert sys.modules["openvino_telemetry"] is None
"""
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_second_litert_engine_really_leaves_xnnpack_out(monkeypatch: pytest.MonkeyPatch) -> None:
    if not engines.probe("litert").available:
        pytest.skip("needs a LiteRT interpreter")
    from hemline.engines import litert

    given: list[dict[str, Any]] = []
    real = litert.interpreter_class()

    def recording(**options: Any) -> Any:
        given.append(options)
        return real(**options)

    monkeypatch.setattr(litert, "interpreter_class", lambda: recording)
    bundle = Bundle.load(find_bundle())
    second = engines.open_second(bundle, "litert:int8")
    assert second is not None
    with second:
        assert second.backend.endswith("built-in kernels")
    assert [options["experimental_op_resolver_type"].name for options in given] == ["BUILTIN_WITHOUT_DEFAULT_DELEGATES"]
    given.clear()
    with engines.open_engine(bundle, "litert:int8"):
        assert "experimental_op_resolver_type" not in given[0]
