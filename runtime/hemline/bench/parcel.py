"""
What `hemline bench --hosts` carries to a host: the wheel, wheels that it is installed with, the bundle, and what is to
be asked there. Files go by their hashes, so that what a host has is not sent again.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemline import __version__
from hemline.bundle import MANIFEST, Bundle
from hemline.errors import BundleError, DataError, MissingError, UsageError

# engine: the extra that brings it. The Edge TPU's library comes from elsewhere, and the fake one needs none.
EXTRAS = {"litert": "litert", "onnx": "onnx", "openvino": "openvino"}
# numpy, OpenCV and hemline, then each engine; pip has some of it twice while it installs
CORE_BYTES = 350_000_000
EXTRA_BYTES = {"litert": 100_000_000, "onnx": 150_000_000, "openvino": 350_000_000}
WHEEL = re.compile(r"hemline-([0-9][^-]*)-py3-none-any\.whl")
CHUNK = 1 << 20


@dataclass(frozen=True)
class Parcel:
    """request: what the far end is told first, see remote_script. contents: {sha256: file} of what it may want."""

    request: Mapping[str, Any]
    contents: Mapping[str, Path]

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """Yield the bytes of a file; DataError when they are not as many as was said."""
        path = self.contents[sha256]
        left = path.stat().st_size
        with path.open("rb") as stream:
            while data := stream.read(CHUNK):
                left -= len(data)
                yield data
        if left:
            raise DataError(f"{path}: was written to while it was sent; try again")


def packed(
    bundle: Bundle, arguments: Sequence[str], *, artifact: str, wheel: Path | None, wheelhouse: Path | None = None
) -> Parcel:
    """Return what goes to each host.

    artifact: one, or "all" of the bundle; its engine's extra is installed there. wheel: None where a Python of the
    host is named that has hemline already. wheelhouse: a folder, which then is the only place to install from.
    """
    if bundle.directory is None:
        raise BundleError(f"{bundle.title}: was not read from a directory")
    paths = [] if wheel is None else [wheel, *_wheels(wheelhouse)]
    files = {path: _entry(path) for path in paths}
    manifest = bundle.directory / MANIFEST
    parts = {bundle.directory / entry.path for entry in bundle.files()} | {manifest}
    held = {path: _entry(path) for path in sorted(parts)}
    engines = sorted({name.partition(":")[0] for name in _artifacts(bundle, artifact)})
    extras = [EXTRAS[engine] for engine in engines if engine in EXTRAS]
    request = {
        "environment": None if wheel is None else f"bench-{_version(wheel)}",
        "extras": extras,
        "needs_bytes": CORE_BYTES + sum(EXTRA_BYTES[extra] for extra in extras),
        "files": list(files.values()),
        "bundle": {"sha256": held[manifest]["sha256"], "files": list(held.values())},
        "arguments": list(arguments),
    }
    return Parcel(request, {entry["sha256"]: path for path, entry in (files | held).items()})


def checked_wheel(path: Path) -> Path:
    """Return the path of a wheel of hemline."""
    _version(path)
    if not path.is_file():
        raise UsageError(f"--wheel {path}: no such file; make build writes one into dist/")
    return path


def built_wheel(folder: Path) -> Path:
    """Return a wheel of the checkout that runs here, built into a folder; MissingError where none can be built."""
    checkout = Path(__file__).resolve().parents[3]
    if not (checkout / "pyproject.toml").is_file():
        raise MissingError(
            f"hemline {__version__} is installed here and no wheel of it is at hand; give --wheel FILE "
            f"(pip download --no-deps hemline=={__version__}), or --remote-python PATH where the hosts have hemline"
        )
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(checkout)]
    done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise MissingError(
            f"the wheel of {checkout} cannot be built ({said[-1].strip() if said else done.returncode}); "
            "pip install 'hemline[dev]', or give --wheel FILE"
        )
    (wheel,) = folder.glob("*.whl")
    return wheel


def _version(path: Path) -> str:
    found = WHEEL.fullmatch(path.name)
    if found is None:
        raise UsageError(f"--wheel {path}: not a wheel of hemline; its name is hemline-VERSION-py3-none-any.whl")
    return found[1]


def _wheels(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    found = sorted(path for path in folder.glob("*") if path.name.endswith((".whl", ".tar.gz")))
    if not found:
        raise UsageError(f"--wheelhouse {folder}: no wheels in it; fill it with: pip download -d {folder} ...")
    return [path for path in found if not WHEEL.fullmatch(path.name)]


def _artifacts(bundle: Bundle, artifact: str) -> list[str]:
    return [one.name for one in bundle.artifacts] if artifact == "all" else [bundle.artifact(artifact).name]


def _entry(path: Path) -> dict[str, Any]:
    seen, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while data := stream.read(CHUNK):
                seen.update(data)
                size += len(data)
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return {"name": path.name, "bytes": size, "sha256": seen.hexdigest()}
