"""hemline devices list: the device profiles that came along, and which of them fits this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemline.profiles import Facts, Fit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write it as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """List them, the best first, with why each fits or does not."""
    from hemline import profiles
    from hemline.commands.output import STDOUT, require_writable, write_json
    from hemline.profiles import Facts

    require_writable({"--json": options.json})
    facts = asked(Facts.of())
    found = profiles.fitting(facts)
    if options.json:
        write_json(options.json, answer(found, facts))
    if options.json != STDOUT:
        print(text(found, facts))
    return 0


def asked(facts: Facts) -> Facts:
    """Return the facts with the devices that OpenVINO sees, where the kernel has one that it could see.

    OpenVINO is asked only then: it takes a second, and much longer on a board.
    """
    if not facts.accelerators:
        return facts
    import sys

    from hemline.engines import openvino  # with numpy
    from hemline.errors import MissingError

    try:
        return facts.seeing(openvino.devices())
    except MissingError as error:
        print(f"hemline: {error}", file=sys.stderr)
        return facts


def text(found: Sequence[Fit], facts: Facts) -> str:
    """Return them as a table for a person."""
    from hemline.report.table import table

    rows = []
    for number, fit in enumerate(found):
        state = "no" if not fit.fits else "best" if number == 0 else "yes"
        rows.append([fit.profile.name, state, fit.profile.bundle or "-", fit.profile.artifacts[0], fit.why])
    header = ["device", "fits", "bundle", "first artifact", "why"]
    return f"this machine: {facts.title}\n\n{table(header, rows)}"


def answer(found: Sequence[Fit], facts: Facts) -> dict[str, Any]:
    """Return them as `--json` writes them."""
    return {
        "schema": 1,
        "machine": {
            "title": facts.title,
            "machine": facts.machine,
            "board": facts.board,
            "processor": facts.processor,
            "vendor": facts.vendor,
            "features": sorted(facts.features),
            "usb": sorted(facts.usb),
            "accelerators": sorted(facts.accelerators),
            "openvino": None if facts.openvino is None else list(facts.openvino),
            "system": facts.system,
        },
        "best": found[0].profile.name if found and found[0].fits else None,
        "devices": [
            {
                "name": fit.profile.name,
                "title": fit.profile.title,
                "fits": fit.fits,
                "why": fit.why,
                "variant": fit.profile.variant,
                "bundle": fit.profile.bundle,
                "artifacts": list(fit.profile.artifacts),
                "threads": fit.profile.threads,
                "camera": fit.profile.camera,
            }
            for fit in found
        ],
    }
