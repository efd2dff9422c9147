"""OpenVINO on other devices than the CPU: what it is told, and what is said where one is missing. They are made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hemline import engines, select
from hemline.classifier import Classifier
from hemline.engines import Model, openvino
from hemline.errors import BundleError, MissingError

SHAPE = (4, 4, 1)


class Library:
    """An openvino package whose devices are made up. told: what each model was compiled with."""

    def __init__(self, *devices: str, fails: str = "") -> None:
        self.available_devices = list(devices)
        self.told: list[tuple[str, dict[str, object]]] = []
        self._fails = fails

    def Core(self) -> Library:
        return self

    def compile_model(self, model: Any, device: str, settings: dict[str, object]) -> Library:
        if self._fails:
            raise RuntimeError(self._fails)
        self.told.append((device, settings))
        return self

    def create_infer_request(self) -> Library:
        return self

    def infer(self) -> None:
        """Do nothing."""

    def get_input_tensor(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(data=np.zeros((1, *SHAPE), np.uint8))

    def get_output_tensor(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(data=np.zeros((1, 3), np.float32))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., engines.Engine]:
    """Return a function that opens a model on a device of a made-up library."""

    def open_on(library: Library, device: str, threads: int = 2) -> engines.Engine:
        monkeypatch.setattr(openvino, "library", lambda: library)
        monkeypatch.setattr(openvino, "_read", lambda model, core: SimpleNamespace(reshape=lambda shape: None))
        model = Model(
            "openvino:int8", {}, SHAPE, ("logits", "embedding"), {"logits": 3, "embedding": 3}, threads, device
        )
        return openvino.open(model)

    return open_on


@pytest.mark.parametrize(
    ("device", "settings"),
    [
        (
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": "1",
                "INFERENCE_NUM_THREADS": 2,
                "ENABLE_CPU_PINNING": False,
            },
        ),
        ("GPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}),
        ("GPU.1", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}),
        ("NPU", {"PERFORMANCE_HINT": "LATENCY"}),
    ],
)
def test_each_device_is_told_what_it_understands(device: str, settings: dict[str, object], opened: Any) -> None:
    library = Library("CPU", "GPU.0", "GPU.1", "NPU")
    with opened(library, device) as engine:
        assert library.told == [(device, settings)]
        assert engine.backend.endswith(f" on {device}") is (device != "CPU")


@pytest.mark.parametrize(
    ("device", "devices", "message"),
    [
        (
            "GPU",
            ("CPU",),
            "openvino:int8: OpenVINO sees no GPU here, only CPU; its driver is missing, or the permission",
        ),
        ("GPU.1", ("CPU", "GPU"), "openvino:int8: OpenVINO sees no GPU.1 here, only CPU, GPU; its driver is missing"),
        ("NPU", (), "openvino:int8: OpenVINO sees no NPU here, only nothing; its driver is missing"),
    ],
)
def test_a_device_that_is_not_there_is_said_with_what_is(device, devices, message, opened: Any) -> None:
    library = Library(*devices)
    with pytest.raises(MissingError) as caught:
        opened(library, device)
    assert str(caught.value).startswith(message)
    assert not library.told


def test_a_model_that_a_device_cannot_take_is_no_fault_of_the_file(opened: Any) -> None:
    with pytest.raises(BundleError, match=r"cannot compile it for NPU \(no such layer\); leave out --device$"):
        opened(Library("CPU", "NPU", fails="no such layer"), "NPU")
    with pytest.raises(BundleError, match=r"cannot compile it \(no such layer\); convert it again$"):
        opened(Library("CPU", fails="no such layer"), "CPU")


def test_the_profile_says_where_and_with_how_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = SimpleNamespace(name="b", artifacts=[SimpleNamespace(name="openvino:int8")])
    there = engines.Probe(True, "openvino", "1", "")
    choice = select.choose(bundle, device="intel-npu", probe=lambda name: there)
    assert (choice.artifact, choice.threads, choice.openvino_device) == ("openvino:int8", 1, "NPU")
    assert select.choose(bundle, device="intel-cpu", probe=lambda name: there).openvino_device == "CPU"
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "t"\nartifacts = ["openvino:int8"]\nthreads = 3\nopenvino_device = "GPU.1"\n'
    )
    monkeypatch.setattr(engines, "open_engine", lambda bundle, name, **told: (name, told))
    expected = ("openvino:int8", {"threads": 3, "openvino_device": "GPU.1"})
    assert select.opener(str(path))(bundle, "openvino:int8") == expected
    assert select.opener(None)(bundle, "openvino:int8") == ("openvino:int8", {})


@pytest.mark.skipif(not openvino.probe().available, reason="openvino is not installed")
def test_the_real_openvino_has_no_npu_here_and_says_so() -> None:
    if Path("/dev/accel/accel0").exists():
        pytest.skip("this machine may have one")
    with pytest.raises(MissingError, match=r"^openvino:int8: OpenVINO sees no NPU here, only CPU"):
        Classifier.open("fashion-nano", device="intel-npu")


# asking for the devices


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts an openvino package in the place of the real one, for child processes."""

    def write(source: str) -> None:
        (tmp_path / "openvino").mkdir()
        (tmp_path / "openvino" / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(openvino, "probe", lambda: engines.Probe(True, "openvino", "1", ""))

    return write


def test_the_devices_are_asked_for_without_telemetry(package: Callable[[str], None]) -> None:
    package(
        "import sys\n"
        "class Core:\n"
        "    available_devices = ['CPU', 'GPU'] if sys.modules['openvino_telemetry'] is None else []\n"
    )
    assert openvino.devices() == ("CPU", "GPU")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os; os._exit(3)", r"does not tell its devices \(exit status 3\); see: hemline doctor"),
        (
            "raise ImportError('libze.so: no such file')",
            r"\(ImportError: libze.so: no such file\); see: hemline doctor",
        ),
    ],
)
def test_an_openvino_that_breaks_takes_nothing_along(source: str, message: str, package: Callable[[str], None]) -> None:
    package(source)
    with pytest.raises(MissingError, match=message):
        openvino.devices()


def test_an_openvino_that_hangs_is_not_waited_for(package: Callable[[str], None]) -> None:
    package("import time; time.sleep(600)")
    with pytest.raises(MissingError, match=r"does not tell its devices within 0.2 s; ask again"):
        openvino.devices(0.2)


def test_no_openvino_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "probe", lambda: engines.Probe(False, "", "", ""))
    assert openvino.devices() is None
