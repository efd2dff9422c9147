"""
hemline's openvino engine beside benchmark_app of the openvino package: same IR, batch 1, one stream, one thread.

    python scripts/bench_openvino.py [BUNDLE] [--seconds 5] [--rounds 3] [--json F]

They run one after the other, in turns; figures are medians of the rounds. benchmark_app times the inference
alone; ours takes uint8 pixels in and gives float logits out.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hemline import bench
from hemline.bundle import Bundle
from hemline.engines import open_engine
from hemline.select import find_bundle
from hemline.timing import interleaved

MEDIAN = re.compile(r"Median:\s+([0-9.]+) (us|ms)")


def ours(bundle: Bundle, name: str, seconds: float) -> float:
    """Return the median of our call in microseconds."""
    picture = bench.picture_for(bundle)
    with open_engine(bundle, name) as engine:
        times = interleaved({"engine": lambda: engine.logits(picture)}, seconds=seconds)
    return 1000 * float(np.median(times["engine"]))


def theirs(bundle: Bundle, name: str, seconds: float) -> float:
    """Return the median that benchmark_app prints, in microseconds."""
    tool = Path(sys.executable).with_name("benchmark_app")
    height, width, channels = bundle.preprocess.shape
    with tempfile.TemporaryDirectory() as folder:
        for path, content in bundle.contents(bundle.artifact(name)).items():
            (Path(folder) / path).write_bytes(content)
        (model,) = Path(folder).glob("*.xml")
        # the precision that the engine asks for; by default the plugin may compute in bfloat16
        config = Path(folder) / "config.json"
        config.write_text(json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}))
        options = ["-d", "CPU", "-api", "sync", "-hint", "none", "-nstreams", "1", "-nthreads", "1"]
        shape = ["-shape", f"[1,{height},{width},{channels}]", "-load_config", str(config), "-t", f"{seconds:.0f}"]
        printed = subprocess.run([tool, "-m", model, *options, *shape], check=True, capture_output=True, text=True)
    found = MEDIAN.search(printed.stdout)
    if found is None:
        raise SystemExit(f"benchmark_app printed no median:\n{printed.stdout[-2000:]}")
    return float(found[1]) * (1000 if found[2] == "ms" else 1)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("bundle", nargs="?")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    bundle = Bundle.load(find_bundle(options.bundle))
    figures = {}
    for name in [artifact.name for artifact in bundle.artifacts if artifact.engine == "openvino"]:
        rounds = [
            (ours(bundle, name, options.seconds), theirs(bundle, name, options.seconds)) for _ in range(options.rounds)
        ]
        mine, peer = (statistics.median(column) for column in zip(*rounds, strict=True))
        figures[name] = {"hemline_us": mine, "benchmark_app_us": peer, "ratio": mine / peer}
        print(f"{name:<18} hemline {mine:6.1f} us   benchmark_app {peer:6.1f} us   ratio {mine / peer:.2f}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
