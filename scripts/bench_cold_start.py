"""
From process start to the first label: hemline with one engine in a bare venv, beside Keras model.predict.

    python scripts/bench_cold_start.py [--runs 7] [--json F]

The bare venv is made under build/ when it is not there: the built wheel with [litert] and nothing else. The
peer is this interpreter with TensorFlow, on the same architecture. Runs alternate; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARE = ROOT / "build" / "venv-litert"
OURS = (
    "import sys; from hemline.classifier import Classifier; print(Classifier.open().classify_file(sys.argv[1]).label)"
)
PEER = (
    "import sys, cv2, keras; model = keras.models.load_model(sys.argv[2]); "
    "picture = cv2.imread(sys.argv[1], cv2.IMREAD_GRAYSCALE); "
    "print(model.predict(picture[None, :, :, None].astype('float32'), verbose=0)['logits'].argmax())"
)


def bare_python() -> Path:
    """Return the interpreter of a venv with the wheel and one engine only."""
    python = BARE / "bin" / "python"
    if not python.exists():
        print(f"making {BARE}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, str(ROOT)], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            venv.create(BARE, with_pip=True)
            constraints = str(ROOT / "constraints.txt")
            subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, f"{wheel}[litert]"], check=True)
    return python


def save_peer(path: Path) -> None:
    """Write the fashion-cnn architecture, untrained: the weights' values cost nothing."""
    program = (
        "import sys; from hemline_train import models, recipe; r = recipe.load('fashion-cnn'); "
        "models.build(r.model.parsed(), r.preprocess.shape, 10).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, stderr=subprocess.DEVNULL)


def measure(command: list[str]) -> tuple[float, float]:
    """Return (seconds, peak RSS in MB) of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return seconds, usage.ru_maxrss / 1000  # Linux counts in KiB


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    import cv2

    from hemline.drawn import draw

    with tempfile.TemporaryDirectory() as folder:
        picture, model = Path(folder) / "picture.png", Path(folder) / "model.keras"
        cv2.imwrite(str(picture), draw(0, seed=1))
        save_peer(model)
        commands = {
            "hemline[litert]": [str(bare_python()), "-c", OURS, str(picture)],
            "keras predict": [sys.executable, "-c", PEER, str(picture), str(model)],
        }
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for round_number in range(options.runs + 1):
            for name, command in commands.items():
                sample = measure(command)
                if round_number:  # the first round fills the page cache
                    samples[name].append(sample)
    figures = {
        name: {
            "seconds": statistics.median(seconds for seconds, _ in rows),
            "peak_rss_mb": statistics.median(megabytes for _, megabytes in rows),
        }
        for name, rows in samples.items()
    }
    ours, peer = figures.values()
    for name, row in figures.items():
        print(f"{name:<16} {row['seconds']:.2f} s to the first label, peak RSS {row['peak_rss_mb']:.0f} MB")
    print(
        f"ratio            {ours['seconds'] / peer['seconds']:.3f} of the time, "
        f"{ours['peak_rss_mb'] / peer['peak_rss_mb']:.3f} of the memory"
    )
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
