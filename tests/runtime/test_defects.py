"""Good or defective: figures against plain counting, intervals over parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hemline import cli, defects, metrics
from hemline.bootstrap import cluster_bootstrap
from hemline.bundle import Bundle
from hemline.errors import BundleError, UsageError

LABELS = ("blowhole", "crack", "free")
FREE = 2


def drawn(parts: int = 60, pictures: int = 4, seed: int = 3) -> tuple[Any, Any, list[str]]:
    """Return logits, targets and groups of parts whose pictures are much alike, half of the parts free."""
    random = np.random.default_rng(seed)
    kinds = np.where(np.arange(parts) % 2 == 0, FREE, np.arange(parts) // 2 % 2)
    targets = np.repeat(kinds, pictures)
    own = np.repeat(random.normal(size=(parts, 3)), pictures, axis=0)
    logits = own + 0.2 * random.normal(size=(parts * pictures, 3))
    logits[np.arange(len(targets)), targets] += 1.5
    return logits.astype(np.float32), targets, [f"tile {part}" for part in np.repeat(np.arange(parts), pictures)]


def test_the_score_is_the_probability_of_every_class_but_the_good_one() -> None:
    logits = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 60.0], [60.0, 0.0, 0.0]])
    scores = defects.good_scores(logits, FREE)
    assert scores[0] == pytest.approx(2 / 3)
    assert scores[1] == pytest.approx(2 * np.exp(-60.0)), "1 - p would be 0"
    assert scores[2] == pytest.approx(1.0)
    assert scores[2] <= 1.0
    flat = defects.good_scores(logits, FREE, temperature=100.0)
    assert flat[1] == pytest.approx(1 - metrics.softmax(logits, 100.0)[1, FREE])


def test_figures_are_those_of_plain_counting_with_equal_scores_too() -> None:
    random = np.random.default_rng(5)
    defective = random.random(80) < 0.4
    scores = np.round(random.random(80) + 0.3 * defective, 1)
    bad, good = scores[defective], scores[~defective]
    pairs = [(1.0 if one > other else 0.5 if one == other else 0.0) for one in bad for other in good]
    assert defects.auroc_with_interval(scores, defective, repeats=20).value == pytest.approx(np.mean(pairs))
    found = defects.escape_at_false_reject(scores, defective, rates=(0.0, 0.05, 0.2, 0.5), repeats=20)
    for rate, row in found.items():
        thresholds = [*sorted(set(scores)), np.inf]
        least = next(at for at in thresholds if (good >= at).mean() <= rate)
        assert row.value == pytest.approx((bad < least).mean())
    values = [row.value for row in found.values()]
    assert values == sorted(values, reverse=True), "more rejects, fewer escapes"


def test_macro_f1_is_that_of_the_metrics_and_lies_in_its_interval() -> None:
    logits, targets, groups = drawn()
    found = defects.macro_f1_with_interval(logits, targets, groups)
    assert found.value == pytest.approx(metrics.score(logits, targets, LABELS)["macro_f1"])
    assert 0 < found.low < found.value < found.high < 1


def test_many_pictures_of_one_part_do_not_narrow_an_interval() -> None:
    logits, targets, groups = drawn(pictures=1)
    often = np.repeat(np.arange(len(targets)), 6)
    once = defects.auroc_with_interval(defects.good_scores(logits, FREE), targets != FREE, groups)
    scores, defective = defects.good_scores(logits, FREE)[often], (targets != FREE)[often]
    by_part = defects.auroc_with_interval(scores, defective, [groups[index] for index in often])
    by_picture = defects.auroc_with_interval(scores, defective)
    assert by_part.value == pytest.approx(once.value)
    assert by_part.high - by_part.low == pytest.approx(once.high - once.low, rel=0.1)
    assert by_picture.high - by_picture.low < 0.6 * (by_part.high - by_part.low)


def test_every_draw_has_as_many_parts_of_each_stratum_and_whole_ones() -> None:
    groups = ["a", "a", "b", "c", "c", "c", "d"]
    strata = np.array([0, 0, 0, 1, 0, 1, 1])  # c is of both, which makes it of the greater
    seen: list[Any] = []

    def keep(weights: Any) -> Any:
        seen.append(weights)
        return weights[:, :1]

    cluster_bootstrap(keep, groups, strata, repeats=300, seed=1)
    weights = np.concatenate(seen[:-1])
    assert len(weights) == 300
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, 0] + weights[:, 2] == 2).all()
    assert (weights[:, 3] + weights[:, 6] == 2).all()
    assert (seen[-1] == 1).all(), "the figure itself is of the pictures as they are"


def test_one_seed_gives_one_interval() -> None:
    logits, targets, groups = drawn()
    scores = defects.good_scores(logits, FREE)
    first, again, other = (
        defects.auroc_with_interval(scores, targets != FREE, groups, seed=seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_a_draw_that_has_no_such_figure_is_left_out() -> None:
    # the only good pictures are of a part that also has a defect: half of the draws have none
    scores, defective = np.array([0.1, 0.9, 0.2, 0.8]), np.array([False, True, True, True])
    found = defects.auroc_with_interval(scores, defective, ["a", "a", "b", "b"], repeats=200)
    assert found.value == 1.0
    assert np.isfinite(found.interval).all()


@pytest.mark.parametrize("parts", [6, 15, 100])
def test_nothing_missed_still_has_an_interval_that_of_an_exact_binomial(parts: int) -> None:
    defective = np.repeat([False, True], parts)
    scores = np.linspace(0, 1, 2 * parts)
    escape = defects.escape_at_false_reject(scores, defective, rates=(0.01,))[0.01]
    limit = stats.beta.ppf(0.975, 1, parts)
    assert escape.interval == [0.0, pytest.approx(limit)]
    area = defects.auroc_with_interval(scores, defective)
    assert area.interval == [pytest.approx(1 - limit), 1.0]
    turned = defects.auroc_with_interval(-scores, defective)
    assert (turned.value, turned.low) == (0.0, 0.0)
    assert turned.high == pytest.approx(limit)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    # two normals, 1.2 apart, pictures of a part alike: the true area is Phi(1.2 / sqrt 2)
    random = np.random.default_rng(11)
    truth, held = stats.norm.cdf(1.2 / np.sqrt(2)), 0
    defective = np.repeat(np.arange(60) % 2 == 1, 3)
    groups = [str(part) for part in np.repeat(np.arange(60), 3)]
    for _ in range(60):
        own = random.normal(size=60)
        scores = np.repeat(own, 3) + 1.2 * defective
        found = defects.auroc_with_interval(scores, defective, groups, repeats=300)
        held += found.low <= truth <= found.high
    assert held >= 51, "95 % of 60 are 57, and 51 are below its 99 % range"


def test_each_defect_has_its_own_row_with_its_parts() -> None:
    logits, targets, groups = drawn()
    rows = defects.per_defect(logits, targets, LABELS, FREE, groups, rates=(0.05,))
    assert [row["label"] for row in rows] == ["blowhole", "crack"]
    scores, named = defects.good_scores(logits, FREE), logits.argmax(axis=1)
    whole = defects.escape_at_false_reject(scores, targets != FREE, groups, rates=(0.05,))[0.05].value
    parts = 0.0
    for target, row in enumerate(rows):
        own = targets == target
        assert (row["pictures"], row["parts"]) == (60, 15)
        assert row["recall"] == pytest.approx((named[own] == target).mean())
        assert row["recall_ci95"][0] <= row["recall"] <= row["recall_ci95"][1]
        low, high = row["escape_at_false_reject_ci95"]["0.05"]
        assert low <= row["escape_at_false_reject"]["0.05"] <= high
        parts += row["escape_at_false_reject"]["0.05"] / 2
    assert parts == pytest.approx(whole), "the threshold is set by the good, the same for every defect"


def test_pictures_of_one_kind_have_no_such_figures() -> None:
    logits, targets, groups = drawn()
    free = targets == FREE
    own = [group for group, keep in zip(groups, free, strict=True) if keep]
    assert defects.figures(logits[free], targets[free], FREE, own) == {}
    with pytest.raises(ValueError, match="good and defective ones among them"):
        defects.auroc_with_interval(np.array([0.1, 0.2]), np.array([False, False]))
    with pytest.raises(ValueError, match="3 group names for 4 pictures"):
        defects.parts_of(4, ["a", "b", "c"])


MakeBundle = Callable[..., Bundle]


def test_the_good_class_is_the_one_asked_for_else_the_one_of_the_recipe(fake_bundle: MakeBundle) -> None:
    assert defects.good_label(fake_bundle()) is None
    named = fake_bundle(provenance={"data": {"name": "closet", "good": "shoe"}})
    assert defects.good_label(named) == "shoe"
    assert defects.good_label(named, "shirt") == "shirt"
    with pytest.raises(UsageError, match="no label 'shrit'; nearest: shirt"):
        defects.good_label(named, "shrit")
    with pytest.raises(BundleError, match="its good class 'hat' is none of its labels"):
        defects.good_label(fake_bundle(provenance={"data": {"good": "hat"}}))


def test_evaluate_tells_defects_from_good_parts_where_the_bundle_says_which_class_is_good(
    fake_bundle: MakeBundle, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle(provenance={"data": {"good": "shoe"}})
    lines = [f"{path.parent.name}/{path.name},{path.parent.name}{int(path.stem) // 2}" for path in labelled.glob("*/*")]
    (labelled / "groups.csv").write_text("\n".join(["path,group", *lines, ""]))
    assert cli.main(["evaluate", str(bundle.directory), "--data", str(labelled), "--json", "-"]) == 0
    for row in json.loads(capsys.readouterr().out)["artifacts"]:
        assert (row["good_label"], row["parts"]) == ("shoe", 6)
        assert row["auroc_ci95"][0] <= row["auroc"] <= row["auroc_ci95"][1]
        assert list(row["escape_at_false_reject"]) == ["0.005", "0.01", "0.02", "0.05"]
        assert [entry["label"] for entry in row["per_defect"]] == ["shirt", "trouser"]
        assert row["macro_f1_ci95"][0] <= row["macro_f1"] <= row["macro_f1_ci95"][1]
    page = tmp_path / "page.html"
    assert cli.main(["evaluate", str(bundle.directory), "--data", str(labelled), "--html", str(page)]) == 0
    assert "bootstrap over whole parts, 6 of them" in page.read_text()
    out = capsys.readouterr().out
    assert "defective pictures that pass when so many of 'shoe' are rejected; intervals over 6 parts" in out
    assert cli.main(["evaluate", str(fake_bundle("plain").directory), "--data", str(labelled)]) == 0
    assert "rejected" not in capsys.readouterr().out


def test_two_classes_of_which_none_is_called_good_have_an_area_and_no_escapes() -> None:
    from hemline.bundle import Artifact
    from hemline.evaluation import good_or_defective

    random = np.random.default_rng(1)
    logits, targets = random.normal(size=(40, 2)).astype(np.float32), np.arange(40) % 2
    artifact = Artifact("fake", "int8", ())
    found = good_or_defective(logits, targets, ("a", "b"), artifact, None, None)
    assert list(found) == ["auroc", "auroc_ci95"]
    named = good_or_defective(logits, targets, ("a", "b"), artifact, "b", None)
    assert named["auroc"] == pytest.approx(found["auroc"]), "whichever of the two is the good one"
    assert good_or_defective(random.normal(size=(6, 3)), targets[:6], LABELS, artifact, None, None) == {}
