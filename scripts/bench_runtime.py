"""
The runtime alone, with each engine: what it takes to install and to start, beside Ultralytics and OpenVINO Model API.

    python scripts/bench_runtime.py [--bundle wardrobe] [--peers model-api ultralytics] [--folder F] [--json F]

Each is installed into a bare environment of its own, under --folder (build/bench-runtime), and kept there for the
next run. All see the same drawn photos and answer one at a time, each with its own defaults:

    hemline       the wheel with one engine: decode, cut the garment out, preprocess, infer
    model-api     OpenVINO Model API on hemline's own openvino:int8; it does not cut the garment out
    ultralytics   classify predict of yolo11n-cls, untrained, at the bundle's size: only its cost counts

Nobody downloads weights or sends telemetry. Ultralytics needs torch: by default it is a peer only where pip finds
a CPU build of it without asking the network, as from another place that is gigabytes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

from test_engines import ROOT, built_wheel, run

from hemline.bundle import Bundle
from hemline.report.table import table
from hemline.select import find_bundle

TORCH = "torch==2.13.0"
SIZE = 640, 480  # of a photo, height and width
# what venv brings along
BROUGHT = re.compile(r"pip|setuptools|pkg_resources|_distutils_hack|distutils-precedence\.pth|pip-.*|setuptools-.*")
IMPORTED = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)  # microseconds of a module without what it imports

# the children: labels() gives one label after the other, imports included
OURS = """
def labels(folder, model, size):
    from pathlib import Path
    from hemline.classifier import Classifier
    bundle, artifact = model.split()
    with Classifier.open(bundle, artifact=artifact) as classifier:
        for path in sorted(Path(folder).iterdir()):
            yield classifier.classify_file(path).label
"""
MODEL_API = """
def labels(folder, model, size):
    import sys
    sys.modules["openvino_telemetry"] = None  # openvino has a stub for it
    from pathlib import Path
    import cv2
    from model_api.models import Model
    classifier = Model.create_model(model)
    for path in sorted(Path(folder).iterdir()):
        yield classifier(cv2.imread(str(path))).top_labels[0].name
"""
ULTRALYTICS = """
def labels(folder, model, size):
    from importlib.metadata import version
    import torch
    if "+cpu" in torch.__version__ and "+cpu" not in version("torchvision"):
        # its operators want CUDA, and its import wants these declared; classification calls none of them
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from ultralytics import YOLO
    if folder == "save":
        YOLO("yolo11n-cls.yaml").save(model)
        return
    for found in YOLO(model).predict(folder, stream=True, imgsz=int(size), device="cpu", verbose=False):
        yield found.names[found.probs.top1]
"""
# the peak is of this process alone: getrusage would count what the parent held when it forked
TOLD = """
import sys
from time import perf_counter
times, last = [], perf_counter()
for label in labels(*sys.argv[1:]):
    now = perf_counter()
    if not times:
        print("label", label, flush=True)
    times.append(1000 * (now - last))
    last = now
