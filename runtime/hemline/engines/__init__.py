"""
What executes an artifact. An engine is one file beside this one and one line in ENGINES.

Each module defines open(model) -> Engine and probe() -> Probe. Quantization stays inside the engine:
uint8 pixels go in, float32 logits and embeddings come out, nobody outside sees a scale or a zero point.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hemline import describe
from hemline.bundle import Bundle
from hemline.engines.mirrored import MirroredEngine
from hemline.errors import MissingError, UsageError, unknown
from hemline.mirror import MIRRORS

ENGINES = {
    "litert": "hemline.engines.litert",
    "onnx": "hemline.engines.onnx",
    "openvino": "hemline.engines.openvino",
    "edgetpu": "hemline.engines.edgetpu",
    "fake": "hemline.engines.fake",
}


@dataclass(frozen=True)
class Model:
    """What an engine opens: checked bytes and what the manifest says of them.

    files: {file name: bytes} in the manifest's order.
    shape: (H, W, C) of one picture. outputs: their names by position. widths: {output: its width}.
    threads: how many the engine may use, 1 or more. One is fastest for nets below a millisecond.
    openvino_device: where OpenVINO computes, CPU, GPU, GPU.1 or NPU; other engines have no choice.
    mirror: whose mean the answer is, a key of hemline.mirror.MIRRORS; open_model sees to it, an engine does not.
    """

    name: str
    files: Mapping[str, bytes]
    shape: tuple[int, int, int]
    outputs: tuple[str, ...]
    widths: Mapping[str, int]
    threads: int = 1
    openvino_device: str = "CPU"
    mirror: str = "none"


@dataclass(frozen=True)
class Probe:
    """Whether an engine can run here: its package and version, or the line that installs it."""

    available: bool
    package: str
    version: str
    install: str


class Engine(Protocol):
    """An open artifact. Safe to call from several threads, each gets a session of its own."""

    backend: str

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, classes) float32 for pixels (1, H, W, C) uint8, contiguous. The fast path."""
        ...

    def embedding(self) -> NDArray[np.float32]:
        """Return (1, D) float32 of this thread's last logits call."""
        ...

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8."""
        ...

    def bare(self, pixels: NDArray[np.uint8]) -> Callable[[], object]:
        """Return the library's own fastest call for pixels (1, H, W, C) on this artifact: the peer of bench."""
        ...

    def close(self) -> None:
        """Let go of the model. Calling again does nothing."""
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def wrong_pixels(pixels: NDArray[np.uint8], shape: tuple[object, ...]) -> ValueError:
    """Return the error for pixels of another shape or type than an engine takes: a caller's mistake, so no line."""
    return ValueError(f"expected uint8 ({', '.join(map(str, shape))}), found {pixels.dtype} {pixels.shape}")


def package_probe(module: str, packages: tuple[str, ...], install: str) -> Probe:
    """Return whether a module is here and which of the packages that provide it, without importing it."""
    if importlib.util.find_spec(module) is None:
        return Probe(False, "", "", install)
    from importlib.metadata import PackageNotFoundError, version  # 86 ms, so not at the top

    for package in packages:
        try:
            return Probe(True, package, version(package), install)
        except PackageNotFoundError:
            continue
    return Probe(True, packages[0], "unknown", install)


def probe(name: str) -> Probe:
    """Return whether the engine can run here, without opening a model."""
    if name not in ENGINES:
        raise UsageError(unknown("engine", name, ENGINES))
    found: Probe = importlib.import_module(ENGINES[name]).probe()
    return found


def open_model(name: str, model: Model) -> Engine:
    """Return an engine that holds the model; MissingError with the install line when it cannot run here."""
    found = probe(name)
    if not found.available:
        raise MissingError(f"engine {name!r} needs: {found.install}")
    return _mirrored(importlib.import_module(ENGINES[name]).open(model), model)


def open_engine(bundle: Bundle, artifact_name: str, *, threads: int = 1, openvino_device: str = "CPU") -> Engine:
    """Return an open engine for an artifact of a bundle; threads and openvino_device as in Model.

    Its files are checked first: against the manifest's hashes, and what they say of themselves (labels,
    preprocessing, outputs) against what the manifest says.
    """
    return open_model(bundle.artifact(artifact_name).engine, _model(bundle, artifact_name, threads, openvino_device))


def open_second(bundle: Bundle, artifact_name: str) -> Engine | None:
    """Return the same file in another engine, or in other kernels, when its engine names one that is here.

    An engine module may define second(model) -> Engine | None. Two implementations that answer alike say
    more about a file than one that answers twice.
    """
    module = importlib.import_module(ENGINES[bundle.artifact(artifact_name).engine])
    if not hasattr(module, "second"):
        return None
    model = _model(bundle, artifact_name, 1)
    engine: Engine | None = module.second(model)
    return None if engine is None else _mirrored(engine, model)


def _mirrored(engine: Engine, model: Model) -> Engine:
    return MirroredEngine(engine, model.mirror) if MIRRORS[model.mirror] else engine


def _model(bundle: Bundle, artifact_name: str, threads: int, openvino_device: str = "CPU") -> Model:
    artifact = bundle.artifact(artifact_name)
    contents = bundle.contents(artifact)
    describe.check(contents, bundle, artifact)
    contract = bundle.preprocess
    return Model(
        artifact_name,
        contents,
        contract.shape,
        artifact.outputs,
        bundle.outputs,
        threads,
        openvino_device,
        contract.mirror,
    )
