"""
Seconds an epoch: hemline's input pipeline against plain model.fit on float arrays, in turns in one process.

    python scripts/bench_epoch.py --data PATH
    python scripts/bench_epoch.py --data PATH --pictures 16000 --rounds 5 --variants plain hemline plain-xla
    python scripts/bench_epoch.py --recipe fashion-small --pictures 6000 --variants plain hemline hemline-unaugmented

All train the same layers with the same optimiser and batch, validation and teachers left out. The ratio is the median
of the rounds' ratios: what else the machine does meets both alike. CPU seconds, of both cores together, say
what it costs where the wall clock is disturbed.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hemline.errors import HemlineError
from hemline_train import backend


@dataclass(frozen=True)
class Variant:
    """One way to train. floats: plain arrays, else the pipeline. steps: per execution. xla: None is Keras' choice.

    augmented: with the recipe's augmentation, where it has one. policy: Keras' name of what layers compute in.
    fused: batch normalisation by TensorFlow's fused kernel, else by Keras' own operations.
    """

    what: str
    floats: bool = False
    steps: int | None = None
    xla: bool | None = None
    mirrored: bool = False
    augmented: bool = True
    policy: str = "float32"
    fused: bool = True


VARIANTS = {
    "plain": Variant("model.fit on float32 arrays", floats=True, steps=1, fused=False),
    "hemline": Variant("as hemline train does"),
    "hemline-unaugmented": Variant("hemline, pictures as they are", augmented=False),
    "hemline-unfused": Variant("hemline, batch normalisation as Keras computes it", fused=False),
    "hemline-bfloat16": Variant("hemline, mixed_bfloat16", policy="mixed_bfloat16", fused=False),
    "hemline-float16": Variant("hemline, mixed_float16", policy="mixed_float16", fused=False),
    "hemline-1": Variant("hemline, one step an execution", steps=1),
    "hemline-xla": Variant("hemline, jit_compile=True", xla=True),
    "hemline-mirrored": Variant("hemline, MirroredStrategy on one device", mirrored=True, steps=1),
    "plain-xla": Variant("model.fit on float32 arrays, jit_compile=True", floats=True, steps=1, xla=True, fused=False),
}


def main() -> int:
    options = arguments()
    if options.deterministic and any(VARIANTS[name].xla for name in options.variants):
        print("Keras leaves XLA out while operations are deterministic; add --no-deterministic", file=sys.stderr)
        return 2
    backend.start()
    from hemline_train import data, recipe

    chosen = recipe.override(recipe.load(options.recipe), options.assignments)
    if options.deterministic:
        backend.seed(chosen.seed)
    train = data.load(chosen, data=options.data).train
    train = train.take(np.arange(min(options.pictures or len(train), len(train))))
    epochs = {name: prepare(VARIANTS[name], chosen, train) for name in options.variants}
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    cpu: dict[str, list[float]] = {name: [] for name in epochs}
    for turn in range(options.rounds + 1):  # the first compiles and is left out
        for name, epoch in epochs.items():
            gc.collect()
            start, cpu_start = time.perf_counter(), time.process_time()
            epoch(turn)
            if turn:
                seconds[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - cpu_start)
                print(f"round {turn}  {name:<18}{seconds[name][-1]:8.2f} s", file=sys.stderr, flush=True)
    report(options, len(train), seconds, cpu)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="fashion-cnn")
    parser.add_argument("--data", metavar="PATH", help="the data set, or a folder that holds it under its name")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--pictures", type=int, help="how many an epoch has (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each, after one to warm up")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["plain", "hemline"])
    parser.add_argument("--deterministic", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", metavar="F", help="write the figures; - is stdout")
    return parser.parse_args()


def prepare(variant: Variant, recipe: Any, train: Any) -> Callable[[int], object]:
    """Return a function that trains epoch number n."""
    import keras
    import tensorflow as tf

    from hemline_train import loop, models
    from hemline_train.augment import Augment
    from hemline_train.data.feed import Feed
    from hemline_train.data.pipeline import Batches

    # MirroredStrategy by hand: on one device hemline goes without
    strategy = tf.distribute.MirroredStrategy(["CPU:0"]) if variant.mirrored else tf.distribute.get_strategy()
    steps = -(-len(train) // recipe.training.batch)
    keras.config.set_dtype_policy(variant.policy)
    with strategy.scope():
        classes = int(train.targets.max()) + 1
        if variant.fused:
            model = loop.network(recipe, classes)
        else:
            model = models.build(recipe.model.parsed(), recipe.preprocess.shape, classes)
        classifier = loop.compiled(model, recipe.training, replicas=1, steps=steps)
        classifier.steps_per_execution = variant.steps or classifier.steps_per_execution
        if variant.xla is not None:
            classifier.jit_compile = variant.xla
    keras.config.set_dtype_policy("float32")
    if variant.floats:
        pixels = train.pixels.astype(np.float32)
        return lambda number: classifier.fit(pixels, train.targets, batch_size=recipe.training.batch, verbose=0)
    augmentation = recipe.augment if variant.augmented else Augment()
    batches = Batches(Feed(train, batch=recipe.training.batch, seed=recipe.seed, augmentation=augmentation))
    return lambda number: classifier.fit(batches.epoch(number), verbose=0, shuffle=False)


def report(
    options: argparse.Namespace, count: int, seconds: dict[str, list[float]], cpu: dict[str, list[float]]
) -> None:
    first = options.variants[0]
    rows = []
    for name, times in seconds.items():
        ratio = statistics.median(time / other for time, other in zip(times, seconds[first], strict=True))
        rows.append(
            {
                "variant": name,
                "what": VARIANTS[name].what,
                "seconds_per_epoch": statistics.median(times),
                "least_seconds": min(times),
                "cpu_seconds": statistics.median(cpu[name]),
                "pictures_per_second": count / statistics.median(times),
                f"ratio_to_{first}": ratio,
            }
        )
    result = {
        "recipe": options.recipe,
        "pictures": count,
        "rounds": options.rounds,
        "deterministic": options.deterministic,
        "machine": platform.machine(),
        "versions": backend.versions(),
        "rows": rows,
    }
    if options.json:
        text = json.dumps(result, indent=1) + "\n"
        if options.json == "-":
            print(text, end="")
            return
        Path(options.json).write_text(text, encoding="utf-8")
    print(f"{options.recipe}, {count:,} pictures an epoch, median of {options.rounds} rounds in turns")
    print(f"{'variant':<18}{'s an epoch':>12}{'least':>8}{'CPU s':>8}{'pictures/s':>12}{'ratio to ' + first:>18}")
    for row in rows:
        print(
            f"{row['variant']:<18}{row['seconds_per_epoch']:>12.2f}{row['least_seconds']:>8.2f}{row['cpu_seconds']:>8.2f}"
            f"{row['pictures_per_second']:>12,.0f}{row[f'ratio_to_{first}']:>18.2f}"
        )


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except HemlineError as error:
        print(f"bench_epoch: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
