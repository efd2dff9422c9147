"""
The program of a child process of the doctor: does one thing with libraries that may be broken, and tells in one line.

Given: one argument, JSON {"paths": sys.path, "trial": a name in TRIALS, or that of an engine}.
Told: one line of JSON on stdout. "error" is in it when something could not be done; "failed" then names what.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def libraries() -> dict[str, Any]:
    """Load numpy and OpenCV, ask for cameras, verify bundles."""
    told: dict[str, Any] = {"failed": "numpy"}
    try:
        import numpy

        told |= {"numpy": numpy.__version__, "failed": "OpenCV"}
        import cv2

        # of a package that was removed the folder may be left, without its library
        told["opencv"] = cv2.__version__
        cv2.resize(numpy.zeros((4, 4, 3), numpy.uint8), (2, 2))
    except Exception as error:  # noqa: BLE001  whatever a broken package raises: it is what was asked for
        return {**told, "error": reason(error)}
    from hemline.sources import picamera, v4l2

    del told["failed"]
    return {**told, "cameras": v4l2.cameras(), "picamera": picamera.probe(), "bundles": bundles()}


def bundles() -> dict[str, str]:
    """Return {bundle: what is wrong with it, or ""}, of the wheel and of HEMLINE_BUNDLES."""
    from hemline.bundle import MANIFEST, Bundle
    from hemline.errors import BundleError
    from hemline.select import packaged

    found = {}
    named = os.environ.get("HEMLINE_BUNDLES")
    for folder in (packaged(), *([Path(named)] if named else [])):
        for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
            try:
                Bundle.load(manifest.parent).verify()
                found[str(manifest.parent)] = ""
            except BundleError as error:
                found[str(manifest.parent)] = str(error)
    return found


def database() -> dict[str, Any]:
    """Load SQLite and ask it how it was made."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    options = [row[0] for row in connection.execute("PRAGMA compile_options")]
    connection.close()
    return {"version": sqlite3.sqlite_version, "options": options}


def engine(name: str) -> dict[str, Any]:
    """Load an engine's library and answer the golden pictures of the smallest bundle that has a file for it."""
    from dataclasses import asdict

    from hemline import engines, golden
    from hemline.bundle import MANIFEST, Bundle
    from hemline.select import packaged

    found = engines.probe(name)
    told: dict[str, Any] = {"probe": asdict(found)}
    if not found.available:
        return told
    held = [Bundle.load(manifest.parent) for manifest in packaged().glob(f"*/{MANIFEST}")]
    fitting = [(a.bytes, b.name, a.name, b) for b in held for a in b.artifacts if a.engine == name and b.golden]
    if not fitting:  # no bundle of the wheel has a file for an Edge TPU; the probe has loaded its library
        return told
    _, _, artifact, bundle = min(fitting)
    reference = golden.load(bundle)
    assert reference is not None
    started = time.perf_counter()
    try:
        with engines.open_engine(bundle, artifact) as opened:
            loaded = time.perf_counter()
            logits, _ = opened.run(reference.pictures)
            ended = time.perf_counter()
    except Exception as error:  # noqa: BLE001  whatever a broken library raises: it is what was asked for
        return {**told, "error": reason(error)}
    same = (logits.argmax(axis=1) == reference.logits.argmax(axis=1)).mean()
    return {
        **told,
        "artifact": f"{artifact} of {bundle.name}",
        "agreement": float(same),
        "load_ms": 1000 * (loaded - started),
        "picture_ms": 1000 * (ended - loaded) / len(reference.pictures),
    }


def reason(error: BaseException) -> str:
    """Return what went wrong, in a line."""
    # numpy begins with a page of advice
    text = " ".join(str(error).rpartition("Original error was:")[2].split())
    return f"{type(error).__name__}: {text or 'no reason given'}"[:300]


TRIALS: dict[str, Callable[[], dict[str, Any]]] = {
    "libraries": libraries,
    "database": database,
}


def main() -> None:
    """Try, tell, and leave at once."""
    told = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not stand before our line
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer here, not a thing to debug
    asked = json.loads(sys.argv[1])
    sys.path[:] = asked["paths"]
    try:
        name = asked["trial"]
        answer = TRIALS[name]() if name in TRIALS else engine(name)
    except Exception as error:  # noqa: BLE001  the outermost place of the process: what it is, is told
        answer = {"failed": asked["trial"], "error": reason(error)}
    os.write(told, json.dumps(answer).encode() + b"\n")
    os._exit(0)  # what a library does at exit may hang


if __name__ == "__main__":
    main()
