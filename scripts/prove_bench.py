"""
hemline bench held against what is known: an engine of a stated time, a neighbour that burns a core, a throttled board,
measurements that are equal and measurements that are not.

    python scripts/prove_bench.py [--pairs 20] [--seconds 3]

Prints a line for each, exits with 1 when one fails. About ten minutes on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hemline import engines
from hemline.bench.rounds import ROUNDS
from hemline.bundle import Artifact, Bundle, File
from hemline.golden import Golden
from hemline.preprocess import Preprocess

LABELS = ("shirt", "trouser", "shoe")
SHAPE, WIDTHS = (28, 28, 1), {"logits": 3, "embedding": 8}
WITHIN = 0.02  # of the stated time
SLOWER = 1.2
TRIES = 3  # measurements of a pair that the noise of this machine leaves unclear, or that are marked invalid
REPEAT = 100  # projections a picture: about half a millisecond of real computing
BURN = "while True: pass"
THROTTLED = "50005"  # under-voltage and throttled, now and before


def fake_bundle(folder: Path, **rule: float) -> Path:
    """Write a bundle whose one artifact takes what the rule says; return its directory."""
    content = json.dumps({"weights_seed": 5, **rule}).encode()
    model = engines.Model("fake:float32", {"fake.json": content}, SHAPE, ("logits", "embedding"), WIDTHS)
    pictures = np.random.default_rng(1).integers(0, 256, (2, *SHAPE), np.uint8)
    with engines.open_model("fake", model) as engine:
        golden = Golden(pictures, *engine.run(pictures)).to_bytes()
    bundle = Bundle(
        name="known",
        version="1",
        created="2026-01-01T00:00:00Z",
        labels=LABELS,
        preprocess=Preprocess(28, 28),
        outputs=WIDTHS,
        artifacts=(Artifact("fake", "float32", (File.of("fake.json", content),)),),
        golden=File.of("golden.npz", golden),
    )
    bundle.write(folder, {"fake.json": content, "golden.npz": golden})
    return folder


def hemline(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    words = [sys.executable, "-m", "hemline", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def bench(bundle: object, out: Path, seconds: float, *more: object) -> subprocess.CompletedProcess[str]:
    """Measure the latency of a bundle into a file."""
    done = hemline("bench", bundle, "--latency-only", "--seconds", seconds, "--json", out, *more)
    if done.returncode not in (0, 1):
        raise SystemExit(f"hemline bench {bundle} exited with {done.returncode}:\n{done.stderr}")
    return done


def told(passed: bool, line: str) -> bool:
    """Print a line with its verdict; return the verdict."""
    print(f"{'passed' if passed else 'FAILED'}  {line}", flush=True)
    return passed


def stated_times(home: Path, seconds: float) -> list[bool]:
    """Measure engines that take a stated time."""
    verdicts = []
    for what, rule in (("spins", {"spin_us": 500.0}), ("sleeps", {"sleep_us": 20000.0})):
        (stated,) = rule.values()
        bundle, out = fake_bundle(home / what, **rule), home / f"{what}.json"
        bench(bundle, out, seconds)
        found = 1000 * json.loads(out.read_text())["artifacts"][0]["latency_p50_ms"]
        off = found / stated - 1
        line = f"an engine that {what} {stated:.0f} us is measured as {found:.1f} us, {off:+.2%}"
        verdicts.append(told(abs(off) <= WITHIN, line))
    return verdicts


def disturbed(home: Path, seconds: float) -> list[bool]:
    """Measure beside a process that burns a core, and on a board that is held back."""
    bundle = fake_bundle(home / "plain", spin_us=500.0)
    burner = subprocess.Popen([sys.executable, "-c", BURN])
    try:
        done = hemline("bench", bundle, "--latency-only", "--seconds", seconds)
        strict = hemline("bench", bundle, "--latency-only", "--seconds", seconds, "--strict")
    finally:
        burner.kill()
        burner.wait()
    mark = next((line for line in done.stdout.splitlines() if line.startswith("invalid: machine busy")), "no mark")
    verdicts = [
        told(mark != "no mark" and done.returncode == 0, f"beside a process that burns a core: {mark}"),
        told(strict.returncode == 1, f"the same with --strict exits with {strict.returncode}"),
    ]
    firmware = home / "sys" / "devices" / "platform" / "soc" / "soc:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text(f"{THROTTLED}\n")
    done = hemline("bench", bundle, "--latency-only", "--seconds", seconds, "--sys", home / "sys")
    mark = next((line for line in done.stdout.splitlines() if line.startswith("invalid: throttled")), "no mark")
    verdicts.append(told(mark != "no mark", f"with the firmware's bits at 0x{THROTTLED}: {mark}"))
    return verdicts


def pairs(home: Path, count: int, seconds: float) -> list[bool]:
    """Compare measurements of the same, and of what takes a fifth longer; with computing, not with a clock."""
    bundle = fake_bundle(home / "before", repeat=REPEAT)
    slow = fake_bundle(home / "after", repeat=round(SLOWER * REPEAT))
    files = [home / f"equal-{number}.json" for number in range(count + 1)]
    slower = [home / f"slow-{number}.json" for number in range(count)]
    equal_statuses, slow_statuses, ratios, again = [], [], [], 0
    for number, path in enumerate(files):
        bench(bundle, path, seconds)
        if number == 0:
            continue
        equal_statuses.append(hemline("bench", "compare", files[number - 1], path).returncode)
        for attempt in range(TRIES):
            longer = 2**attempt  # what is unclear is measured longer, as `compare` says to
            if attempt:
                bench(bundle, path, longer * seconds, "--rounds", longer * ROUNDS)
            bench(slow, slower[number - 1], longer * seconds, "--rounds", longer * ROUNDS)
            # --force: it is another file, whose rule says how much it computes
            out = home / "compared.json"
            status = hemline("bench", "compare", path, slower[number - 1], "--force", "--json", out).returncode
            compared = json.loads(out.read_text())
            row = compared["rows"][1]
            marked = any(file["marks"] for file in compared["files"])  # a busy machine proves nothing either way
            if attempt == TRIES - 1 or (row["verdict"] != "unclear" and not marked):
                break
            again += 1
        slow_statuses.append(status)
        ratios.append(row["ratio"]["value"])
    zeros, ones = equal_statuses.count(0), slow_statuses.count(1)
    spread = f"ratios {min(ratios):.3f} to {max(ratios):.3f}, {again} measured again because unclear or invalid"
    return [
        told(zeros == count, f"two equal measurements: compare exits with 0 in {zeros} of {count}"),
        told(ones == count, f"{SLOWER - 1:.0%} more computing: compare exits with 1 in {ones} of {count}; {spread}"),
    ]


def main() -> int:
    """Prove each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        verdicts = stated_times(home, options.seconds)
        verdicts += disturbed(home, options.seconds)
        verdicts += pairs(home, options.pairs, options.seconds)
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
