"""
What learning begins with where a recipe's [flaws] name a window: small windows of good pictures, most with a flaw.

A hole of a few pixels is a four-hundredth of a window and a ten-thousandth of a picture, and a network that starts from
nothing finds it in the one within minutes, in the other hardly at all. Windows are cut from the pictures as they are
trained on, at their scale, so that what was learned of them holds for the whole.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline_train.data import Part
from hemline_train.flaws import Flaws, draw
from hemline_train.recipe import Recipe

WATCHED = 256  # windows that the loss is watched on


def recipe_of(recipe: Recipe) -> Recipe:
    """Return the recipe that is trained on windows: the same but for size and epochs, without anything drawn later."""
    flaws = recipe.flaws
    assert flaws is not None
    preprocess = replace(recipe.preprocess, height=flaws.window, width=flaws.window)
    training = replace(
        recipe.training,
        epochs=flaws.window_epochs,
        patience=0,
        keep="last",
        warmup=min(recipe.training.warmup, 0.5),
        learning_rate=flaws.window_rate or recipe.training.learning_rate,
    )
    return replace(recipe, preprocess=preprocess, training=training, flaws=None, start=None, expect=None)


def parts(recipe: Recipe, train: Part, flaws: Flaws) -> tuple[Part, Part]:
    """Return the windows that are trained on, and those that the loss is watched on."""
    config = recipe.flaws
    assert config is not None
    good = np.flatnonzero(train.targets == flaws.good)
    if not len(good):
        raise UsageError(f"[flaws]: no good picture to draw on, {recipe.data.good!r} has none to train on")
    side = config.window
    pixels = np.empty((config.windows + WATCHED, side, side, train.pixels.shape[3]), np.uint8)
    targets = np.empty(len(pixels), np.int64)
    for index in range(len(pixels)):
        random = np.random.Generator(np.random.SFC64([recipe.seed, index]))
        picture = train.pixels[random.choice(good)]
        # as many of each kind, and as many without
        kind, targets[index] = [*flaws.kinds, (None, flaws.good)][int(random.integers(len(flaws.kinds) + 1))]
        drawn = picture if kind is None else draw(kind, picture, random, pad=recipe.preprocess.pad)
        there = np.any(drawn != (recipe.preprocess.pad if kind is None else picture), axis=2)
        pixels[index] = _window(drawn, there, side, random)
    return Part(pixels[WATCHED:], targets[WATCHED:]), Part(pixels[:WATCHED], targets[:WATCHED])


def _window(
    picture: NDArray[np.uint8], there: NDArray[np.bool_], side: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a window that holds one of the pixels (H, W) that are there, at any place in it."""
    places = np.flatnonzero(there)
    middle = divmod(int(random.choice(places)), there.shape[1]) if len(places) else (0, 0)
    top, left = (
        min(max(0, place - int(random.integers(side // 8, side - side // 8))), length - side)
        for place, length in zip(middle, there.shape, strict=True)
    )
    return picture[top : top + side, left : left + side]
