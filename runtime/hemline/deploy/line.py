"""
hemline line run as a service: one line, its configuration in /etc/hemline/NAME.toml, its decisions in
/var/lib/hemline/NAME.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hemline.deploy import devices, places
from hemline.deploy.service import (
    ANY,
    Needs,
    Reach,
    Secret,
    Service,
    Watched,
    furthest,
    reach,
    reach_address,
    reach_url,
)
from hemline.deploy.source import Source, makes_no_code, needed
from hemline.errors import DataError, UsageError
from hemline.line import assembly, triggers
from hemline.line.config import LineConfig
from hemline.line.keys import PUBLISH, option
from hemline.web.address import TOKEN_VARIABLE

_LEAST_PROOF_S = 60  # a camera that was lost is opened again a few times within this
_START_S = 300  # an engine, known parts and a camera, on a small board
_STOP_S = 60  # beyond the part at hand: what was held is stored (10 s) and told (5 s, and 15 for the last message)
_SECRETS = ("password_file", "key_file", "token_file")


def given_of(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the keys of [line] that were given, with those that a service has to have."""
    return {**values, "name": name, "folder": values.get("folder") or str(places.STATE / name)}


def service(config: LineConfig, configuration: Path, *, network: bool) -> Service:
    """Return a line as a service. configuration: its file on the machine. network: asked for, whatever needs it."""
    source = needed(config.source)
    trigger, argument = triggers.parsed(_trigger(config, source))
    if trigger == "keyboard":
        raise UsageError(f"trigger keyboard: a service has none; give another, such as {triggers.EXAMPLES}")
    kinds = source.devices | devices.of_model(config.artifact, config.device)
    if trigger == "gpio" or "gpio" in config.publish:
        kinds |= {"gpio"}
    asked = (Reach(ANY, "--network"),) if network else ()
    most, why = furthest([*asked, *source.reached, *_reached(config, trigger, argument)])
    needs = Needs(
        devices=kinds,
        network=most,
        why_network=why,
        compiles=not (makes_no_code(config.artifact, source) and kinds <= {"camera"}),
        reads=(*source.reads, *_reads(config, trigger, argument)),
        writes=tuple(_writes(config)),
        secrets=tuple(_secrets(config)),
        variables=tuple(_variables(config, trigger, argument)),
    )
    return Service(
        verb="line",
        name=config.name,
        about=f"hemline line {config.name}",
        words=("line", "run", "--config", str(configuration)),
        needs=needs,
        watched=Watched(proof_s(config, source), _START_S, _STOP_S + math.ceil(config.budget_s)),
        final=(1, 2) if config.safe == "stop" or config.golden is not None else (2,),
    )


def proof_s(config: LineConfig, source: Source) -> int:
    """Return after how many whole seconds without a proof a line is ended.

    A line proves itself three times in it, or every heartbeat_s where that is sooner; so heartbeat_s may be longer. A
    third of it has to suffice for a picture of a slow camera, and for a part with a long budget.
    """
    slowest = [config.budget_s]
    if source.limits is not None:
        slowest += [source.limits.frame_s, source.limits.opening_s]
    return max(_LEAST_PROOF_S, math.ceil(3 * max(slowest)))


def _trigger(config: LineConfig, source: Source) -> str:
    try:
        return assembly.trigger_of(config)
    except DataError:  # a folder that is not there yet
        return config.trigger or triggers.default(source.kind)


def _reached(config: LineConfig, trigger: str, argument: str) -> Iterator[Reach]:
    if trigger == "http":
        yield reach_address("trigger http", argument)
    if "mqtt" in config.publish:
        yield reach("publisher mqtt", config.publish["mqtt"]["host"])
    if "webhook" in config.publish:
        yield reach_url("publisher webhook", config.publish["webhook"]["url"])


def _variables(config: LineConfig, trigger: str, argument: str) -> Iterator[str]:
    if trigger == "http" and reach_address(trigger, argument).network == ANY:
        yield TOKEN_VARIABLE
    for settings in config.publish.values():
        yield from (value for key, value in settings.items() if key.endswith("_env") and value is not None)


def _reads(config: LineConfig, trigger: str, argument: str) -> Iterator[Path]:
    """Yield what the configuration names besides the source; the files of secrets are read by systemd."""
    mqtt = config.publish.get("mqtt", {})
    named = {
        "bundle": config.bundle if "/" in config.bundle else None,
        "device": config.device if config.device is not None and config.device.endswith(".toml") else None,
        "decision": config.decision,
        "golden": config.golden,
        "trigger change:": argument if trigger == "change" and argument else None,
        "publisher mqtt: ca_file": mqtt.get("ca_file"),
        "publisher mqtt: certificate_file": mqtt.get("certificate_file"),
    }
    for where, value in named.items():
        if value is not None:
            yield places.require_readable(places.require_absolute(str(value), where), where)


def _writes(config: LineConfig) -> Iterator[Path]:
    """Yield the folders besides its own that a line writes to."""
    own = places.STATE / config.name
    folder = places.require_writable(places.require_absolute(str(config.folder), "folder"), "folder")
    wanted = [folder]
    if "csv" in config.publish:
        where = "publisher csv: file"
        file = places.require_absolute(str(config.publish["csv"]["file"]), where)
        wanted.append(places.require_writable(file, where).parent)
        if file.parent == places.STATE:
            raise UsageError(f"{where} {file}: beside the folders of all services; give one in {own}")
    yield from (path for path in dict.fromkeys(wanted) if path != own and own not in path.parents)


def _secrets(config: LineConfig) -> Iterator[Secret]:
    for name, settings in config.publish.items():
        for key in PUBLISH[name]:
            value = settings.get(key.name)
            if key.name in _SECRETS and value is not None:
                file = places.require_absolute(str(value), f"publisher {name}: {key.name}")
                word = option(key, name)
                yield Secret(word, word.strip("-").removesuffix("-file"), file)
