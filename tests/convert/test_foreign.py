"""Models that hemline did not train: what is taken, what becomes of it, what is refused before it is opened."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemline.bundle import Bundle
from hemline.cli import main
from hemline.errors import DataError, UsageError
from hemline_convert import adopt, foreign, kerasfile

pytestmark = pytest.mark.tensorflow

LABELS = ("bag", "dress", "shoe")
SIDE = 12


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Give Keras' random weights a fixed seed: some draws of a small net answer alike whatever they see."""
    import keras

    keras.utils.set_random_seed(3)


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}


def archive(path: Path, *layers: dict[str, Any], **members: bytes) -> Path:
    """Write a .keras whose configuration has these layers; its weights are no HDF5 file."""
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": layers}, "registered_name": None}
    contents = {"config.json": json.dumps(config).encode(), "metadata.json": b"{}", "model.weights.h5": b"no weights"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (
            contents | {key.replace("_json", ".json"): value for key, value in members.items()}
        ).items():
            file.writestr(name, content)
    return path


# ---- a .keras file, judged before Keras opens it


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (layer("Lambda", name="sneaky", function={"class_name": "__lambda__"}), "layer 'sneaky' is a Lambda"),
        (layer("Dense", name="d", activation=layer("Lambda", name="inner")), "layer 'inner' is a Lambda"),
        (
            layer("Activation", name="act", activation={"class_name": "function", "config": "system", "module": "os"}),
            "layer 'act' names the function 'system'",
        ),
        (
            layer("Dense", name="d") | {"registered_name": "Custom>Dense"},
            "class 'Custom>Dense', which is not Keras' own",
        ),
        (
            layer("Dense", name="d") | {"module": "wardrobe.layers"},
            "class 'wardrobe.layers.Dense', which hemline does not",
        ),
        (layer("TFSMLayer", name="saved", filepath="/x"), "class 'keras.layers.TFSMLayer'"),
        (layer("Popen", name="p") | {"module": "keras.src.utils.subprocess"}, "'keras.src.utils.subprocess.Popen'"),
        (layer("Conv2D", name="c", dtype={"class_name": "QuantizedDTypePolicy", "module": "keras"}), "layer 'c' is of"),
    ],
)
def test_what_is_not_a_layer_of_keras_own_is_refused_by_name(tmp_path: Path, bad: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        kerasfile.check(archive(tmp_path / "m.keras", layer("Flatten", name="f"), bad))
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'm.keras'}: layer ")


def test_a_class_hidden_in_how_a_nested_model_was_compiled_is_cut_out(tmp_path: Path) -> None:
    hidden = {"loss": {"class_name": "function", "module": "builtins", "config": "exec"}}
    nested = layer("Sequential", name="inner", layers=[layer("Dense", name="d")]) | {"module": "keras"}
    path = archive(tmp_path / "m.keras", nested | {"compile_config": hidden})
    kerasfile.clean(path, tmp_path / "clean.keras")
    with zipfile.ZipFile(tmp_path / "clean.keras") as file:
        text = file.read("config.json").decode()
        assert file.read("model.weights.h5") == b"no weights"
    assert "exec" not in text
    assert '"Dense"' in text


@pytest.mark.parametrize("policy", ["mixed_float16", {"class_name": "DTypePolicy", "config": {"name": "float16"}}])
def test_a_model_trained_in_half_precision_is_computed_in_float32(tmp_path: Path, policy: Any) -> None:
    if isinstance(policy, dict):
        policy["module"] = "keras"
    kerasfile.clean(archive(tmp_path / "m.keras", layer("Dense", name="d", dtype=policy)), tmp_path / "c.keras")
    with zipfile.ZipFile(tmp_path / "c.keras") as file:
        text = file.read("config.json").decode()
    assert "float16" not in text
    assert "float32" in text


def with_member_twice(path: Path) -> None:
    archive(path)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("config.json", "{}")


