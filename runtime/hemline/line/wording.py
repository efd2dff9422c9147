"""
What a tuning promises, in sentences: for the person who signs it, and for the file that carries it.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from hemline.line.tuning import Claim, Tuning

DIGITS = 3  # of a limit; the last is rounded up, a promise is never rounded down


def percent(share: float) -> str:
    """Return a limit, 0..1, as a percentage that is no smaller.

    >>> percent(0.181036)
    '18.2 %'
    """
    if share <= 0:
        return "0 %"
    exact = Decimal(repr(float(share))) * 100  # of 0.01: exactly 1, as it is written
    step = Decimal(1).scaleb(exact.adjusted() - DIGITS + 1)
    return f"{exact.quantize(step, ROUND_CEILING).normalize():f} %"


def counted(number: int, what: str) -> str:
    """Return a number of things: 1 part, 2 parts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def shortfalls(tuning: Tuning) -> list[str]:
    """Return what was asked and cannot be promised, with the arithmetic; [] when all of it can."""
    found = []
    if not tuning.escape.supported:
        found.append(f"{_asked('escapes', tuning.escape)}: {_why_escapes(tuning.escape)}")
    if not tuning.overkill.supported:
        found.append(f"{_asked('overkill', tuning.overkill)}: {_why_overkill(tuning)}")
    return found


def promises(tuning: Tuning) -> list[str]:
    """Return what the parts do support, a sentence each for escapes and for overkill; less than was asked is said."""
    return [
        _promise("defective", "pass", tuning.escape, _why_escapes(tuning.escape)),
        _promise("good", "are rejected", tuning.overkill, _why_overkill(tuning)),
    ]


def _asked(what: str, claim: Claim) -> str:
    return f"{what} of at most {_plain(claim.asked)} with {_plain(claim.confidence)} confidence cannot be promised"


def _promise(which: str, happens: str, claim: Claim, why: str) -> str:
    share = claim.asked if claim.supported else claim.at_most
    said = (
        f"at most {percent(share)} of {which} parts {happens}, with {_plain(claim.confidence)} confidence: of "
        f"{claim.parts:,} parts "
    )
    if not claim.supported:
        return f"{said}{claim.seen:,} did; {_plain(claim.asked)} was asked for and is not promised ({why})"
    return f"{said}{claim.allowed or 0:,} may, {claim.seen:,} did"


def _why_escapes(claim: Claim) -> str:
    return (
        f"{_parts(claim, 'defective')} without a miss support at most {percent(claim.at_most)}; "
        f"{claim.needed:,} without a miss are needed"
    )


def _why_overkill(tuning: Tuning) -> str:
    claim = tuning.overkill
    if claim.allowed is not None:
        return (
            f"{claim.seen:,} of {_parts(claim, 'good')} score 1, which every threshold rejects, and "
            f"{claim.allowed:,} may; they support at most {percent(claim.at_most)}"
        )
    return (
        f"{_parts(claim, 'good')} of which none is rejected support at most {percent(claim.at_most)}; "
        f"{claim.needed:,} of which none is rejected are needed"
    )


def _parts(claim: Claim, which: str) -> str:
    return counted(claim.parts, f"{which} part")


def _plain(share: float) -> str:
    """Return a share that was asked for, as it was asked."""
    return f"{100 * share:.6g} %"
