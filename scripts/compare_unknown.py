"""
Compare ways to tell what is none of a bundle's classes, choose one, and judge it on strangers that chose nothing.

    python scripts/compare_unknown.py [BUNDLE] [--data NAME] [--artifact E:P] [--json F] [--page docs/unknown.md]

Every way is fitted on training pictures that the bundle's network has seen and standardised on those held out from it.
It is chosen on strangers that are drawn or made of validation pictures; the table to believe has the test split and
other strangers: other drawings, and the photos of magnetic-tile and clothing where those data sets are found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import strangers
from numpy.typing import NDArray
from unknown_tables import mean, put, report

from hemline import bench, datasets, metrics, unknown
from hemline.bundle import Bundle
from hemline.classifier import usable_from
from hemline.engines import Engine, open_engine
from hemline.errors import DatasetError
from hemline.preprocess import Preprocess
from hemline.select import choose, find_bundle
from hemline.timing import Call, interleaved
from hemline.unknown import Answers

CANDIDATES = (
    *unknown.WAYS,
    "softmax+directions",
    "logit+directions",
    "energy+directions",
    "softmax+neighbours",
    "energy+neighbours",
    "energy+relative",
    "energy+cosine",
)
OUTSIDE = ("hat", "shorts", "skirt")  # classes of clothing that are none of Fashion-MNIST's
INSIDE = ("dress", "longsleeve", "outwear", "pants", "shirt", "shoes", "t-shirt")  # and those that are
RECALL = 0.95
RECALLS = (0.9, 0.95, 0.98, 0.99)  # that the threshold of the bundle might have had
DRAWN = 1000  # strangers of a drawn kind
MARGIN = 0.01  # in the share let through: within it of the least, the cheapest way is chosen
MOST_BYTES = 40_000  # that a way may add to an artifact
RESAMPLES = 1000


@dataclass(frozen=True)
class Kind:
    """Strangers of one kind: pixels (N, H, W, C), and the group of each where several show one thing."""

    pixels: NDArray[np.uint8]
    groups: Sequence[str] | None = None


@dataclass(frozen=True)
class World:
    """Everything that is asked about, as the artifact answered: the known of three splits, strangers by kind."""

    train: Answers
    validation: Answers
    test: Answers
    choose: Mapping[str, Answers]
    judge: Mapping[str, Answers]
    groups: Mapping[str, Sequence[str] | None]
    inside: Answers | None
    temperature: float


# ---- pictures


def photos(bundle: Bundle, say: Callable[[str], None]) -> tuple[dict[str, Kind], NDArray[np.uint8] | None]:
    """Return photos that are none of the bundle's classes, by kind, and photos of garments that it may know."""
    plain = replace(bundle.preprocess, isolation="none")
    kinds = {}
    try:
        tiles = datasets.read(datasets.locate("magnetic-tile"))
        kinds["textures"] = Kind(tiles.pixels(plain), tiles.groups)
        clothing = datasets.locate("clothing")
    except DatasetError as error:
        say(f"left out: {error}")
        return kinds, None
    ours = {label.lower() for label in bundle.labels}
    garments = {name: taken(clothing, ("train", "validation"), {name}) for name in OUTSIDE if name not in ours}
    for name, pictures in garments.items():
        say(f"lifting {len(pictures)} photos of class {name} off their background")
        kinds[f"{name}, lifted"] = Kind(lifted(pictures, bundle.preprocess))
    every = [picture for pictures in garments.values() for picture in pictures]
    kinds["the same, as photographed"] = Kind(np.stack([plain.apply(picture) for picture in every]))
    inside = taken(clothing, ("validation",), INSIDE)
    say(f"lifting {len(inside)} photos of garments of its classes")
    return kinds, lifted(inside, bundle.preprocess)


def taken(path: Path, splits: Sequence[str], classes: Iterable[str]) -> list[NDArray[np.uint8]]:
    """Return the pictures of some classes of a data set."""
    pictures = []
    for split in splits:
        whole = datasets.read(path, split)
        wanted = [target for target, label in enumerate(whole.labels) if label in classes]
        pictures += [whole.picture(int(index)) for index in np.flatnonzero(np.isin(whole.targets, wanted))]
    return pictures


def lifted(pictures: Iterable[NDArray[np.uint8]], preprocess: Preprocess) -> NDArray[np.uint8]:
    """Return the garments that are found in photos, as the model takes them."""
    gray = (preprocess.channels, preprocess.pad) == (1, 0)
    contract = replace(preprocess, isolation="layout" if gray else "cutout")
    seen = [contract.isolated(picture) for picture in pictures]
    return np.stack([pixels for pixels, found in seen if found is None or found.count])


