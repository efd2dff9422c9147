"""Flaws drawn into good parts: where, how often, towards which class; and the windows that learning begins with."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import datasets
from hemline.errors import DatasetError, UsageError
from hemline.preprocess import Preprocess
from hemline_train import augment, copies, flawdrawing, plates, windows
from hemline_train import marked as marked_file
from hemline_train import recipe as recipes
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.data.feed import Feed
from hemline_train.flawdrawing import KINDS
from hemline_train.flaws import Flaws, FlawsConfig

LABELS = ("cracked", "good", "holed")
CONFIG = FlawsConfig(share=0.5, hole="holed", crack="cracked")
TABLE = """
[flaws]
share = 0.5
hole = "holed"
crack = "cracked"
window = 16
windows = 60
window_epochs = 2
"""


def part(count: int = 200) -> Part:
    """Noise in a frame of the padding's level; every third picture is good."""
    pixels = np.zeros((count, 40, 48, 1), np.uint8)
    pixels[:, 4:36, 8:40] = np.random.default_rng(0).integers(120, 136, (count, 32, 32, 1))
    return Part(pixels, np.arange(count, dtype=np.int64) % 3)


@pytest.fixture
def drawn_on() -> Flaws:
    found = Flaws.of(CONFIG, "good", LABELS)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_flaw_changes_a_part_of_the_part_and_nothing_around_it(kind: str, channels: int) -> None:
    picture = np.repeat(part(1).pixels[0], channels, axis=2)
    seen = 0
    for seed in range(40):
        out = flawdrawing.draw(kind, picture, np.random.Generator(np.random.SFC64(seed)))
        assert (out.shape, out.dtype) == (picture.shape, np.uint8)
        changed = (out != picture).any(axis=2)
        assert not changed[:4].any()
        assert not changed[:, :8].any()
        assert not changed.all()
        seen += changed.sum() >= 3
        again = flawdrawing.draw(kind, picture, np.random.Generator(np.random.SFC64(seed)))
        np.testing.assert_array_equal(out, again)
    assert seen >= 32  # a flaw that nobody sees would teach that good is bad
    assert (flawdrawing.draw(kind, np.zeros_like(picture), np.random.Generator(np.random.SFC64(0))) == 0).all()


def test_only_good_pictures_get_flaws_and_are_trained_towards_their_class(drawn_on: Flaws) -> None:
    pictures = part(3000)
    feed = Feed(pictures, batch=8, seed=3, flaws=drawn_on)
    numbers = feed.numbers(1)
    assert numbers is not None
    targets = feed.targets(1, numbers)
    became = targets != pictures.targets
    assert not became[pictures.targets != 1].any()
    assert 0.45 < became[pictures.targets == 1].mean() < 0.55
    counts = np.bincount(targets[became], minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - counts[2]) < 0.2 * counts.sum()
    pixels = feed.pictures(np.arange(300), numbers)
    changed = (pixels != pictures.pixels[:300]).any(axis=(1, 2, 3))
    assert not changed[~became[:300]].any()
    assert changed[became[:300]].mean() > 0.9
    assert (feed.targets(2, feed.numbers(2)) != targets).any()  # others in another epoch


def test_what_a_picture_becomes_does_not_depend_on_its_batch(drawn_on: Flaws) -> None:
    feed = Feed(part(), batch=8, seed=3, augmentation=Augment(flip=0.5, exposure=0.5), flaws=drawn_on)
    numbers = feed.numbers(4)
    whole = feed.pictures(np.arange(200), numbers)
    order = np.random.default_rng(0).permutation(200)
    for some in np.array_split(order, 7):
        np.testing.assert_array_equal(feed.pictures(some, numbers), whole[some])


