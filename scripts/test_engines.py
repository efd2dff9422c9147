"""
make test-engines: the wheel with one engine package only, four times over, each in a bare environment; then
the OpenVINO artifact in OpenVINO Model API, which wants an OpenCV of its own.

In each: the contract suite of the engines, `hemline classify` on a drawn picture, `hemline bundle verify`,
and proof that TensorFlow cannot be imported. Environments lie under build/engines/ and are made anew when the
requirements change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "engines"
TESTS = ("tests/runtime/conftest.py", "tests/runtime/test_engines.py", "tests/runtime/test_ecosystems.py")


@dataclass(frozen=True)
class Environment:
    """One engine package.

    constrained: installs with constraints.txt; tflite-runtime needs numpy 1 instead.
    beside: a package of the engine's ecosystem that the artifacts are tried in.
    """

    extra: str
    package: str
    artifact: str
    constrained: bool = True
    pythons: tuple[tuple[int, int], tuple[int, int]] = ((3, 10), (3, 13))
    beside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What is installed, as a folder and a person call it."""
        return "+".join((self.extra, *(package.partition("==")[0] for package in self.beside)))


ENVIRONMENTS = (
    Environment("litert", "ai-edge-litert", "litert:int8"),
    Environment("tflite", "tflite-runtime", "litert:int8", constrained=False, pythons=((3, 10), (3, 11))),
    Environment("onnx", "onnxruntime", "onnx:int8"),
    Environment("openvino", "openvino", "openvino:int8"),
    Environment(
        *("openvino", "openvino", "openvino:int8"),
        constrained=False,  # it pins OpenCV 4
        pythons=((3, 11), (3, 13)),
        beside=("openvino-model-api==0.4.7",),
    ),
)
OTHERS = ("tensorflow", "keras", "ai_edge_litert", "tflite_runtime", "onnxruntime", "openvino")


def run(*command: str | Path, cwd: Path, quiet: bool = True) -> str:
    """Run a command outside the checkout and return its stdout; end with what it printed when it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HEMLINE_"))}
    done = subprocess.run(command, cwd=cwd, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode or not quiet:
        print(done.stdout, done.stderr, sep="\n")
    if done.returncode:
        raise SystemExit(f"failed with {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def built_wheel(folder: Path) -> Path:
    """Return the wheel of this checkout."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def prepare(environment: Environment, wheel: Path) -> Path:
    """Return the interpreter of the environment, with the wheel as it is now and one engine package."""
    home = HOME / environment.name
    python = home / "bin" / "python"
    state = (
        " ".join(environment.beside).encode()
        + (ROOT / "constraints.txt").read_bytes()
        + (ROOT / "pyproject.toml").read_bytes()
        + sys.version.encode()
    )
    stamp, digest = home / ".made-from", hashlib.sha256(state).hexdigest()
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if not stamp.is_file() or stamp.read_text() != digest:
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        limits = ("-c", ROOT / "constraints.txt") if environment.constrained else ()
        run(*install, f"{wheel}[{environment.extra}]", *environment.beside, *limits, cwd=HOME)
        run(*install, "pytest", "-c", ROOT / "constraints.txt", cwd=HOME)
        stamp.write_text(digest)
    else:
        run(*install, "--force-reinstall", "--no-deps", wheel, cwd=HOME)
    return python


def check(environment: Environment, python: Path, folder: Path) -> str:
    """Prove one environment; return what to say of it."""
    own = environment.package.replace("-", "_")
    found = run(
        *(python, "-c", "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])", *OTHERS),
        cwd=folder,
    )
    if found.strip() != str([own]):
        raise SystemExit(f"{environment.name}: expected {own} alone, found {found.strip()}")
    picture = folder / "garment.png"
    program = "import sys, cv2; from hemline.drawn import draw; cv2.imwrite(sys.argv[1], draw(9, seed=1))"
    run(python, "-c", program, picture, cwd=folder)
    result = json.loads(run(python, "-m", "hemline", "classify", picture, "--json", cwd=folder))
    if (result["label"], result["artifact"]) != ("Ankle boot", environment.artifact):
        raise SystemExit(f"{environment.name}: answered {result}")
    run(python, "-m", "hemline", "bundle", "verify", cwd=folder)
    for name in TESTS:
        shutil.copy(ROOT / name, folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n")
    suite = run(python, "-m", "pytest", "-q", folder, cwd=folder)
    return f"{result['label']} {result['confidence']:.3f}; contract suite: {suite.strip().splitlines()[-1]}"


def main() -> int:
    """Make and prove each environment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("engines", nargs="*", metavar="EXTRA", help="litert, tflite, onnx, openvino (default: all)")
    asked = parser.parse_args().engines
    known = [environment.extra for environment in ENVIRONMENTS]
    if set(asked) - set(known):
        parser.error(f"no engine {', '.join(sorted(set(asked) - set(known)))}; there are {', '.join(known)}")
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        wheel = built_wheel(Path(name))
        for environment in ENVIRONMENTS:
            if asked and environment.extra not in asked:
                continue
            oldest, newest = environment.pythons
            if not oldest <= sys.version_info[:2] <= newest:
                between = " to ".join(".".join(map(str, version)) for version in environment.pythons)
                print(f"{environment.name}: skipped, it is for Python {between}")
                continue
            started = time.monotonic()
            python = prepare(environment, wheel)
            with tempfile.TemporaryDirectory() as folder:
                said = check(environment, python, Path(folder))
            print(f"{environment.name} alone: {said} ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