def world(bundle: Bundle, artifact: str, data: str, say: Callable[[str], None]) -> World:
    """Return the answers of an artifact to everything."""
    path = datasets.locate(data)
    facts = bundle.provenance.get("data", {})
    share, seed = float(facts.get("validation", 0.1)), int(facts.get("split_seed", 0))
    seen, unseen = datasets.training(path, validation=share, seed=seed, limit=int(facts.get("limit", 0)))
    test = datasets.read(path, "test")
    with open_engine(bundle, artifact) as engine:

        def known(dataset: datasets.Dataset) -> tuple[NDArray[np.uint8], Answers]:
            order = np.array([bundle.labels.index(label) for label in dataset.labels], np.int64)
            pixels = dataset.pixels(bundle.preprocess)
            return pixels, Answers(*engine.run(pixels), order[dataset.targets])

        def strange(pixels: NDArray[np.uint8]) -> Answers:
            return Answers(*engine.run(pixels), np.full(len(pixels), -1))

        pixels, validation = known(unseen)
        height, width, _ = bundle.preprocess.shape
        to_choose = strangers.to_choose(pixels, validation.targets, bundle.preprocess.apply, DRAWN)
        to_judge = {
            kind: Kind(drawn)
            for kind, drawn in strangers.to_test(height, width, bundle.preprocess.apply, DRAWN).items()
        }
        found, inside = photos(bundle, say)
        to_judge |= found
        say(f"asking {artifact}")
        return World(
            known(seen.thinned(unknown.PICTURES))[1],
            validation,
            known(test)[1],
            {kind: strange(drawn) for kind, drawn in to_choose.items()},
            {kind: strange(one.pixels) for kind, one in to_judge.items()},
            {kind: one.groups for kind, one in to_judge.items()},
            None if inside is None else strange(inside),
            bundle.artifact(artifact).temperature,
        )


# ---- figures


def figures(known: NDArray[np.float64], strange: NDArray[np.float64], groups: Sequence[str] | None) -> dict[str, Any]:
    """Return auroc and let_through (the share of strangers at RECALL of the known), each with its 95 % interval.

    Intervals are over strangers; over groups of them where several show one thing.
    """
    places = metrics.placements(known, strange)
    passed = (strange >= metrics.threshold_for_recall(known, RECALL)).astype(np.float64)
    members = [np.flatnonzero(np.asarray(groups) == group) for group in sorted(set(groups))] if groups else None
    drawn = [_resampled(len(strange), members, np.random.default_rng(number)) for number in range(RESAMPLES)]
    low, high = np.percentile([places[rows].mean() for rows in drawn], [2.5, 97.5])
    if members is None:
        through = metrics.wilson(int(passed.sum()), len(passed))
    else:
        through = tuple(np.percentile([passed[rows].mean() for rows in drawn], [2.5, 97.5]).tolist())
    return {
        "n": len(strange),
        **({"groups": len(members)} if members else {}),
        "auroc": float(places.mean()),
        "auroc_ci95": [float(low), float(high)],
        "let_through": float(passed.mean()),
        "let_through_ci95": list(through),
    }


def _resampled(count: int, members: list[NDArray[np.int64]] | None, random: np.random.Generator) -> NDArray[np.int64]:
    if members is None:
        return random.integers(0, count, count)
    return np.concatenate([members[index] for index in random.integers(0, len(members), len(members))])


def compared(whole: World) -> tuple[list[dict[str, Any]], dict[str, unknown.Facts]]:
    """Return a row of figures for each way, and what each has learnt."""
    rows, learnt = [], {}
    for way in CANDIDATES:
        facts = unknown.fit(way, whole.train, whole.validation, temperature=whole.temperature)
        stored = unknown.to_bytes(facts)
        learnt[way] = facts
        validation, test = (unknown.scores(facts, answers) for answers in (whole.validation, whole.test))
        chosen_on = {
            kind: figures(validation, unknown.scores(facts, asked), None) for kind, asked in whole.choose.items()
        }
        judged_on = {
            kind: figures(test, unknown.scores(facts, asked), whole.groups[kind]) for kind, asked in whole.judge.items()
        }
        rows.append({"way": way, "bytes": len(stored), "choose": chosen_on, "judge": judged_on})
    return rows, learnt


