"""
hemline classify on a folder of 10,000 PNG files of 28x28: pictures a second, and where the time goes.

    python scripts/bench_folder.py [--count 10000] [--artifact litert:int8] [--json F]

The pictures are drawn; they lie in a temporary folder, one process answers for all of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--artifact", default="litert:int8")
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    import cv2

    from hemline.drawn import LABELS, draw

    with tempfile.TemporaryDirectory() as folder:
        for index in range(options.count):
            cv2.imwrite(f"{folder}/{index:05}.png", draw(index % len(LABELS), seed=index))
        command = [sys.executable, "-m", "hemline", "classify", folder, "--json", "--artifact", options.artifact]
        started = time.perf_counter()
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        seconds = time.perf_counter() - started
    results = [json.loads(line) for line in lines]
    if len(results) != options.count:
        raise SystemExit(f"{len(results)} results for {options.count} pictures")
    parts = {key: sum(row[f"{key}_ms"] for row in results) / 1000 for key in ("decode", "preprocess", "infer")}
    parts["all else"] = seconds - sum(parts.values())
    figures = {"pictures": options.count, "seconds": seconds, "pictures_per_second": options.count / seconds, **parts}
    print(f"{options.count:,} pictures in {seconds:.2f} s: {options.count / seconds:,.0f} a second, start-up included")
    for name, part in parts.items():
        print(f"{name:<11} {part:6.2f} s  {part / seconds:4.0%}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
