"""
make demo: the whole way once, on real pictures: train, convert, prove, classify, measure.

Everything it makes lies under demo/, which it empties first. Each step is a command that you can type; it
is printed before it runs. Without the data set it goes on with the bundle in the wheel and drawn pictures.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from hemline import datasets
from hemline.errors import HemlineError
from hemline.report.table import size, table

DEMO = Path("demo")
EPOCHS = 3
FORMATS = "litert:float32,litert:int8,onnx:int8,openvino:int8"
PICTURES_A_CLASS = 1


def hemline(*arguments: str, check: bool = True, show: bool = True) -> int:
    """Print and run a hemline command; return its exit status."""
    if show:
        print(f"\n$ hemline {' '.join(arguments)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "hemline", *arguments]).returncode
    if check and status:
        raise SystemExit(status)
    return status


def data_set() -> Path | None:
    """Return where Fashion-MNIST lies, fetched when it is nowhere; None when that is not possible."""
    for last in (False, True):
        try:
            path = datasets.locate("fashion-mnist")
            if {"train", "test"} <= set(datasets.splits(path)):
                return path
        except HemlineError:
            pass
        if not last:
            hemline("data", "fetch", "fashion-mnist", check=False)
    return None


def write_test_pictures(data: Path, folder: Path) -> None:
    """Write a few test pictures as PNG files, the true label in each name."""
    import cv2

    test = datasets.read(data, "test")
    folder.mkdir(parents=True)
    for target, label in enumerate(test.labels):
        for index in (test.targets == target).nonzero()[0][:PICTURES_A_CLASS]:
            name = label.lower().replace("/", "-").replace(" ", "-")
            cv2.imwrite(str(folder / f"{name}-{index}.png"), test.picture(int(index)))


def with_data(data: Path) -> None:
    """Train, convert, prove, classify and measure."""
    run, bundle, pictures = str(DEMO / "run"), str(DEMO / "bundle"), str(DEMO / "pictures")
    hemline("train", "fashion-cnn", "--data", str(data), "--out", run, "--set", f"training.epochs={EPOCHS}")
    hemline("convert", run, "--out", bundle, "--data", str(data), "--formats", FORMATS)
    hemline("parity", bundle)
    write_test_pictures(data, Path(pictures))
    hemline("classify", pictures, "--bundle", bundle)
    hemline("evaluate", bundle, "--data", str(data), "--json", str(DEMO / "evaluation.json"))
    summary(Path(bundle), DEMO / "evaluation.json")
    print(f"\nplots:   {run}/plots/ (curves, confusion matrix, samples, class distribution)")
    print(f"bundle:  {bundle}/ is all a device needs; try: hemline classify PHOTO --bundle {bundle}")


def summary(bundle: Path, evaluation: Path) -> None:
    """Print size, accuracy, agreement with Keras and latency of each artifact in one table."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    parity = {f"{row['engine']}:{row['precision']}": row["parity"] for row in manifest["artifacts"]}
    rows = []
    for row in json.loads(evaluation.read_text())["artifacts"]:
        agreement = parity[row["artifact"]].get("test", {}).get("agreement")
        rows.append(
            [
                row["artifact"],
                size(row["bytes"]),
                f"{row['accuracy']:.4f}",
                "-" if agreement is None else f"{agreement:.4f}",
                f"{1000 * row['latency_p50_ms']:.1f}",
            ]
        )
    print(f"\n{table(['artifact', 'size', 'accuracy', 'agrees with Keras', 'p50 us'], rows)}")


def without_data() -> None:
    """Show the bundle in the wheel on drawn pictures."""
    print("\nno data set and no network: going on with the bundle that hemline carries and drawn pictures")
    drawn = str(DEMO / "drawn")
    hemline("data", "draw", "--out", drawn, "--per-class", "2")
    hemline("parity")
    hemline("classify", drawn)
    hemline("bench", "--seconds", "1")
    print(
        "\nwith the data set, this trains a model of your own: set HEMLINE_DATA to the folder that holds fashion-mnist/"
    )


def main() -> int:
    """Run the demo."""
    if DEMO.exists():
        shutil.rmtree(DEMO)
    DEMO.mkdir()
    data = data_set()
    if data is None:
        without_data()
    else:
        with_data(data)
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
