"""
What a source of pictures needs of a machine, by its text alone: it may be plugged in, or filled, later.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path

from hemline.deploy import devices, places
from hemline.deploy.service import Reach, reach_url
from hemline.errors import UsageError
from hemline.sources import PREFIXES, SOURCES, kind_of
from hemline.sources.address import taken_apart
from hemline.sources.kind import Kind
from hemline.sources.limits import Limits

_SCHEMES = {"inbox": "inbox:", "fake": "fake://", "video": ""}  # of those that are paths
# Without the right to make machine code OpenVINO fails and these run: tried with such a unit. FFmpeg, which reads rtsp
# and films, and the libraries of picamera2 were not tried.
_ENGINES = frozenset({"litert", "onnx", "fake"})
_KINDS = frozenset({"camera", "stream", "inbox", "fake"})


@dataclass(frozen=True)
class Source:
    """What is known of a source. limits: None for what is no camera, stream or fake one."""

    kind: str
    devices: frozenset[str] = frozenset()
    reads: tuple[Path, ...] = ()
    reached: tuple[Reach, ...] = ()
    limits: Limits | None = None


def needed(text: str) -> Source:
    """Return what a source needs; UsageError for one that a service cannot have."""
    kind = _kind(text)
    if kind == "stdin":
        raise UsageError(f"source {text}: a service has no standard input; give a camera, a stream or a folder")
    if kind in _SCHEMES:
        target = taken_apart(kind, text, scheme=_SCHEMES[kind]).target
        path = places.require_readable(places.require_absolute(target, "source"), "source")
        return Source(kind, reads=(path,), limits=None if kind == "inbox" else _limits(kind, text))
    kinds = frozenset({devices.OF_SOURCES[kind]} if kind in devices.OF_SOURCES else ())
    reached = (reach_url("source", text.partition("#")[0]),) if "://" in text else ()
    return Source(kind, kinds, reached=reached, limits=_limits(kind, text))


def _kind(text: str) -> str:
    for prefix, kind in PREFIXES.items():
        if text.startswith(prefix):
            return kind
    if text.startswith("/dev/"):
        return "camera"
    if "://" in text or text == "-" or text.startswith("-?"):
        return kind_of(text)  # says which there are
    path = Path(text if os.path.lexists(text) else text.rpartition("?")[0] or text)
    if path.exists():
        return kind_of(text)
    return "video" if path.suffix else "inbox"  # of what is not there yet only its name can tell


def makes_no_code(artifact: str | None, source: Source) -> bool:
    """Whether an artifact and a source are known to run without the right to make machine code."""
    return artifact is not None and artifact.partition(":")[0] in _ENGINES and source.kind in _KINDS


def _limits(kind: str, text: str) -> Limits:
    module: Kind = importlib.import_module(SOURCES[kind])
    address = module.parse(text)
    return module.limits(address).with_options(address)
