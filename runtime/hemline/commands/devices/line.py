"""The service line, as it is asked for: by options, by a file, or as it is configured on the machine already."""

from __future__ import annotations

import argparse
from pathlib import Path

from hemline.commands.devices.asked import Asked, Further, words
from hemline.commands.line import running
from hemline.deploy import configuration, line, places, plan
from hemline.deploy.plan import File
from hemline.deploy.service import require_name
from hemline.errors import UsageError
from hemline.line.config import LineConfig, load


def asked(options: argparse.Namespace, root: Path) -> Asked:
    """Return the line; what is configured on the machine counts, unless it is to be replaced."""
    if options.name is not None:
        require_name(options.name)
    wanted, text = _wanted(options)
    name = options.name or (wanted.name if wanted is not None else "line-1")
    path = places.CONFIGURATIONS / f"{name}.toml"
    there = plan.found(path, root)
    notes, files = [], []
    config = wanted
    if there is not None and (text is None or (there != text and not options.replace_config)):
        config = load(places.below(root, path), environment={})
        if text is not None:
            notes.append(f"{path} is kept: it is another one than was asked for; --replace-config writes that")
    elif text is not None:
        files.append(File(path, text))
    if config is None:
        raise UsageError(f"{path}: no such file; give --source, or --config F.toml")
    if config.name != name:
        raise UsageError(f"{path}: its line is called {config.name!r}, not {name!r}; change it, or give --name")
    service = line.service(config, path, network=options.network)
    return Asked(service, tuple(files), (*notes, *_bundle(config, root)))


def _wanted(options: argparse.Namespace) -> tuple[LineConfig | None, str | None]:
    """Return the line that is asked for, and its file; (None, None) where only a name is given."""
    given = words(options)
    if options.config is not None:
        if given:
            raise UsageError(f"--config {options.config} and {' '.join(given)}: give one; a file says everything")
        text = plan.read(Path(options.config))
        return load(options.config, environment={}), text
    if not given:
        return None, None
    parser = Further("hemline line run")
    parser.add_argument("source", nargs="?")
    running.add_keys(parser)
    keys, publish = running.given(parser.parse_args(given))
    keys = line.given_of(keys, options.name or keys.get("name") or "line-1")
    return load(line=keys, publish=publish, environment={}), configuration.text(keys, publish)


def _bundle(config: LineConfig, root: Path) -> list[str]:
    """Return a line for a bundle that is not there yet."""
    from hemline.select import packaged

    own = places.BUNDLES / config.bundle
    if "/" in config.bundle or (packaged() / config.bundle).is_dir() or places.below(root, own).is_dir():
        return []
    return [f"{own} is not there yet: the bundle {config.bundle!r}, with its decision file beside it"]
