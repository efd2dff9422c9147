"""
The litert engine: TFLite files through ai-edge-litert, tflite-runtime or tf.lite, whichever is here first.

The call is set_tensor, invoke, get_tensor with indices read once: get_output_details costs 5 us a call,
a signature runner 1 us. LiteRT's CompiledModel was no faster and crashed the process on corrupted metadata.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.engines import Model, Probe, wrong_pixels
from hemline.errors import BundleError, MissingError
from hemline.quiet import native_stderr_discarded

INSTALL = "pip install 'hemline[litert]'"
# module that holds Interpreter: package that it is part of; the first that is installed is used
BACKENDS = {
    "ai_edge_litert.interpreter": "ai-edge-litert",
    "tflite_runtime.interpreter": "tflite-runtime",
    "tensorflow.lite": "tensorflow",
}


@lru_cache(maxsize=1)
def backend() -> tuple[str, str] | None:
    """Return (module, package) of the first backend that is installed. Imports none of them."""
    for module, package in BACKENDS.items():
        if importlib.util.find_spec(module.partition(".")[0]) is not None:
            return module, package
    return None


def probe() -> Probe:
    """Return which package provides the interpreter here."""
    found = backend()
    if found is None:
        return Probe(False, "", "", INSTALL)
    from importlib.metadata import PackageNotFoundError, version  # 86 ms, so not at the top

    package = found[1]
    for name in (package, "tensorflow-cpu") if package == "tensorflow" else (package,):
        try:
            return Probe(True, name, version(name), INSTALL)
        except PackageNotFoundError:
            continue
    return Probe(True, package, "unknown", INSTALL)


def open(model: Model) -> LitertEngine:
    """Return the artifact in an interpreter, allocated and checked against the manifest."""
    return LitertEngine(model)


def interpreter_class() -> Any:
    """Return the Interpreter class of the backend that is here."""
    found = backend()
    if found is None:
        raise MissingError(f"engine 'litert' needs: {INSTALL}")
    return importlib.import_module(found[0]).Interpreter


def second(model: Model) -> LitertEngine:
    """Return the same file in TFLite's built-in kernels, without XNNPACK: what tflite-runtime runs int8 with."""
    return LitertEngine(model, built_in=True)


def _without_xnnpack() -> dict[str, Any]:
    # tf.lite keeps it in a module of its own under experimental
    found = backend()
    name = found[0] if found else ""
    module = importlib.import_module("tensorflow.lite.experimental" if name == "tensorflow.lite" else name)
    return {"experimental_op_resolver_type": module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}


class Session:
    """One interpreter with the indices of its tensors: an interpreter serves one thread."""

    def __init__(self, model: Model, delegates: list[Any] | None = None, *, built_in: bool = False) -> None:
        (content,) = model.files.values()
        make = interpreter_class()
        try:
            with native_stderr_discarded():  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
                interpreter = make(
                    model_content=content,
                    num_threads=model.threads,
                    experimental_delegates=delegates,
                    **(_without_xnnpack() if built_in else {}),
                )
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BundleError(f"{model.name}: LiteRT cannot load it ({reason}); convert it again") from error
        (given,) = interpreter.get_input_details()
        details = interpreter.get_output_details()
        self.shape = (1, *model.shape)
        if tuple(given["shape"]) != self.shape or given["dtype"] not in (np.uint8, np.float32):
            raise BundleError(
                f"{model.name}: takes {given['dtype'].__name__} {tuple(map(int, given['shape']))}, "
                f"the manifest says uint8 {self.shape}; convert it again"
            )
        found_widths = [int(detail["shape"][-1]) for detail in details]
        if found_widths != [model.widths[name] for name in model.outputs]:
            raise BundleError(
                f"{model.name}: output widths {found_widths}, the manifest says "
                f"{ {name: model.widths[name] for name in model.outputs} }; convert it again"
            )
        self.floats_in = given["dtype"] is np.float32
        self.set = interpreter.set_tensor
        self.invoke = interpreter.invoke
        self.get = interpreter.get_tensor
        self.input = int(given["index"])
        by_name = dict(zip(model.outputs, details, strict=True))
        self.logits = int(by_name["logits"]["index"])
        self.logits_table = _table(by_name["logits"])
        self.embedding = int(by_name["embedding"]["index"])
        self.embedding_table = _table(by_name["embedding"])


def _table(detail: dict[str, Any]) -> NDArray[np.float32] | None:
    """Return the 256 real values of an 8-bit output, indexed by its integers, or None for a float output.

    Value q stands at position q modulo 256, so negative int8 values index from the end. A look-up costs
    half of scale * (q - zero_point) in numpy, and cannot wrap.
    """
    if detail["dtype"] is np.float32:
        return None
    scale, zero_point = detail["quantization"]
    integers = np.arange(256) if detail["dtype"] is np.uint8 else np.arange(256, dtype=np.uint8).view(np.int8)
    table: NDArray[np.float32] = ((integers.astype(np.float64) - zero_point) * scale).astype(np.float32)
    return table


class LitertEngine:
    """A TFLite artifact; one interpreter for each thread that calls, made at its first call."""

    def __init__(self, model: Model, *, built_in: bool = False) -> None:
        self._model = model
        self._built_in = built_in
        self._local = threading.local()
        self._session()  # a file that cannot be loaded is found out now
        found = probe()
        self.backend = f"{found.package} {found.version}{', built-in kernels' if built_in else ''}"

    def _open(self) -> Session:
        """Return an interpreter of its own; the edgetpu engine gives it a delegate."""
        return Session(self._model, built_in=self._built_in)

    def _session(self) -> Session:
        try:
            session: Session = self._local.session
        except AttributeError:
            session = self._local.session = self._open()
        return session

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, classes) float32 for pixels (1, H, W, C) uint8."""
        session = self._session()
        # the interpreter refuses a wrong shape itself, and a wrong type where nothing is cast
        if session.floats_in:
            if pixels.dtype != np.uint8:
                raise wrong_pixels(pixels, session.shape)
            session.set(session.input, pixels.astype(np.float32))
        else:
            session.set(session.input, pixels)
        session.invoke()
        values: NDArray[np.float32] = session.get(session.logits)
        table = session.logits_table
        return values if table is None else table[values]

    def embedding(self) -> NDArray[np.float32]:
        """Return (1, D) float32 of this thread's last logits call."""
        session = self._session()
        values: NDArray[np.float32] = session.get(session.embedding)
        table = session.embedding_table
        return values if table is None else table[values]

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, classes) and embeddings (N, D) for pixels (N, H, W, C) uint8."""
        widths = self._model.widths
        logits = np.empty((len(pixels), widths["logits"]), np.float32)
        embeddings = np.empty((len(pixels), widths["embedding"]), np.float32)
        for index in range(len(pixels)):
            logits[index] = self.logits(pixels[index : index + 1])
            embeddings[index] = self.embedding()
        return logits, embeddings

    def bare(self, pixels: NDArray[np.uint8]) -> Callable[[], object]:
        """Return set_tensor, invoke, get_tensor and nothing else, on an interpreter of its own; for bench."""
        session = self._open()
        given = pixels.astype(np.float32) if session.floats_in else pixels

        def call() -> object:
            session.set(session.input, given)
            session.invoke()
            return session.get(session.logits)

        return call

    def close(self) -> None:
        """Let go of the interpreters."""
        self._local = threading.local()

    def __enter__(self) -> LitertEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
