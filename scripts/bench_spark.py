"""
Spark on this machine: bulk classification at 1 and 2 executor cores, and a sweep on workers and on Spark.

    python scripts/bench_spark.py                       bulk: pictures a second beside one plain process
    python scripts/bench_spark.py --count 200000        the same, where starting up weighs less
    python scripts/bench_spark.py --sweep --data PATH   the published grid on local workers and on Spark (hours)
    python scripts/bench_spark.py --sweep --epochs 1 --limit 20000      the same, each of its 24 jobs cut short

Each cluster is a standalone master with workers of one core, made from the pyspark package. Bulk: 10,000 drawn
pictures, repeated; the plain process is `hemline classify` on the same files. The sweep: every row starts anew,
and every row has to come to the same scores, since a job computes the same wherever it is executed with one thread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spark_cluster import cluster

DRAWN = 10_000


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--count", type=int, default=20_000, help="pictures (default: 20,000)")
    parser.add_argument("--sweep", action="store_true", help="measure the grid search instead")
    parser.add_argument(
        "--epochs", type=int, help="of each job of the sweep (default: all of the recipe's, 10 at most)"
    )
    parser.add_argument("--limit", type=int, default=0, help="training pictures of the sweep (default: all)")
    parser.add_argument("--data", metavar="PATH", help="as for hemline sweep")
    parser.add_argument("--out", metavar="DIR", help="keep the results of the sweeps here")
    parser.add_argument("--json", metavar="F", help="write the figures as JSON")
    options = parser.parse_args()
    rows = sweep(options) if options.sweep else bulk(options.count)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def hemline(*arguments: str) -> str:
    command = [sys.executable, "-m", "hemline", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def bulk(count: int) -> list[dict[str, Any]]:
    import cv2

    from hemline.drawn import LABELS, draw

    rows = []
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "pictures").mkdir()
        encoded = []
        for index in range(count):
            if index < DRAWN:
                encoded.append(cv2.imencode(".png", draw(index % len(LABELS), seed=index))[1].tobytes())
            content = encoded[index % DRAWN]
            (root / "pictures" / f"{index:06}.png").write_bytes(content)
        table(root / "pictures.parquet", [encoded[index % DRAWN] for index in range(count)])
        started = time.perf_counter()
        hemline("classify", str(root / "pictures"), "--json")
        plain = count / (time.perf_counter() - started)
        print(f"{count:,} drawn pictures of 28x28 as PNG\n")
        print(f"{'':<34}{'pictures/s':>12}{'of one process':>16}{'whole, s':>10}")
        print(f"{'one process, files':<34}{plain:>12,.0f}{1:>16.2f}{count / plain:>10.1f}")
        for cores in (1, 2):
            for kind, where in (("files", root / "pictures"), ("a Parquet table", root / "pictures.parquet")):
                with cluster(cores) as running:
                    out = root / f"{cores}-{kind.split()[0]}.parquet"
                    begun = time.perf_counter()
                    said = json.loads(
                        hemline(
                            "classify", "--spark", running.master, "--input", str(where), "--output", str(out), "--json"
                        )
                    )
                    whole = time.perf_counter() - begun
                if said["pictures"] != count:
                    raise SystemExit(f"{said['pictures']} rows for {count} pictures")
                rate = count / said["seconds"]
                name = f"Spark, {cores} executor core{'s' if cores > 1 else ''}, {kind}"
                print(f"{name:<34}{rate:>12,.0f}{rate / plain:>16.2f}{whole:>10.1f}", flush=True)
                rows.append({"cores": cores, "kind": kind, "pictures_per_second": rate, "ratio": rate / plain})
    return rows


def table(path: Path, encoded: list[bytes]) -> None:
    import pyarrow
    from pyarrow import parquet

    names = [f"{index:06}" for index in range(len(encoded))]
    parquet.write_table(pyarrow.table({"path": names, "content": encoded}), path, row_group_size=2000)


PLACES = {
    "1 local worker, 1 thread": ["--workers", "1", "--threads", "1"],
    "1 local worker, every core": ["--workers", "1"],
    "2 local workers": ["--workers", "2", "--threads", "1"],
    "Spark, 2 workers": [],
}


def sweep(options: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    common = ["sweep", "fashion-cnn-grid", "--json"]
    common += ["--data", options.data] if options.data else []
    common += ["--set", f"training.epochs={options.epochs}"] if options.epochs else []
    common += ["--set", f"data.limit={options.limit}"] if options.limit else []
    print(f"{'24 jobs':<28}{'wall s':>8}{'jobs s':>8}{'speed-up':>10}  best configuration", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for name, words in PLACES.items():
            out = Path(options.out or directory) / name.replace(",", "").replace(" ", "-")
            place = [*common, "--out", str(out)]
            if words:
                said, wall = timed(*place, *words)
            else:
                with cluster(2) as running:
                    said, wall = timed(*place, "--spark", running.master)
            best = said["configurations"][0]
            rows.append({"where": name, "wall_seconds": wall, "job_seconds": said["job_seconds"], "best": best})
            rows[-1]["scores"] = scores(said)
            values = ", ".join(f"{key.rpartition('.')[2]} {value:g}" for key, value in best["parameters"].items())
            speed = rows[0]["wall_seconds"] / wall
            print(
                f"{name:<28}{wall:>8.0f}{said['job_seconds']:>8.0f}{speed:>10.2f}  {values}: {best['accuracy']:.4f}",
                flush=True,
            )
    of_one_thread = [row["scores"] for row in rows if "every core" not in row["where"]]
    alike = all(found == of_one_thread[0] for found in of_one_thread)
    print(f"\nscores of all jobs with one thread: {'identical' if alike else 'DIFFERENT'}")
    return rows


def timed(*arguments: str) -> tuple[dict[str, Any], float]:
    started = time.perf_counter()
    said = json.loads(hemline(*arguments))
    return said, time.perf_counter() - started


def scores(table: dict[str, Any]) -> dict[str, float]:
    return {
        f"{row['configuration']}-{fold['fold']}": fold["accuracy"]
        for row in table["configurations"]
        for fold in row["folds"]
    }


if __name__ == "__main__":
    raise SystemExit(main())
