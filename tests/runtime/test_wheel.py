"""What a device gets: the built wheel with one engine in a bare environment, and no TensorFlow anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import pytest

from hemline import golden, profiles
from hemline.bundle import Bundle
from hemline.profiles.places import system_names
from hemline.select import find_bundle, packaged

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
BUNDLES = ("fashion-nano", "fashion-small", "fashion-base", "wardrobe", "tiles")
MOST_BYTES = 6_000_000  # of all bundles together
OFFLINE = ("NewConnectionError", "NameResolutionError", "Temporary failure in name resolution")


def bare_environment() -> dict[str, str]:
    """Return the environment without what would let the checkout shine through."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HEMLINE_"))}


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout; a failure shows what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=bare_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
    )
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from the sdist: what is missing there is missing here."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def device(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an environment that holds the wheel with [litert] and nothing else."""
    home = tmp_path_factory.mktemp("device")
    run(sys.executable, "-m", "venv", home / "venv", cwd=home)
    bin_folder = home / "venv" / "bin"
    done = run(
        *(bin_folder / "python", "-m", "pip", "install", "--disable-pip-version-check"),
        *(f"{wheel}[litert]", "-c", ROOT / "constraints.txt"),
        cwd=home,
        check=False,
    )
    if done.returncode and any(word in done.stderr for word in OFFLINE):
        pytest.skip("no package index can be reached from here")
    assert done.returncode == 0, done.stderr
    return bin_folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a drawn garment as a PNG file, and the label that the float model gave it."""
    bundle = Bundle.load(find_bundle())
    reference = golden.load(bundle)
    path = tmp_path_factory.mktemp("pictures") / "garment.png"
    assert cv2.imwrite(str(path), reference.pictures[0])
    return path, bundle.labels[int(reference.logits[0].argmax())]


def test_the_wheel_carries_profiles_bundle_and_the_three_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"hemline/devices/{name}.toml" for name in profiles.names()} <= names
    assert {f"hemline/devices/systems/{name}.toml" for name in system_names()} <= names
    for name in BUNDLES:
        bundle = find_bundle(name)
        assert {f"hemline/bundles/{name}/{path.name}" for path in bundle.iterdir()} <= names
    assert sum(path.stat().st_size for path in packaged().rglob("*") if path.is_file()) < MOST_BYTES
    assert {"hemline/py.typed", "hemline_train/py.typed", "hemline_convert/py.typed"} <= names
    assert "hemline_train/recipes/fashion-cnn.toml" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_carries_no_log_no_keras_file_and_no_tests(wheel: Path) -> None:
    for name in zipfile.ZipFile(wheel).namelist():
        assert not name.endswith((".log", ".keras", ".h5", ".pkl", ".pyc"))
        assert not name.startswith("tests/")


def test_a_device_classifies_a_picture(device: Path, drawn: tuple[Path, str]) -> None:
    picture, label = drawn
    done = run(device / "hemline", "classify", picture, "--json", cwd=picture.parent)
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert result["schema"] == 1
    assert result["source"] == str(picture)
    assert result["label"] == label
    assert result["artifact"] == "litert:int8"
    assert result["bundle"].startswith("fashion-base@")
    assert 0 < result["confidence"] <= 1
    assert done.stderr == ""


def test_a_device_has_no_tensorflow(device: Path) -> None:
    listed = json.loads(run(device / "python", "-m", "pip", "list", "--format", "json", cwd=device).stdout)
    installed = {entry["name"].lower() for entry in listed}
    assert {"hemline", "ai-edge-litert", "numpy", "opencv-python-headless"} <= installed
    assert not {name for name in installed if name.startswith(("tensorflow", "keras", "tf2onnx"))}
    done = run(device / "python", "-c", "import tensorflow", cwd=device, check=False)
    assert "No module named 'tensorflow'" in done.stderr


def test_a_device_knows_its_profiles_and_its_engine(device: Path) -> None:
    assert "~/hemline/bin/hemline doctor" in run(device / "hemline", "devices", "show", "coral-usb", cwd=device).stdout
    found = json.loads(run(device / "hemline", "doctor", "--json", cwd=device).stdout)
    available = {row["engine"]: row["package"] for row in found["engines"] if row["available"]}
    assert available == {"litert": "ai-edge-litert"}


def test_a_device_answers_training_with_the_line_to_type(device: Path, tmp_path: Path) -> None:
    done = run(device / "hemline", "train", "fashion-cnn", cwd=tmp_path, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("hemline: 'hemline train' needs ")
    assert line.endswith(": pip install 'hemline[train]'")
    assert not list(tmp_path.iterdir()), "nothing is begun that cannot be done"
