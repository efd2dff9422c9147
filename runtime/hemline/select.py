"""
Which bundle, which artifact, how many threads: what a name on the command line comes to on this machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hemline import engines, local, profiles
from hemline.bundle import MANIFEST, Bundle
from hemline.errors import BundleError, MissingError, UsageError, unknown

# the home task: the name stands for the tier that fits the device, which its profile tells
FAMILY = "fashion-mnist"
DEFAULT_BUNDLE = "fashion-base"
# without a device profile: int8 is smallest and, in every engine here, fastest; the README has the figures
PREFERENCE = (
    "litert:int8",
    "openvino:int8",
    "onnx:int8",
    "litert:float32",
    "onnx:float32",
    "openvino:float32",
)


@dataclass(frozen=True)
class Choice:
    """An artifact to run, the number of threads to run it with, and where OpenVINO computes, should it run it."""

    artifact: str
    threads: int
    openvino_device: str = "CPU"


def packaged() -> Path:
    """Return the folder of the bundles in the wheel."""
    return Path(__file__).parent / "bundles"


def find_bundle(
    name_or_path: Path | str | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    device: str | None = None,
) -> Path:
    """Return the directory of a bundle.

    A path of a bundle is taken as it is. A name is looked for in HEMLINE_BUNDLES, then in the wheel. No name, or
    fashion-mnist, is the tier in the wheel that the device profile names, and without a device the most accurate one.
    """
    if name_or_path is not None and (Path(name_or_path) / MANIFEST).is_file():
        return Path(name_or_path)
    roots = [Path(environment["HEMLINE_BUNDLES"])] if environment.get("HEMLINE_BUNDLES") else []
    roots.append(packaged())
    asked = str(name_or_path) if name_or_path is not None else FAMILY
    wanted = [asked]
    if asked == FAMILY:  # unless a bundle in HEMLINE_BUNDLES has that very name
        wanted.append((profiles.load(device).bundle if device is not None else "") or DEFAULT_BUNDLE)
    for name in wanted:
        for root in roots:
            if os.sep not in name and (root / name / MANIFEST).is_file():
                return root / name
    if name_or_path is not None and Path(name_or_path).exists():
        return Path(name_or_path)  # no bundle; who reads it says so
    known = sorted({path.parent.name for root in roots for path in root.glob(f"*/{MANIFEST}")})
    raise BundleError(f"{unknown('bundle', wanted[-1], known)}, or give the path of one")


def nothing(bundle: Bundle) -> tuple[local.Chosen | None, str]:
    """Return that nothing was chosen for a bundle."""
    return None, ""


def preferred_of(bundle: Bundle, profile: profiles.Profile) -> list[str]:
    """Return the artifacts of a bundle that a device profile names, the preferred first; UsageError for none."""
    held = [entry.name for entry in bundle.artifacts]
    preferred = [name for name in profile.artifacts if name in held]
    if not preferred:
        raise UsageError(
            f"{bundle.name} has none of {', '.join(profile.artifacts)}, which {profile.name} runs; "
            f"it has {', '.join(held)}"
        )
    return preferred


def opener(device: str | None) -> Callable[[Bundle, str], engines.Engine]:
    """Return what opens an artifact as a device profile says, or as without one."""
    if device is None:
        return engines.open_engine
    profile = profiles.load(device)
    return partial(engines.open_engine, threads=profile.threads, openvino_device=profile.openvino_device)


def choose(
    bundle: Bundle,
    *,
    artifact: str | None = None,
    device: str | None = None,
    probe: Callable[[str], engines.Probe] = engines.probe,
    chosen: Callable[[Bundle], tuple[local.Chosen | None, str]] = local.chosen_for,
) -> Choice:
    """Return the artifact that runs here: the one asked for, else the first preferred whose engine is here.

    chosen: where neither artifact nor device is given, what was measured to be best for the bundle on this machine, or
    why that does not hold any more, which is told on stderr. nothing() for what must not depend on it.
    """
    if artifact is None and device is None:
        best, why = chosen(bundle)
        if why:
            print(f"hemline: {why}", file=sys.stderr)
        if best is not None and probe(best.artifact.partition(":")[0]).available:
            return Choice(best.artifact, best.threads)
    profile = profiles.load(device) if device is not None else None
    threads, where = (profile.threads, profile.openvino_device) if profile else (1, "CPU")
    if artifact is not None:
        return Choice(bundle.artifact(artifact).name, threads, where)
    held = [entry.name for entry in bundle.artifacts]
    preferred = preferred_of(bundle, profile) if profile else [name for name in PREFERENCE if name in held]
    rest = [] if profile else [name for name in held if name not in preferred]
    lines = []
    for name in [*preferred, *rest]:
        engine = name.partition(":")[0]
        if engine not in engines.ENGINES:
            continue
        found = probe(engine)
        if found.available:
            return Choice(name, threads, where)
        lines.append(found.install)
    wanted = " or ".join(dict.fromkeys(lines)) or "a newer hemline"
    raise MissingError(f"no engine here runs {bundle.name} ({', '.join(held)}); it needs: {wanted}")
