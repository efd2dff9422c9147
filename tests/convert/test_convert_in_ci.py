"""
scripts/convert-in-ci.sh, really run: a good model passes, each bad one is refused for the reason it is bad.

One classifier of dyed garments is trained; the bad ones are made from it as such mistakes make them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.bundle import Bundle
from hemline.drawn import draw

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "convert-in-ci.sh"

SIDE = 24
# shape and dye: both decide. None of the dyes is another one with red and blue exchanged
LABELS = ("green_bag", "green_trouser", "orange_bag", "orange_trouser")
SHAPES = {"trouser": 1, "bag": 8}
DYES = {"green": (60, 210, 90), "orange": (250, 140, 30)}
PER_CLASS = {"train": 60, "test": 25}

pytestmark = pytest.mark.tensorflow


@dataclass(frozen=True)
class Ran:
    """What a run of the script left. cases: {(classname, name): failure message or None} of its JUnit file."""

    status: int
    stdout: str
    stderr: str
    out: Path
    cases: dict[tuple[str, str], str | None]

    @property
    def failed(self) -> set[tuple[str, str]]:
        return {case for case, failure in self.cases.items() if failure is not None}


def garment(label: str, seed: int) -> NDArray[np.uint8]:
    """Return one dyed garment, (SIDE, SIDE, 3) RGB."""
    dye, shape = label.split("_")
    gray = draw(SHAPES[shape], seed=seed, height=SIDE, width=SIDE).astype(np.float64) / 255
    shade = np.random.default_rng(seed).uniform(0.75, 1.0, 3)
    return np.asarray(gray[..., None] * np.array(DYES[dye]) * shade).astype(np.uint8)


def write_folder(root: Path) -> Path:
    for split, count in PER_CLASS.items():
        for label in LABELS:
            (root / split / label).mkdir(parents=True)
            for index in range(count):
                picture = garment(label, index + 1000 * (split == "test"))
                path = root / split / label / f"{index:03}.png"
                cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return root


def train() -> Any:
    """Return a Keras classifier as a tutorial would write it: pixels 0..255 in, softmax out."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(len(LABELS), activation="softmax", name="last"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    pictures = [garment(label, index) for index in range(PER_CLASS["train"]) for label in LABELS]
    targets = np.tile(np.arange(len(LABELS)), PER_CLASS["train"])
    model.fit(np.stack(pictures).astype(np.float32), targets, batch_size=16, epochs=12, verbose=0)
    return model


def altered(model: Any, layer: str, change: Callable[[NDArray[Any], NDArray[Any]], list[NDArray[Any]]]) -> Any:
    """Return a copy of the model with other weights in one layer."""
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.get_layer(layer).set_weights(change(*model.get_layer(layer).get_weights()))
    return copy


def with_labels_swapped(model: Any) -> Any:
    """Return what training leaves when two pairs of class folders were mixed up."""
    swap = [1, 0, 3, 2]
    return altered(model, "last", lambda kernel, bias: [kernel[:, swap], bias[swap]])


def of_bgr(model: Any) -> Any:
    """Return what training leaves when pictures were read with OpenCV and left as they came."""
    return altered(model, "first", lambda kernel, bias: [kernel[:, :, ::-1], bias])


def normalised_twice(model: Any) -> Any:
    """Return the model behind a second division by 255."""
    import keras

    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Rescaling(1 / 255), model])


def run_calibrated_on_noise(model: Any, folder: Path, directory: Path) -> Path:
    """Return a run whose calibration pictures are noise; all else is in order."""
    from hemline_convert import adopt

    directory.mkdir()
    model.save(directory / "clean.keras")
    request = {"copy": "clean.keras", "data": str(folder), "labels": None, "preprocess": {}, "input": {}}
    adopt.adopt(directory, request)
    run = directory / "run"
    noise = np.random.default_rng(5).integers(0, 256, (200, SIDE, SIDE, 3), np.uint8)
    np.savez(run / "calibration.npz", pictures=noise, targets=np.zeros(200, np.int64), data_name=np.array(folder.name))
    return run


