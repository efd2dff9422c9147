"""hemline line tune: the arithmetic of its promises, the thresholds it chooses, and what it refuses to promise."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import stats

from hemline import cli, datasets, defects
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.errors import DatasetError, UsageError
from hemline.line import bounds
from hemline.line.curve import POINTS, Curve
from hemline.line.decision_file import DecisionFile
from hemline.line.parts import Defect, PartScores
from hemline.line.scores import Scored, data_sha256, defect_score, score, standing
from hemline.line.thresholds import Thresholds, middle, rounded_down, rounded_up
from hemline.line.tuning import Target, choose, tune
from hemline.line.wording import percent, promises, shortfalls

MakeBundle = Callable[..., Bundle]


def parts_with(least: Any, good: Any) -> PartScores:
    """Return parts of one picture each, by their scores."""
    least, good = np.asarray(least, np.float64), np.asarray(good, np.float64)
    kinds = MappingProxyType({"crack": Defect("crack", len(least), least, least)})
    return PartScores(least, least, good, kinds, "free", len(good), 0, 0)


def chance_of_so_few(seen: int, count: int, share: float) -> float:
    """Return the probability of `seen` or fewer of `count`, summed term by term."""
    logs = [
        math.log(math.comb(count, k)) + k * math.log(share) + (count - k) * math.log1p(-share) for k in range(seen + 1)
    ]
    return math.fsum(math.exp(value) for value in logs)


@pytest.mark.parametrize("count", [1, 15, 48, 299, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_a_limit_is_the_exact_one_of_clopper_and_pearson(count: int, confidence: float) -> None:
    for seen in {0, 1, count // 10, count // 2, count - 1} - {count}:
        limit = bounds.at_most(seen, count, confidence)
        assert limit == pytest.approx(stats.beta.ppf(confidence, seen + 1, count - seen), abs=1e-8)
        assert chance_of_so_few(seen, count, limit) == pytest.approx(1 - confidence, abs=1e-6)
        low, high = bounds.interval(seen, count, confidence)
        exact = stats.binomtest(seen, count).proportion_ci(confidence, "exact")
        assert (low, high) == (pytest.approx(exact.low, abs=1e-8), pytest.approx(exact.high, abs=1e-8))
    assert bounds.at_most(count, count, confidence) == 1.0
    assert bounds.at_most(0, 0, confidence) == 1.0


def test_the_figures_that_everybody_on_a_line_knows() -> None:
    assert percent(bounds.at_most(0, 15, 0.95)) == "18.2 %"  # 0.18104, and a promise is not rounded down
    assert bounds.needed(0.01, 0.95) == 299
    assert bounds.needed(0.02, 0.95) == 149
    assert bounds.needed(0.01, 0.95, seen=1) == 473
    assert bounds.allowed(298, 0.01, 0.95) is None
    assert bounds.allowed(299, 0.01, 0.95) == 0
    assert bounds.allowed(472, 0.01, 0.95) == 0
    assert bounds.allowed(473, 0.01, 0.95) == 1


def test_the_table_in_the_document_is_right() -> None:
    document = Path(__file__).resolve().parents[2] / "docs" / "line-tune.md"
    rows = re.findall(r"^\| (\d+) \| ([\d.]+ %) \|$", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 6
    assert rows == [(parts, percent(bounds.at_most(0, int(parts), 0.95))) for parts, _ in rows]
    assert (bounds.needed(0.01, 0.95, seen=1), bounds.needed(0.01, 0.95, seen=2)) == (473, 628)


def test_as_many_are_allowed_as_keep_the_limit_and_not_one_more() -> None:
    for count in (59, 100, 350, 2273):
        for share in (0.05, 0.1, 0.33):
            found = bounds.allowed(count, share, 0.95)
            assert found is not None
            assert chance_of_so_few(found, count, share) <= 0.05 < chance_of_so_few(found + 1, count, share)
            assert bounds.needed(share, 0.95, seen=found) <= count


def test_limits_of_shares_are_written_rounded_up() -> None:
    assert [percent(share) for share in (0, 0.01, 0.1, 1.0, 0.0100001, 0.00123456, 0.3)] == [
        *("0 %", "1 %", "10 %", "100 %", "1.01 %", "0.124 %", "30 %"),
    ]


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.0512345, 0.1, 0.5, 0.98765432, 1 - 1e-9])
def test_a_threshold_is_rounded_to_the_side_that_keeps_its_promise(value: float) -> None:
    below, above = rounded_down(value), rounded_up(value)
    assert above is not None
    assert 0 <= below <= value < above <= 1
    assert above - below <= 1.01e-3 * max(min(value, 1 - value), 1e-11)
    assert rounded_up(1.0) is None
    assert rounded_down(1.0) == 1.0


def test_thresholds_that_overlap_are_refused() -> None:
    with pytest.raises(UsageError, match=r"thresholds overlap: a score from 0\.3 to 0\.4 would pass and be rejected"):
        Thresholds(0.4, 0.3)
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(UsageError, match="a score of 0 to 1"):
            Thresholds(0.0, wrong)
    both = Thresholds(0.3, 0.3)
    assert (both.verdict(0.2999), both.verdict(0.3)) == ("pass", "reject")
    assert Thresholds(0.3, 0.6).verdict(0.45) == "review"
    assert Thresholds(0.0, 1.0).verdict(math.nan) == "reject"


def test_pass_below_is_the_greatest_threshold_that_keeps_its_target_and_reject_from_the_least() -> None:
    random = np.random.default_rng(4)
    parts = parts_with(random.beta(2, 2, 350), random.beta(1.5, 2.5, 420))
    target = Target(max_escape=0.05, max_overkill=0.1)
    found = tune(parts, target)
    assert found.supported
    at = found.thresholds
    assert at.pass_below < at.reject_from
    assert stats.beta.ppf(0.95, found.escape.seen + 1, 350 - found.escape.seen) <= 0.05
    assert stats.beta.ppf(0.95, found.overkill.seen + 1, 420 - found.overkill.seen) <= 0.1
    # a step further, larger than the rounding, and neither would be kept
    further = parts.escaped(at.pass_below * 1.002 + 1e-9), parts.overkill(at.reject_from * 0.998)
    assert stats.beta.ppf(0.95, further[0] + 1, 350 - further[0]) > 0.05
    assert stats.beta.ppf(0.95, further[1] + 1, 420 - further[1]) > 0.1
    assert found.escape.at_most <= 0.05
    assert (found.escape.allowed, found.overkill.allowed) == (found.escape.seen, found.overkill.seen)


def test_the_promise_holds_although_the_threshold_is_chosen_on_the_same_parts() -> None:
    # scores even over 0..1: the share of all parts to come that pass is the threshold itself
    random = np.random.default_rng(9)
    target = Target(max_escape=0.1, max_overkill=0.1)
    broken = {"escape": 0, "overkill": 0}
    for _ in range(120):
        at = choose(parts_with(random.random(60), random.random(60)), target).thresholds
        broken["escape"] += at.pass_below > 0.1
        broken["overkill"] += at.reject_from < 0.9
    for count in broken.values():
        assert count <= 12, "5 % of 120 are 6, and more than 12 are seen once in a hundred"


def test_where_both_targets_can_be_kept_at_once_nothing_is_reviewed() -> None:
    parts = parts_with(np.linspace(0.6, 0.99, 300), np.linspace(0.001, 0.2, 300))
    found = tune(parts, Target())
    at = found.thresholds
    assert found.supported
    assert at.pass_below == at.reject_from
    assert 0.2 < at.pass_below < 0.6, "far from both"
    assert (found.escape.seen, found.overkill.seen, found.good.reviewed) == (0, 0, 0)
    assert middle(0.1, 0.9) == pytest.approx(0.5, abs=1e-4)
    assert 0.0 <= middle(0.0, 1.0) <= 1.0


def test_what_the_parts_cannot_support_is_refused_with_the_arithmetic() -> None:
    found = tune(parts_with(np.full(15, 0.8), np.linspace(0, 0.5, 200)), Target())
    assert not found.supported
    assert found.overkill.supported
    (line,) = shortfalls(found)
    assert line == (
        "escapes of at most 1 % with 95 % confidence cannot be promised: 15 defective parts without a miss support at "
        "most 18.2 %; 299 without a miss are needed"
    )
    first, second = promises(found)
    assert first.startswith("at most 18.2 % of defective parts pass, with 95 % confidence: of 15 parts 0 did; 1 % was")
    assert "is not promised" in first
    assert second.startswith("at most 2 % of good parts are rejected, with 95 % confidence: of 200 parts 0 may, 0 did")
    assert found.escape.as_dict()["supported"] is False


def test_what_is_settled_for_has_no_miss_at_all_and_the_limit_of_that() -> None:
    random = np.random.default_rng(2)
    parts = parts_with(random.random(40), random.random(30))
    found = tune(parts, Target())
    assert (found.escape.seen, found.overkill.seen) == (0, 0)
    assert found.escape.at_most == pytest.approx(1 - 0.05 ** (1 / 40))
    assert found.overkill.at_most == pytest.approx(1 - 0.05 ** (1 / 30))
    assert found.thresholds.pass_below <= parts.least.min()
    assert found.thresholds.reject_from > parts.good.max()


def test_good_parts_that_score_1_cannot_be_saved_by_a_threshold() -> None:
    found = tune(parts_with(np.linspace(0.5, 0.99, 300), np.concatenate([np.ones(20), np.full(280, 0.1)])), Target())
    assert found.thresholds.reject_from == 1.0
    assert (found.overkill.seen, found.overkill.supported) == (20, False)
    assert found.overkill.at_most == pytest.approx(stats.beta.ppf(0.95, 21, 280))
    (line,) = shortfalls(found)
    assert "20 of 300 good parts score 1, which every threshold rejects, and 1 may" in line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_escape": 0.0}, "max-escape 0; a share of parts above 0 and below 1"),
        ({"max_overkill": 1.0}, "max-overkill 1; a share"),
        ({"confidence": 95.0}, "confidence 95; 0.5 to below 1"),
        ({"confidence": 0.05}, "confidence 0.05; 0.5 to below 1"),
    ],
)
def test_a_target_that_is_none_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Target(**changes)


def test_a_curve_has_every_count_or_is_thinned_and_keeps_its_marks() -> None:
    random = np.random.default_rng(6)
    parts = parts_with(random.random(20), random.random(20))
    whole = Curve.of(parts, 0.95)
    assert set(whole.escaped) == set(range(21)), "each step of it"
    assert whole.overkill == tuple(sorted(whole.overkill, reverse=True))
    assert whole.escape_at_most[0] == pytest.approx(1 - 0.05 ** (1 / 20))
    thinned = Curve.of(parts_with(random.random(4000), random.random(4000)), 0.95, (0.123, 0.456))
    assert {0.0, 0.123, 0.456, 1.0} <= set(thinned.threshold)
    assert len(thinned.threshold) <= POINTS + 4


def scored_with(targets: Any, scores: Any, parts: Any, labels: tuple[str, ...] = ("crack", "free", "fray")) -> Scored:
    """Return scored pictures, "free" being good."""
    count = len(targets)
    flags, wide = np.zeros(count, bool), np.zeros((count, 2), np.float32)
    arrays = np.asarray(targets), np.asarray(scores, np.float64), np.asarray(parts)
    return Scored("tiles", "test", labels, "free", *arrays, True, wide, flags, "0" * 64)


def test_a_part_escapes_by_one_picture_and_is_thrown_away_by_one() -> None:
    parts = PartScores.of(scored_with([0, 0, 0, 1, 1, 1], [0.9, 0.1, 0.8, 0.2, 0.7, 0.1], [0, 0, 1, 2, 2, 3]))
    assert parts.least.tolist() == [0.1, 0.8]
    assert parts.good.tolist() == [0.7, 0.1]
    assert (parts.escaped(0.5), parts.overkill(0.5)) == (1, 1)
    assert (parts.escaped(0.1), parts.overkill(0.7)) == (0, 1), "below passes, as much is rejected"
    found = tune(parts, Target())
    (row,) = found.defects
    assert (row.label, row.parts, row.pictures) == ("crack", 2, 3)


def test_the_good_pictures_of_a_defective_part_say_nothing_about_good_parts() -> None:
    # part 0 has a crack, a fray and, seen from elsewhere, nothing
    parts = PartScores.of(scored_with([0, 1, 2, 1], [0.9, 0.05, 0.6, 0.3], [0, 0, 0, 1]))
    assert (parts.least.tolist(), parts.greatest.tolist(), parts.good.tolist()) == ([0.6], [0.9], [0.3])
    assert {label: defect.least.tolist() for label, defect in parts.defects.items()} == {"crack": [0.9], "fray": [0.6]}
    assert (parts.left_out, parts.pictures) == (1, 1)
    with pytest.raises(DatasetError, match="every part has a picture of a defect; none is good"):
        PartScores.of(scored_with([0, 1], [0.9, 0.1], [0, 0]))
    with pytest.raises(DatasetError, match=r"tiles/test: no picture of a defect; thresholds need both"):
        PartScores.of(scored_with([1, 1], [0.9, 0.1], [0, 1]))
    with pytest.raises(DatasetError, match=r"no picture of a good part \('free'\)"):
        PartScores.of(scored_with([0, 2], [0.9, 0.1], [0, 1]))


def test_the_hash_of_the_data_is_of_pixels_labels_and_groups_in_any_order() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 5, 6, 1), np.uint8)
    labels, groups = ["a", "b", "a", "b"], ["1", "1", "2", "2"]
    whole = data_sha256(pixels, labels, groups)
    order = [2, 0, 3, 1]
    assert data_sha256(pixels[order], [labels[i] for i in order], [groups[i] for i in order]) == whole
    other = pixels.copy()
    other[0, 0, 0, 0] ^= 1
    assert len({whole, data_sha256(other, labels, groups), data_sha256(pixels, labels, None)}) == 3
    assert data_sha256(pixels, ["b", *labels[1:]], groups) != whole
    assert data_sha256(pixels, labels, ["2", *groups[1:]]) != whole


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """Return a folder of shoes, which are good, and two defects; two pictures of a part."""
    random, rows = np.random.default_rng(7), []
    for label, count in (("shoe", 12), ("shirt", 6), ("scratch", 4)):
        (tmp_path / "tiles" / label).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 256, (28, 28), np.uint8)
            assert cv2.imwrite(str(tmp_path / "tiles" / label / f"{index}.png"), pixels)
            rows.append(f"{label}/{index}.png,{label}{index // 2}")
    (tmp_path / "tiles" / "groups.csv").write_text("\n".join(["path,group", *rows, ""]))
    return tmp_path / "tiles"


def test_a_picture_has_the_score_that_the_line_will_see(fake_bundle: MakeBundle, tiles: Path) -> None:
    bundle = fake_bundle()
    dataset = datasets.read(tiles)
    found = score(bundle, "fake:int8", dataset, "shoe")
    with Classifier.open(bundle, artifact="fake:int8", top=3) as classifier:
        for index in range(0, len(dataset), 5):
            seen = classifier.look(dataset.picture(index))
            assert defect_score(seen.result, "shoe") == pytest.approx(found.scores[index], abs=1e-9)
    assert not found.unlike.any()
    with (
        Classifier.open(bundle, artifact="fake:int8", top=1) as classifier,
        pytest.raises(UsageError, match="an answer of 1 classes has no defect score"),
    ):
        defect_score(classifier.classify(dataset.picture(0)), "shoe")


def test_a_low_confidence_alone_is_no_doubt_about_a_verdict(fake_bundle: MakeBundle, tiles: Path) -> None:
    from dataclasses import replace

    with Classifier.open(fake_bundle(), artifact="fake:int8", top=3) as classifier:
        seen = classifier.look(datasets.read(tiles).picture(0))
    unsure = replace(seen, result=replace(seen.result, quality="uncertain", reason="confidence 0.4 is below 0.9"))
    assert standing(unsure) == "good", "the decision file says what passes"
    assert standing(replace(seen, result=replace(unsure.result, label=None))) == "uncertain", "unlike training"
    assert standing(replace(seen, result=replace(unsure.result, quality="bad"))) == "bad"


def test_tune_refuses_and_writes_nothing_where_the_parts_are_too_few(
    fake_bundle: MakeBundle, tiles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    asked = ["line", "tune", str(bundle.directory), "--data", str(tiles), "--good", "shoe", "--artifact", "fake:int8"]
    assert cli.main([*asked, "--signed-by", "Ada"]) == 1
    out, err = capsys.readouterr()
    assert "closet@1 fake:int8 on tiles/train: 5 defective parts, 6 of 'shoe', 22 pictures" in out
    assert "5 defective parts without a miss support at most 45.1 %; 299 without a miss are needed" in err
    assert "6 good parts of which none is rejected support at most 39.4 %; 149" in err
    assert "groups.csv" not in err
    assert not list(tiles.parent.glob("*.decision.json"))


def test_accept_writes_what_the_parts_do_support_beside_the_bundle_and_says_so(
    fake_bundle: MakeBundle, tiles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    asked = ["line", "tune", str(bundle.directory), "--data", str(tiles), "--good", "shoe", "--artifact", "fake:int8"]
    assert cli.main([*asked, "--accept"]) == 0
    assert "nothing was written: thresholds count when somebody signs" in capsys.readouterr().err
    assert cli.main([*asked, "--accept", "--signed-by", "Ada Weber"]) == 0
    path = tiles.parent / "closet.decision.json"
    assert f"{path}: signed by Ada Weber" in capsys.readouterr().err
    found = DecisionFile.load(path, bundle, "fake:int8")
    assert (found.signed_by, found.good, found.data["parts"]) == ("Ada Weber", "shoe", 11)
    assert found.data["counts"]["scratch"] == {"parts": 2, "pictures": 4}, "the model has no such class"
    assert found.data["sha256"] == score(bundle, "fake:int8", datasets.read(tiles), "shoe").sha256
    assert found.claims["escape"]["at_most"] == pytest.approx(1 - 0.05 ** (1 / 5))
    assert "1 % was asked for and is not promised" in found.promised[0]
    assert [row["label"] for row in found.defects] == ["scratch", "shirt"]
    assert found.target == {"max_escape": 0.01, "max_overkill": 0.02, "confidence": 0.95}
    assert found.baseline.embeddings.shape == (12, 8)


def test_a_modest_target_is_kept_and_the_report_has_the_whole_arithmetic(
    fake_bundle: MakeBundle, tiles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle(provenance={"data": {"good": "shoe"}})
    out = tmp_path / "line-3.json"
    command = ["line", "tune", str(bundle.directory), "--data", str(tiles), "--artifact", "fake:float32"]
    asked = ["--max-escape", "0.5", "--max-overkill", "0.4", "--json", "-", "--signed-by", "Ada", "--out", str(out)]
    assert cli.main([*command, *asked]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["supported"], report["missing"], report["written"]) == (True, [], str(out))
    assert report["claims"]["escape"]["allowed"] == 0
    assert report["claims"]["escape"]["at_most"] == pytest.approx(stats.beta.ppf(0.95, 1, 5))
    assert sum(row["parts"] for row in report["defects"]) == 5
    for row in report["defects"]:
        assert row["parts"] == row["escaped"] + row["reviewed"] + row["rejected"]
    assert len({len(column) for column in report["curve"].values()}) == 1
    assert DecisionFile.load(out, bundle, "fake:float32").thresholds == Thresholds(**report["thresholds"])


def test_without_groups_and_on_pictures_of_training_it_warns_that_it_promises_too_much(
    fake_bundle: MakeBundle, tiles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = {"name": "tiles", "validation": 0.4, "split_seed": 0, "limit": 0, "good": "shoe"}
    bundle = fake_bundle(provenance={"data": learnt})
    command = ["line", "tune", str(bundle.directory), "--data", str(tiles), "--artifact", "fake:int8", "--accept"]
    train, held = datasets.training(tiles, validation=0.4)
    assert cli.main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["data"]["trained_on"] == len(train)
    assert f"{len(train)} of 22 pictures are of those that the model was trained on" in err
    assert cli.main([*command, "--held-out", "--json"]) == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)["data"]
    assert (facts["trained_on"], facts["pictures"]) == (0, len(held))
    assert "trained on" not in err
    (tiles / "groups.csv").unlink()
    assert cli.main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["data"]["parts"] == 22
    assert "every picture counts as a part" in err


def test_what_was_held_out_is_known_of_the_bundles_own_data_only(
    fake_bundle: MakeBundle, tiles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(tiles), "--good", "shoe", "--held-out"]
    assert cli.main(["line", "tune", str(fake_bundle().directory), *command]) == 2
    assert "its manifest does not say what it was trained on; give --split instead" in capsys.readouterr().err
    other = fake_bundle(provenance={"data": {"name": "bricks", "validation": 0.4, "split_seed": 0}})
    assert cli.main(["line", "tune", str(other.directory), *command]) == 2
    assert "was trained on 'bricks', this is 'tiles'; leave out --held-out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ([], 2, "does not say which class is good; give --good LABEL: shirt, trouser, shoe"),
        (["--good", "shoo"], 2, "no label 'shoo'; nearest: shoe"),
        (["--good", "trouser"], 2, "tiles: no label 'trouser'"),
        (["--good", "shoe", "--max-escape", "1"], 2, "max-escape 1; a share of parts"),
        (["--good", "shoe", "--signed-by", " "], 2, "signed by ' '; a name of"),
        (["--good", "shoe", "--signed-by", "Ada", "--out", "."], 2, "is a directory; give a file in it"),
        (["--good", "shoe", "--artifact", "onnx:int8"], 2, "no artifact 'onnx:int8'"),
    ],
)
def test_what_cannot_be_tuned_is_one_clear_line(
    fake_bundle: MakeBundle,
    tiles: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    status: int,
    message: str,
) -> None:
    artifact = [] if "--artifact" in more else ["--artifact", "fake:int8"]
    bundle = fake_bundle()
    assert cli.main(["line", "tune", str(bundle.directory), "--data", str(tiles), *artifact, *more]) == status
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_help_of_tune_loads_nothing_heavy() -> None:
    code = (
        "import sys; from hemline import cli; cli.main(['line', 'tune', '--help']); "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_the_score_of_the_defects_module_is_that_of_the_line(fake_bundle: MakeBundle, tiles: Path) -> None:
    from hemline import engines

    bundle, dataset = fake_bundle(), datasets.read(tiles)
    with engines.open_engine(bundle, "fake:int8") as engine:
        logits, _ = engine.run(dataset.pixels(bundle.preprocess))
    expected = defects.good_scores(logits, bundle.labels.index("shoe"), bundle.artifact("fake:int8").temperature)
    assert (score(bundle, "fake:int8", dataset, "shoe").scores == expected).all()
