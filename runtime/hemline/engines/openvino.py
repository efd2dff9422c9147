"""
The openvino engine: OpenVINO IR (.xml and .bin) on the CPU, or on another device that OpenVINO sees when it is named.

The call is an infer request whose tensors are taken out once: pixels are copied in, infer() runs, the logits
are copied out. 46 us where calling the compiled model costs 56. The model is reshaped to batch 1 when it is
loaded: a free batch costs 10 us.

Arithmetic is float32 whatever the processor offers: left to itself the plugin computes in bfloat16 or float16
where it can, and the same artifact would answer differently on two machines. A precision is an artifact.
float16 artifacts hold half the bytes and are computed in float32; int8 layers stay int8. An NPU computes in float16
whatever it is asked for; `backend` names every device but the CPU.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hemline.engines import Model, Probe, package_probe
from hemline.engines.onnxfile import refers_outside
from hemline.engines.slots import SlotEngine
from hemline.errors import BundleError, MissingError

INSTALL = "pip install 'hemline[openvino]'"
# more pictures at once are not faster: 23 us a picture at 32 and at 128
BATCH = 32
# importing the package and asking for devices took 0.5 s on a free PC and 20 s on one that had not read its files yet
PATIENCE_S = 30.0
_DEVICES = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
sys.modules["openvino_telemetry"] = None
import openvino
print(json.dumps(openvino.Core().available_devices))
"""


def probe() -> Probe:
    """Return which openvino is here."""
    return package_probe("openvino", ("openvino",), INSTALL)


def open(model: Model) -> OpenvinoEngine:
    """Return the artifact compiled for the CPU, checked against the manifest."""
    return OpenvinoEngine(model)


def library() -> Any:
    """Return the openvino package, imported without its telemetry.

    `import openvino` alone writes a client id into ~/intel and sends an event to www.google-analytics.com (seen
    in 2026.4.1). Where its openvino_telemetry cannot be imported it uses a stub that comes with it, and starts
    45 ms sooner. Everything here that needs openvino or nncf imports it after this.
    """
    if importlib.util.find_spec("openvino") is None:
        raise MissingError(f"engine 'openvino' needs: {INSTALL}")
    cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
    import openvino

    return openvino


