"""
Packages that are installed and do not go together. Read from what pip wrote down; nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.system import System, numbers

HEADLESS = "opencv-python-headless"
OPENCVS = ("opencv-python", HEADLESS, "opencv-contrib-python", "opencv-contrib-python-headless")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
# the first of each that was built for numpy 2
OPENCV_FOR_NUMPY_2 = (4, 10, 0, 84)
OPENCV_LINK = "https://github.com/opencv/opencv-python#installation-and-usage"
OPENCV_NUMPY_LINK = "https://github.com/opencv/opencv-python/issues/997"
ONNX_LINK = "https://github.com/microsoft/onnxruntime/issues/23957"


def check(system: System) -> Iterator[Finding]:
    """Say what does not go together."""
    found = [*_numpy(system), *_opencv(system), *_onnxruntime(system), *_pycoral(system)]
    yield from found
    if not found:
        yield ok(f"numpy {system.version('numpy')}, OpenCV {_version_of(system, OPENCVS)}")


def _numpy(system: System) -> Iterator[Finding]:
    numpy = system.version("numpy")
    if numbers(numpy) < (2,):
        return
    tflite = system.version("tflite-runtime")
    if tflite:
        unused = system.version("ai-edge-litert") is not None
        about = f"tflite-runtime {tflite} was built for numpy 1 and fails at import with numpy {numpy}"
        if unused:
            yield note(f"{about}; ai-edge-litert is here and is used", "pip uninstall -y tflite-runtime")
        else:
            yield problem(about, "pip install 'hemline[litert]' && pip uninstall -y tflite-runtime")
    for package in OPENCVS:
        version = system.version(package)
        if version and numbers(version) < OPENCV_FOR_NUMPY_2:
            yield problem(
                f"{package} {version} was built for numpy 1 and fails at import with numpy {numpy}",
                f"pip install --upgrade {package}",
                OPENCV_NUMPY_LINK,
            )


def _opencv(system: System) -> Iterator[Finding]:
    here = [(package, version) for package in OPENCVS if (version := system.version(package))]
    if len(here) > 1:
        names = " ".join(package for package, _ in here)
        yield problem(
            f"{' and '.join(' '.join(each) for each in here)} share one folder: which of them is loaded, and what "
            "is left of it when another is removed, is chance",
            f"pip uninstall -y {names} && pip install {HEADLESS}",
            OPENCV_LINK,
        )


def _onnxruntime(system: System) -> Iterator[Finding]:
    here = [package for package in RUNTIMES if system.version(package)]
    if len(here) > 1:
        yield problem(
            f"{' and '.join(here)} share one folder: which is loaded is chance",
            f"pip uninstall -y {' '.join(here)} && pip install 'hemline[onnx]'",
        )
    version = system.version("onnxruntime")
    if version and numbers(version)[:2] == (1, 21) and system.python.machine == "aarch64":
        yield problem(
            f"onnxruntime {version} dies of an illegal instruction on a Raspberry Pi 4 and other boards",
            "pip install --upgrade 'hemline[onnx]'",
            ONNX_LINK,
        )


def _pycoral(system: System) -> Iterator[Finding]:
    version = system.version("pycoral")
    if version and numbers(version) < (1,):
        yield note(
            f"pycoral {version} from the package index is an old stub, not used here", "pip uninstall -y pycoral"
        )


def _version_of(system: System, packages: tuple[str, ...]) -> str:
    return next((version for package in packages if (version := system.version(package))), "of no package")
