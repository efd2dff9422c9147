"""
The engines, each in a child process of its own: does its library load, does a model run, are the answers right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hemline.doctor.finding import Finding, fatal, ok, problem
from hemline.doctor.system import System, numbers
from hemline.doctor.trials import NO_ANSWER, Told
from hemline.doctor.wheels import WHEELS

ENGINES = ("litert", "onnx", "openvino", "edgetpu")
INSTALL = "pip install 'hemline[litert]'"
# of the golden pictures; int8 gives another label to one of them now and then, a broken kernel to most
LEAST_AGREEMENT = 0.75
SIGNALS = {
    "SIGILL": "an instruction that this processor does not have",
    "SIGSEGV": "a crash in its own code",
    "SIGBUS": "a crash in its own code",
    "SIGABRT": "it gave up",
    "SIGKILL": "killed, most likely for want of memory",
}


def probe_of(told: Told) -> Mapping[str, Any]:
    """Return what engines.probe() said in the child, {} where it did not come that far."""
    found: Mapping[str, Any] = told.values.get("probe", {})
    return found


def check(system: System) -> Iterator[Finding]:
    """Say which engines run, which are broken, and whether any does."""
    running = False
    findings = []
    for name in ENGINES:
        told = system.trials.told(name)
        probe = probe_of(told)
        if told.error and not told.death and not probe:  # it did not come as far as the engine
            yield fatal(f"no engine can run here ({told.error})", "hemline doctor --check libraries")
            return
        if told.error:
            findings.append(_broken(system, name, told))
        elif not probe["available"]:
            continue  # one is enough; the table of engines says how to install others
        elif told.values.get("agreement", 1.0) < LEAST_AGREEMENT:
            findings.append(_wrong(name, told))
        else:
            running = True
            findings.append(ok(_runs(name, told)))
    if not running:
        yield fatal("no engine can run here", _remedy(system))
    yield from findings


def _runs(name: str, told: Told) -> str:
    probe = probe_of(told)
    model = told.values.get("artifact")
    time = f": {model} loads in {told.values['load_ms']:.0f} ms and is right" if model else ""
    return f"{name} with {probe['package']} {probe['version']}{time}"


def _package(name: str, told: Told) -> str:
    return str(probe_of(told).get("package", "")) or {"litert": "ai-edge-litert", "onnx": "onnxruntime"}.get(name, name)


def _broken(system: System, name: str, told: Told) -> Finding:
    package = _package(name, told)
    meaning = SIGNALS.get(told.death)
    about = f"{name}: {package} {'died of ' if meaning else 'fails: '}{told.error}{f', {meaning}' if meaning else ''}"
    again = f"pip install --force-reinstall --no-cache-dir {package}"
    if told.death == "SIGILL":
        return problem(
            about, f"pip install --upgrade {package}; where that does not help use another engine: {INSTALL}"
        )
    if told.death == "SIGKILL":
        return problem(about, "end other programs, or use the engine that needs least memory: " + INSTALL)
    if told.death.startswith(NO_ANSWER):
        return problem(about, f"try again when the machine has less to do; where that does not help: {again}")
    if package == "tflite-runtime" and numbers(system.version("numpy")) >= (2,):
        return problem(about, "pip install 'hemline[litert]' && pip uninstall -y tflite-runtime")
    return problem(about, again)


def _wrong(name: str, told: Told) -> Finding:
    package = _package(name, told)
    share, model = told.values["agreement"], told.values["artifact"]
    return problem(
        f"{name}: {package} answers wrongly: {share:.0%} of the golden pictures of {model} are right",
        f"pip install --force-reinstall --no-cache-dir {package}, then hemline parity",
    )


def _remedy(system: System) -> str:
    why = [(wheel, *wheel.lacking(system.python)) for wheel in WHEELS]
    fitting = [wheel.engine for wheel, reason, _ in why if not reason]
    return f"pip install 'hemline[{fitting[0]}]'" if fitting else why[0][2]
