"""
Loads libedgetpu, and opens a model with it, in a process of its own: a library that was built for another LiteRT
takes the process with it. The edgetpu engine starts this file as a program; nothing of hemline is imported.

Given: one argument, JSON {"path": sys.path, "library": str, "module": str}, and a model on stdin, or nothing.
Told: one line of JSON on stdout, {"outcome": str, "detail": str}. Outcomes: "ready", the detail is the library's own
version text; "absent", "broken", "no device", "refused", the detail is the reason.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import sys
from typing import Any

SYMBOLS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


def load_delegate(module: str, library: str) -> Any:
    """Return the delegate of a library, made by the interpreter's module; ValueError when there is no device."""
    interpreters = importlib.import_module(module)
    # tf.lite keeps it under experimental
    load = getattr(interpreters, "load_delegate", None) or interpreters.experimental.load_delegate
    return load(library)


def attempt(library: str, module: str, model: bytes) -> tuple[str, str]:
    """Return the outcome and its detail."""
    try:
        handle = ctypes.CDLL(library)
    except OSError as error:
        return ("absent" if _no_such_file(str(error), library) else "broken"), str(error)
    lacking = [symbol for symbol in SYMBOLS if not hasattr(handle, symbol)]
    if lacking:
        return "broken", f"{library} has no {lacking[0]}"
    try:
        delegate = load_delegate(module, library)
    except ValueError as error:
        return "no device", _first_line(error)
    if model:
        try:
            interpreter = importlib.import_module(module).Interpreter(
                model_content=model, experimental_delegates=[delegate]
            )
            interpreter.allocate_tensors()
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            return "refused", _first_line(error)
    return "ready", _version(handle)


def _no_such_file(message: str, library: str) -> bool:
    # a library that is there and lacks another one names that other one
    return "no such file" in message.lower() and library in message and "Library not loaded" not in message


def _version(handle: ctypes.CDLL) -> str:
    if not hasattr(handle, "edgetpu_version"):
        return ""
    handle.edgetpu_version.restype = ctypes.c_char_p
    found: bytes | None = handle.edgetpu_version()
    return (found or b"").decode(errors="replace")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main() -> None:
    """Try, tell, and leave at once."""
    told = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not stand before our line
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer here, not a thing to debug
    asked = json.loads(sys.argv[1])
    sys.path[:] = asked["path"]
    outcome, detail = attempt(asked["library"], asked["module"], sys.stdin.buffer.read())
    os.write(told, json.dumps({"outcome": outcome, "detail": detail}).encode() + b"\n")
    os._exit(0)  # the delegate was let go already; what a library does at exit may hang


if __name__ == "__main__":
    main()