def bomb(path: Path) -> None:
    archive(path, config_json=b" " * (kerasfile.MAX_BYTES["config.json"] + 1))
    assert path.stat().st_size < 100_000


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: path.write_bytes(b"\x89HDF\r\n"), "not a Keras archive"),
        (lambda path: archive(path, evil=b"x"), "holds 'evil'"),
        (with_member_twice, "holds config.json twice"),
        (bomb, "config.json unpacks to 33,554,433 bytes, at most 33,554,432"),
        (lambda path: archive(path, config_json=b"[]"), "config.json cannot be read (no JSON object)"),
        (lambda path: archive(path, config_json=b"{" * 100_000), "config.json cannot be read"),
        (lambda path: archive(path, config_json=b'{"a":' * 100_000), "config.json cannot be read"),
    ],
)
def test_an_archive_that_is_none_is_one_line(tmp_path: Path, write: Callable[[Path], Any], says: str) -> None:
    write(tmp_path / "m.keras")
    with pytest.raises(DataError) as caught:
        kerasfile.clean(tmp_path / "m.keras", tmp_path / "clean.keras")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("m.h5", "Keras ignores its safe mode"),
        ("m.onnx", "neither a run, nor a .keras file, nor a SavedModel"),
    ],
)
def test_other_files_are_refused_with_the_reason(
    tmp_path: Path, name: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert main(["convert", str(tmp_path / name), "--data", str(tmp_path)]) == 4
    assert says in capfd.readouterr().err
    assert main(["convert", str(tmp_path / "not-there.keras"), "--data", str(tmp_path)]) == 4
    assert "no such file" in capfd.readouterr().err


# ---- from a saved classifier to logits and embedding


def body(tensor: Any) -> Any:
    from keras import layers

    tensor = layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(tensor)))
    return layers.Dense(7, activation="relu")(layers.Flatten()(tensor))


def functional(head: Callable[[Any], Any], channels: int = 1) -> Any:
    import keras

    pixels = keras.Input((SIDE, SIDE, channels))
    return keras.Model(pixels, head(body(pixels)))


def tutorial() -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE)),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def transfer() -> Any:
    """Two nested models that both call a layer "dense", with augmentation in front."""
    import keras
    from keras import layers

    def part(shape: tuple[int, ...], *inner: Any) -> Any:
        return keras.Sequential([keras.Input(shape), *inner])

    features = part((SIDE, SIDE, 3), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(5, name="dense"))
    # named, or its number would follow from what other tests have built
    last = layers.Dense(3, activation="softmax", name="last")
    head = part((5,), layers.Dense(7, activation="relu", name="dense"), last)
    return part((SIDE, SIDE, 3), layers.RandomFlip(), layers.Rescaling(1 / 255), features, layers.Dropout(0.2), head)


def convolutional() -> Any:
    import keras
    from keras import layers

    pixels = keras.Input((SIDE, SIDE, 1))
    maps = layers.Conv2D(3, 1)(layers.Conv2D(7, 3, activation="relu")(layers.Rescaling(1 / 255)(pixels)))
    return keras.Model(pixels, layers.Softmax()(layers.GlobalAveragePooling2D()(maps)))


def ensemble(tensor: Any) -> Any:
    from keras import layers

    return layers.Average()([layers.Dense(3, activation="softmax")(tensor) for _ in range(2)])


def dense(units: int, activation: str | None = None) -> Callable[[Any], Any]:
    def head(tensor: Any) -> Any:
        import keras

        return keras.layers.Dense(units, activation=activation)(tensor)

    return head


def then(name: str, **config: Any) -> Callable[[Any], Any]:
    def head(tensor: Any) -> Any:
        import keras

        return getattr(keras.layers, name)(**config)(dense(3)(tensor))

    return head


def softmax(logits: Any) -> Any:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def pictures(model: Any, count: int = 20) -> Any:
    from hemline_convert.heads import pixel_shape

    return np.random.default_rng(4).integers(0, 256, (count, *pixel_shape(model)), np.uint8)


