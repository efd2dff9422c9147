"""hemline devices show: one device profile as it holds here, with the lines that install hemline there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hemline.profiles import Fit, Profile
    from hemline.profiles.systems import Lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which."""
    parser.add_argument(
        "name", metavar="NAME|PATH", help="name of a profile, auto for the one that fits best, or path of a TOML file"
    )
    parser.add_argument(
        "--os", metavar="RELEASE", help="lines for this release, such as bookworm (default: the one that is here)"
    )
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write it as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    from hemline import profiles
    from hemline.commands.devices import list as listing
    from hemline.commands.output import STDOUT, require_writable, write_json
    from hemline.profiles import Facts, fit, systems

    require_writable({"--json": options.json})
    profile, facts = profiles.load(options.name), Facts.of()
    lines = systems.lines(profile, options.os, facts.system, facts.system_title)
    found = fit.judge(profile, listing.asked(facts) if profile.fits.openvino else facts)
    if options.json:
        write_json(options.json, answer(profile, lines, found))
    if options.json != STDOUT:
        print("\n".join(text(profile, lines, found)))
    return 0


def text(profile: Profile, lines: Lines, found: Fit) -> Iterator[str]:
    """Yield it line by line, for a person."""
    yield f"{profile.name}: {profile.title}"
    yield f"fits this machine: {'yes' if found.fits else 'no'}, {found.why}"
    yield f"bundle in the wheel that fits: {profile.bundle}" if profile.bundle else "bundle: the same as without it"
    by_cores = {"cores": ", as many as cores here", "half": ", half as many as cores here"}.get(profile.by_cores, "")
    yield f"threads: {profile.threads}{by_cores}"
    if profile.openvino_device != "CPU":
        yield f"OpenVINO computes on: {profile.openvino_device}"
    yield f"camera: {profile.camera}" if profile.camera else "camera: none"
    if profile.reason:
        yield profile.reason
    named = f", with {profile.variant} as here" if profile.variant else ""
    yield from ("", f"artifacts, preferred first{named}:")
    width = max(len(artifact) for artifact in profile.artifacts)
    for artifact in profile.artifacts:
        yield f"  {artifact:<{width}}  {profile.reasons.get(artifact, '')}".rstrip()
    for variant in profile.variants:
        if variant.name != profile.variant:
            order = ", ".join(variant.artifacts) or "the same order"
            yield f"  on a processor with {variant.name} ({', '.join(variant.needs)}): {order}"
    yield from _conditions(profile)
    yield from _install(lines)
    if profile.traps:
        yield from ("", "known traps:")
        yield from (f"  {trap}" for trap in profile.traps)


def answer(profile: Profile, lines: Lines, found: Fit) -> dict[str, Any]:
    """Return it as `--json` writes it."""
    from dataclasses import asdict

    return {
        "schema": 1,
        **asdict(profile),
        "fit": {"fits": found.fits, "why": found.why},
        "lines": {
            "system": lines.system.name if lines.system else None,
            "python": lines.system.python if lines.system else None,
            "note": lines.note,
            "lines": list(lines.lines),
        },
    }


def _conditions(profile: Profile) -> Iterator[str]:
    """Yield where it tells how hot it is, and what to do about its clock."""
    heat = profile.heat
    if heat.temperature:
        limit = f", slows down from {heat.limit_c:g} °C on" if heat.limit_c is not None else ""
        yield from ("", f"temperature{limit}:")
        yield from (f"  {place if place.startswith('vcgencmd') else f'cat {place}'}" for place in heat.temperature)
    if heat.throttling:
        yield "whether it has slowed down:"
        yield from (f"  {place if place.startswith('vcgencmd') else f'cat {place}'}" for place in heat.throttling)
    if profile.governor is not None:
        yield from ("", f"governor: {profile.governor.name}; {profile.governor.reason}")
        place = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        yield f"  echo {profile.governor.name} | sudo tee {place}"


def _install(lines: Lines) -> Iterator[str]:
    if not lines.lines:
        return
    system = f" on {lines.system.title} (Python {lines.system.python})" if lines.system else ""
    yield from ("", f"install{system}:")
    yield from (f"  {line}" for line in lines.lines)
    if lines.note:
        yield f"note: {lines.note}"
    held = lines.system is not None and any(f"'{each}'" in line for each in lines.system.beside for line in lines.lines)
    if lines.system is not None and held:
        yield f"note: {lines.system.why_beside}"
