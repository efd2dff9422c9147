"""
The pictures of a run: curves, confusion matrix, samples, class distribution. PNG, 1600 pixels wide.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from hemline import metrics, storage
from hemline_train.checkpoint import Epoch
from hemline_train.data import Part, Pictures
from hemline_train.data.feed import Feed
from hemline_train.loop import Trained
from hemline_train.recipe import Recipe

# told apart by people who see red and green alike
BLUE, RED, ORANGE = "#2b6cb0", "#c53030", "#dd8a1f"
INK, FAINT = "#2d3748", "#e2e8f0"
DPI = 160
WIDTH = 10.0  # inches
SAMPLES = 30
AUGMENTED_ROWS, AUGMENTED_EPOCHS = 8, 9


def write(directory: Path, pictures: Pictures, trained: Trained, shown: Part, logits: NDArray[np.float32]) -> None:
    """Write every plot of a run.

    shown: the pictures that the confusion matrix and the samples are of. logits: (N, classes) of them.
    """
    predicted = logits.argmax(axis=1)
    matrix = metrics.confusion(predicted, shown.targets, len(pictures.labels))
    which = "validation" if pictures.test is None else "test"
    figures = {
        "curves.png": curves(trained.history, trained.kept_epoch),
        "confusion.png": confusion(matrix, pictures.labels, which),
        "samples.png": samples(shown, logits, pictures.labels, which),
        "classes.png": classes(pictures),
    }
    for name, figure in figures.items():
        storage.write_file(directory / name, png(figure))


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file. No pyplot: nothing global, nothing to close."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


def curves(history: Sequence[Epoch], kept_epoch: int) -> Figure:
    """Accuracy and loss over the epochs, training beside validation, the kept epoch marked."""
    figure = sheet(4.4)
    epochs = [row.epoch for row in history]
    panels = (
        ("Accuracy", [row.accuracy for row in history], [row.val_accuracy for row in history]),
        ("Loss", [row.loss for row in history], [row.val_loss for row in history]),
    )
    for axes, (title, training, validation) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.axvline(kept_epoch, color="#a0aec0", linewidth=1.2, linestyle=(0, (2, 3)), zorder=1)
        axes.plot(epochs, training, color=ORANGE, linewidth=2, marker="o", markersize=4, label="training")
        axes.plot(epochs, validation, color=BLUE, linewidth=2, marker="o", markersize=4, label="validation")
        kept = validation[kept_epoch - 1]
        axes.plot([kept_epoch], [kept], "o", color=BLUE, markersize=10, fillstyle="none", markeredgewidth=1.6)
        style(axes, title)
        axes.set_title(f"kept: epoch {kept_epoch}, validation {kept:.4f}", loc="right", color=INK, fontsize=10)
        axes.set_xlabel("epoch", color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, labelcolor=INK, ncols=2, loc="outside lower center")
    return figure


def confusion(matrix: NDArray[np.int64], labels: Sequence[str], which: str) -> Figure:
    """Counts of true against predicted class; colour is the share of the true class."""
    figure = sheet(8.6)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # the square root lets a confusion of 5 % show beside a diagonal of 95 %
    axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    size = 11 if len(labels) <= 12 else 7
    for row, column in np.ndindex(*matrix.shape):
        if count := int(matrix[row, column]):
            dark = np.sqrt(share[row, column]) > 0.6
            axes.text(column, row, str(count), ha="center", va="center", fontsize=size, color="white" if dark else INK)
    ticks = range(len(labels))
    axes.set_xticks(ticks, labels, rotation=40, ha="right", rotation_mode="anchor", color=INK)
    axes.set_yticks(ticks, labels, color=INK)
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true", color=INK)
    right, count = int(np.trace(matrix)), int(matrix.sum())
    axes.set_title(
        f"{which}: {right:,} of {count:,} right ({right / max(count, 1):.2%})", loc="left", color=INK, fontsize=13
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def samples(part: Part, logits: NDArray[np.float32], labels: Sequence[str], which: str) -> Figure:
    """The first 30 pictures with what was predicted, blue where right, red (and the truth) where wrong."""
    count = min(SAMPLES, len(part))
    probabilities = metrics.softmax(logits[:count])
    columns = 6
    figure = sheet(WIDTH * 1.28 * -(-count // columns) / columns + 0.5)
    rights = int((probabilities.argmax(axis=1) == part.targets[:count]).sum())
    figure.suptitle(f"first {count} {which} pictures: {rights} right", x=0.02, ha="left", color=INK, fontsize=13)
    grid = np.atleast_1d(figure.subplots(-(-count // columns), columns)).ravel()
    for axes in grid:
        axes.axis("off")
    for index in range(count):
        predicted, target = int(probabilities[index].argmax()), int(part.targets[index])
        right = predicted == target
        picture = part.pixels[index]
        axes = grid[index]
        if picture.shape[2] == 1:
            axes.imshow(picture[..., 0], cmap="gray", vmin=0, vmax=255)
        else:
            axes.imshow(picture)
        said = f"{labels[predicted]} {probabilities[index, predicted]:.0%}"
        axes.set_title(
            said if right else f"{said}\ntrue: {labels[target]}", color=BLUE if right else RED, fontsize=10.5
        )
    return figure


def augmented(part: Part, recipe: Recipe) -> Figure:
    """Training pictures as they are, at the left, and as the first epochs see them."""
    rows = np.linspace(0, len(part) - 1, min(len(part), AUGMENTED_ROWS)).astype(np.int64)
    feed = Feed(part, batch=1, seed=recipe.seed, augmentation=recipe.augment, pad=recipe.preprocess.pad)
    epochs = range(1, AUGMENTED_EPOCHS + 1)
    columns = [part.pixels[rows], *(feed.pictures(rows, feed.numbers(epoch)).astype(np.uint8) for epoch in epochs)]
    figure = sheet(WIDTH * len(rows) / len(columns) * part.pixels.shape[1] / part.pixels.shape[2] + 0.4)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for line, number in zip(grid, range(len(rows)), strict=True):
        for axes, pixels in zip(line, columns, strict=True):
            axes.axis("off")
            axes.imshow(
                pixels[number] if pixels.shape[3] == 3 else pixels[number, ..., 0], cmap="gray", vmin=0, vmax=255
            )
    for axes, title in zip(
        grid[0], ["as it is", *(f"epoch {one + 1}" for one in range(AUGMENTED_EPOCHS))], strict=True
    ):
        axes.set_title(title, color=INK, fontsize=10)
    return figure


def classes(pictures: Pictures) -> Figure:
    """How many pictures each class has in training, validation and test."""
    parts = [("training", pictures.train, BLUE), ("validation", pictures.validation, ORANGE)]
    if pictures.test is not None:
        parts.append(("test", pictures.test, "#718096"))
    figure = sheet(0.42 * len(pictures.labels) + 1.6)
    axes = figure.subplots()
    rows = np.arange(len(pictures.labels))
    left = np.zeros(len(rows), np.int64)
    for name, part, colour in parts:
        counts = np.bincount(part.targets, minlength=len(rows))
        axes.barh(rows, counts, left=left, color=colour, height=0.72, label=f"{name} {len(part):,}")
        left += counts
    for row, total in zip(rows.tolist(), left.tolist(), strict=True):
        axes.text(total, row, f"  {total:,}", va="center", color=INK, fontsize=10)
    axes.set_yticks(rows, pictures.labels)
    axes.invert_yaxis()
    axes.set_xlim(0, left.max() * 1.1)
    style(axes, f"{pictures.name}: pictures a class")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    figure.legend(frameon=False, labelcolor=INK, ncols=3, loc="outside lower center")
    return figure


def sheet(height: float) -> Figure:
    """Return an empty figure, WIDTH inches wide. height: inches."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)  # inches
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout, facecolor="white")


def style(axes: Any, title: str) -> None:
    """Give axes their title and the look of every plot; those of accuracy are in percent."""
    axes.set_title(title, loc="left", color=INK, fontsize=13)
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#a0aec0")
    axes.tick_params(colors=INK)
    if title == "Accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
