"""
What can be known of a line without running it: each thing that is configured, looked at, and what was found.

Nothing is opened that a running line holds, nothing is made and nothing is sent; so a configuration can be checked
beside the line that runs by the one before it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hemline import engines
from hemline.errors import HemlineError, MissingError, UsageError
from hemline.line import assembly, triggers
from hemline.line.config import LineConfig
from hemline.line.layout import require_folder
from hemline.line.publishers import connect
from hemline.sources import SOURCES, kind_of


def checks(config: LineConfig) -> Iterator[tuple[str, str | HemlineError]]:
    """Yield (what was looked at, what was found or what is wrong with it)."""
    looks: list[tuple[str, Callable[[], str]]] = [
        ("source", lambda: _source(config)),
        ("trigger", lambda: _trigger(config)),
        ("model", lambda: _model(config)),
        ("folder", lambda: _folder(config)),
    ]
    looks += [(name, partial(_publisher, config, name)) for name in config.publish]
    if config.golden is not None:
        looks.append(("golden", partial(_golden, config.golden)))
    looks.append(("rules", lambda: config.about))
    for what, look in looks:
        try:
            yield what, look()
        except HemlineError as error:
            yield what, error


def _source(config: LineConfig) -> str:
    kind = kind_of(config.source)
    module = importlib.import_module(SOURCES[kind])
    address = module.parse(config.source)
    if hasattr(module, "check"):
        module.check(address)
    return f"{address.name}, {kind}; it was not opened"


def _trigger(config: LineConfig) -> str:
    text = assembly.trigger_of(config)
    triggers.check(text)
    return text


def _model(config: LineConfig) -> str:
    found = assembly.model(config)
    engine = found.choice.artifact.partition(":")[0]
    probe = engines.probe(engine)
    if not probe.available:
        raise MissingError(f"engine {engine!r} needs: {probe.install}")
    signed = found.signed
    return (
        f"{found.bundle.title} {found.choice.artifact}; pass below {signed.thresholds.pass_below:g}, reject from "
        f"{signed.thresholds.reject_from:g}, signed by {signed.signed_by} on {signed.signed_utc}"
    )


def _folder(config: LineConfig) -> str:
    require_folder(config.folder, create=False) if config.folder.exists() else None
    there = next(path for path in (config.folder, *config.folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{there}: cannot be written to")
    return str(config.folder) if there == config.folder else f"{config.folder}, which will be made"


def _publisher(config: LineConfig, name: str) -> str:
    """Look at a publisher's settings, and at what they name on this machine; nothing is sent."""
    settings = config.publish[name]
    connect(name, config.name, settings).close()
    for key, value in settings.items():
        if value is None:
            continue
        if key.endswith("_file") and not os.access(value, os.R_OK):
            raise UsageError(f"publisher {name}: {key} {value}: cannot be read")
        if key.endswith("_env") and not os.environ.get(value):
            raise UsageError(f"publisher {name}: {key} {value}: no such variable here; the line needs it")
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)


def _golden(folder: Path) -> str:
    for name in ("good", "bad"):
        if not (folder / name).is_dir():
            raise UsageError(f"golden {folder}: no folder {name} in it; known good parts lie in good, known bad in bad")
    return str(folder)
