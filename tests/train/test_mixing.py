"""Mixed pictures: with whom, how much, and a label that says the same as the picture."""

from __future__ import annotations

import numpy as np
import pytest

from hemline.errors import UsageError
from hemline_train import augment, mixing
from hemline_train.augment import Augment
from hemline_train.data import Part
from hemline_train.data.feed import Feed

COUNT, SIDE = 400, 20


@pytest.fixture(scope="module")
def part() -> Part:
    """Pictures of one level each, by which a mixed one says what it is made of."""
    levels = (np.arange(COUNT) % 5 * 50).astype(np.uint8)
    return Part(np.broadcast_to(levels[:, None, None, None], (COUNT, SIDE, SIDE, 1)).copy(), np.arange(COUNT) % 5)


@pytest.mark.parametrize("chosen", [Augment(mixup=0.5), Augment(cutmix=0.5), Augment(mixup=0.3, cutmix=0.4)])
def test_a_label_has_the_share_that_its_picture_has(part: Part, chosen: Augment) -> None:
    feed = Feed(part, batch=16, seed=3, augmentation=chosen)
    numbers = feed.numbers(2)
    everything = np.arange(COUNT)
    pictures, targets = feed.pictures(everything, numbers), feed.targets(2, numbers)
    assert targets.shape == (COUNT, 3)
    own, other, share = targets.T
    np.testing.assert_array_equal(own, part.targets)
    wanted = 50 * (share * own + (1 - share) * other)
    np.testing.assert_allclose(pictures.mean(axis=(1, 2, 3)), wanted, atol=0.51)  # a blend is rounded to whole levels
    mixed = share < 1
    assert abs(mixed.mean() - (chosen.mixup + chosen.cutmix)) < 0.08
    assert abs(share[mixed].mean() - 0.5) < 0.08
    np.testing.assert_array_equal(own[~mixed], other[~mixed])


def test_a_picture_is_mixed_alike_in_any_batch(part: Part) -> None:
    feed = Feed(part, batch=16, seed=3, augmentation=Augment(mixup=0.3, cutmix=0.4, noise=9.0, flip=0.5))
    numbers = feed.numbers(1)
    whole = feed.pictures(np.arange(COUNT), numbers)
    some = np.random.default_rng(0).permutation(COUNT)[:50]
    np.testing.assert_array_equal(feed.pictures(some, numbers), whole[some])
    assert (feed.pictures(some, feed.numbers(2)) != whole[some]).any()


def test_a_cut_is_a_rectangle_inside_the_picture() -> None:
    numbers = augment.draw(COUNT, seed=1, epoch=1)
    plan = mixing.plan(Augment(cutmix=1.0), numbers, np.arange(COUNT), 9, 14)
    top, bottom, left, right = plan.boxes.T
    assert min(top.min(), left.min()) >= 0
    assert bottom.max() <= 9
    assert right.max() <= 14
    np.testing.assert_allclose(plan.shares, 1 - (bottom - top) * (right - left) / (9 * 14), rtol=1e-6)


def test_what_else_happens_to_a_picture_stays_as_it_was() -> None:
    """A recipe without mixing is trained on what it always was."""
    before = Augment(crop=2, erase=0.5, noise=5.0)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 1), np.uint8)
    part = Part(pixels, np.zeros(20, np.int64))
    feed = Feed(part, batch=4, seed=0, augmentation=before)
    numbers = feed.numbers(1)
    np.testing.assert_array_equal(
        feed.pictures(np.arange(20), numbers), augment.apply(before, pixels, augment.draw(20, seed=0, epoch=1))
    )
    assert feed.targets(1, numbers) is part.targets


def test_more_than_all_pictures_cannot_be_mixed() -> None:
    with pytest.raises(UsageError, match="together at most 1"):
        augment.check(Augment(mixup=0.6, cutmix=0.6), 28, 28, 1)
