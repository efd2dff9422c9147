"""
Photos scanned as a person would, with the command, every tenth one a garment that was there before: who is found again?

    HEMLINE_DATA=PATH python scripts/prove_scan.py [--seeds 10] [--scans 40] [--bundle wardrobe]

Each seed draws photos of clothing/validation, each once; every tenth scan is one of those before from another crop (as
measure_duplicates.py takes it). They are files in a folder of their own, `hemline wardrobe scan FOLDER --yes --json`
enters them into a new catalogue, and its lines are counted; a repeat of what was not entered, because nothing was found
in its first picture, is none. Prints a table; exits with 1 when fewer than 8 in 10
repeats are found, or more than 1 new garment in 40 is taken for one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from measure_duplicates import EVERY, another_crop, share

from hemline import image
from hemline.garment import isolate
from hemline.report.table import table

FOUND, FALSE = 0.8, 1 / 40


@dataclass(frozen=True)
class Counts:
    """What one scan of a folder came to. right: of the kept and reviewed new garments, those of the class they are."""

    repeats: int
    found: int
    fresh: int
    false: int
    right: int
    review: int
    bad: int


def folder_of_scans(folder: Path, photos: list[Path], scans: int, seed: int) -> dict[str, Path | str]:
    """Fill a folder with numbered pictures; return of each name its photo, or of a repeat the name of the first."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(photos)).tolist()
    made: dict[str, Path | str] = {}
    for number in range(scans):
        name = f"{number:03d}.jpg"
        if number % EVERY == EVERY - 1:
            first = str(random.choice([name for name, what in made.items() if isinstance(what, Path)]))
            picture = image.decode((folder / first).read_bytes())
            crop = another_crop(picture, isolate(picture), random)
            cv2.imwrite(str(folder / name), crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
            made[name] = first
        else:
            photo = photos[order.pop()]
            (folder / name).write_bytes(photo.read_bytes())
            made[name] = photo
    return made


def scan(photos: list[Path], scans: int, seed: int, bundle: str) -> Counts:
    """Scan a folder into a new catalogue, and count."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "photos"
        folder.mkdir()
        made = folder_of_scans(folder, photos, scans, seed)
        command = (sys.executable, "-m", "hemline", "wardrobe", "scan", str(folder), "--yes", "--json")
        done = subprocess.run(
            [*command, "--catalogue", str(Path(home) / "catalogue"), "--bundle", bundle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
    if done.returncode not in (0, 4):
        raise SystemExit(f"hemline wardrobe scan ended with {done.returncode}")
    entered: dict[str, int] = {}
    counts = dict.fromkeys(("repeats", "found", "fresh", "false", "right", "review", "bad"), 0)
    for row in map(json.loads, done.stdout.splitlines()):
        name = Path(row["source"]).name
        action, what, duplicate = row["action"], made[name], row["action"] == "duplicate"
        garment = row["garment"]["id"] if row["garment"] else None
        if action in ("kept", "review"):
            entered[name] = garment
        counts["bad"] += action == "bad"
        if isinstance(what, str):
            counts["repeats"] += what in entered  # one that had no garment in its first picture cannot be found again
            counts["found"] += duplicate and garment == entered.get(what)
        else:
            counts["fresh"] += 1
            counts["false"] += duplicate
            counts["review"] += action == "review"
            counts["right"] += action in ("kept", "review") and row["top"][0]["label"] == what.parent.name
    return Counts(**counts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMLINE_DATA", ".")) / "clothing")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--scans", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--bundle", default="wardrobe")
    options = parser.parse_args()
    photos = sorted((options.data / options.split).glob("*/*.jpg"))
    if not photos:
        print(f"{options.data / options.split}: no <class>/*.jpg; set HEMLINE_DATA or --data", file=sys.stderr)
        return 2
    rows = []
    for seed in range(options.seeds):
        rows.append(scan(photos, options.scans, seed, options.bundle))
        print(f"seed {seed}: {rows[-1]}", file=sys.stderr)
    total = {name: sum(getattr(row, name) for row in rows) for name in vars(rows[0])}
    print(
        table(
            ["of all scans", "", "share and 95 % interval"],
            [
                ["repeats found again", "", share(total["found"], total["repeats"])],
                ["new garments taken for one that is there", "", share(total["false"], total["fresh"])],
                ["new garments of the right class", "", share(total["right"], total["fresh"])],
                ["left to review", "", share(total["review"], total["fresh"])],
                ["nothing found in the picture", "", str(total["bad"])],
            ],
        )
    )
    passed = total["found"] >= FOUND * total["repeats"] and total["false"] <= FALSE * total["fresh"]
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