@pytest.mark.parametrize(
    "build",
    [
        lambda: functional(dense(3, "softmax")),
        lambda: functional(then("Softmax")),
        lambda: functional(then("Activation", activation="softmax")),
        lambda: functional(ensemble),
        lambda: functional(dense(3, "softmax"), channels=3),
        tutorial,
        transfer,
        convolutional,
    ],
    ids=["softmax", "softmax layer", "activation", "ensemble", "colour", "tutorial", "transfer", "convolutional"],
)
def test_softmax_of_the_logits_is_what_the_model_said(build: Callable[[], Any], tmp_path: Path) -> None:
    import keras

    from hemline_convert import heads

    model = build()
    pixels = pictures(model)
    said = np.asarray(model(pixels.reshape(-1, *model.inputs[0].shape[1:]).astype(np.float32), training=False))
    assert said.std(axis=0).max() > 1e-3  # or any model would answer alike
    rebuilt = heads.two_outputs(model, heads.Input(), pixels)
    rebuilt.save(tmp_path / "model.keras")
    kerasfile.check(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    answers = loaded(pixels.astype(np.float32), training=False)
    np.testing.assert_allclose(softmax(np.asarray(answers["logits"])), said, atol=1e-5)
    assert answers["embedding"].shape == (20, 7)
    assert not [one for one in loaded.layers if type(one).__name__.startswith(("Drop", "Random", "Softmax"))]


def test_logits_stay_as_they_are() -> None:
    from hemline_convert import heads

    model = functional(dense(3))
    pixels = pictures(model)
    said = np.asarray(model(pixels.astype(np.float32), training=False))
    answers = heads.two_outputs(model, heads.Input(), pixels)(pixels.astype(np.float32), training=False)
    np.testing.assert_allclose(np.asarray(answers["logits"]), said, atol=1e-6)


@pytest.mark.parametrize("head", [dense(1, "sigmoid"), dense(1)], ids=["sigmoid", "its logit"])
def test_one_sigmoid_becomes_two_classes(head: Callable[[Any], Any]) -> None:
    from hemline_convert import heads

    model = functional(head)
    pixels = pictures(model)
    said = np.asarray(model(pixels.astype(np.float32), training=False))[:, 0]
    if model.layers[-1].activation.__name__ == "linear":
        said = 1 / (1 + np.exp(-said))
    answers = heads.two_outputs(model, heads.Input(), pixels)(pixels.astype(np.float32), training=False)
    np.testing.assert_allclose(softmax(np.asarray(answers["logits"]))[:, 1], said, atol=1e-5)


def test_scale_offset_and_bgr_become_part_of_the_model() -> None:
    from hemline_convert import heads

    model = functional(dense(3), channels=3)
    pixels = pictures(model)
    given = heads.Input(scale=2.0, offset=-1.0, bgr=True)
    said = np.asarray(model(pixels[..., ::-1].astype(np.float32) * 2 - 1, training=False))
    answers = heads.two_outputs(model, given, pixels)(pixels.astype(np.float32), training=False)
    np.testing.assert_allclose(np.asarray(answers["logits"]), said, rtol=1e-4, atol=1e-4)


def two_inputs() -> Any:
    import keras

    first, second = keras.Input((SIDE, SIDE, 1)), keras.Input((SIDE, SIDE, 1))
    return keras.Model([first, second], dense(3)(body(keras.layers.Add()([first, second]))))


def two_answers() -> Any:
    import keras

    pixels = keras.Input((SIDE, SIDE, 1))
    return keras.Model(pixels, [dense(3)(body(pixels)), dense(2)(body(pixels))])


def of_shape(*shape: int | None) -> Any:
    import keras

    pixels = keras.Input(shape)
    maps = keras.layers.Conv2D(3, 3, padding="same")(pixels)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(maps))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: functional(dense(3, "sigmoid")), "3 sigmoids in layer"),
        (two_inputs, "models of one picture"),
        (two_answers, "2 outputs; hemline converts models of one"),
        (lambda: of_shape(3, 24, 24), "channels first"),
        (lambda: of_shape(24, 24, 4), "4 channels"),
        (lambda: of_shape(None, None, 3), "H and W fixed"),
    ],
)
def test_a_model_that_is_no_classifier_of_one_picture_is_refused(build: Callable[[], Any], says: str) -> None:
    from hemline_convert import heads

    model = build()
    with pytest.raises(DataError, match=says):
        heads.two_outputs(model, heads.Input(), np.zeros((2, SIDE, SIDE, 1), np.uint8))


# ---- a SavedModel, read and never run


def many_layers() -> Any:
    import keras
    from keras import layers

    pixels = keras.Input((SIDE, SIDE, 3))
    first = layers.Conv2D(4, 3, padding="same", use_bias=False)(layers.Rescaling(1 / 127.5, offset=-1)(pixels))
    first = layers.ReLU(6.0)(layers.BatchNormalization()(first))
    second = layers.DepthwiseConv2D(3, padding="same")(first)
    second = layers.SeparableConv2D(4, 3, padding="same")(layers.LeakyReLU()(second))
    both = layers.Concatenate()([layers.Add()([first, second]), layers.Multiply()([first, second])])
    both = layers.Normalization(mean=list(np.linspace(-1, 1, 8)), variance=list(np.linspace(0.5, 2, 8)))(both)
    both = layers.AveragePooling2D(2)(layers.ZeroPadding2D(1)(layers.MaxPooling2D(3, 1)(both)))
    both = layers.Conv2D(6, 3, strides=2, activation="swish", groups=2)(both)
    pooled = layers.GlobalAveragePooling2D()(both)
    scores = layers.Dense(3, activation="softmax")(layers.Dense(5, activation="tanh")(pooled))
    model = keras.Model(pixels, scores)
    random = np.random.default_rng(3)
    for weights in model.weights:
        values = random.normal(0, 0.5, weights.shape)
        weights.assign(np.abs(values) + 0.1 if "variance" in weights.path else values)
    return model


