"""scripts/strangers.py and compare_unknown.py: what the choice of a score rests on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hemline import datasets, metrics, unknown
from hemline.bundle import Bundle
from hemline.datasets.split import holdout
from hemline.drawn import drawn
from hemline.drawn.photo import empty, photo
from hemline.engines import open_engine
from hemline.preprocess import Preprocess
from hemline.select import choose, find_bundle
from hemline.unknown import Answers

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
CONTRACT = Preprocess(28, 28)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Return the modules as `python scripts/compare_unknown.py` imports them."""
    import importlib

    monkeypatch.syspath_prepend(str(SCRIPTS))
    names = ("strangers", "unknown_tables", "compare_unknown")
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


def test_one_seed_gives_one_set_and_the_two_groups_share_no_picture(scripts: dict[str, ModuleType]) -> None:
    strangers = scripts["strangers"]
    pictures, targets = drawn(20, seed=1)
    pixels = pictures[..., None]
    first, again = (strangers.to_choose(pixels, targets, CONTRACT.apply, 40) for _ in range(2))
    judged, judged_again = (strangers.to_test(28, 28, CONTRACT.apply, 40) for _ in range(2))
    for group, other in ((first, again), (judged, judged_again)):
        for kind, strange in group.items():
            assert strange.shape == (40, 28, 28, 1)
            assert np.array_equal(strange, other[kind])
            assert len({picture.tobytes() for picture in strange}) > 30, kind
    assert not set(first) & set(judged)
    chosen_on = {picture.tobytes() for strange in first.values() for picture in strange}
    assert not chosen_on & {picture.tobytes() for strange in judged.values() for picture in strange}


def test_strangers_are_drawn_at_any_size_in_any_channels(scripts: dict[str, ModuleType]) -> None:
    contract = Preprocess(40, 24, 3)
    for strange in scripts["strangers"].to_test(40, 24, contract.apply, 6).values():
        assert strange.shape == (6, 40, 24, 3)


def test_a_shuffled_garment_keeps_its_pixels_and_a_blend_has_two_halves(scripts: dict[str, ModuleType]) -> None:
    strangers = scripts["strangers"]
    pictures, targets = drawn(4, seed=2)
    pixels = pictures[..., None]
    values = {np.sort(picture.ravel()).tobytes() for picture in pixels}
    for mixed in strangers.shuffled(pixels, 20, seed=3):
        assert np.sort(mixed.ravel()).tobytes() in values
        assert mixed.tobytes() not in {picture.tobytes() for picture in pixels}
    lower = {picture[14:].tobytes() for picture in pixels}
    upper = {picture[:14].tobytes() for picture in pixels}
    halves = strangers.blended(pixels, targets, 20, seed=3)[1::2]
    assert all(half[:14].tobytes() in upper and half[14:].tobytes() in lower for half in halves)


def test_garments_are_lifted_light_on_black_and_an_empty_floor_is_left_out(scripts: dict[str, ModuleType]) -> None:
    photos = [photo(4, seed=1, cloth="navy", floor="sheet")[0], empty("sheet", seed=2)]
    (found,) = scripts["compare_unknown"].lifted(photos, CONTRACT)
    assert found.shape == CONTRACT.shape
    assert not found[:, [0, -1]].any()  # a coat is taller than wide: bare left and right of it
    assert found.max() > 200
    (coloured,) = scripts["compare_unknown"].lifted(photos, Preprocess(40, 40, 3, pad=128))
    assert coloured.shape == (40, 40, 3)


def row(way: str, let_through: float, us: float, size: int = 5000) -> dict[str, object]:
    return {"way": way, "bytes": size, "us": us, "choose": {"noise": {"let_through": let_through}}}


def test_the_cheapest_of_the_best_small_ways_is_chosen(scripts: dict[str, ModuleType]) -> None:
    chosen = scripts["compare_unknown"].chosen
    rows = [row("a", 0.120, 9.0), row("b", 0.125, 3.0), row("c", 0.140, 1.0), row("d", 0.01, 1.0, 10**6)]
    assert chosen(rows) == "b"
    assert chosen([row("a", 0.120, 9.0), row("c", 0.140, 1.0)]) == "a"


def test_intervals_hold_the_figure_and_are_wider_over_groups(scripts: dict[str, ModuleType]) -> None:
    random = np.random.default_rng(5)
    known, tiles = random.normal(2, 1, 500), np.repeat(random.normal(0, 1, 30), 10)
    alone = scripts["compare_unknown"].figures(known, tiles, None)
    grouped = scripts["compare_unknown"].figures(known, tiles, [str(index // 10) for index in range(300)])
    for each in (alone, grouped):
        for name in ("auroc", "let_through"):
            low, high = each[f"{name}_ci95"]
            assert low < each[name] < high
    assert (alone["auroc"], alone["let_through"]) == (grouped["auroc"], grouped["let_through"])
    assert np.ptp(grouped["auroc_ci95"]) > 1.5 * np.ptp(alone["auroc_ci95"])
    assert grouped["groups"] == 30


def test_tables_go_between_the_marks_of_a_page(scripts: dict[str, ModuleType], tmp_path: Path) -> None:
    tables = scripts["unknown_tables"]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    tables.put(page, "| new |")
    assert page.read_text() == f"before\n{tables.BEGIN}\n\n| new |\n\n{tables.END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match=r"page\.md: no <!--"):
        tables.put(page, "x")


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("HEMLINE_DATA"), reason="HEMLINE_DATA is not set")
def test_the_chosen_score_tells_drawn_strangers_from_real_garments(scripts: dict[str, ModuleType]) -> None:
    bundle = Bundle.load(find_bundle())
    artifact = choose(bundle).artifact
    path = datasets.locate("fashion-mnist")
    train, test = datasets.read(path, "train"), datasets.read(path, "test").thinned(1000)
    held_out = holdout(len(train), 0.1, seed=0)
    with open_engine(bundle, artifact) as engine:

        def asked(pixels: np.ndarray, targets: np.ndarray) -> Answers:
            return Answers(*engine.run(pixels), targets)

        seen, unseen = (
            asked(part.pixels(bundle.preprocess), part.targets)
            for part in (
                train.subset(np.flatnonzero(~held_out)).thinned(2000),
                train.subset(np.flatnonzero(held_out)).thinned(1000),
            )
        )
        known = asked(test.pixels(bundle.preprocess), test.targets)
        facts = unknown.fit(unknown.CHOSEN, seen, unseen, temperature=bundle.artifact(artifact).temperature)
        least = metrics.threshold_for_recall(unknown.scores(facts, unseen), unknown.RECALL)
        kept = unknown.scores(facts, known)
        assert 0.92 < (kept >= least).mean() < 0.98
        drawings = scripts["strangers"].to_test(28, 28, bundle.preprocess.apply, 200)
        for kind, pixels in drawings.items():
            strange = unknown.scores(facts, asked(pixels, np.full(len(pixels), -1)))
            assert metrics.auroc(kept, strange) > 0.95, kind
            assert (strange >= least).mean() < 0.2, kind
