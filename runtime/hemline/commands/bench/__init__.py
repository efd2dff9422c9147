"""
hemline bench: what every artifact costs on this machine, and whether the figures are to be believed.

`hemline bench compare` is compare.py; a bundle that is called so is ./compare.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hemline.commands import DEVICE
from hemline.commands.bench import on_hosts

if TYPE_CHECKING:
    from hemline.bench.gates import Bars
    from hemline.bench.rounds import Settings
    from hemline.bundle import Bundle

# first word: the module that takes the others
WORDS = {"compare": "hemline.commands.bench.compare"}
MOST_THREADS = 8  # nets of this size gain nothing from more


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="BUNDLE",
        help="bundle directory or name (default: the tier that fits the device); or compare, which has its own --help",
    )
    parser.add_argument(
        "--artifact", default="all", metavar="E:P", help="engine:precision, or all that can run (default)"
    )
    parser.add_argument("--device", metavar="NAME|PATH", help=f"{DEVICE}; chooses the tier, sets the threads")
    parser.add_argument("--threads", type=int, metavar="N", help="of an inference (default: the profile's, or 1)")
    parser.add_argument(
        "--seconds", type=float, default=3.0, metavar="S", help="of latency for each artifact (default: 3)"
    )
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="processes (default: 5; 1 from 60 s on)")
    parser.add_argument("--latency-only", action="store_true", help="no overhead, throughput and whole path")
    parser.add_argument("--picture", metavar="FILE", help="for the whole path (default: drawn ones)")
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")
    parser.add_argument("--html", metavar="F", help="write one self-contained page with plots; - is stdout")
    parser.add_argument("--junit", metavar="F", help="write JUnit XML, a case for each artifact and gate; - is stdout")
    gates = parser.add_argument_group("gates; exit with 1 when one fails")
    gates.add_argument("--budget-ms", type=float, metavar="B", help="the upper end of p99 has to stay under B")
    gates.add_argument("--gates", action="store_true", help="int8 no slower than float, overhead, p99 over p50")
    gates.add_argument("--gate", action="append", default=[], metavar="NAME=NUMBER", help="override a bar of --gates")
    gates.add_argument("--strict", action="store_true", help="an invalid measurement fails as well")
    choice = parser.add_argument_group("choosing for this machine")
    choice.add_argument(
        "--recommend", action="store_true", help="measure with several threads too, remember the best for classify"
    )
    choice.add_argument("--max-drop", type=float, metavar="PP", help="points of accuracy (default: the bundle's)")
    choice.add_argument("--forget", action="store_true", help="remove what was remembered, for all bundles or for one")
    style = parser.add_argument_group("other ways to measure")
    style.add_argument(
        "--mlperf-tiny-style", action="store_true", help="five runs of 10 s, their median, and accuracy; no submission"
    )
    style.add_argument("--data", metavar="PATH", help="labelled pictures for its accuracy (default: golden inputs)")
    on_hosts.add_arguments(parser)
    parser.add_argument("--sys", metavar="DIR", help="read sensors below this folder instead of /sys; for tests")


def run(options: argparse.Namespace) -> int:
    """Measure, write, print; 1 when a gate that was asked for failed, 4 when an artifact could not be measured."""
    import sys
    from pathlib import Path

    from hemline import parity
    from hemline.bench import gates
    from hemline.bench.machine import Machine
    from hemline.bundle import Bundle
    from hemline.commands.bench import recommending, showing, single_stream
    from hemline.commands.output import require_writable
    from hemline.errors import MissingError
    from hemline.select import find_bundle

    if options.hosts is not None:
        return on_hosts.run(options)
    on_hosts.require_hosts(options)
    if options.forget:
        return recommending.forget(options.bundle)
    _require_numbers(options)
    bars = gates.Bars().override(options.gate)
    require_writable({"--json": options.json, "--junit": options.junit, "--html": options.html})
    bundle = Bundle.load(find_bundle(options.bundle, device=options.device))
    names = parity.runnable(bundle, options.artifact, options.device)
    if not names:
        raise MissingError(f"no engine here runs {bundle.name}; see: hemline doctor")
    machine = Machine(sys=Path(options.sys)) if options.sys else Machine()
    settings = _settings(options, machine)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if options.mlperf_tiny_style:
        found = single_stream.measured(bundle, names, settings, options.data, say)
    elif options.recommend:
        found = recommending.measured(bundle, names, settings, say)
    else:
        found = _measured(bundle, names, settings, say)
    found["not_run"] = _not_run(bundle, names) if options.artifact == "all" else []
    _judge(found, options, bars)
    showing.write(found, options)
    chosen = recommending.choose(bundle, found, options) if options.recommend else True
    return _status(found, options, chosen=chosen)


def _require_numbers(options: argparse.Namespace) -> None:
    from hemline.errors import UsageError

    for option, value in (
        ("--seconds", options.seconds),
        ("--threads", options.threads),
        ("--budget-ms", options.budget_ms),
    ):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{option} {value:g}; above 0")
    if options.rounds < 0:
        raise UsageError(f"--rounds {options.rounds}; 1 or more")
    if options.max_drop is not None and not 0 <= options.max_drop < float("inf"):
        raise UsageError(f"--max-drop {options.max_drop:g}; 0 or more")
    if options.max_drop is not None and not options.recommend:
        raise UsageError("--max-drop is of --recommend; give both")
    if options.data and not options.mlperf_tiny_style:
        raise UsageError("--data is of --mlperf-tiny-style; accuracy is measured by: hemline evaluate")
    if options.recommend and options.mlperf_tiny_style:
        raise UsageError("--recommend and --mlperf-tiny-style measure different things; give one of them")
    if options.gate and not options.gates:
        raise UsageError(f"--gate {options.gate[0]} is of --gates; give both")


def _settings(options: argparse.Namespace, machine: Any) -> Settings:
    from hemline import profiles
    from hemline.bench.rounds import Settings

    profile = profiles.load(options.device) if options.device else None
    counts, count = [], 1
    while count <= min(machine.cores, MOST_THREADS):
        counts.append(count)
        count *= 2
    return Settings(
        seconds=options.seconds,
        rounds=options.rounds,
        threads=options.threads or (profile.threads if profile else 1),
        openvino_device=profile.openvino_device if profile else "CPU",
        thread_counts=tuple(counts),
        extras=not options.latency_only,
        picture=options.picture,
        machine=machine,
    )


def _measured(bundle: Bundle, names: list[str], settings: Settings, say: Any) -> dict[str, Any]:
    from hemline.bench import document, rounds
    from hemline.commands.bench.showing import created, facts

    measured = rounds.rounds_of(bundle, names, settings, say)
    _raise_when_nothing(measured)
    return document.document(bundle, measured, settings, created=created(), machine=facts(settings.machine))


def _raise_when_nothing(measured: Any) -> None:
    failed = [one.failed for one in measured if one.failed is not None]
    if len(failed) == len(measured):
        raise failed[0]


def _not_run(bundle: Bundle, names: list[str]) -> list[dict[str, str]]:
    from hemline import engines

    rows = []
    for artifact in bundle.artifacts:
        if artifact.name not in names:
            probe = engines.probe(artifact.engine) if artifact.engine in engines.ENGINES else None
            needs = f"needs: {probe.install}" if probe else "needs a newer hemline"
            rows.append({"artifact": artifact.name, "reason": needs})
    return rows


def _judge(found: dict[str, Any], options: argparse.Namespace, bars: Bars) -> None:
    """Add the verdicts of the gates that were asked for."""
    from hemline.bench import gates

    judged = gates.budget(found, options.budget_ms) if options.budget_ms is not None and not options.recommend else []
    if options.gates:
        judged += gates.latency(found, bars)
    found["gates"] = [verdict.as_dict() for verdict in judged]


def _status(found: dict[str, Any], options: argparse.Namespace, *, chosen: bool) -> int:
    import sys

    from hemline.bench.gates import FAILED, SKIPPED, Judged

    judged = [Judged(**gate) for gate in found["gates"]]
    for verdict in judged:
        if verdict.state in (FAILED, SKIPPED):
            print(verdict, file=sys.stderr)
    if judged:
        passed = sum(verdict.state not in (FAILED, SKIPPED) for verdict in judged)
        print(f"{passed} of {len(judged)} gates passed", file=sys.stderr)
    missed = any(verdict.state == FAILED for verdict in judged)
    if missed or not chosen or (options.strict and found["invalid"]):
        return 1
    return 4 if found["failures"] else 0