@pytest.mark.parametrize("build", [many_layers, tutorial, lambda: functional(dense(3, "softmax"))])
def test_a_saved_model_read_as_data_answers_as_the_one_that_was_exported(
    build: Callable[[], Any], tmp_path: Path
) -> None:
    from hemline_convert import savedmodel

    model = build()
    model.export(tmp_path / "saved", verbose=False)
    pixels = pictures(model).reshape(-1, *model.inputs[0].shape[1:]).astype(np.float32)
    said = np.asarray(model(pixels, training=False))
    assert said.std(axis=0).max() > 1e-3  # or any model would answer alike
    read = savedmodel.read(tmp_path / "saved")
    np.testing.assert_allclose(np.asarray(read(pixels)), said, atol=1e-6)


def save_function(path: Path, function: Any, *, variable: Any = None) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kept = variable
    traced = tf.function(function, input_signature=[tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32)])
    tf.saved_model.save(module, str(path), signatures={"serving_default": traced})


def test_a_saved_model_that_writes_a_file_is_refused_and_has_not_written_it(tmp_path: Path) -> None:
    import tensorflow as tf

    from hemline_convert import savedmodel

    trace = tmp_path / "was-run"

    def answer(pixels: Any) -> Any:
        tf.io.write_file(str(trace), "run")
        return {"scores": tf.reshape(pixels, (-1, SIDE * SIDE)) * tf.strings.to_number(tf.io.read_file(str(trace)))}

    save_function(tmp_path / "saved", answer)
    with pytest.raises(DataError, match=r"operator (ReadFile|StringToNumber|WriteFile) of .* has no place"):
        savedmodel.read(tmp_path / "saved")
    assert not trace.exists()


def test_a_graph_without_a_layer_for_an_operator_names_the_operator(tmp_path: Path) -> None:
    import tensorflow as tf

    from hemline_convert import savedmodel

    save_function(tmp_path / "saved", lambda pixels: {"scores": tf.signal.fft2d(tf.cast(pixels, tf.complex64))})
    with pytest.raises(DataError, match="operator FFT2D of 'FFT2D' has no place"):
        savedmodel.read(tmp_path / "saved")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda saved: (saved / "saved_model.pb").write_bytes(b"\xff" * 50), "not a SavedModel"),
        (lambda saved: (saved / "saved_model.pb").write_bytes(b""), "not written by TensorFlow 2"),
        (lambda saved: shutil.rmtree(saved / "variables"), "variables: cannot be read"),
    ],
)
def test_a_damaged_saved_model_is_one_line(tmp_path: Path, spoil: Callable[[Path], Any], says: str) -> None:
    from hemline_convert import savedmodel

    functional(dense(3)).export(tmp_path / "saved", verbose=False)
    spoil(tmp_path / "saved")
    with pytest.raises(DataError, match=says) as caught:
        savedmodel.read(tmp_path / "saved")
    assert "\n" not in str(caught.value)


# ---- the child process


