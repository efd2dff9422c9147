"""The choice of an artifact and its threads for this machine, and the file that remembers it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from hemline import local
from hemline.bench import document, recommend, rounds
from hemline.bench.recommend import Candidate, Limits
from hemline.bench.rounds import Settings
from hemline.bundle import Bundle
from hemline.commands.bench import showing
from hemline.commands.bench.showing import created, facts
from hemline.commands.output import STDOUT
from hemline.report.table import size, table


def measured(bundle: Bundle, names: list[str], settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the result of every artifact with 1, 2, 4 and so on threads, the latency alone."""
    from dataclasses import replace

    plain = replace(settings, extras=False)
    found = rounds.rounds_of(bundle, names, plain, say, threads=settings.thread_counts)
    failed = [one.failed for one in found if one.failed is not None]
    if len(failed) == len(found):
        raise failed[0]
    return document.document(bundle, found, plain, created=created(), machine=facts(settings.machine))


def choose(bundle: Bundle, found: dict[str, Any], options: argparse.Namespace) -> bool:
    """Print the table, remember the choice; False when nothing keeps the limits, and the nearest is named."""
    drop = bundle.gates.accuracy_drop_pp if options.max_drop is None else options.max_drop
    limits = Limits(drop, options.budget_ms)
    made = recommend.candidates(bundle, found, limits)
    chosen = recommend.choice(made)
    if STDOUT not in (options.json, options.junit, options.html):
        print(_table(made, chosen))
        for line in showing.remarks(found):
            print(line)
    if found["invalid"]:
        print("chosen from an invalid measurement; measure again on a quiet machine", file=sys.stderr)
    if chosen is None:
        print(f"nothing keeps the limits; nearest: {_named(made[0])}: {', '.join(made[0].misses)}", file=sys.stderr)
        return False
    reason = recommend.reason(chosen, made, limits)
    artifact = bundle.artifact(chosen.artifact)
    where = local.remember(
        local.Chosen(
            bundle.name,
            bundle.version,
            bundle.class_lock,
            chosen.artifact,
            artifact.sha256,
            chosen.threads,
            found["created"],
            reason,
        )
    )
    print(f"chosen: {_named(chosen)}: {reason}", file=sys.stderr)
    print(f"remembered in {where}; hemline bench --forget removes it", file=sys.stderr)
    return True


def forget(bundle: str | None) -> int:
    """Remove what was remembered; say whether there was anything."""
    where = local.path()
    gone = local.forget(bundle)
    what = "nothing was" if not gone else "what was"
    print(f"{what} remembered in {where}{f' for {bundle}' if bundle else ''}{' is forgotten' if gone else ''}")
    return 0


def _named(one: Candidate) -> str:
    return f"{one.artifact}, {rounds.counted(one.threads)}"


def _table(made: list[Candidate], chosen: Candidate | None) -> str:
    rows = []
    for one in made:
        high = "?" if one.p99_high_ms is None else f"{1000 * one.p99_high_ms:.1f}"
        verdict = ", ".join(one.misses) or ("" if one.worth else "another is better in all")
        rows.append(
            [
                one.artifact,
                str(one.threads),
                "?" if one.drop_pp is None else f"{one.drop_pp:+.2f}",
                f"{1000 * one.p50_ms:.1f}",
                f"{1000 * one.p99_ms:.1f}",
                high,
                size(one.memory),
                "chosen" if one is chosen else verdict or "worth a look",
            ]
        )
    return table(["artifact", "threads", "drop pp", "p50 us", "p99 us", "up to us", "memory", "verdict"], rows)