import json
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"times_ms": times, "peak_kib": int(peak)}))
"""


@dataclass(frozen=True)
class Subject:
    """What is measured. program: defines labels(). model: what labels() is told to open."""

    name: str
    requirements: tuple[str, ...]
    program: str
    model: str

    @property
    def folder(self) -> str:
        """Of its environment."""
        return self.name.rstrip("]").replace("[", "-")


@dataclass(frozen=True)
class Sample:
    """One process. picture_ms: of the pictures after the first. import_ms: 0 without -X importtime."""

    first_label_s: float
    peak_rss_mb: float
    picture_ms: tuple[float, ...]
    import_ms: float


@dataclass(frozen=True)
class Figures:
    """What one subject costs."""

    installed_mb: float
    import_ms: float
    first_label_s: float
    peak_rss_mb: float
    picture_ms: float

    def cells(self) -> list[str]:
        """Return the figures as the table shows them."""
        return [
            f"{self.installed_mb:.0f}",
            f"{self.import_ms:.0f}",
            f"{self.first_label_s:.2f}",
            f"{self.peak_rss_mb:.0f}",
            f"{self.picture_ms:.1f}",
        ]


def small_torch() -> bool:
    """Return whether pip finds a CPU build of torch without asking the network."""
    ask = (sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--no-index", TORCH)
    found = subprocess.run(ask, capture_output=True, text=True, check=False)
    return "+cpu" in found.stdout


def prepare(subject: Subject, home: Path, wheel: Path) -> Path:
    """Return the interpreter of the subject's environment, with the wheel as it is now."""
    python, stamp = home / "bin" / "python", home / ".made-from"
    asks = (ROOT / "pyproject.toml").read_text() if subject.program == OURS else ""
    state = "\n".join((sys.version, *subject.requirements, asks))
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if not stamp.is_file() or stamp.read_text() != state:
        print(f"making {home}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        wanted = [item.replace("hemline[", f"{wheel}[") for item in subject.requirements]
        run(*install, *wanted, cwd=wheel.parent)
        stamp.write_text(state)
    elif subject.program == OURS:
        run(*install, "--force-reinstall", "--no-deps", wheel, cwd=wheel.parent)
    return python


def installed_mb(home: Path) -> float:
    """Return the megabytes of an environment's packages, their bytecode included, without pip."""
    (packages,) = home.glob("lib/python*/site-packages")
    files = [
        path
        for top in packages.iterdir()
        if not BROUGHT.fullmatch(top.name)
        for path in (top.rglob("*") if top.is_dir() else [top])
    ]
    return sum(path.stat().st_size for path in files if path.is_file() and not path.is_symlink()) / 1e6


def sample(subject: Subject, python: Path, pictures: Path, size: int, *options: str) -> Sample:
    """Return what one process took; SystemExit with the end of what it printed where it failed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HEMLINE_"))}
    settings = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_CONFIG_DIR": str(python.parent.parent)}
    command = [str(python), *options, "-c", subject.program + TOLD, str(pictures), subject.model, str(size)]
    first, told = None, None
    with tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        with subprocess.Popen(
            command, cwd=pictures.parent, env=clean | settings, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("label "):
                    first = time.perf_counter() - started
                elif line.startswith("{"):
                    told = json.loads(line)
        errors.seek(0)
        said = errors.read()
    if process.returncode or first is None or told is None:
        last = (said.strip().splitlines() or ["it printed nothing"])[-1]
        raise SystemExit(f"ended with {process.returncode}: {last}")
    spent = sum(int(found) for found in IMPORTED.findall(said)) / 1000
    return Sample(first, 1.024e-3 * told["peak_kib"], tuple(told["times_ms"][1:]), spent)


def draw_photos(folder: Path, count: int) -> None:
    """Write photos as JPEG files."""
    import cv2

    from hemline.drawn import LABELS
    from hemline.drawn.photo import CLOTHS, FLOORS, photo

    folder.mkdir()
    for number in range(count):
        cloth, floor = list(CLOTHS)[number % len(CLOTHS)], list(FLOORS)[number % len(FLOORS)]
        height, width = SIZE
        picture, _ = photo(number % len(LABELS), seed=number, cloth=cloth, floor=floor, height=height, width=width)
        cv2.imwrite(str(folder / f"{number:04}.jpg"), picture[..., ::-1])


def subjects(bundle: Bundle, folder: Path, peers: list[str]) -> list[Subject]:
    """Return what is measured; writes what Model API is to open."""
    found = [
        Subject(f"hemline[{engine}]", (f"hemline[{engine}]",), OURS, f"{bundle.name} {engine}:int8")
        for engine in ("litert", "onnx", "openvino")
    ]
    if "model-api" in peers:
        contents = bundle.contents(bundle.artifact("openvino:int8"))
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        (model,) = (str(folder / name) for name in contents if name.endswith(".xml"))
        found.append(Subject("model-api", ("openvino-model-api==0.4.7",), MODEL_API, model))
    if "ultralytics" in peers:
        wanted = ("ultralytics==8.4.190", TORCH, "torchvision==0.28.0")
        found.append(Subject("ultralytics", wanted, ULTRALYTICS, str(folder / "untrained.pt")))
    return found


def ready(subject: Subject, home: Path, wheel: Path, picture: Path, size: int) -> Path:
    """Return the interpreter of a subject that is installed and has answered once."""
    python = prepare(subject, home, wheel)
    if subject.program == ULTRALYTICS:
        offline = ("env", "YOLO_OFFLINE=1", f"YOLO_CONFIG_DIR={home}")
        save = f"list(labels('save', {subject.model!r}, 0))"
        run(*offline, python, "-c", subject.program + save, cwd=home)
    sample(subject, python, picture, size)  # writes bytecode and settings, fills the page cache
    return python


def figures_of(home: Path, samples: list[Sample], imports: list[Sample]) -> Figures:
    """Return medians, of the imports the least."""
    return Figures(
        installed_mb(home),
        min(found.import_ms for found in imports),
        statistics.median(found.first_label_s for found in samples),
        statistics.median(found.peak_rss_mb for found in samples),
        statistics.median(spent for found in samples for spent in found.picture_ms),
    )


def measure(
    asked: list[Subject], home: Path, wheel: Path, photos: Path, *, size: int, runs: int
) -> tuple[dict[str, Figures], dict[str, str]]:
    """Return the figures of all that could be measured, which take turns, and why the others could not."""
    pythons: dict[Subject, Path] = {}
    taken: dict[Subject, tuple[list[Sample], list[Sample]]] = {subject: ([], []) for subject in asked}
    missing: dict[Subject, str] = {}
    one = photos.parent / "one"
    for number in range(runs + 1):
        for subject in asked:
            if subject in missing:
                continue
            try:
                if not number:
                    pythons[subject] = ready(subject, home / subject.folder, wheel, one, size)
                    continue
                samples, imports = taken[subject]
                samples.append(sample(subject, pythons[subject], photos, size))
                imports.append(sample(subject, pythons[subject], one, size, "-X", "importtime"))
            except SystemExit as why:
                missing[subject] = str(why)
    found = {
        subject.name: figures_of(home / subject.folder, *taken[subject]) for subject in asked if subject not in missing
    }
    return found, {subject.name: why for subject, why in missing.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--bundle", default="wardrobe", help="a bundle of the wheel with int8 for every engine")
    parser.add_argument("--peers", nargs="*", choices=("model-api", "ultralytics"), help="may be none")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench-runtime", metavar="F")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    if options.pictures < 2 or options.runs < 1:
        parser.error("--pictures from 2 on, --runs from 1 on")
    peers = options.peers
    if peers is None:
        peers = ["model-api", "ultralytics"] if small_torch() else ["model-api"]
        if "ultralytics" not in peers:
            print(f"ultralytics is left out: no CPU build of {TORCH} here; --peers ultralytics downloads one")
    bundle = Bundle.load(find_bundle(options.bundle))
    size = -(-max(bundle.preprocess.shape[:2]) // 32) * 32  # Ultralytics takes whole 32s
    home = options.folder.resolve()
    home.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_photos(folder / "photos", options.pictures)
        draw_photos(folder / "one", 1)
        asked = subjects(bundle, folder, peers)
        figures, missing = measure(asked, home, built_wheel(folder), folder / "photos", size=size, runs=options.runs)
    header = ["", "installed MB", "import ms", "first label s", "peak MB", "ms a picture"]
    print(f"{bundle.name} int8, JPEG photos of {SIZE[1]}x{SIZE[0]}, {os.cpu_count()} cores, load {load:.1f} before it")
    print(table(header, [[subject, *row.cells()] for subject, row in figures.items()]))
    if "ultralytics" in figures:
        print(f"ultralytics is yolo11n-cls at {size}x{size}, untrained: only its cost counts")
    for subject_name, reason in missing.items():
        print(f"{subject_name} could not be measured: {reason}", file=sys.stderr)
    if options.json:
        told = {"figures": {name: asdict(row) for name, row in figures.items()}, "missing": missing, "load": load}
        Path(options.json).write_text(json.dumps(told, indent=1) + "\n")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
