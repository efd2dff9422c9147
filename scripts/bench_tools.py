"""
`hemline bench` beside each library's own tool on the same artifact: one picture at a time, one thread, in turns.

    python scripts/bench_tools.py [BUNDLE] [--seconds 5] [--rounds 3] [--json F]

    openvino   benchmark_app of the openvino package: its median, synchronous, one stream
    litert     litert-benchmark of the ai-edge-litert package: its median, which it prints in hundredths of a ms
    onnx       onnxruntime_test of the onnxruntime package: its mean, so ours is the mean too

The tools time the inference alone; ours takes uint8 pixels in and gives float logits out. A tool that is not there is
left out. Figures are medians of the rounds. The default bundle is wardrobe, whose models take milliseconds: of a call
of 20 us two digits behind the point of a millisecond say nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hemline.bench import document
from hemline.bench.rounds import Settings, rounds_of
from hemline.bench.rows import row_of
from hemline.bundle import Bundle
from hemline.select import find_bundle

WITHIN = 0.1  # of the tool's figure
BENCHMARK_APP = re.compile(r"Median:\s+([0-9.]+) (us|ms)")
ONNXRUNTIME_TEST = re.compile(r"avg latency: ([0-9.e-]+) ms")


def ours(bundle: Bundle, name: str, seconds: float) -> tuple[float, float, list[str]]:
    """Return median and mean of our call in microseconds, and why they are not to be believed."""
    settings = Settings(seconds=seconds, rounds=1, extras=False)
    (one,) = rounds_of(bundle, [name], settings)
    if one.failed is not None:
        raise one.failed
    row = row_of(bundle, one, settings.machine.cores)
    return 1000 * row["latency_p50_ms"], 1000 * row["latency_mean_ms"], document.marks(row)


def tool(name: str) -> Path:
    """Return where a tool of this environment lies."""
    return Path(sys.executable).with_name(name)


def run(command: list[object]) -> str:
    """Return what a tool printed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} exited with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout


def benchmark_app(bundle: Bundle, folder: Path, seconds: float) -> float:
    """Return the median of OpenVINO's tool in microseconds."""
    (model,) = folder.glob("*.xml")
    height, width, channels = bundle.preprocess.shape
    # the precision that the engine asks for; by default the plugin may compute in bfloat16
    config = folder / "config.json"
    config.write_text(json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}))
    options = ["-d", "CPU", "-api", "sync", "-hint", "none", "-nstreams", "1", "-nthreads", "1", "-t", f"{seconds:.0f}"]
    shape = ["-shape", f"[1,{height},{width},{channels}]", "-load_config", config]
    found = BENCHMARK_APP.search(run([tool("benchmark_app"), "-m", model, *options, *shape]))
    if found is None:
        raise SystemExit("benchmark_app printed no median")
    return float(found[1]) * (1000 if found[2] == "ms" else 1)


def litert_benchmark(bundle: Bundle, folder: Path, seconds: float) -> float:
    """Return the median of LiteRT's tool in microseconds."""
    (model,) = folder.glob("*.tflite")
    out = folder / "out.json"
    # it counts runs, not seconds: a short look says how many fit
    command: list[object] = [tool("litert-benchmark"), "--model", model, "--num_threads", 1, "--result_json", out]
    run([*command, "--num_runs", 50])
    once = max(json.loads(out.read_text())["latency"]["median_ms"], 0.01)
    run([*command, "--warmup_runs", 50, "--num_runs", max(50, int(1000 * seconds / once))])
    return 1000 * float(json.loads(out.read_text())["latency"]["median_ms"])


def onnxruntime_test(bundle: Bundle, folder: Path, seconds: float) -> float:
    """Return the mean of onnxruntime's tool in microseconds."""
    import onnx

    (model,) = folder.glob("*.onnx")
    # it takes no options and makes a thread for each core, also where it may run on one: 150 us in the place of 125
    loaded = onnx.load(model)
    config = json.dumps({"session_options": {"intra_op_num_threads": 1}})
    onnx.helper.set_model_props(loaded, {"ort_config": config})
    single = folder / "single" / model.name
    single.parent.mkdir(exist_ok=True)
    onnx.save(loaded, single)
    command: list[object] = ["env", "ORT_LOAD_CONFIG_FROM_MODEL=1", tool("onnxruntime_test"), single]

    def mean(count: int) -> float:
        found = ONNXRUNTIME_TEST.search(run([*command, count]))
        if found is None:
            raise SystemExit("onnxruntime_test printed no latency")
        return float(found[1])

    return 1000 * mean(max(50, int(1000 * seconds / max(mean(50), 0.001))))


# engine: (its tool, which of our figures it is held against, what it is called)
TOOLS: dict[str, tuple[Callable[[Bundle, Path, float], float], str, str]] = {
    "openvino": (benchmark_app, "median", "benchmark_app"),
    "litert": (litert_benchmark, "median", "litert-benchmark"),
    "onnx": (onnxruntime_test, "mean", "onnxruntime_test"),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("bundle", nargs="?", default="wardrobe")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    bundle = Bundle.load(find_bundle(options.bundle))
    figures, marks = {}, []
    for artifact in bundle.artifacts:
        if artifact.engine not in TOOLS or not tool(TOOLS[artifact.engine][2]).exists():
            continue
        measure, kind, name = TOOLS[artifact.engine]
        mine, theirs = [], []
        with tempfile.TemporaryDirectory() as folder:
            for path, content in bundle.contents(artifact).items():
                (Path(folder) / path).write_bytes(content)
            for _ in range(options.rounds):
                median, mean, found = ours(bundle, artifact.name, options.seconds)
                mine.append(median if kind == "median" else mean)
                theirs.append(measure(bundle, Path(folder), options.seconds))
                marks += found
        own, peer = statistics.median(mine), statistics.median(theirs)
        figures[artifact.name] = {"tool": name, "kind": kind, "hemline_us": own, "tool_us": peer, "ratio": own / peer}
        within = "within 10 %" if abs(own / peer - 1) <= WITHIN else "further apart than 10 %"
        print(f"{artifact.name:<16} {kind} {own:8.1f} us   {name} {peer:8.1f} us   ratio {own / peer:.2f}, {within}")
    for mark in dict.fromkeys(mark.partition(" (")[0] for mark in marks):
        print(f"of our measurements some are marked {mark}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
