"""
Scores on the embedding: how far it is from where the classes lie, as a negative distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from operator import add

import numpy as np
from numpy.typing import NDArray

from hemline.unknown.answers import Answers, Halves, Score, class_means, halves, units

SHRINKAGE = 1e-3  # of a covariance towards a sphere: an embedding has directions in which nothing ever varies
AXES = 16  # along which Directions knows the spread
_LEAST_VARIANCE = 1e-6  # where all pictures have the same embedding; its inverse fits into half precision


@dataclass(frozen=True)
class Mahalanobis:
    """Distance to the nearest class in units of the spread within classes, the same in each class.

    whitening: (D, D), means: (classes, D), of the embedding as it is.
    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples, 2018.
    """

    whitening: Halves
    means: Halves

    def opened(self) -> Score:
        """Return the score. With white means m it is the least of |w|^2 - 2 w.m + |m|^2."""
        whitening = self.whitening.astype(np.float32)
        white = self.means.astype(np.float32) @ whitening
        table = np.ascontiguousarray(np.hstack([whitening, -2 * whitening @ white.T]))
        lengths: list[float] = (white * white).sum(axis=1).tolist()
        width = len(whitening)

        def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
            both = embedding.dot(table)
            here = both[:width]
            nearest: float = min(map(add, both[width:].tolist(), lengths))
            return -float(here.dot(here)) - nearest

        return score


@dataclass(frozen=True)
class Directions:
    """Mahalanobis on embeddings of length 1, the spread known along a few axes and the same across all others.

    How long an embedding is says how sure the model is, which the logits say too; its direction says what it saw.
    axes: (D, r), each of length 1. spread: (r,) variance along each; rest: variance along any other direction.
    means: (classes, D) of embeddings of length 1.
    Sources: Mueller and Hein, Mahalanobis++, 2025; Tipping and Bishop, Probabilistic Principal Component Analysis,
    1999.
    """

    axes: Halves
    spread: NDArray[np.float64]
    rest: float
    means: Halves

    def opened(self) -> Score:
        """Return the score. For a direction x, the least over the classes of |x - m|^2 / rest - |(x - m) B|^2.

        B has the axes, each as long as the root of 1 / rest - 1 / spread; what is linear in x is one table.
        """
        axes, means = self.axes.astype(np.float64), self.means.astype(np.float64)
        bent = axes * np.sqrt(np.maximum(1 / self.rest - 1 / self.spread, 0.0))
        within = means @ bent
        linear = 2 * (within @ bent.T - means / self.rest).T
        table = np.ascontiguousarray(np.hstack([bent, linear]), np.float32)
        constants: list[float] = ((means * means).sum(axis=1) / self.rest - (within * within).sum(axis=1)).tolist()
        count, whole, nothing = bent.shape[1], 1 / self.rest, np.zeros(table.shape[1], np.float32)

        def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
            square = float(embedding.dot(embedding))
            both = (embedding * (1 / sqrt(square))).dot(table) if square > 0 else nothing
            along = both[:count]
            # ten numbers: map and add are faster here than numpy
            nearest: float = min(map(add, both[count:].tolist(), constants))
            return float(along.dot(along)) - whole - nearest

        return score


@dataclass(frozen=True)
class Cosine:
    """Cosine of the angle to the nearest class mean, -1 to 1. means: (classes, D), each of length 1."""

    means: Halves

    def opened(self) -> Score:
        """Return the score."""
        return _nearest(self.means)


@dataclass(frozen=True)
class Neighbours:
    """Cosine of the angle to the nearest of some training pictures, -1 to 1. memory: (K, D), each of length 1.

    Source: Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, 2022; with a small memory the
    nearest one says more than the fifth.
    """

    memory: Halves

    def opened(self) -> Score:
        """Return the score."""
        return _nearest(self.memory)


@dataclass(frozen=True)
class Residual:
    """Negative length of what lies outside the plane of most variance. outside: (D, D - r), centre: (D,).

    Source: Wang et al., ViM: Out-of-Distribution with Virtual-logit Matching, 2022.
    """

    outside: Halves
    centre: Halves

    def opened(self) -> Score:
        """Return the score."""
        outside = np.ascontiguousarray(self.outside, np.float32)
        shift = self.centre.astype(np.float32) @ outside

        def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
            off = embedding.dot(outside) - shift
            return -sqrt(float(off.dot(off)))

        return score


def _nearest(rows: Halves) -> Score:
    table = np.ascontiguousarray(rows.T, np.float32)

    def score(logits: Sequence[float], embedding: NDArray[np.float32]) -> float:
        square = float(embedding.dot(embedding))
        return float(embedding.dot(table).max()) / sqrt(square) if square > 0 else -1.0

    return score


def mahalanobis(train: Answers, temperature: float) -> Mahalanobis:
    """Return the distance to the classes of training pictures."""
    rows = np.asarray(train.embeddings, np.float64)
    means, off = class_means(rows, train.targets)
    return Mahalanobis(halves(_whitening(off)), halves(means))


def background(train: Answers, temperature: float) -> Mahalanobis:
    """Return the distance to all training pictures as if they were one class; for Ren's relative distance."""
    rows = np.asarray(train.embeddings, np.float64)
    mean = rows.mean(axis=0, keepdims=True)
    return Mahalanobis(halves(_whitening(rows - mean)), halves(mean))


def directions(train: Answers, temperature: float) -> Directions:
    """Return the distance of the direction, with half of the axes where the embedding is narrow."""
    means, off = class_means(units(train.embeddings), train.targets)
    variances, axes = _spectrum(off)
    count = min(AXES, len(axes) // 2)
    rest = max(float(variances[count:].mean()), _LEAST_VARIANCE)
    return Directions(halves(axes[:, :count]), np.maximum(variances[:count], rest), rest, halves(means))


def cosine(train: Answers, temperature: float) -> Cosine:
    """Return the angle to the class means."""
    means, _ = class_means(units(train.embeddings), train.targets)
    return Cosine(halves(units(means)))


def neighbours(train: Answers, temperature: float, *, count: int = 1000) -> Neighbours:
    """Return the angle to `count` training pictures, as many of each class, evenly spaced."""
    classes = np.unique(train.targets)
    chosen = []
    for target in classes:
        members = np.flatnonzero(train.targets == target)
        share = min(max(1, count // len(classes)), len(members))
        chosen.append(members[np.arange(share) * len(members) // share])
    return Neighbours(halves(units(train.embeddings[np.concatenate(chosen)])))


def residual(train: Answers, temperature: float) -> Residual:
    """Return what lies outside a plane of a quarter of the dimensions."""
    rows = np.asarray(train.embeddings, np.float64)
    centre = rows.mean(axis=0)
    _, axes = _spectrum(rows - centre)
    return Residual(halves(axes[:, len(axes) // 4 :]), halves(centre))


def _spectrum(off: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return variances (D,) from the greatest down and their axes (D, D), of rows (N, D) around 0."""
    variances, axes = np.linalg.eigh(off.T @ off / len(off))
    return np.maximum(variances[::-1], 0.0), axes[:, ::-1]


def _whitening(off: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return W (D, D) with W W^T the inverse of the shrunk covariance of rows (N, D) around 0."""
    variances, axes = _spectrum(off)
    shrunk = (1 - SHRINKAGE) * variances + SHRINKAGE * max(float(variances.mean()), _LEAST_VARIANCE)
    return np.asarray(axes / np.sqrt(shrunk))
