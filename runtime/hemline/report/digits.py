"""
How numbers are written for a person: probabilities, durations, percentage points.
"""

from __future__ import annotations

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def beside(value: float, bar: float, decimals: int) -> str:
    """Return the value with as many decimals as it takes not to look equal to a bar that it misses."""
    text = f"{value:.{decimals}f}"
    while value != bar and decimals < 12 and float(text) == bar:
        decimals += 1
        text = f"{value:.{decimals}f}"
    return text


def or_dash(value: float | None, form: str) -> str:
    """Return the value in a format such as ".4f", a dash when there is none."""
    return "–" if value is None else format(value, form)


def signed(points: float) -> str:
    """Return percentage points with a sign; no sign when they round to nothing."""
    return f"{points:+.2f}".replace("-", "−") if round(points, 2) else "0.00"


def chance(p: float) -> str:
    """Return the p of a test."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def share(value: float) -> str:
    """Return a share that may be very small with two digits: 0.029, 3.2·10⁻⁴."""
    if not 0 < value < 0.001:
        return f"{value:#.2g}" if value else "0"
    digits, _, exponent = f"{value:.1e}".partition("e")
    return f"{digits}·{power(int(exponent))}"


def power(exponent: int) -> str:
    """Return a power of ten: 10⁻³."""
    return f"10{str(exponent).translate(_RAISED)}" if exponent else "1"


def lasting(seconds: float) -> str:
    """Return how long something went on."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:,.3g} h"


def duration(ms: float) -> str:
    """Return a duration in the unit that a person would say; ms: milliseconds."""
    if ms == 0:
        return "0"
    if ms < 0.9995:
        return f"{1000 * ms:.3g} µs"
    return f"{ms:.3g} ms" if ms < 999.5 else f"{ms / 1000:.3g} s"