def devices(patience_s: float = PATIENCE_S) -> tuple[str, ...] | None:
    """Return the devices that OpenVINO sees, None where it is not installed; MissingError where it does not tell.

    A child process asks: the drivers of other devices are loaded for it, and may take the process along.
    """
    if not probe().available:
        return None
    try:
        # isolated, as beside this file lie modules with the names of libraries
        words = [sys.executable, "-I", "-c", _DEVICES, json.dumps(sys.path)]
        child = subprocess.run(words, capture_output=True, timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise MissingError(f"openvino does not tell its devices within {patience_s:g} s; ask again") from None
    try:
        return tuple(json.loads(child.stdout))
    except ValueError:  # it ended before it could tell
        last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        why = last or f"exit status {child.returncode}"
        raise MissingError(f"openvino does not tell its devices ({why}); see: hemline doctor --check engines") from None


def _settings(device: str, threads: int) -> dict[str, object]:
    kind = device.partition(".")[0]
    latency: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if kind == "NPU":
        return latency  # it takes no precision: https://github.com/openvinotoolkit/openvino/pull/32584
    exact = {**latency, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1"}
    if kind != "CPU":
        return exact
    # pinning costs 3 us a call, and two processes would be pinned to the same core
    return {**exact, "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}


def _require(device: str, core: Any, name: str) -> None:
    """Raise MissingError where OpenVINO does not see a device."""
    seen = list(core.available_devices)
    if device not in seen and not any(each.startswith(f"{device}.") for each in seen):
        raise MissingError(
            f"{name}: OpenVINO sees no {device} here, only {', '.join(seen) or 'nothing'}; its driver is missing, or "
            "the permission: hemline devices list"
        )


def _read(model: Model, core: Any) -> Any:
    """Return the openvino.Model of an IR, or of an ONNX file that is to be compared, checked against the manifest."""
    names = {name.rpartition(".")[2]: name for name in model.files}
    try:
        if set(names) == {"onnx"}:
            (content,) = model.files.values()
            if refers_outside(content):
                raise BundleError(f"{model.name}: refers to data outside its file; convert it again")
            found = core.read_model(content)
        elif set(names) != {"xml", "bin"}:
            raise BundleError(
                f"{model.name}: an IR is an .xml and a .bin, found {', '.join(model.files)}; install the bundle again"
            )
        elif not model.files[names["xml"]].lstrip().startswith(b"<"):  # read_model takes other formats, by content
            raise BundleError(f"{model.name}: {names['xml']} is not XML; convert it again")
        else:
            found = core.read_model(model.files[names["xml"]], model.files[names["bin"]])
    except (RuntimeError, ValueError) as error:
        raise BundleError(f"{model.name}: OpenVINO cannot read it ({_reason(error)}); convert it again") from error
    _check(found, model)
    return found


def _check(found: Any, model: Model) -> None:
    given = [(entry.element_type.get_type_name(), entry.partial_shape) for entry in found.inputs]
    sizes = [str(size) for size in given[0][1]][1:] if len(given) == 1 and given[0][1].rank.is_static else []
    if len(given) != 1 or given[0][0] != "u8" or not _fits(sizes, model.shape):
        raise BundleError(
            f"{model.name}: takes {', '.join(f'{kind} {shape}' for kind, shape in given)}, the manifest says "
            f"u8 [?,{','.join(map(str, model.shape))}]; convert it again"
        )
    outputs = [(entry.element_type.get_type_name(), str(entry.partial_shape)) for entry in found.outputs]
    ends = [f",{model.widths[name]}]" for name in model.outputs]
    if [kind for kind, _ in outputs] != ["f32"] * len(ends) or not all(
        shape.endswith(end) for (_, shape), end in zip(outputs, ends, strict=True)
    ):
        raise BundleError(
            f"{model.name}: outputs {outputs}, the manifest says f32 "
            f"{ {name: model.widths[name] for name in model.outputs} }; convert it again"
        )


def _fits(sizes: list[str], shape: tuple[int, int, int]) -> bool:
    """Return whether an input of these sizes takes pictures of this shape; of gray ones the channels may be free."""
    wanted = [str(size) for size in shape]
    return sizes == wanted or (shape[2] == 1 and sizes == [*wanted[:2], "?"])


def _reason(error: Exception) -> str:
    """Return what went wrong; OpenVINO says first in which of its own files it noticed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[0]


class _Request:
    """An infer request for one batch size, with its tensors as arrays; it serves one thread.

    It is compiled for itself: requests of one compiled model with one stream wait for each other, two threads
    together were slower than one.
    """

    def __init__(self, model: Model, batch: int) -> None:
        core, device = library().Core(), model.openvino_device
        if device != "CPU":
            _require(device, core, model.name)
        found = _read(model, core)
        try:
            found.reshape([batch, *model.shape])
            compiled = core.compile_model(found, device, _settings(device, model.threads))
            request = compiled.create_infer_request()
        except RuntimeError as error:
            where, remedy = ("", "convert it again") if device == "CPU" else (f" for {device}", "leave out --device")
            raise BundleError(
                f"{model.name}: OpenVINO cannot compile it{where} ({_reason(error)}); {remedy}"
            ) from error
        self._request = request  # the arrays below are its memory
        self.run = request.infer
        self.pixels: NDArray[np.uint8] = request.get_input_tensor(0).data
        self.outputs: dict[str, NDArray[np.float32]] = {
            # by position: names are the converter's
            name: request.get_output_tensor(index).data
            for index, name in enumerate(model.outputs)
        }
        self.logits = self.outputs["logits"]


class OpenvinoEngine(SlotEngine):
    """An OpenVINO artifact; a compiled model for each thread that calls, made at its first call."""

    def __init__(self, model: Model) -> None:
        found = probe()
        device = "" if model.openvino_device == "CPU" else f" on {model.openvino_device}"
        backend = f"{found.package} {found.version}{device}"
        super().__init__(model, lambda count: _Request(model, count), batch=BATCH, backend=backend)

    def bare(self, pixels: NDArray[np.uint8]) -> Callable[[], object]:
        """Return infer() on pixels that are in the request's tensor already; for bench."""
        request = _Request(self._model, 1)
        np.copyto(request.pixels, pixels)

        def call() -> object:
            request.run()
            return request.logits

        return call