def script(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    room = [str(ROOT / name) for name in ("runtime", "train", "convert")]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        env=inherited | {"PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(room)} | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


def convert(model: Path, *more: str, cwd: Path, name: str, **environment: str) -> Ran:
    out, junit = cwd / "b u n d l e s" / name, cwd / "reports" / f"{name}.xml"
    arguments = [model.name, "--data", "my garments", "--out", str(out.relative_to(cwd)), "--junit", str(junit)]
    done = script(*arguments, *more, cwd=cwd, **environment)
    cases = {}
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        failure = case.find("failure")
        cases[case.attrib["classname"], case.attrib["name"]] = None if failure is None else failure.attrib["message"]
    return Ran(done.returncode, done.stdout, done.stderr, out, cases)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Return what the script made of each model; two run at a time."""
    cwd = tmp_path_factory.mktemp("a place with spaces")
    folder = write_folder(cwd / "my garments")
    good = train()
    for name, make in (("swapped", with_labels_swapped), ("bgr", of_bgr), ("twice", normalised_twice)):
        make(good).save(cwd / f"{name}.keras")
    good.save(cwd / "the good one.keras")
    good.export(cwd / "saved", verbose=False)
    run_calibrated_on_noise(good, folder, cwd / "adopted").rename(cwd / "noise")
    (cwd / "b u n d l e s" / "swapped").mkdir(parents=True)
    (cwd / "b u n d l e s" / "swapped" / "older").touch()
    least = ("--min-accuracy", "0.9")
    jobs = {
        "good": ("the good one.keras", *least, "--html", "reports/good.html"),
        "saved": ("saved", *least, "--formats", "litert:float32", "--", "--license", "MIT"),
        "swapped": ("swapped.keras", *least, "--formats", "litert:float32"),
        "twice": ("twice.keras", *least, "--formats", "litert:float32"),
        "bgr": ("bgr.keras", *least, "--formats", "litert:float32"),
        "noise": ("noise", "--gate", "agreement_quantized=0.9"),
    }
    in_actions = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(cwd / "summary.md")}
    with ThreadPoolExecutor(2) as threads:
        waiting = {
            name: threads.submit(
                convert, cwd / model, *more, cwd=cwd, name=name, **(in_actions if name == "swapped" else {})
            )
            for name, (model, *more) in jobs.items()
        }
        return {name: job.result() for name, job in waiting.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["good", "saved"])
def test_a_good_model_passes_every_gate_and_leaves_a_whole_bundle(ran: dict[str, Ran], name: str) -> None:
    good = ran[name]
    assert good.status == 0, good.stderr
    assert good.failed == set()
    assert good.stdout.strip() == f"b u n d l e s/{name}"
    bundle = Bundle.load(good.out)
    bundle.verify()
    assert bundle.name == name
    assert bundle.labels == LABELS
    assert ("keras:float32", "accuracy") in good.cases
    assert {("litert:float32", gate) for gate in ("accuracy_drop_pp", "agreement", "dp_p95")} <= set(good.cases)
    assert good.out.with_name(f"{name}.convert.log").is_file()
    assert bundle.provenance["license"] == ("MIT" if name == "saved" else "NOASSERTION")  # what follows -- got there
    assert [path.name for path in good.out.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_the_reports_say_each_artifact_and_gate(ran: dict[str, Ran]) -> None:
    good = ran["good"]
    for gate in ("accuracy_drop_pp", "agreement", "dp_p95", "calibration_likeness", "engines_agreement"):
        assert ("litert:int8", gate) in good.cases
    page = (good.out.parents[1] / "reports" / "good.html").read_text()
    assert "litert:int8" in page


@pytest.mark.slow
def test_swapped_labels_are_refused_and_named(ran: dict[str, Ran]) -> None:
    bad = ran["swapped"]
    assert bad.status == 1
    assert bad.failed == {("keras:float32", "accuracy")}
    assert re.search(r"^keras:float32 accuracy 0[.0]*, at least 0\.9: FAILED$", bad.stderr, re.MULTILINE)
    assert "with the labels in another order ('green_bag' means 'green_trouser'" in bad.stderr
    assert "give --labels with green_trouser, green_bag, orange_trouser, orange_bag" in bad.stderr


@pytest.mark.slow
def test_a_refused_bundle_leaves_the_older_one_where_it_was(ran: dict[str, Ran]) -> None:
    assert [path.name for path in ran["swapped"].out.iterdir()] == ["older"]
    assert not ran["twice"].out.exists()
    assert "was not written: a gate failed" in ran["swapped"].stderr


@pytest.mark.slow
def test_in_github_actions_the_offending_line_is_an_annotation(ran: dict[str, Ran]) -> None:
    lines = ran["swapped"].stdout.splitlines()
    assert any(line.endswith("::keras:float32 accuracy 0, at least 0.9: FAILED") for line in lines)
    assert any(line.startswith("::error title=hemline::likely cause: ") for line in lines)
    assert all(line.startswith("::error title=hemline::") for line in lines)
    assert "litert:float32" in (ran["swapped"].out.parents[1] / "summary.md").read_text()
    assert "::error" not in ran["twice"].stdout + ran["twice"].stderr


@pytest.mark.slow
def test_a_model_normalised_twice_is_refused_and_named(ran: dict[str, Ran]) -> None:
    bad = ran["twice"]
    assert bad.status == 1
    assert bad.failed == {("keras:float32", "accuracy")}
    assert re.search(r"1\.0000 when pixels are multiplied by 255: they are normalised twice", bad.stderr)


@pytest.mark.slow
def test_a_model_that_takes_blue_first_is_refused_and_named(ran: dict[str, Ran]) -> None:
    bad = ran["bgr"]
    assert bad.status == 1
    assert bad.failed == {("keras:float32", "accuracy")}
    assert "when pixels are with red and blue exchanged: it was trained on BGR" in bad.stderr


@pytest.mark.slow
def test_int8_calibrated_on_noise_is_refused_and_float_is_not(ran: dict[str, Ran]) -> None:
    bad = ran["noise"]
    assert bad.status == 1
    assert ("litert:int8", "calibration_likeness") in bad.failed
    assert {artifact for artifact, _ in bad.failed} == {"litert:int8"}
    assert re.search(r"^litert:int8 calibration_likeness -?\S+, at least 0\.5: FAILED$", bad.stderr, re.MULTILINE)
    assert "int8 was calibrated on noise or on other pictures" in bad.stderr


# ---- without a model


def test_help_says_every_option_and_status(tmp_path: Path) -> None:
    done = script("--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("MODEL", "--data", "--out", "--formats", "--min-accuracy", "--gate", "--junit", "--html", "1 a gate"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no MODEL given"),
        (["m.keras"], "no --data given"),
        (["m.keras", "--data", "d"], "no --out given"),
        (["m.keras", "--data", "d", "--out", "o"], "no --min-accuracy given, and the model is no run"),
        (["m.keras", "--data"], "--data needs a value"),
        (["m.keras", "n.keras"], "two models, 'm.keras' and 'n.keras'"),
        (["m.keras", "--dta", "d"], "no option '--dta'"),
        (["m", "--data", "d", "--out", "o", "--formats", "litert:int8"], "add one float32, to compare with"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = script(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_used_is_status_4_and_an_error_in_the_junit_file(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"x")
    (tmp_path / "d").mkdir()
    arguments = ["m.h5", "--data", "d", "--out", "o", "--min-accuracy", "0.9", "--junit", "j.xml", "--html", "h.html"]
    done = script(*arguments, cwd=tmp_path, GITHUB_ACTIONS="true")
    assert done.returncode == 4
    assert "Keras ignores its safe mode" in done.stderr
    assert re.fullmatch(r"::error title=hemline::hemline: m\.h5: .*\n", done.stdout)
    (case,) = ElementTree.parse(tmp_path / "j.xml").getroot().iter("testcase")
    error = case.find("error")
    assert case.attrib["name"] == "m.h5"
    assert error is not None
    assert "Keras ignores its safe mode" in error.attrib["message"]
    assert not (tmp_path / "h.html").exists()
    assert not (tmp_path / "o").exists()


def test_a_python_without_hemline_is_status_3_with_the_line_to_type(tmp_path: Path) -> None:
    python = tmp_path / "bare python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -I "$@"\n')
    python.chmod(0o755)
    arguments = ["m.keras", "--data", "d", "--out", "o", "--min-accuracy", "0.9"]
    done = script(*arguments, cwd=tmp_path, PYTHON=str(python))
    assert done.returncode == 3
    assert "pip install 'hemline[convert]'" in done.stderr


def test_a_crash_is_not_taken_for_a_gate_that_failed(tmp_path: Path) -> None:
    python = tmp_path / "python"
    # a traceback ends with status 1, as a gate does
    python.write_text(f'#!/bin/sh\n[ "$2" = hemline ] && echo boom >&2 && exit 1\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    arguments = ["m.keras", "--data", "d", "--out", "o", "--min-accuracy", "0.9", "--junit", "j.xml"]
    done = script(*arguments, cwd=tmp_path, PYTHON=str(python))
    assert done.returncode == 4
    assert "boom" in (tmp_path / "j.xml").read_text()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# ---- action.yml; PyYAML is not among what the tests need, so it is read by its indentation


def section(text: str, key: str) -> str:
    """Return what is indented below a key at the left margin."""
    found = re.search(rf"^{key}:\n((?:[ #].*\n|\n)+)", text, re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_action_uses_every_input_that_it_declares_and_no_other() -> None:
    text = (ROOT / "action.yml").read_text()
    declared = re.findall(r"^  ([a-z-]+):$", section(text, "inputs"), re.MULTILINE)
    used = set(re.findall(r"inputs\.([a-z-]+)", section(text, "runs")))
    assert set(declared) == used
    for name in declared:
        entry = re.search(rf"^  {name}:\n((?:    .*\n)+)", section(text, "inputs"), re.MULTILINE)
        assert entry is not None
        assert "    description: " in entry[1]
        assert "    required: true" in entry[1] or "    default: " in entry[1]


def steps() -> list[str]:
    return re.split(r"^    - ", section((ROOT / "action.yml").read_text(), "runs"), flags=re.MULTILINE)[1:]


def test_the_action_is_composite_and_its_scripts_name_their_shell() -> None:
    runs = section((ROOT / "action.yml").read_text(), "runs")
    assert "  using: composite\n" in runs
    for step in steps():
        assert ("run: |" in step) == ("shell: bash" in step)
        assert ("run: |" in step) != ("uses: " in step)
    assert [re.search(r"uses: (\S+)", step)[1] for step in steps() if "uses: " in step] == [  # type: ignore[index]
        "actions/upload-artifact@v6"
    ]


def test_no_input_is_written_into_a_script() -> None:
    # a branch named `$(curl evil)` would run; through the environment it is only text
    for step in steps():
        code = step.partition("run: |\n")[2]
        assert "${{" not in code


def test_the_action_runs_the_script_with_its_inputs(tmp_path: Path) -> None:
    (code,) = (step.partition("run: |\n")[2] for step in steps() if "convert-in-ci.sh" in step)
    (tmp_path / "scripts").mkdir()
    fake = tmp_path / "scripts" / "convert-in-ci.sh"
    fake.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    values = {"MODEL": "my model.keras", "DATA": "d", "OUT": "o", "FORMATS": "all", "JUNIT": "j", "HTML": "h"}
    values |= {"MIN_ACCURACY": "0.9", "GATES": "a=1\nb=2\n", "OPTIONS": "--scale\n1/255\n"}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", "\n".join(line[8:] for line in code.splitlines())],
        env=os.environ | values | {"ACTION_PATH": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        *("my model.keras", "--data", "d", "--out", "o", "--formats", "all", "--junit", "j", "--html", "h"),
        *("--min-accuracy", "0.9", "--gate", "a=1", "--gate", "b=2", "--", "--scale", "1/255"),
    ]
    assert (tmp_path / "output").read_text() == "bundle=o\n"


def test_what_the_action_installs_are_extras_of_the_project() -> None:
    from hemline import toml

    extras = toml.read(ROOT / "pyproject.toml")["project"]["optional-dependencies"]
    (asked,) = re.findall(r"\$\{ACTION_PATH\}\[([a-z,]+)\]", (ROOT / "action.yml").read_text())
    assert set(asked.split(",")) <= set(extras)


# ---- the diagnosis


def test_a_poor_model_is_given_no_cause_that_does_not_explain_it() -> None:
    from hemline_convert.diagnose import diagnose

    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (200, 4, 4, 3), np.uint8)
    targets = random.integers(0, 5, 200)

    def guess(fed: NDArray[Any]) -> NDArray[Any]:
        return np.random.default_rng(2).normal(size=(len(fed), 5))

    line = diagnose(guess, pixels, targets, tuple("abcde"), normalises=True)
    assert "no other order of labels, scale of pixels or order of colours explains it" in line


@pytest.mark.parametrize(
    ("fed_as", "normalises", "says"),
    [
        (lambda pixels: pixels / 255, True, "it has its own layer for that, so it was normalised twice"),
        (lambda pixels: pixels / 255, False, "it was trained on 0..1: add --scale 1/255"),
        (lambda pixels: pixels / 127.5 - 1, False, "it was trained on -1..1: add --scale 1/127.5 --offset -1"),
        (lambda pixels: 255 - pixels, False, "light and dark exchanged"),
    ],
)
def test_a_model_fed_otherwise_than_it_was_trained_is_told_how(
    fed_as: Callable[[NDArray[Any]], NDArray[Any]], normalises: bool, says: str
) -> None:
    from hemline_convert.diagnose import diagnose

    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (300, 2, 2, 1), np.uint8)
    known = fed_as(pixels.astype(np.float32)).mean(axis=(1, 2, 3))
    edges = np.quantile(known, [0.25, 0.5, 0.75])

    def answer(fed: NDArray[Any]) -> NDArray[Any]:
        return np.eye(4)[np.digitize(fed.mean(axis=(1, 2, 3)), edges)]

    line = diagnose(answer, pixels, np.digitize(known, edges), tuple("abcd"), normalises=normalises)
    assert says in line
    assert "1.0000 " in line


def test_a_manifest_of_a_good_model_holds_no_gate_of_ci(tmp_path: Path, tiny_run: Path, closet: Path) -> None:
    from hemline.cli import main

    # the accuracy that CI asks for is CI's own; a device checks what the bundle promises
    arguments = ["convert", str(tiny_run), "--data", str(closet), "--out", str(tmp_path / "b"), "--min-accuracy", "0"]
    assert main([*arguments, "--formats", "litert:float32", "--junit", str(tmp_path / "j.xml")]) == 0
    assert "min" not in json.loads((tmp_path / "b" / "manifest.json").read_text())["gates"]
    names = [case.attrib["name"] for case in ElementTree.parse(tmp_path / "j.xml").getroot().iter("testcase")]
    assert names[0] == "accuracy"
