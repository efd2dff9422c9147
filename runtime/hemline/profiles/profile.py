"""
What a device profile says. Every field is a key of its file, but for `by_cores`, which `threads` is written as, and
`variant`, which is found out on a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

HERE_CPU = "CPU"


@dataclass(frozen=True)
class Fits:
    """What a machine has to be for the profile to fit; what is empty is not asked for.

    boards: beginnings of what the board calls itself, one of them. usb: vendor:product of what is plugged in, one of
    them. vendor: of the processor, as /proc/cpuinfo has it. features: of the processor, all of them. openvino: what
    OpenVINO has to see, GPU or NPU.
    """

    boards: tuple[str, ...] = ()
    usb: tuple[str, ...] = ()
    vendor: str = ""
    features: tuple[str, ...] = ()
    openvino: str = ""


@dataclass(frozen=True)
class Heat:
    """Where the device tells how hot it is: files, whose number is in thousandths of a degree, or lines to type.

    limit_c: from where on it slows down, None where that is not known. throttling: what says that it does.
    """

    temperature: tuple[str, ...] = ()
    throttling: tuple[str, ...] = ()
    limit_c: float | None = None


@dataclass(frozen=True)
class Governor:
    """Which governor of the clock to set, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Setup:
    """How hemline is installed on some systems. systems: names, as systems.py has them. extras: of hemline.

    apt: packages beside those that every system needs. site_packages: whether the virtual environment sees the packages
    of the system. before, after: lines to type, before the packages and between pip and the last.
    """

    systems: tuple[str, ...]
    extras: tuple[str, ...]
    apt: tuple[str, ...] = ()
    site_packages: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variant:
    """What is otherwise where the processor has all these features; what is empty is as in the profile.

    needs: as /proc/cpuinfo has them. reasons: of the artifacts for which they are others.
    """

    name: str
    needs: tuple[str, ...]
    artifacts: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    bundle: str = ""


@dataclass(frozen=True)
class Profile:
    """A device profile.

    artifacts: engine:precision, the preferred first. reasons: {artifact: why it stands where it does}.
    threads: for one inference, 1 or more. by_cores: "cores" or "half" where the file says it by the machine's.
    machine: what platform.machine() says there, or "" for any.
    bundle: of those in the wheel, the one to run there where none is named; "" for the same as without a profile.
    camera: the source that `hemline watch` takes where none is named, "" for none.
    openvino_device: where OpenVINO computes.
    install: lines to type on the device, in order, whatever the system; setup: the same made for each system.
    traps: what is known to go wrong there. variants: the first that the processor has the features for holds.
    """

    name: str
    title: str
    artifacts: tuple[str, ...]
    threads: int
    by_cores: str = ""
    machine: str = ""
    bundle: str = ""
    reason: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    camera: str = ""
    openvino_device: str = HERE_CPU
    fits: Fits = field(default_factory=Fits)
    heat: Heat = field(default_factory=Heat)
    governor: Governor | None = None
    install: tuple[str, ...] = ()
    setup: tuple[Setup, ...] = ()
    traps: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    variant: str = ""

    def on(self, features: frozenset[str]) -> Profile:
        """Return it as it holds on a processor with these features."""
        for variant in self.variants:
            if features.issuperset(variant.needs):
                artifacts = variant.artifacts or self.artifacts
                reasons = {**self.reasons, **variant.reasons}
                return replace(
                    self,
                    variant=variant.name,
                    artifacts=artifacts,
                    reasons={name: reasons[name] for name in artifacts if name in reasons},
                    reason=variant.reason or self.reason,
                    bundle=variant.bundle or self.bundle,
                )
        return self
