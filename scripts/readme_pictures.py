"""
Make the pictures of the README: drawn garments with the answers of the bundle in the wheel, and a run's plots.

    python scripts/readme_pictures.py RUN

Drawn garments only: pictures of a data set stay out of the repository.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

from hemline.classifier import Classifier
from hemline.drawn import LABELS, draw
from hemline.drawn.photo import empty, photo
from hemline.report.contact_sheet import Sheets

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIDE = 112  # pixels of a garment on the sheet
# garment, cloth and floor of each drawn photo
PHOTOS = (
    ("Coat", "navy", "sheet"),
    ("Trouser", "green", "wood"),
    ("Dress", "red", "tiles"),
    ("Pullover", "yellow", "carpet"),
    ("Sneaker", "white", "wood"),
    ("T-shirt/top", "black", "sheet"),
    ("Bag", "red", "carpet"),
)


def garments(path: Path) -> None:
    """Write the sheet: two drawn garments of each class with label and confidence, red when not its own."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(4, 5, figsize=(8, 7.4), dpi=150)
    with Classifier.open() as classifier:
        for index, axis in enumerate(axes.T.flat):
            target = index // 2
            result = classifier.answer(draw(target, seed=index)[..., None])
            axis.imshow(draw(target, seed=index, height=SIDE, width=SIDE), cmap="gray", vmin=0, vmax=255)
            colour = "#2166ac" if result.label == LABELS[target] else "#b2182b"
            title = "unknown" if result.label is None else f"{result.label} {result.confidence:.0%}"
            axis.set_title(title, fontsize=9, color=colour)
            axis.axis("off")
    figure.tight_layout()
    figure.savefig(path)


def photos(path: Path) -> None:
    """Write a contact sheet of drawn photos: the picture, its garment, what the bundle in the wheel sees of it."""
    taken = [
        photo(LABELS.index(name), seed=seed, cloth=cloth, floor=floor)[0]
        for seed, (name, cloth, floor) in enumerate(PHOTOS)
    ]
    taken += [empty("wood", seed=1), np.hstack([taken[0], taken[2]])]
    with tempfile.TemporaryDirectory() as folder, Classifier.open() as classifier:
        with Sheets(Path(folder)) as sheets:
            for index, picture in enumerate(taken):
                sheets.add(picture, classifier.look(picture, source=f"photo {index + 1}"))
        shutil.copyfile(Path(folder) / "sheet-001.png", path)


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    garments(IMAGES / "drawn.png")
    photos(IMAGES / "isolated.png")
    for name in ("curves.png", "confusion.png"):
        shutil.copy(options.run / "plots" / name, IMAGES / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
