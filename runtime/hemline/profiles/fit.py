"""
Which device profile fits a machine, and why.

Of those that fit the nearest is the one that asks for the most telling thing: what was plugged in before the board, the
board before the processor. A device of OpenVINO beside the processor comes last: it is asked for by name, since nobody
knows without measuring that it is the quicker of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hemline.errors import MissingError
from hemline.profiles.facts import Facts
from hemline.profiles.places import names
from hemline.profiles.profile import Profile


@dataclass(frozen=True)
class Fit:
    """How a profile fits a machine. why: or why not, one line. nearness: of two that fit the greater is the better."""

    profile: Profile
    fits: bool
    why: str
    nearness: int


def judge(profile: Profile, facts: Facts) -> Fit:
    """Return how a profile fits a machine, the profile as it holds there."""
    obstacle = _obstacle(profile, facts)
    here = profile.on(facts.features)
    return Fit(here, not obstacle, obstacle or _reason(here, facts), _nearness(profile))


def ranked(profiles: Iterable[Profile], facts: Facts) -> list[Fit]:
    """Return how each fits: those that do first, the nearest first; then by name."""
    return sorted(
        (judge(profile, facts) for profile in profiles),
        key=lambda found: (not found.fits, -found.nearness if found.fits else 0, found.profile.name),
    )


def best(found: Sequence[Fit], facts: Facts) -> Fit:
    """Return the first, where it fits; MissingError where none does."""
    if not found or not found[0].fits:
        raise MissingError(
            f"no device profile fits this machine ({facts.title}); give one by name ({', '.join(names())}) or by path"
        )
    return found[0]


def _obstacle(profile: Profile, facts: Facts) -> str:
    """Return why it does not fit, "" where it does."""
    wanted = profile.fits
    if profile.machine not in ("", facts.machine):
        return f"for {profile.machine}, programs here are {facts.machine}"
    if wanted.boards and not facts.board.startswith(wanted.boards):
        return f"another board: {facts.board or 'it does not say which'}"
    if wanted.usb and not facts.usb.intersection(wanted.usb):
        return f"not plugged in: none of {', '.join(wanted.usb)} is on USB"
    if wanted.vendor and wanted.vendor != facts.vendor:
        return f"for processors of {wanted.vendor}, this is of {facts.vendor or 'nobody who says so'}"
    if lacking := [name for name in wanted.features if name not in facts.features]:
        return f"the processor has no {', '.join(lacking)}"
    return _unseen(wanted.openvino, facts) if wanted.openvino else ""


def _unseen(device: str, facts: Facts) -> str:
    """Return why OpenVINO cannot compute on a kind of device, "" where it can."""
    if device not in facts.accelerators:
        return f"the kernel knows no {device} of Intel"
    if facts.openvino is None:
        return f"the kernel knows a {device} of Intel; whether OpenVINO sees it was not asked"
    if not any(name.partition(".")[0] == device for name in facts.openvino):
        seen = ", ".join(facts.openvino) or "nothing"
        return f"the kernel knows a {device} of Intel, OpenVINO sees {seen}: its driver is missing, or the permission"
    return ""


def _reason(profile: Profile, facts: Facts) -> str:
    wanted = profile.fits
    told = []
    if wanted.usb:
        told.append(f"{', '.join(sorted(facts.usb.intersection(wanted.usb)))} is on USB")
    if wanted.boards:
        told.append(f"the board is {facts.board}")
    if wanted.vendor:
        told.append(f"the processor is of {facts.vendor}{f', with {profile.variant}' if profile.variant else ''}")
    if wanted.openvino:
        told.append(f"OpenVINO sees {wanted.openvino}")
    return "; ".join(told) or f"programs here are {facts.machine}"


def _nearness(profile: Profile) -> int:
    wanted = profile.fits
    if wanted.openvino:
        return 0
    asked = (profile.machine, wanted.features, wanted.vendor, wanted.boards, wanted.usb)
    return max((place for place, value in enumerate(asked, 1) if value), default=1)
