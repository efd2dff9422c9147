from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hemline.datasets import Dataset, labelmap
from hemline.drawn import LABELS
from hemline.errors import UsageError
from hemline.metrics import softmax

FASHION = labelmap.load("clothing-to-fashion")


def dataset(*labels: str) -> Dataset:
    names = tuple(sorted(set(labels)))
    targets = np.array([names.index(label) for label in labels], np.int64)
    pictures = [np.full((28, 28), number, np.uint8) for number in range(len(labels))]
    return Dataset("d", "test", names, targets, [f"p{i}" for i in range(len(labels))], lambda index: pictures[index])


def test_the_map_to_fashion_mnist_names_classes_that_are_there() -> None:
    assert FASHION.labels(LABELS) == ("dress", "longsleeve", "outwear", "pants", "shirt", "shoes", "t-shirt", "Bag")


def test_mapped_pictures_and_the_rest_are_all_pictures() -> None:
    every = dataset("hat", "pants", "dress", "hat", "longsleeve", "outwear", "shirt", "shoes", "t-shirt", "skirt")
    part, rest = FASHION.part(every), FASHION.rest(every)
    assert [part.labels[target] for target in part.targets] == [
        "pants",
        "dress",
        "longsleeve",
        "outwear",
        "shirt",
        "shoes",
        "t-shirt",
    ]
    assert [int(part.picture(index)[0, 0]) for index in range(len(part))] == [1, 2, 4, 5, 6, 7, 8]
    assert sorted([*part.sources, *rest.sources]) == sorted(every.sources)


def test_the_probability_of_a_class_is_the_sum_over_its_names() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, 10)).astype(np.float32)
    mapped = softmax(FASHION.logits(logits, LABELS, 1.7), 1.7)
    plain = softmax(logits, 1.7)
    shoes = plain[:, [LABELS.index(name) for name in ("Sandal", "Sneaker", "Ankle boot")]].sum(axis=1)
    assert np.allclose(mapped.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(mapped[:, 5], shoes, atol=1e-5)
    assert np.allclose(mapped[:, 7], plain[:, LABELS.index("Bag")], atol=1e-5)


def test_a_map_of_other_classes_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="labels map clothing-to-fashion: no class of the model 'Ankle boot'"):
        FASHION.labels(("a", "b"))
    with pytest.raises(UsageError, match="no class in d 'dress'"):
        FASHION.part(dataset("pants", "hat"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no table \\[labels\\]"),
        ("labels = 3", "no table \\[labels\\]"),
        ("[labels]\na = 'A'", "'a' is 'A'; give a list"),
        ("[labels]\na = []", "give a list"),
        ("[labels]\na = ['A']\nb = ['A']", "'A' means both 'a' and 'b'"),
        ("[labels", "not TOML"),
    ],
)
def test_a_map_that_says_nothing_clear_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        labelmap.parse(text, name="m")


def test_a_map_is_found_by_name_or_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[labels]\nx = ["A", "B"]\n')
    assert labelmap.load(str(path)) == labelmap.LabelMap("mine", {"x": ("A", "B")})
    with pytest.raises(UsageError, match=r"no labels map 'clothing-to-fasion'; nearest: clothing-to-fashion"):
        labelmap.load("clothing-to-fasion")
    with pytest.raises(UsageError, match="no such file"):
        labelmap.load(str(tmp_path / "none.toml"))