def executable(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def wardrobe(tmp_path: Path) -> Path:
    """Return a folder of <class>/<picture>, 40 of each class."""
    import cv2

    random = np.random.default_rng(2)
    for label in LABELS:
        (tmp_path / "wardrobe" / label).mkdir(parents=True)
        for index in range(40):
            picture = random.integers(0, 256, (SIDE, SIDE), np.uint8)
            cv2.imwrite(str(tmp_path / "wardrobe" / label / f"{index}.png"), picture)
    return tmp_path / "wardrobe"


def start(tmp_path: Path, wardrobe: Path, **options: Any) -> None:
    model = archive(tmp_path / "m.keras", layer("Dense", name="d"))
    with foreign.adopted(model, wardrobe, foreign.Asked(), **options):
        pytest.fail("a child that did nothing was believed")


def test_a_child_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, wardrobe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"sh -c 'sleep 1; touch {tmp_path}/outlived' & sleep 60"
    monkeypatch.setattr(foreign.sys, "executable", str(executable(tmp_path / "slow", script)))
    began = time.monotonic()
    with pytest.raises(DataError, match=r"m.keras: opening it and reading the pictures took over 0\.3 s"):
        start(tmp_path, wardrobe, timeout_s=0.3)
    assert time.monotonic() - began < 10
    time.sleep(max(0.0, 1.5 - (time.monotonic() - began)))
    assert not (tmp_path / "outlived").exists()


def test_a_child_that_crashes_is_told_of_with_what_it_said_last(
    tmp_path: Path, wardrobe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "echo first; echo 'HDF5 is broken' >&2; kill -SEGV $$"
    monkeypatch.setattr(foreign.sys, "executable", str(executable(tmp_path / "crash", script)))
    with pytest.raises(DataError, match="died of signal 11; it said last: HDF5 is broken"):
        start(tmp_path, wardrobe)


def test_the_child_is_given_no_secret(tmp_path: Path, wardrobe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    monkeypatch.setattr(foreign.sys, "executable", str(executable(tmp_path / "env", f"env > {tmp_path}/seen; exit 1")))
    with pytest.raises(DataError, match="ended with status 1"):
        start(tmp_path, wardrobe)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert "GITHUB_TOKEN" not in seen
    assert seen["HOME"] != os.environ.get("HOME")
    assert set(seen) <= {*foreign.PASSED_ON, "PYTHONPATH", "HOME", "KERAS_HOME", "KERAS_BACKEND", "PWD", "OLDPWD"} | {
        *("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES", "SHLVL", "_"),
    }


def test_a_hostile_run_that_the_child_left_is_judged_again(
    tmp_path: Path, wardrobe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hemline_convert import run

    hostile = archive(tmp_path / "hostile.keras", layer("Lambda", name="planted"))

    def child(directory: Path, model: Path, timeout_s: float) -> None:
        request = json.loads((directory / adopt.REQUEST).read_text())
        functional(dense(3)).save(directory / request["copy"])
        adopt.adopt(directory, request)
        shutil.copy(hostile, directory / adopt.RUN / "model.keras")
        facts = json.loads((directory / adopt.RUN / "run.json").read_text())
        (directory / adopt.RUN / "run.json").write_text(json.dumps(facts | {"name": "../../escaped"}))

    monkeypatch.setattr(foreign, "_child", child)
    model = archive(tmp_path / "my model.keras", layer("Dense", name="d"))
    with foreign.adopted(model, wardrobe, foreign.Asked()) as directory:
        taken = run.read(directory)
        assert taken.name == "my-model"
        with pytest.raises(DataError, match="layer 'planted' is a Lambda"):
            taken.model()


# ---- the run that a model becomes


def adopted(tmp_path: Path, model: Any, data: Path, **asked: Any) -> dict[str, Any]:
    """Adopt a model in this process, and return what run.json says."""
    directory = tmp_path / "adopted"
    directory.mkdir()
    model.save(directory / "clean.keras")
    request = {"copy": "clean.keras", "data": str(data), "labels": None, "preprocess": {}, "input": {}} | asked
    adopt.adopt(directory, request)
    facts: dict[str, Any] = json.loads((directory / "run" / "run.json").read_text())
    return facts


def test_calibration_pictures_are_balanced_and_not_among_those_that_judge(tmp_path: Path, wardrobe: Path) -> None:
    from hemline import datasets
    from hemline.datasets.split import holdout
    from hemline.preprocess import Preprocess

    facts = adopted(tmp_path, functional(dense(3)), wardrobe)
    with np.load(tmp_path / "adopted" / "run" / "calibration.npz") as calibration:
        counts = np.bincount(calibration["targets"], minlength=3)
        chosen = {picture.tobytes() for picture in calibration["pictures"]}
    assert counts.min() >= 10
    dataset = datasets.read(wardrobe)
    held = holdout(len(dataset), facts["data"]["validation"], seed=facts["data"]["split_seed"])
    judging = dataset.subset(np.flatnonzero(held)).pixels(Preprocess(SIDE, SIDE, 1))
    assert chosen.isdisjoint(picture.tobytes() for picture in judging)


def test_golden_inputs_are_drawn_and_never_a_users_pictures(tmp_path: Path, wardrobe: Path) -> None:
    adopted(tmp_path, functional(dense(3), channels=3), wardrobe)
    with (
        np.load(tmp_path / "adopted" / "run" / "golden.npz") as golden,
        np.load(tmp_path / "adopted" / "run" / "calibration.npz") as calibration,
    ):
        drawn = {picture.tobytes() for picture in golden["pictures"]}
        assert drawn.isdisjoint(picture.tobytes() for picture in calibration["pictures"])
        # in colours, or a model that takes blue first would not be told from one that does not
        assert (golden["pictures"][..., 0] != golden["pictures"][..., 2]).any()


def test_labels_are_those_of_the_file_in_its_order(tmp_path: Path, wardrobe: Path) -> None:
    (tmp_path / "labels.txt").write_text("shoe\nbag\ndress\n")
    facts = adopted(tmp_path, functional(dense(3)), wardrobe, labels=str(tmp_path / "labels.txt"))
    assert facts["labels"] == ["shoe", "bag", "dress"]


@pytest.mark.parametrize(
    ("units", "labels", "error", "says"),
    [
        (4, None, DataError, r"4 outputs, wardrobe has 3 classes \(bag, dress, shoe\)"),
        (3, "bag\ndress\n", UsageError, "only in one of them: shoe"),
        (3, "bag\ndress\nboot\n", UsageError, "only in one of them: boot, shoe"),
        (3, "", DataError, "empty; write one label a line"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    tmp_path: Path, wardrobe: Path, units: int, labels: str | None, error: type[Exception], says: str
) -> None:
    if labels is not None:
        (tmp_path / "names.txt").write_text(labels)
    with pytest.raises(error, match=says):
        adopted(
            tmp_path,
            functional(dense(units)),
            wardrobe,
            labels=None if labels is None else str(tmp_path / "names.txt"),
        )


def test_too_few_pictures_to_calibrate_with_are_refused(tmp_path: Path, wardrobe: Path) -> None:
    for label in LABELS:
        for picture in sorted((wardrobe / label).iterdir())[5:]:
            picture.unlink()
    with pytest.raises(DataError, match=r"pictures to calibrate with, of 15 in train; int8 needs 32 or more"):
        adopted(tmp_path, functional(dense(3)), wardrobe)


# ---- the verb


def test_a_keras_file_becomes_a_bundle_that_says_where_it_came_from(
    tmp_path: Path, wardrobe: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # a class of the folder's own name: the folder may not be taken for one that holds the set
    (wardrobe / "bag").rename(wardrobe / "wardrobe")
    functional(dense(3, "softmax")).save(tmp_path / "mine.keras")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "bundle"
    arguments = ["convert", "mine.keras", "--data", "wardrobe", "--out", str(out), "--license", "MIT"]
    # random pictures: accuracy is chance, and calibration is as good as noise
    assert main([*arguments, "--formats", "litert:float32", "--force", "--min-accuracy", "0"]) == 0, capfd.readouterr()
    bundle = Bundle.load(out)
    bundle.verify()
    assert bundle.labels == ("dress", "shoe", "wardrobe")
    assert bundle.preprocess.as_dict() | {"fit": "stretch", "interpolation": "linear"} == bundle.preprocess.as_dict()
    assert bundle.provenance["model"]["file"] == "mine.keras"
    assert bundle.provenance["model"]["sha256"] == foreign._sha256(tmp_path / "mine.keras")
    assert bundle.provenance["license"] == "MIT"
    assert "SPDX-License-Identifier: MIT" in (out / "LICENSE").read_text()
    assert str(tmp_path) not in (out / "manifest.json").read_text()


@pytest.mark.parametrize(
    ("more", "status", "says"),
    [
        ([], 2, "a model trained elsewhere needs --data PATH"),
        (["--data", "wardrobe", "--fit", "strech"], 2, "no fit 'strech'; nearest: stretch"),
        (["--data", "wardrobe", "--scale", "1/0"], 2, "write a number such as 0.5, or a fraction such as 1/255"),
        (["--data", "wardrobe", "--min-accuracy", "85"], 2, "a share is 0 to 1"),
        (["--data", "nowhere"], 4, "nowhere"),
    ],
)
def test_a_wrong_command_line_is_one_line_before_anything_is_opened(
    tmp_path: Path,
    wardrobe: Path,
    more: list[str],
    status: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    archive(tmp_path / "m.keras", layer("Dense", name="d"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(foreign, "_child", lambda *_: pytest.fail("the model was opened"))
    assert main(["convert", "m.keras", *more]) == status
    assert says in capfd.readouterr().err


def test_a_run_takes_no_option_that_it_answers_itself(tiny_run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(tiny_run), "--scale", "1/255"]) == 2
    assert "--scale is for a model trained elsewhere" in capfd.readouterr().err
