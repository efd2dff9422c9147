"""
How long a live source may take, and what happens after that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hemline.sources.address import Address


@dataclass(frozen=True)
class Limits:
    """The deadlines of a live source. All times in seconds.

    frame_s: a frame that is not complete this long after the one before is a fault.
    opening_s: the same for the first frame, from when the capture process has started.
    pause_s: before a source is opened again; doubles with each failure in a row, up to pause_most_s.
    retries: failures in a row after which it is given up; None for never.
    still: whether the same picture twice, bit for bit, is two frames; of a sensor it means that it is frozen.
    every: whether every frame is given, in order, however late, also the same twice; otherwise the newest one.
    report_s: during one outage a kind of fault is reported at most this often.
    """

    frame_s: float = 1.5
    opening_s: float = 10.0
    pause_s: float = 0.25
    pause_most_s: float = 8.0
    retries: int | None = None
    still: bool = False
    every: bool = False
    report_s: float = 10.0

    def pause(self, failures: int) -> float:
        """Return how long to wait after this many failures in a row, 1 or more."""
        return float(min(self.pause_s * 2 ** min(failures - 1, 16), self.pause_most_s))

    def with_options(self, address: Address) -> Limits:
        """Return these limits as the options of an address change them."""
        retries = address.number("retries", -1, 0, 1e9)
        return replace(
            self,
            frame_s=address.number("deadline", self.frame_s, 0.05, 86_400),
            opening_s=address.number("opening", self.opening_s, 0.1, 86_400),
            pause_s=address.number("pause", self.pause_s, 0.01, 86_400),
            retries=self.retries if retries < 0 else int(retries),
            still=address.flag("still", self.still),
            every=address.flag("every", self.every),
        )