def timed(
    rows: list[dict[str, Any]], learnt: Mapping[str, unknown.Facts], engine: Engine, picture: Any
) -> dict[str, float]:
    """Add "us", the median cost of a picture, to each row; return that of the engine's call and of its embedding."""
    logits = engine.logits(picture)[0].tolist()
    embedding = engine.embedding()[0]
    calls: dict[str, Call] = {way: partial(facts.opened(), logits, embedding) for way, facts in learnt.items()}
    times = interleaved({**calls, "engine": lambda: engine.logits(picture), "embedding": engine.embedding}, seconds=6)
    for row in rows:
        row["us"] = 1000 * float(np.median(times[row["way"]]))
    return {name: 1000 * float(np.median(times[name])) for name in ("engine", "embedding")}


def chosen(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the cheapest way of those that are small and let through no more than MARGIN above the least."""
    small = [row for row in rows if row["bytes"] <= MOST_BYTES]
    least = min(mean(row, "choose", "let_through") for row in small)
    near = [row for row in small if mean(row, "choose", "let_through") <= least + MARGIN]
    return str(min(near, key=lambda row: row["us"])["way"])


def shipped(facts: unknown.Facts, whole: World, good: float) -> dict[str, Any]:
    """Return what a way does at the threshold that conversion sets: on validation pictures, for unknown.RECALL.

    good: the confidence from which an answer of the artifact is good.
    """
    own = unknown.scores(facts, whole.validation)
    least = metrics.threshold_for_recall(own, unknown.RECALL)
    strange = [unknown.scores(facts, answers) for answers in whole.judge.values()]

    def let_through(recall: float) -> float:
        bar = metrics.threshold_for_recall(own, recall)
        return float(np.mean([(scores >= bar).mean() for scores in strange]))

    def asked(answers: Answers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        sure = metrics.softmax(answers.logits, whole.temperature).max(axis=1) >= good
        return unknown.scores(facts, answers) >= least, sure

    kinds = {}
    for kind, answers in whole.judge.items():
        kept, sure = asked(answers)
        kinds[kind] = {"known": kept.mean(), "good_without": sure.mean(), "good": (kept & sure).mean()}
    kept, sure = asked(whole.test)
    right = whole.test.logits.argmax(axis=1) == whole.test.targets
    inside = None if whole.inside is None else {"n": len(whole.inside), "known": asked(whole.inside)[0].mean()}
    return {
        "recall": unknown.RECALL,
        "known": kept.mean(),
        "accuracy": right.mean(),
        "accuracy_known": right[kept].mean(),
        "accuracy_unknown": right[~kept].mean(),
        "good_without": sure.mean(),
        "good_without_wrong": 1 - right[sure].mean(),
        "good": (kept & sure).mean(),
        "good_wrong": 1 - right[kept & sure].mean(),
        "kinds": kinds,
        "let_through": {f"{recall:g}": let_through(recall) for recall in RECALLS},
        "inside": inside,
    }


def main() -> int:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("bundle", nargs="?")
    parser.add_argument(
        "--data", default="fashion-mnist", help="what the bundle was trained on (default: fashion-mnist)"
    )
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the best that runs here)")
    parser.add_argument("--json", type=Path, metavar="F")
    parser.add_argument("--page", type=Path, metavar="F", help="put the tables into this page, between its marks")
    options = parser.parse_args()
    bundle = Bundle.load(find_bundle(options.bundle))
    artifact = choose(bundle, artifact=options.artifact).artifact
    whole = world(bundle, artifact, options.data, lambda line: print(line, file=sys.stderr, flush=True))
    rows, learnt = compared(whole)
    with open_engine(bundle, artifact) as engine:
        costs = timed(rows, learnt, engine, bench.picture_for(bundle))
    best = chosen(rows)
    done = {
        "schema": 1,
        "bundle": bundle.title,
        "artifact": artifact,
        "known": f"{options.data}, {len(whole.train):,} training, {len(whole.validation):,} validation, "
        f"{len(whole.test):,} test pictures",
        "chosen": best,
        "held": unknown.CHOSEN,
        "margin": MARGIN,
        "most_bytes": MOST_BYTES,
        "us": costs,
        "ways": rows,
        "shipped": shipped(learnt[unknown.CHOSEN], whole, usable_from(bundle, artifact)[0]),
    }
    text = report(done)
    print(text)
    if best != unknown.CHOSEN:
        print(f"\nhemline.unknown.CHOSEN is {unknown.CHOSEN!r}; this says {best!r}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(done, indent=1) + "\n")
    if options.page:
        put(options.page, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
