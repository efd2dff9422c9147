"""The service watch, as it is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from hemline.commands import watch as verb
from hemline.commands.devices.asked import Asked, Further, words
from hemline.deploy import watch
from hemline.deploy.service import require_name
from hemline.errors import UsageError


def asked(options: argparse.Namespace, root: Path) -> Asked:
    """Return the watched source; everything about it stands in the unit."""
    if options.config is not None or options.replace_config:
        raise UsageError(
            "--config, --replace-config: of a line; hemline watch has options alone, they stand in its unit"
        )
    name = options.name or "watch-1"
    require_name(name)
    given = words(options)
    parser = Further("hemline watch")
    verb.add_arguments(parser)
    found = parser.parse_args(given)
    if found.source is None:  # a unit says what it watches, whatever becomes of a profile
        parser.error("the following arguments are required: SOURCE")
    return Asked(watch.service(name, vars(found), given, network=options.network))
