"""What is loaded when. The runtime never sees TensorFlow; help and the version load no library at all."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hemline.cli import VERBS

LIBRARIES = {
    *("numpy", "cv2", "matplotlib", "ai_edge_litert", "tflite_runtime", "onnxruntime", "openvino"),
    *("tensorflow", "keras", "tf2onnx", "onnx", "nncf"),
}
# standard modules that cost more than the whole of the rest: 43, 64 and 86 ms were measured
SLOW = {"dataclasses", "inspect", "importlib.metadata"}
TRAINING = {"tensorflow", "keras", "tf2onnx", "hemline_train", "hemline_convert"}

RUN_MAIN = """
import json, sys
from hemline.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""
IMPORT_ALL = """
import importlib, json, pkgutil, sys
import hemline
from hemline.cli import EXTRAS
seen, without = [], []
for module in pkgutil.walk_packages(hemline.__path__, "hemline."):
    try:
        importlib.import_module(module.name)
        seen.append(module.name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in EXTRAS:
            raise
        without.append(module.name)
print(json.dumps([seen, without, sorted(sys.modules)]))
"""


def loaded_by(*arguments: str) -> tuple[int, str, set[str]]:
    """Return status, stdout and the modules that a fresh process loaded to run these arguments."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_MAIN, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    return status, done.stdout, set(modules)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",), ("clasify",)], ids=" ".join)
def test_usage_and_version_load_no_library_and_nothing_slow(arguments: tuple[str, ...]) -> None:
    _, _, modules = loaded_by(*arguments)
    assert "argparse" in modules
    assert not modules & (LIBRARIES | SLOW)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_loads_no_library(verb: str) -> None:
    status, stdout, modules = loaded_by(verb, "--help")
    assert status == 0
    assert stdout.startswith(f"usage: hemline {verb}")
    assert VERBS[verb][0] in modules
    assert not modules & LIBRARIES


def test_no_module_of_the_runtime_loads_tensorflow_training_or_conversion() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True, timeout=60)
    seen, without, modules = json.loads(done.stdout)
    assert {"hemline.cli", "hemline.classifier", "hemline.commands.classify", "hemline.engines.litert"} <= set(seen)
    assert all(name.startswith("hemline.engines.") for name in without), "only an engine may need a package"
    assert not set(modules) & TRAINING
