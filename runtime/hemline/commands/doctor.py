"""hemline doctor: what can run here and what is missing."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the findings as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Print the findings; 3 when no engine can run."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from hemline import __version__, engines
    from hemline.commands.output import require_writable, write_json
    from hemline.report.table import table
    from hemline.sources import picamera, v4l2

    require_writable({"--json": options.json})

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "missing"

    facts = {
        "hemline": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "numpy": installed("numpy"),
        "opencv": installed("opencv-python-headless"),
    }
    cameras, picamera_needs = v4l2.cameras(), picamera.probe()
    probes = {name: engines.probe(name) for name in engines.ENGINES if name != "fake"}
    if options.json:
        rows = [
            {"engine": name, "available": p.available, "package": p.package, "version": p.version, "install": p.install}
            for name, p in probes.items()
        ]
        write_json(
            options.json, {"schema": 1, **facts, "engines": rows, "cameras": cameras, "picamera": picamera_needs}
        )
    if options.json != "-":
        for name, value in facts.items():
            print(f"{name:<8} {value}")
        lines = [
            [
                name,
                "runs" if p.available else "missing",
                f"{p.package} {p.version}".strip() if p.available else p.install,
            ]
            for name, p in probes.items()
        ]
        print(table(["engine", "state", "with"], lines))
        print(f"\ncameras  {', '.join(cameras) or 'none'}")
        print(f"picamera {picamera_needs or 'can be used'}")
    return 0 if any(p.available for p in probes.values()) else 3
