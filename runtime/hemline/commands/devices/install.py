"""
hemline devices install: a verb as a service of systemd. The difference is shown first; what nobody agreed to is not
written. It starts and enables nothing: the lines to type are printed.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemline.commands.devices.asked import Asked
    from hemline.deploy.checks import Finding
    from hemline.deploy.plan import Change, File
    from hemline.deploy.program import Program

# service: (module with asked(options, root) -> Asked, the verb whose options it takes)
SERVICES = {
    "line": ("hemline.commands.devices.line", "hemline line run"),
    "watch": ("hemline.commands.devices.watch", "hemline watch"),
}
BOOTED = Path("/run/systemd/system")  # is there where systemd started the machine: sd_booted(3)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        f"OPTION after --: of {', '.join(verb for _, verb in SERVICES.values())}. "
        "Exit status: 0 done; 1 systemd complains, or the answer was no; 2 usage; 3 no systemd here"
    )
    parser.add_argument("--service", required=True, choices=SERVICES, help="what is to run")
    parser.add_argument("--name", metavar="NAME", help="which of several on a machine (default: line-1, watch-1)")
    parser.add_argument("--source", metavar="SOURCE", help="camera:0, picamera:0, a folder being filled, rtsp://...")
    parser.add_argument("--bundle", metavar="B", help="name of one in /var/lib/hemline/bundles, or its whole path")
    parser.add_argument("--config", metavar="F.toml", help="configuration of a line, in the place of options")
    parser.add_argument("--replace-config", action="store_true", help="write it also where another one is there")
    parser.add_argument("--network", action="store_true", help="open the network, though nothing is seen to need it")
    parser.add_argument(
        "--python", metavar="PATH", help="interpreter that has hemline (default: the one that runs now)"
    )
    parser.add_argument("--root", metavar="DIR", help="write below another root: an image, a trial")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument("--remove", action="store_true", help="take the unit away; configuration and data stay")
    parser.add_argument("options", nargs="*", metavar="-- OPTION", help="further options of the verb")


def run(options: argparse.Namespace) -> int:
    """Show what would be written, have it checked, ask, write; 1 when systemd complains or the answer was no."""
    root = _root(options)
    return _remove(options, root) if options.remove else _install(options, root)


def _install(options: argparse.Namespace, root: Path) -> int:
    from hemline.commands.devices import talk
    from hemline.deploy import advice, places, plan
    from hemline.deploy.program import program
    from hemline.errors import GateError

    asked: Asked = importlib.import_module(SERVICES[options.service][0]).asked(options, root)
    chosen = program(options.python)
    files = [*_shared(asked, chosen, root), *asked.configuration]
    planned = plan.changes(files, root)
    talk.differences(planned)
    talk.notes([*asked.notes, *advice.notes(asked.service, chosen, root)])
    if talk.findings(_findings(files, elsewhere=options.root is not None)):
        raise GateError("systemd complains of what would be written; nothing was written")
    rules = any(change.path == places.RULES for change in planned)
    return _go_on(options, planned, root, list(advice.afterwards(asked.service, chosen, root, rules=rules)))


def _remove(options: argparse.Namespace, root: Path) -> int:
    """Take away the unit and, with the last one, what services share."""
    from hemline.commands.devices import talk
    from hemline.deploy import advice, places, plan
    from hemline.deploy.plan import Change
    from hemline.deploy.service import unit_name
    from hemline.errors import UsageError

    unit = unit_name(options.service, options.name or f"{options.service}-1")
    link = plan.enabled(unit, root)
    if link is not None:
        raise UsageError(f"{link}: starts it with the machine; first: {advice.systemctl(root)} disable --now {unit}")
    paths = [places.UNITS / unit]
    if not plan.others(unit, root):
        paths += [places.RULES, places.SYSUSERS, places.TMPFILES]
    planned = [Change(path, before, None) for path in paths if (before := plan.found(path, root)) is not None]
    talk.differences(planned)
    talk.notes([f"{places.CONFIGURATIONS}, {places.STATE} and the user {places.USER} stay as they are"])
    return _go_on(options, planned, root, ["sudo systemctl daemon-reload"])


def _go_on(options: argparse.Namespace, planned: list[Change], root: Path, afterwards: list[str]) -> int:
    """Write, when there is something to write and it is wanted; return the exit status."""
    from hemline.commands.devices import talk
    from hemline.deploy import plan

    needed = [change for change in planned if change.needed]
    if options.dry_run or not needed:
        talk.nothing_written(len(needed))
        return 0
    plan.require_permission(needed, root)
    if not talk.agreed(len(needed), yes=options.yes):
        print("nothing was written")
        return 1
    plan.apply(needed, root)
    talk.done(needed, afterwards)
    return 0


def _root(options: argparse.Namespace) -> Path:
    from hemline.errors import MissingError, UsageError

    if options.root is not None:
        if not Path(options.root).is_dir():
            raise UsageError(f"--root {options.root}: no such folder")
        return Path(options.root).resolve()
    if not options.dry_run and not BOOTED.is_dir():
        raise MissingError(
            "this machine was not started by systemd, so it has no services; --root DIR writes for another one, "
            "--dry-run shows what would be written"
        )
    return Path("/")


def _shared(asked: Asked, chosen: Program, root: Path) -> list[File]:
    """Return the unit, and what services share, in the order in which a person reads them."""
    from hemline.deploy import account, places, unit
    from hemline.deploy.plan import File, found

    service = asked.service
    kinds = service.needs.devices
    rules, accounts, groups = (found(path, root) or "" for path in (places.RULES, places.SYSUSERS, places.GROUPS))
    files = [File(places.UNITS / service.unit, unit.text(service, chosen))]
    if kinds or rules:
        files.append(File(places.RULES, account.rules(kinds, rules)))
    files.append(File(places.SYSUSERS, account.sysusers(kinds, accounts, groups)))
    files.append(File(places.TMPFILES, account.tmpfiles()))
    return files


def _findings(files: list[File], *, elsewhere: bool) -> list[Finding]:
    from hemline.deploy import checks, places

    found = checks.unit(files[0], elsewhere=elsewhere)
    return [*found, *(checks.rules(file) for file in files if file.path == places.RULES)]
