"""A bundle that needs no engine package, and pictures for it, for tests of everything around engines."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from hemline import engines, parity
from hemline.bundle import Artifact, Bundle, File
from hemline.golden import Golden
from hemline.preprocess import Preprocess

LABELS = ("shirt", "trouser", "shoe")
SHAPE = (28, 28, 1)
WIDTHS = {"logits": 3, "embedding": 8}
RULE = json.dumps({"weights_seed": 5}).encode()
BROKER = Path(__file__).resolve().parent.parent.parent / "scripts" / "mosquitto_broker.py"


@pytest.fixture(scope="session")
def mosquitto() -> ModuleType:
    """scripts/mosquitto_broker.py: Broker, a real one on this machine, and Listener."""
    pytest.importorskip("paho.mqtt", reason="needs the mqtt extra")
    specification = importlib.util.spec_from_file_location("mosquitto_broker", BROKER)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["mosquitto_broker"] = module
    specification.loader.exec_module(module)
    if module.program() is None:
        pytest.skip("needs the broker mosquitto: apt install mosquitto")
    return module


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that waits for no drive, where there is one: a kill takes nothing from it, only a power cut."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def fake_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """Return a function that writes a bundle of two fake artifacts with matching golden inputs and loads it."""

    def make(name: str = "closet", **changes: object) -> Bundle:
        model = engines.Model("fake:float32", {"fake.json": RULE}, SHAPE, ("logits", "embedding"), WIDTHS)
        pictures = np.random.default_rng(1).integers(0, 256, (6, *SHAPE), np.uint8)
        with engines.open_model("fake", model) as engine:
            golden = Golden(pictures, *engine.run(pictures)).to_bytes()
        facts: dict[str, object] = {
            "name": name,
            "version": "1",
            "created": "2026-01-01T00:00:00Z",
            "labels": LABELS,
            "preprocess": Preprocess(28, 28),
            "outputs": WIDTHS,
            "artifacts": (
                Artifact("fake", "float32", (File.of("fake.json", RULE),)),
                Artifact(
                    "fake",
                    "int8",
                    (File.of("fake-int8.json", RULE),),
                    temperature=2.0,
                    thresholds={"good": 0.99999},
                ),
            ),
            "golden": File.of("golden.npz", golden),
        }
        bundle = Bundle(**{**facts, **changes})  # type: ignore[arg-type]
        contents = {"fake.json": RULE, "fake-int8.json": RULE, "golden.npz": golden}
        bundle.write(tmp_path / name, contents)
        return Bundle.load(tmp_path / name)

    return make


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of labelled pictures for the fake bundle; its float artifact may be the reference."""
    monkeypatch.setattr(parity, "REFERENCES", ("fake:float32",))
    random = np.random.default_rng(2)
    for label in ("shirt", "trouser", "shoe"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for index in range(4):
            pixels = random.integers(0, 256, (28, 28), np.uint8)
            assert cv2.imwrite(str(tmp_path / "pictures" / label / f"{index}.png"), pixels)
    return tmp_path / "pictures"
