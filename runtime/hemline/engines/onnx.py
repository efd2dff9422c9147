"""
The onnx engine: ONNX files through onnxruntime on the CPU.

The call is an io_binding made once on arrays of this module: pixels are copied in, the session runs, the
logits are copied out. That is 2 us above the bare run of 45 to 72; session.run builds its arrays anew, 5 us.
One session serves all threads, each with a binding of its own: onnxruntime may run one session concurrently.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.engines import Model, Probe, openvino, package_probe
from hemline.engines.onnxfile import refers_outside
from hemline.engines.openvino import OpenvinoEngine
from hemline.engines.slots import SlotEngine
from hemline.errors import BundleError, MissingError
from hemline.quiet import native_stderr_discarded

INSTALL = "pip install 'hemline[onnx]'"
# more pictures at once are not faster: 35 us a picture at 8 and 32, 96 at 128
BATCH = 32


def probe() -> Probe:
    """Return which onnxruntime is here; its builds for other devices share the module's name."""
    return package_probe("onnxruntime", ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"), INSTALL)


def open(model: Model) -> OnnxEngine:
    """Return the artifact in a session, checked against the manifest."""
    return OnnxEngine(model)


def second(model: Model) -> OpenvinoEngine | None:
    """Return the same file in OpenVINO, when that is here: an implementation that shares nothing with this one."""
    return OpenvinoEngine(model) if openvino.probe().available else None


def _library() -> Any:
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingError(f"engine 'onnx' needs: {INSTALL}")
    with native_stderr_discarded():  # it warns of graphics devices that it cannot look at
        import onnxruntime
    return onnxruntime


def _session(model: Model) -> Any:
    library = _library()
    (content,) = model.files.values()
    try:
        if refers_outside(content):
            raise BundleError(f"{model.name}: refers to data outside its file, which is never read; convert it again")
    except ValueError as error:
        raise BundleError(f"{model.name}: not an ONNX file ({error}); convert it again") from None
    options = library.SessionOptions()
    options.intra_op_num_threads = model.threads
    options.inter_op_num_threads = 1
    options.execution_mode = library.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what matters is raised
    # threads that wait for the next picture must not burn the core that decodes it
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if _overflows():
        options.add_session_config_entry("session.x64quantprecision", "1")
    # its errors have no base of their own below Exception
    state = library.capi.onnxruntime_pybind11_state
    own = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    errors: tuple[type[Exception], ...] = (*own, RuntimeError, ValueError)
    try:
        # enable_fallback: it would try the same provider again, and say so on stdout
        return library.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except errors as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BundleError(f"{model.name}: onnxruntime cannot load it ({reason}); convert it again") from error


def _overflows(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether this processor's 8-bit products may overflow: x86 without VNNI adds pairs in 16 bits.

    onnxruntime can avoid it at a cost (69 against 47 us). With it the answers are those of a processor with
    VNNI to the last bit: how exact an artifact is was settled when it was converted, not by the machine.
    """
    try:
        with cpuinfo.open(errors="replace") as lines:  # one block for each processor: the first is enough
            flags = next((line.split() for line in lines if line.startswith("flags")), [])  # ARM says "Features"
    except OSError:
        return False
    return bool(flags) and not any(flag in ("avx512_vnni", "avx_vnni") for flag in flags)


def _check(session: Any, model: Model) -> None:
    given, outputs = session.get_inputs(), session.get_outputs()
    if len(given) != 1 or given[0].type != "tensor(uint8)" or tuple(given[0].shape[1:]) != model.shape:
        found = ", ".join(f"{entry.type} {entry.shape}" for entry in given)
        raise BundleError(
            f"{model.name}: takes {found}, the manifest says uint8 (batch, {', '.join(map(str, model.shape))}); "
            "convert it again"
        )
    widths = [(entry.type, entry.shape[-1] if entry.shape else None) for entry in outputs]
    if widths != [("tensor(float)", model.widths[name]) for name in model.outputs]:
        raise BundleError(
            f"{model.name}: outputs {widths}, the manifest says float "
            f"{ {name: model.widths[name] for name in model.outputs} }; convert it again"
        )


class _Binding:
    """Arrays for one batch size that the session reads and writes; it serves one thread."""

    def __init__(self, session: Any, model: Model, batch: int) -> None:
        value_of = _library().OrtValue.ortvalue_from_numpy  # shares the array's memory
        self.pixels = np.zeros((batch, *model.shape), np.uint8)
        self._binding = session.io_binding()
        self._run = session.run_with_iobinding
        self._values = [value_of(self.pixels)]
        self._binding.bind_ortvalue_input(session.get_inputs()[0].name, self._values[0])
        self.outputs: dict[str, NDArray[np.float32]] = {}
        # by position: converters name outputs as they like
        for name, entry in zip(model.outputs, session.get_outputs(), strict=True):
            self.outputs[name] = np.zeros((batch, model.widths[name]), np.float32)
            self._values.append(value_of(self.outputs[name]))
            self._binding.bind_ortvalue_output(entry.name, self._values[-1])
        self.logits = self.outputs["logits"]

    def run(self) -> None:
        """Compute the outputs of the pixels."""
        self._run(self._binding)

    def bare(self) -> Callable[[], object]:
        """Return the run and the reading of the logits as the library offers it, on pixels that are there already."""
        run, binding, logits = self._run, self._binding, self._values[1 + list(self.outputs).index("logits")]

        def call() -> object:
            run(binding)
            return logits.numpy()

        return call


class OnnxEngine(SlotEngine):
    """An ONNX artifact: one session, a binding for each thread that calls."""

    def __init__(self, model: Model) -> None:
        session = _session(model)
        _check(session, model)
        found = probe()
        super().__init__(
            model,
            lambda count: _Binding(session, model, count),
            batch=BATCH,
            backend=f"{found.package} {found.version}",
        )

    def bare(self, pixels: NDArray[np.uint8]) -> Callable[[], object]:
        """Return run_with_iobinding on bound pixels and the reading of the logits; for bench."""
        binding = self._make(1)
        assert isinstance(binding, _Binding)
        np.copyto(binding.pixels, pixels)
        return binding.bare()
