"""
What was asked of `hemline devices install`, whatever the service: the service, and the configuration to be written.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import NoReturn

from hemline.deploy.plan import File
from hemline.deploy.service import Service
from hemline.errors import UsageError


@dataclass(frozen=True)
class Asked:
    """notes: what became of the configuration, where that has to be said."""

    service: Service
    configuration: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()


class Further(argparse.ArgumentParser):
    """Reads the options after --, which are those of a verb."""

    def __init__(self, verb: str) -> None:
        super().__init__(prog=verb, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"options of {self.prog}: {message}")


def words(options: argparse.Namespace) -> list[str]:
    """Return source and options as they stand after the verb."""
    source = [options.source] if options.source is not None else []
    bundle = ["--bundle", options.bundle] if options.bundle is not None else []
    return [*source, *bundle, *options.options]
