"""
The edgetpu engine: LiteRT with the delegate of libedgetpu, for a Coral Edge TPU. Never pycoral.

A libedgetpu that was built for another TensorFlow crashes the process, when it is loaded or at the first model
(https://github.com/tensorflow/tensorflow/issues/62371), so both are tried in a child process first: the library
once in a process, each model before it is opened here. That costs about 0.3 s and what the device takes to start.

A model that was not compiled for the Edge TPU runs too: on the processor, and `backend` says so.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hemline.engines import Model, Probe, litert
from hemline.engines.edgetpu_trial import load_delegate
from hemline.engines.litert import LitertEngine, Session
from hemline.errors import BundleError, MissingError

LIBRARY = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}.get(sys.platform, "libedgetpu.so.1")
# Google's own package source stops at a libedgetpu for TensorFlow 2.5, which newer interpreters do not survive
RELEASES = "https://github.com/feranick/libedgetpu/releases"
INSTALL = f"libedgetpu1-std of {RELEASES}"
TIMEOUT_S = 30.0  # a USB stick that was just plugged in is sent its firmware first, which takes seconds
COMPILED = b"edgetpu-custom-op"  # the name of the one operator of a compiled model


@dataclass(frozen=True)
class Trial:
    """What became of a child process. outcome: as edgetpu_trial tells it, or "crashed" or "hung"."""

    outcome: str
    detail: str


def probe() -> Probe:
    """Return whether libedgetpu loads here and an Edge TPU answers; tried once in a process."""
    interpreter = litert.probe()
    if not interpreter.available:
        return Probe(False, "", "", f"{litert.INSTALL} and {INSTALL}")
    trial = _loads(LIBRARY)
    if trial.outcome == "ready":
        runtime = re.search(r"RuntimeVersion\((\d+)\)", trial.detail)
        return Probe(True, "libedgetpu", f"runtime {runtime.group(1)}" if runtime else "unknown", INSTALL)
    return Probe(False, "" if trial.outcome == "absent" else "libedgetpu", "", _remedy(trial, interpreter))


def open(model: Model) -> EdgeTpuEngine:
    """Return the artifact in an interpreter with the delegate, after a child process survived the same."""
    return EdgeTpuEngine(model)


def attempt(library: str, model: bytes = b"") -> Trial:
    """Load a library, and open and run a model with it when one is given, in a child process."""
    found = litert.backend()
    assert found is not None  # probe() came first
    asked = json.dumps({"path": sys.path, "library": library, "module": found[0]})
    program = Path(__file__).with_name("edgetpu_trial.py")
    try:
        # isolated: beside the program lie modules with the names of libraries
        child = subprocess.run(
            [sys.executable, "-I", str(program), asked], input=model, capture_output=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return Trial("hung", f"no answer in {TIMEOUT_S:g} s")
    try:
        told = json.loads(child.stdout)
        return Trial(str(told["outcome"]), str(told["detail"]))
    except ValueError:  # it ended before it could tell
        return Trial("crashed", _death(child))


@lru_cache(maxsize=1)
def _loads(library: str) -> Trial:
    return attempt(library)


def _death(child: subprocess.CompletedProcess[bytes]) -> str:
    try:
        how = signal.Signals(-child.returncode).name
    except ValueError:
        how = f"exit status {child.returncode}"
    last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"{how}: {last[:200]}" if last else how


def _remedy(trial: Trial, interpreter: Probe) -> str:
    """Return what engine 'edgetpu' needs, for a line that begins with that."""
    name = f"{interpreter.package} {interpreter.version}"
    return {
        "absent": f"{LIBRARY}: install {INSTALL}",
        "broken": f"a libedgetpu that loads ({trial.detail}): install {INSTALL}",
        "crashed": f"a libedgetpu built for {name}: {LIBRARY} is here and crashes with it ({trial.detail}); "
        f"builds for each TensorFlow: {RELEASES}",
        "hung": f"an Edge TPU that answers: {LIBRARY} is here, {trial.detail}; unplug the device and plug it in again",
        "no device": f"an Edge TPU: {LIBRARY} is here and found none; plug it in, and see that you may use it "
        "(USB 1a6e:089a or 18d1:9302 in lsusb, PCIe /dev/apex_0)",
    }[trial.outcome]


class EdgeTpuEngine(LitertEngine):
    """A TFLite artifact with the Edge TPU's delegate; one interpreter for each thread that calls."""

    def __init__(self, model: Model) -> None:
        (content,) = model.files.values()
        trial = attempt(LIBRARY, content)
        if trial.outcome == "refused":
            raise BundleError(f"{model.name}: libedgetpu cannot open it ({trial.detail}); convert it again")
        if trial.outcome != "ready":
            raise MissingError(f"engine 'edgetpu' needs: {_remedy(trial, litert.probe())}")
        super().__init__(model)
        compiled = "" if COMPILED in content else "; not compiled for the Edge TPU, runs on the processor"
        self.backend = f"{self.backend} with libedgetpu{compiled}"

    def _open(self) -> Session:
        found = litert.backend()
        assert found is not None  # the trial came first
        # a delegate for each interpreter, as the library's own examples have it; they share the device
        return Session(self._model, [load_delegate(found[0], LIBRARY)])
