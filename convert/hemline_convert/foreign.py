"""
Taking a model that hemline did not train: a .keras file or a SavedModel becomes a run directory.

The file is copied, judged as data, and opened by a child process that is given no secrets and an hour-glass.
The run directory that the child leaves is judged again as if it had come from a stranger, because it may have.
The child bounds crashes and time; it is no sandbox: see docs/ci.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hemline
import hemline_convert
from hemline.errors import DataError, HemlineError, MissingError, UsageError
from hemline_convert import kerasfile
from hemline_convert.adopt import ERROR, REQUEST, RUN

TIMEOUT_S = 600.0  # of the child: opening, reading the pictures, answering the golden inputs
MAX_FILES, MAX_FILE_BYTES = 64, 1 << 30  # of a SavedModel
GIVEN, CLEAN, SAVED = "given.keras", "clean.keras", "saved_model"  # the copies
ERRORS: dict[int, type[HemlineError]] = {2: UsageError, 3: MissingError, 4: DataError}
# what a program needs to start; tokens and keys that a CI job has in its environment are not among it
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Asked:
    """What the command line says of a foreign model.

    labels: file of its labels in the order of its outputs; None for the order of the data set's.
    preprocess: fit, interpolation, pad and mirror of its contract. input: scale, offset and bgr, as heads.Input.
    licence: SPDX identifier of its weights; NOASSERTION is SPDX's word for one that was not stated.
    """

    labels: Path | None = None
    preprocess: dict[str, Any] = field(default_factory=dict)
    input: dict[str, Any] = field(default_factory=dict)
    licence: str = "NOASSERTION"


def is_foreign(path: Path) -> bool:
    """Return whether `path` is a model and no run; a model that cannot be taken is a DataError with the reason."""
    if path.suffix.lower() in (".h5", ".hdf5"):
        raise DataError(
            f"{path}: an HDF5 model; Keras ignores its safe mode for these, so opening one may run what is in it: "
            "open it where you trust it and save it with model.save('NAME.keras')"
        )
    if path.is_dir():
        return (path / "saved_model.pb").is_file() and not (path / "run.json").exists()
    if path.suffix.lower() == ".keras" and not path.exists():
        raise DataError(f"{path}: no such file")
    if path.is_file() and path.suffix.lower() != ".keras":
        raise DataError(f"{path}: neither a run, nor a .keras file, nor a SavedModel directory")
    return path.is_file()


@contextmanager
def adopted(model: Path, data: Path, asked: Asked, *, timeout_s: float = TIMEOUT_S) -> Iterator[Path]:
    """Yield the run directory that a foreign model became; it is gone afterwards.

    data: its labelled pictures, in any form that hemline.datasets reads.
    """
    with tempfile.TemporaryDirectory(prefix="hemline-") as name:
        directory = Path(name)
        try:
            copy, digest = _copied(model, directory)
        except OSError as error:
            raise DataError(f"{error.filename or model}: {(error.strerror or str(error)).lower()}") from None
        request = {
            "copy": copy,
            "data": str(data.resolve()),
            "labels": None if asked.labels is None else str(asked.labels.resolve()),
            "preprocess": asked.preprocess,
            "input": asked.input,
        }
        (directory / REQUEST).write_text(json.dumps(request), encoding="utf-8")
        _child(directory, model, timeout_s)
        facts = json.loads((directory / RUN / "run.json").read_bytes())
        # what is known here is not taken from the child
        facts |= {
            "name": name_of(model),
            "model": {"file": model.resolve().name, "sha256": digest, **asked.input},
            "license": asked.licence,
        }
        (directory / RUN / "run.json").write_text(json.dumps(facts), encoding="utf-8")
        yield directory / RUN


def name_of(model: Path) -> str:
    """Return what the bundle of a model is called: its file name in letters, digits, '.', '_' and '-'."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model.resolve().stem).strip("-._") or "model"


def _copied(model: Path, directory: Path) -> tuple[str, str]:
    """Copy what is needed of a model and judge it; return the name of the copy and the sha256 of the original."""
    if model.is_dir():
        return SAVED, _copied_directory(model, directory / SAVED)
    if model.stat().st_size > MAX_FILE_BYTES:
        raise DataError(f"{model}: larger than {MAX_FILE_BYTES >> 20} MiB, no file of a small model")
    shutil.copyfile(model, directory / GIVEN)
    try:
        kerasfile.clean(directory / GIVEN, directory / CLEAN)
    except DataError as error:
        raise DataError(_about(str(error), directory, model)) from None
    return CLEAN, _sha256(directory / GIVEN)


def _copied_directory(model: Path, target: Path) -> str:
    files = [model / "saved_model.pb", *sorted((model / "variables").glob("variables.*"))]
    if len(files) > MAX_FILES:
        raise DataError(f"{model}: {len(files)} files of variables; a small model has one or two")
    (target / "variables").mkdir(parents=True)
    digests = []
    for file in files:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"{file}: larger than {MAX_FILE_BYTES >> 20} MiB, no file of a small model")
        copy = target / file.relative_to(model)
        shutil.copyfile(file, copy)
        digests.append(f"{file.relative_to(model).as_posix()} {_sha256(copy)}\n")
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _child(directory: Path, model: Path, timeout_s: float) -> None:
    """Let the child make directory/run; raise the error that it left, or what can be said when it left none."""
    home, printed = directory / "home", directory / "printed.txt"
    home.mkdir()
    rooms = [str(Path(package.__path__[0]).resolve().parent) for package in (hemline, hemline_convert)]
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(rooms)),
        "HOME": str(home),
        "KERAS_HOME": str(home),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [sys.executable, "-m", "hemline_convert.adopt", str(directory)]
    with printed.open("wb") as log:
        # in an empty folder, so that no module is found there; a session of its own, so that all of it can be ended
        child = subprocess.Popen(
            command, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            status = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise DataError(f"{model}: opening it and reading the pictures took over {timeout_s:g} s") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):  # all of it has ended
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if status != 0:
        raise _refusal(directory, printed, model, status)


def _refusal(directory: Path, printed: Path, model: Path, status: int) -> HemlineError:
    try:
        said = json.loads((directory / ERROR).read_bytes()[: 1 << 16])
        line = _about(str(said["message"]).splitlines()[0], directory, model)
        if said["of_model"] and not line.startswith(str(model)):
            line = f"{model}: {line}"
        return ERRORS.get(said["status"], DataError)(line)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        end = f"died of signal {-status}" if status < 0 else f"ended with status {status}"
        lines = printed.read_bytes()[-4096:].decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return DataError(f"{model}: the process that opened it {end}; it said last: {last[:300]}")


def _about(line: str, directory: Path, model: Path) -> str:
    """Return a line that names the model where it named one of its copies."""
    for copy in (GIVEN, CLEAN, SAVED):
        line = line.replace(str(directory / copy), str(model))
    return line
