"""
make test-backends: training where there is no TensorFlow, and conversion of what it leaves.

A bare environment gets the wheel, Keras and JAX. It draws garments, trains a residual network on them, is killed
after an epoch, resumes, and must end with the weights of a training in one go. Then this environment converts the
run, and every gate of parity has to pass. The environment lies under build/backends/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from test_engines import ROOT, built_wheel

HOME = ROOT / "build" / "backends" / "jax"
PACKAGES = ("keras", "jax", "matplotlib", "tensorboard")
RECIPE = """
name = "drawn"
[data]
name = "garments"
[preprocess]
height = 28
width = 28
[model]
layers = ["conv 8 stride=2 padding=same norm=batch", "residual 8", "residual 16 stride=2", "average", "dropout 0.1"]
[training]
optimiser = "adamw"
learning_rate = 0.01
schedule = "cosine"
warmup = 1
weight_decay = 0.01
label_smoothing = 0.05
average = 0.9
batch = 32
epochs = 6
patience = 0
keep = "last"
[augment]
crop = 2
flip = 0.5
"""


def run(*command: str | Path, expected: int = 0) -> str:
    """Run a command with JAX for Keras and return its stdout; end with what it printed when it ends otherwise."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HEMLINE_"))}
    clean["KERAS_BACKEND"] = "jax"
    done = subprocess.run(command, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != expected:
        print(done.stdout, done.stderr, sep="\n")
        raise SystemExit(f"ended with {done.returncode}, expected {expected}: {' '.join(map(str, command))}")
    return done.stdout


def prepare(folder: Path) -> Path:
    """Return the interpreter of the environment, with the wheel as it is now."""
    python = HOME / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    wheel = built_wheel(folder)
    if not (HOME / ".made").is_file():
        shutil.rmtree(HOME, ignore_errors=True)
        venv.create(HOME, with_pip=True)
        run(*install, wheel, *PACKAGES, "-c", ROOT / "constraints.txt")
        (HOME / ".made").touch()
    else:
        run(*install, "--force-reinstall", "--no-deps", wheel)
    run(python, "-c", "import importlib.util as u; raise SystemExit(u.find_spec('tensorflow') is not None)")
    return python


def main() -> int:
    """Make the environment and prove it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = prepare(folder)
        recipe = folder / "drawn.toml"
        recipe.write_text(RECIPE)
        garments = folder / "garments"
        hemline = (python, "-m", "hemline")
        run(*hemline, "data", "draw", "--per-class", "60", "--out", garments)
        train = (*hemline, "train", recipe, "--data", garments)
        print(run(*train, "--out", folder / "whole"), end="")
        run(python, "-c", STOPPED, recipe, garments, folder / "cut", expected=130)
        run(*train, "--out", folder / "cut", "--resume")
        run(python, "-c", COMPARED, folder / "whole" / "model.keras", folder / "cut" / "model.keras")
        print("resumed: the same weights")
        # conversion is TensorFlow's, in this environment
        command = [sys.executable, "-m", "hemline", "convert", folder / "whole", "--out", folder / "bundle"]
        command += ["--data", garments, "--formats", "litert:int8,onnx:int8"]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout, done.stderr, sep="", end="")
        return done.returncode


STOPPED = """
import sys
from pathlib import Path
from hemline_train import backend, recipe
backend.start()
from hemline_train import training
from hemline_train.loop import Watch
def stop(row, history):
    if row.epoch == 2:
        raise SystemExit(130)
training.train(recipe.load(sys.argv[1]), Path(sys.argv[3]), data_path=sys.argv[2], watch=Watch(epoch=stop))
"""

COMPARED = """
import sys
import keras
one, other = (keras.saving.load_model(path, compile=False) for path in sys.argv[1:])
pairs = [[keras.ops.convert_to_numpy(weight) for weight in pair] for pair in zip(one.weights, other.weights)]
raise SystemExit(not pairs or not all((ours == theirs).all() for ours, theirs in pairs))
"""


if __name__ == "__main__":
    raise SystemExit(main())
