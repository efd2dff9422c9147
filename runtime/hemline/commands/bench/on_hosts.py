"""hemline bench --hosts: the same bundle on several machines at the same time, over ssh, in one table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack

    from hemline.bench.parcel import Parcel
    from hemline.bundle import Bundle

# options of a benchmark that mean the same on any machine: name among the options, as it is written
CARRIED = {
    "artifact": "--artifact",
    "device": "--device",
    "threads": "--threads",
    "seconds": "--seconds",
    "rounds": "--rounds",
    "budget_ms": "--budget-ms",
}
SWITCHES = {
    "latency_only": "--latency-only",
    "gates": "--gates",
    "strict": "--strict",
    "mlperf_tiny_style": "--mlperf-tiny-style",
}
# options that write or read something on one machine: why not
LOCAL = {
    "recommend": "--recommend remembers a choice for the machine that it runs on; give it there",
    "max_drop": "--max-drop is of --recommend; give both on the host",
    "forget": "--forget is about this machine",
    "picture": "--picture is a file of this machine",
    "data": "--data is a folder of this machine",
    "sys": "--sys is about this machine",
    "html": "--html draws one machine; for several: --json F, then hemline bench compare F --html PAGE",
    "junit": "--junit is of one machine; gates of several end with exit status 1",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    hosts = parser.add_argument_group("on other machines, over ssh")
    hosts.add_argument("--hosts", metavar="A,B", help="names as ssh knows them; measured there at the same time")
    hosts.add_argument("--wheel", metavar="F", help="of hemline, for the hosts (default: one built from the checkout)")
    hosts.add_argument("--wheelhouse", metavar="DIR", help="wheels that they install from, in the place of an index")
    hosts.add_argument("--remote-python", metavar="PATH", help="a Python on the hosts that has hemline already")
    hosts.add_argument("--ssh-config", metavar="F", help="configuration of ssh (default: its own)")


def require_hosts(options: argparse.Namespace) -> None:
    """Refuse options that mean something with --hosts only."""
    from hemline.errors import UsageError

    for option in ("wheel", "wheelhouse", "remote_python", "ssh_config"):
        if getattr(options, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')} is of --hosts; give both")


def run(options: argparse.Namespace) -> int:
    """Measure on every host, write, print; 3 when none answered, 1 when one did not."""
    import sys
    import threading
    from contextlib import ExitStack

    from hemline import profiles
    from hemline.bench import hosts, merged
    from hemline.bundle import Bundle
    from hemline.commands.bench.showing import created
    from hemline.commands.output import STDOUT, require_writable, write_json
    from hemline.report.table import table
    from hemline.select import find_bundle

    names = hosts.names(options.hosts)
    arguments = _arguments(options)
    require_writable({"--json": options.json})
    here = None if options.device == profiles.AUTO else options.device  # auto is another one on each
    bundle = Bundle.load(find_bundle(options.bundle, device=here))
    speaking = threading.Lock()

    def say(line: str) -> None:
        with speaking:
            print(line, file=sys.stderr, flush=True)

    with ExitStack() as kept:
        parcel = _parcel(bundle, arguments, options, kept, say)
        answers = hosts.ask(names, parcel, say, python=options.remote_python, config=options.ssh_config)
    found = merged.merged(bundle, answers, created=created())
    if options.json:
        write_json(options.json, found)
    if options.json != STDOUT:
        print(table(merged.HEADER, merged.rows(found, names)))
    else:
        for name, failure in found["failures"].items():
            say(f"{name} failed: {failure['what']}; {failure['fix']}")
    return merged.status(answers)


def _parcel(
    bundle: Bundle, arguments: Sequence[str], options: argparse.Namespace, kept: ExitStack, say: Callable[[str], None]
) -> Parcel:
    """Return what is sent. kept: what a wheel that is built lies in, until it was sent."""
    import tempfile

    from hemline.bench import parcel
    from hemline.errors import UsageError

    wheel = None
    if options.remote_python is not None:
        for option in ("wheel", "wheelhouse"):
            if getattr(options, option) is not None:
                raise UsageError(f"--{option} is for hosts that have no hemline yet; leave it or --remote-python out")
    elif options.wheel is not None:
        wheel = parcel.checked_wheel(Path(options.wheel))
    else:
        say("building the wheel of this checkout")
        folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="hemline-wheel-"))
        wheel = parcel.built_wheel(Path(folder))
    house = None if options.wheelhouse is None else Path(options.wheelhouse)
    return parcel.packed(bundle, arguments, artifact=options.artifact, wheel=wheel, wheelhouse=house)


def _arguments(options: argparse.Namespace) -> list[str]:
    """Return what is asked of hemline bench over there."""
    from hemline import profiles
    from hemline.errors import UsageError

    for option, why in LOCAL.items():
        if getattr(options, option):
            raise UsageError(f"{why} (with --hosts)")
    if options.device not in (None, profiles.AUTO, *profiles.names()):
        raise UsageError(f"--device {options.device}: with --hosts the name of a profile, which they have too")
    given = {option: getattr(options, name) for name, option in CARRIED.items()}
    words = [word for option, value in given.items() if value is not None for word in (option, str(value))]
    words += [option for name, option in SWITCHES.items() if getattr(options, name)]
    return [*words, *(word for gate in options.gate for word in ("--gate", gate))]