def test_no_share_draws_nothing_and_a_full_share_draws_into_every_good_picture(drawn_on: Flaws) -> None:
    gates = augment.draw(300, seed=1, epoch=1)[:, augment.FLAW]
    targets = np.ones(300, np.int64)
    assert (replace(drawn_on, share=0.0).chosen(targets, gates) == -1).all()
    assert set(replace(drawn_on, share=1.0).chosen(targets, gates).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FlawsConfig(share=0.5, hole="hole"), "flaws.hole: no defect 'hole'; nearest: holed; there are cracked, holed"),
        (FlawsConfig(share=0.5, hole="good"), "flaws.hole: no defect 'good'; there are cracked, holed"),
    ],
)
def test_a_flaw_of_a_class_that_is_no_defect_is_refused(config: FlawsConfig, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Flaws.of(config, "good", LABELS)


@pytest.mark.parametrize(
    ("good", "table", "message"),
    [
        ("", "[flaws]\nshare = 0.5\nhole = 'a'", "name their class: data.good"),
        ("good", "[flaws]\nshare = 0.5", "no flaw is named; give the class of one or more of hole, crack"),
        ("good", TABLE.replace("16", "29"), "flaws.window 29: above augment.crop, and at most the picture's 28"),
        ("good", TABLE + '[distill]\nteachers = ["x"]', "the teachers have not seen what is drawn"),
        ("good", "class_weights = 'balanced'" + TABLE, "would do so again"),
    ],
)
def test_a_recipe_whose_flaws_cannot_be_is_refused(tiny: Path, good: str, table: str, message: str) -> None:
    text = tiny.read_text().replace("validation = 0.25", f"validation = 0.25\ngood = '{good}'")
    tiny.write_text(text + table)
    with pytest.raises(UsageError, match=message):
        recipes.load(tiny)


def test_windows_are_of_good_pictures_and_most_have_a_flaw(tiny: Path, drawn_on: Flaws) -> None:
    text = tiny.read_text().replace("validation = 0.25", "validation = 0.25\ngood = 'good'")
    tiny.write_text(text + TABLE)
    recipe = recipes.load(tiny)
    seen, watched = windows.parts(recipe, part(), drawn_on)
    assert (seen.pixels.shape, watched.pixels.shape) == ((60, 16, 16, 1), (windows.WATCHED, 16, 16, 1))
    share = np.bincount(watched.targets, minlength=3) / len(watched)
    assert share.min() > 0.2
    levels = watched.pixels[watched.targets == 1]
    assert levels.max() <= 135  # a good window shows what was there, but for the rows in which the part ends
    assert ((levels == 0) | (levels >= 120)).mean() > 0.9
    darkest = np.where(watched.pixels > 0, watched.pixels, 255).min(axis=(1, 2, 3))
    assert (darkest[watched.targets == 2] < 118).mean() > 0.8  # and the hole is in the window
    again, _ = windows.parts(recipe, part(), drawn_on)
    np.testing.assert_array_equal(again.pixels, seen.pixels)
    small = windows.recipe_of(recipe)
    assert (small.preprocess.shape, small.training.epochs, small.flaws) == ((16, 16, 1), 2, None)
    with pytest.raises(UsageError, match="no good picture to draw on, 'good' has none to train on"):
        windows.parts(recipe, part().take(part().targets != 1), drawn_on)


# ---- marks


SPOT = (20.0, 16.0, 26.0, 22.0)  # left, top, right, bottom


def marked(count: int = 90) -> Part:
    """The same parts, those of "holed" with a dark spot where their mark is."""
    plain = part(count)
    holed = plain.targets == 2
    plain.pixels[holed, 16:22, 20:26] = 30
    return Part(plain.pixels, plain.targets, tuple((SPOT,) if one else () for one in holed.tolist()))


@pytest.fixture
def copying() -> Flaws:
    found = Flaws.of(FlawsConfig(share=0.5, crack="cracked", marks="x.csv", copied=("holed",)), "good", LABELS)
    assert found is not None
    return found.knowing(marked())


def test_a_marked_flaw_is_copied_into_a_good_part_and_nothing_beside_it(copying: Flaws) -> None:
    picture = part(2).pixels[1]
    places = set()
    for seed in range(60):
        out = copying.one(("copy", 2), picture, np.random.Generator(np.random.SFC64(seed)), pad=0)
        dark = out[..., 0] < 60
        rows, columns = np.nonzero(dark & (picture[..., 0] > 0))
        assert 25 <= len(rows) <= 49  # all of the spot, whatever is under it
        assert np.ptp(rows) <= 6
        assert np.ptp(columns) <= 6
        assert (out[picture == 0] == 0).all()
        places.add((int(rows.min()), int(columns.min())))
    assert len(places) > 20


def test_a_flaw_at_the_end_of_a_part_comes_to_that_end_of_another() -> None:
    source = part(1).pixels[0].copy()
    source[4:10, 18:30] = 20  # bitten out of its upper edge
    narrow = np.zeros_like(source)
    narrow[10:30, 14:34] = 128
    for seed in range(40):
        out = copies.copy(narrow, source, (18.0, 4.0, 30.0, 10.0), np.random.Generator(np.random.SFC64(seed)))
        rows = np.flatnonzero(((out < 60) & (narrow > 0)).any(axis=(1, 2)))
        assert rows[0] == 10 or rows[-1] == 29  # mirrored, or not


def test_a_flaw_longer_than_the_part_is_copied_as_far_as_there_is_room() -> None:
    source = part(1).pixels[0].copy()
    source[4:36, 22:25] = 20  # from end to end
    low = np.zeros_like(source)
    low[14:26, 10:40] = 128
    out = copies.copy(low, source, (22.0, 4.0, 25.0, 36.0), np.random.Generator(np.random.SFC64(1)))
    assert ((out < 60) & (low > 0)).any(axis=(1, 2))[14:26].all()
    assert (out[low == 0] == 0).all()


def test_only_what_is_marked_in_what_is_trained_on_is_copied(copying: Flaws) -> None:
    assert copying.kinds == (("crack", 0), ("copy", 2))
    without = copying.knowing(marked().take(marked().targets != 2))
    assert without.kinds == (("crack", 0),)
    nothing = replace(copying, kinds=(("copy", 2),)).knowing(part())
    assert (nothing.chosen(np.ones(4, np.int64), np.zeros(4, np.float32)) == -1).all()
    np.testing.assert_array_equal(nothing.targets(np.ones(4, np.int64), np.zeros(4, np.float32)), np.ones(4))


def test_the_answers_are_shifted_to_how_often_parts_have_a_flaw_and_to_none_of_them_more_than_to_another(
    copying: Flaws,
) -> None:
    targets = np.repeat([0, 1, 2], [4, 80, 16])
    shift = copying.shift(targets, 4)
    # 40 of 80 good ones are seen with a flaw, 20 of each kind
    np.testing.assert_allclose(shift, [np.log(10 / 24), np.log(80 / 40), np.log(10 / 36), 0.0], rtol=1e-6)
    raised = replace(copying, good_bias=1.5).shift(targets, 4)
    np.testing.assert_allclose(raised - shift, [0, 1.5, 0, 0], atol=1e-6)


def test_windows_of_marked_flaws_hold_the_flaw_and_others_of_its_picture_do_not(tiny: Path, copying: Flaws) -> None:
    table = TABLE.replace('hole = "holed"', 'marks = "x.csv"\ncopied = ["holed"]').replace(
        "windows = 60", "windows = 300"
    )
    tiny.write_text(tiny.read_text().replace("validation = 0.25", "validation = 0.25\ngood = 'good'") + table)
    pictures = marked()
    seen, _ = windows.parts(recipes.load(tiny), pictures, copying)
    dark = ((seen.pixels > 0) & (seen.pixels < 60)).astype(np.uint8)
    # three wide: the row in which a part ends is darker, too
    holed = np.array([cv2.erode(one, np.ones((3, 3), np.uint8)).any() for one in dark])
    assert holed[seen.targets == 2].all()
    assert not holed[seen.targets == 1].any()
    assert np.bincount(seen.targets, minlength=3).min() > 60


def test_marks_are_placed_as_the_picture_is(tmp_path: Path) -> None:
    (tmp_path / "set" / "bad").mkdir(parents=True)
    (tmp_path / "set" / "good").mkdir()
    picture = np.full((50, 100, 3), 200, np.uint8)
    picture[20:30, 40:60] = 0
    cv2.imwrite(str(tmp_path / "set" / "bad" / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "set" / "good" / "b.png"), picture)
    (tmp_path / "marks.csv").write_text("path,left,top,right,bottom\nbad/a.png,40,20,60,30\n")
    dataset = datasets.read(tmp_path / "set", "train")
    for fit in ("pad", "stretch", "crop"):
        contract = Preprocess(40, 60, fit=fit, pad=90)
        (box,), nothing = marked_file.boxes(tmp_path / "marks.csv", tmp_path / "set", dataset, contract)
        assert nothing == ()
        rows, columns = np.nonzero(contract.apply(picture)[..., 0] < 45)
        assert abs(box[0] - columns.min()) <= 1
        assert abs(box[2] - columns.max() - 1) <= 1
        assert abs(box[1] - rows.min()) <= 1
        assert abs(box[3] - rows.max() - 1) <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,x\na,1\n", "marks.csv: columns path, x; expected path,left,top,right,bottom"),
        ("path,left,top,right,bottom\na,1,2,3\n", "line 2: expected path,left,top,right,bottom, found a,1,2,3"),
        ("path,left,top,right,bottom\na,5,2,5,9\n", "line 2: a: no rectangle"),
        ("path,left,top,right,bottom\nelsewhere.png,1,2,5,9\n", "none of the 1 pictures of .* has a mark"),
    ],
)
def test_a_file_of_marks_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "set" / "bad").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set" / "bad" / "a.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "marks.csv").write_text(text)
    dataset = datasets.read(tmp_path / "set", "train")
    with pytest.raises(DatasetError, match=message):
        marked_file.boxes(tmp_path / "marks.csv", tmp_path / "set", dataset, Preprocess(8, 8))


def test_marks_that_did_not_come_along_are_refused_with_those_that_did() -> None:
    with pytest.raises(UsageError, match=r"flaws\.marks: no marks 'magnetic-tiles'; nearest: magnetic-tile"):
        marked_file.find("magnetic-tiles")
    with pytest.raises(UsageError, match=r"where they are is not known; give flaws\.marks"):
        FlawsConfig(share=0.5, copied=("holed",))


@pytest.mark.data
@pytest.mark.skipif("HEMLINE_DATA" not in os.environ, reason="needs magnetic-tile in HEMLINE_DATA")
def test_the_marks_that_came_along_are_of_pictures_that_are_there() -> None:
    root = datasets.locate("magnetic-tile")
    dataset = datasets.read(root, "train")
    found = marked_file.boxes(marked_file.find("magnetic-tile"), root, dataset, Preprocess(160, 240, pad=72))
    count = sum(map(bool, found))
    assert count == len(marked_file.read(marked_file.find("magnetic-tile")))
    good = dataset.labels.index("free")
    assert not any(boxes for boxes, target in zip(found, dataset.targets, strict=True) if target == good)
    assert all(right <= 241 and bottom <= 161 for boxes in found for _, _, right, bottom in boxes)


def test_drawn_plates_are_alike_but_for_their_flaws_and_make_a_small_file(tmp_path: Path) -> None:
    contract = Preprocess(208, 320, pad=72)
    kinds = tuple(KINDS)
    pictures = plates.drawn(kinds, 2, contract, seed=7)
    assert pictures.shape == (2 * (1 + len(kinds)), 208, 320, 1)
    np.testing.assert_array_equal(pictures, plates.drawn(kinds, 2, contract, seed=7))
    for index, picture in enumerate(pictures):
        rows = picture[np.any(picture != 72, axis=(1, 2))]
        same = (rows == np.median(rows, axis=0)).mean()
        assert (same == 1.0) == (index < 2)  # a good plate is the same from top to bottom
        assert same > 0.2
    np.savez_compressed(tmp_path / "a.npz", pictures=pictures)
    assert (tmp_path / "a.npz").stat().st_size < 0.15 * pictures.nbytes
