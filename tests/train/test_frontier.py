"""The frontier: what is measured is what is written, compared by stated arithmetic, drawn the same everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hemline.errors import DataError, RunError, UsageError
from hemline_train import recipe as recipes
from hemline_train.frontier import compare, measure
from hemline_train.frontier.draw import draw
from hemline_train.frontier.labels import Box, Name, place
from hemline_train.frontier.metrics import FLOAT, INT8, Latency, Measured, Metrics, Timing, Trained, parse, read
from hemline_train.frontier.records import records
from hemline_train.frontier.right import Right, pack, unpack
from hemline_train.frontier.rows import SHOWN, networks, unbeaten
from hemline_train.published.figures import published

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "docs" / "frontier"
N = 2000
MACHINE = {"hemline": "0.1.0", "system": "Linux x86_64", "processor": "Some processor, 2 cores"}
# accuracy of each seed, kilobytes, microseconds: two of hemline's, three published ones of which two are as large
MADE_UP = {
    "fashion-nano": ((0.915, 0.916, 0.918), 31, 70.0),
    "fashion-small": ((0.935, 0.936), 90, 160.0),
    "tri-cnn-sgd": ((0.9, 0.904, 0.896), 258, 42.0),
    "tri-cnn-sgd-dropout": ((0.908, 0.91, 0.904), 258, 42.5),
    "mlp-2": ((0.893,), 286, 9.0),
}


def answers(accuracy: float, *, of: int = N, seed: int = 0) -> Right:
    """Return right (of,) with this accuracy: mostly the easy pictures, which are the same for every seed."""
    order = np.arange(of) + np.random.default_rng(seed).normal(0, of / 50, of)
    return np.asarray(np.argsort(np.argsort(order)) < round(accuracy * of))


def measured(artifact: str, right: Right, *, size: int = 1000) -> Measured:
    return Measured(artifact, size, int(right.sum()) / len(right), pack(right))


def metrics(name: str, *, pictures: str = "0" * 64, machine: dict[str, str] | None = None) -> Metrics:
    """Return made-up metrics of a recipe in MADE_UP."""
    accuracies, size, microseconds = MADE_UP[name]
    seeds = tuple(
        Trained(
            seed,
            10,
            2.5,
            0.92,
            tuple(
                measured(artifact, answers(accuracy, seed=10 * seed + number), size=1000 * size + number)
                for number, artifact in enumerate((FLOAT, *INT8))
            ),
        )
        for seed, accuracy in enumerate(accuracies, start=1)
    )
    latency = microseconds / 1000
    rows = tuple(Latency(artifact, "some engine 1.0", latency, (latency, latency * 1.1)) for artifact in INT8)
    timing = Timing(machine or MACHINE, 1, 1.0, rows)
    return Metrics(name, "fashion-mnist/test", N, pictures, 54_070, 5_930, 225_034, seeds, (), timing)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder of the metrics files of MADE_UP."""
    for name in MADE_UP:
        write(metrics(name), tmp_path)
    return tmp_path


def write(made: Metrics, directory: Path) -> Path:
    path = directory / f"{made.recipe}.json"
    path.write_bytes(made.dump())
    return path


# ---- which pictures are right


@pytest.mark.parametrize("count", [1, 7, 8, 9, 10_000])
def test_what_is_right_survives_as_text(count: int) -> None:
    right = np.random.default_rng(count).random(count) < 0.9
    text = pack(right)
    assert text.isascii()
    assert np.array_equal(unpack(text, count), right)
    assert len(text) <= 4 * -(-count // 24)


@pytest.mark.parametrize(("count", "said"), [(17, "2 bytes, which are not 17 bits"), (15, "2 bytes, which are not 15")])
def test_bits_of_another_number_of_pictures_are_refused(count: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        unpack(pack(np.ones(16, np.bool_)), count)


# ---- the file of a recipe


def test_metrics_survive_their_file(tmp_path: Path) -> None:
    made = replace(metrics("fashion-nano"), teachers=("fashion-teacher",))
    assert parse(made.dump()) == made
    assert read(write(made, tmp_path)).right(SHOWN).shape == (3, N)
    assert parse(replace(made, timing=None).dump()).latency_ms(SHOWN) is None


def test_an_accuracy_that_its_pictures_do_not_have_is_refused(directory: Path) -> None:
    path = directory / "mlp-2.json"
    path.write_text(path.read_text().replace('"accuracy": 0.893', '"accuracy": 0.9', 1))
    with pytest.raises(
        DataError, match=r"mlp-2\.json: keras:float32 of seed 1 says accuracy 0\.9, its pictures say 0\.893"
    ):
        read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.pop("seeds"), "'seeds' is missing; measure it again"),
        (lambda table: table.update(schema=2), "schema 2, this version reads 1"),
        (lambda table: table.update(seeds=table["seeds"] * 2), r"seeds \[1, 1\]; at least one, each once"),
        (
            lambda table: table["seeds"][0]["artifacts"].pop(),
            "seed 1 has other artifacts than keras:float32, litert:int8",
        ),
        (lambda table: table.update(recipe="mlp-3"), "is of recipe mlp-3; the file has its recipe's name"),
    ],
)
def test_a_file_that_was_edited_is_refused(
    directory: Path, change: Callable[[dict[str, object]], object], said: str
) -> None:
    path = directory / "mlp-2.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))
    with pytest.raises(DataError, match=said):
        read(path)


# ---- comparisons


def test_a_network_is_not_better_than_itself() -> None:
    right = np.stack([answers(0.9, seed=1)])
    found = compare.difference(right, right)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.told_apart


def test_the_interval_of_one_seed_each_is_that_of_the_discordant_pictures() -> None:
    first, second = answers(0.92, seed=1), answers(0.90, seed=2)
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    found = compare.difference(first[None], second[None])
    mean = (gained - lost) / N
    half = compare.student(N - 1) * np.sqrt((gained + lost - N * mean**2) / (N - 1) / N)
    assert found.mean == pytest.approx(mean)
    assert (found.low, found.high) == (pytest.approx(mean - half), pytest.approx(mean + half))


def test_the_same_pictures_make_the_interval_narrower_and_other_seeds_make_it_wider() -> None:
    first, second = np.stack([answers(0.92, seed=1)]), np.stack([answers(0.90, seed=2)])
    shuffled = np.random.default_rng(0).permuted(second, axis=1)
    paired, unpaired = compare.difference(first, second), compare.difference(first, shuffled)
    assert paired.mean == pytest.approx(unpaired.mean)
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)
    apart = np.stack([answers(accuracy, seed=1) for accuracy in (0.88, 0.90, 0.92)])
    alike = np.stack([answers(0.90, seed=1)] * 3)
    wide, narrow = compare.difference(first, apart), compare.difference(first, alike)
    assert wide.mean == pytest.approx(narrow.mean)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw_from, truth, held = np.random.default_rng(5), 0.02, 0
    for _ in range(300):
        hard = draw_from.random(1000)  # pictures: another set each time

        def trained(
            accuracy: float, hard: np.ndarray[tuple[int], np.dtype[np.float64]] = hard
        ) -> Right:  # seeds: each a little better or worse, each picture by its own chance
            shares = accuracy + draw_from.normal(0, 0.006, (3, 1)) + 0.1 * (0.5 - hard)
            return np.asarray(draw_from.random((3, 1000)) < shares)

        found = compare.difference(trained(0.90 + truth), trained(0.90))
        held += found.low <= truth <= found.high
    assert 0.94 <= held / 300 <= 0.995


@pytest.mark.parametrize(("freedom", "point"), [(2, 4.303), (3, 3.182), (10, 2.228), (1e6, 1.960)])
def test_students_distribution_is_that_of_the_tables(freedom: float, point: float) -> None:
    assert compare.student(freedom) == pytest.approx(point, rel=0.01)


def test_other_pictures_are_not_compared() -> None:
    with pytest.raises(ValueError, match="100 and 200 pictures"):
        compare.difference(np.ones((1, 100), np.bool_), np.ones((1, 200), np.bool_))


# ---- side by side


def test_networks_come_smallest_first_with_what_was_published(directory: Path) -> None:
    rows = networks(directory, published())
    assert [row.name for row in rows] == list(MADE_UP)
    assert [row.rebuilt for row in rows] == [False, False, True, True, True]
    assert rows[-1].published == (0.8901, 0.8951)
    assert rows[0].int8[SHOWN].mean == pytest.approx(sum(MADE_UP["fashion-nano"][0]) / 3)


def test_what_is_unbeaten_is_beaten_by_none_and_the_rest_by_one(directory: Path) -> None:
    rows = networks(directory, published())
    for cost in (lambda row: row.size_bytes, lambda row: row.latency_ms):
        kept = unbeaten(rows, cost)
        for row in rows:
            beaten = any(
                cost(other) <= cost(row) and other.accuracy >= row.accuracy for other in rows if other is not row
            )
            assert beaten != (row in kept)
    assert [row.name for row in unbeaten(rows, lambda row: row.size_bytes)] == ["fashion-nano", "fashion-small"]


def test_networks_measured_on_other_pictures_are_refused(directory: Path) -> None:
    write(metrics("mlp-2", pictures="1" * 64), directory)
    with pytest.raises(DataError, match="mlp-2 was measured on other pictures than fashion-nano"):
        networks(directory, published())


def test_latencies_of_two_machines_are_not_drawn_together(directory: Path) -> None:
    write(metrics("mlp-2", machine={**MACHINE, "processor": "Another, 4 cores"}), directory)
    with pytest.raises(DataError, match=r"latencies of 2 machines .*Another, 4 cores.*measure all of them on one"):
        draw(directory)
    # a newer version of a library is told, and no other machine
    write(metrics("mlp-2", machine={**MACHINE, "hemline": "0.2.0"}), directory)
    assert "hemline 0.1.0 or 0.2.0" in draw(directory)["frontier.md"].decode()


def test_a_folder_without_metrics_says_what_writes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no metrics in it; 'python scripts/frontier\.py measure RUN\.\.\.'"):
        draw(tmp_path)


# ---- the page


def test_the_page_has_every_network_and_every_record_by_size(directory: Path) -> None:
    text = draw(directory)["frontier.md"].decode()
    table = text.partition("## Every network")[2].partition("## Accuracy against size")[0]
    names = re.findall(r"^\| (?:\*\*)?(?:`([\w-]+)`|\[([^]]+)\])", table, re.MULTILINE)
    sizes = {name: row[1] * 1000 for name, row in MADE_UP.items()} | {row.label: row.parameters for row in records()}
    assert [first or second for first, second in names] == sorted(sizes, key=lambda name: sizes[name])
    assert "| **`fashion-nano`** | hemline | 225,034 | 31,001 | 0.9163 ± 0.0015 | 0.9163 ± 0.0015 | 3 | – |" in table
    assert "| 0.8930 | 0.8930 | 1 | 0.8901 to 0.8951 | 9.0 / 9.0 / 9.0 | 2.5 min |" in table
    for record in records():
        assert f"- {record.label}: {record.accuracy:.4g} with {record.parameters:,} parameters" in text
        assert f"[Source]({record.source})" in text


def test_the_page_sets_each_tier_against_the_next_and_against_the_best_rebuilt(directory: Path) -> None:
    text = draw(directory)["frontier.md"].decode()
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| (\S+) \| .* to .* \| (yes|no) \|", text, re.MULTILINE)
    assert rows == [
        ("fashion-small", "fashion-nano", "+1.92", "yes"),
        ("fashion-nano", "tri-cnn-sgd-dropout", "+0.90", "yes"),
        ("fashion-small", "tri-cnn-sgd-dropout", "+2.82", "yes"),
    ]
    assert "has one seed" not in text
    write(replace(metrics("fashion-nano"), seeds=metrics("fashion-nano").seeds[:1]), directory)
    assert "Where a network has one seed" in draw(directory)["frontier.md"].decode()


def test_a_teachers_training_is_said_to_come_on_top(directory: Path) -> None:
    write(replace(metrics("fashion-nano"), teachers=("fashion-teacher",)), directory)
    text = draw(directory)["frontier.md"].decode()
    assert "`fashion-nano` learned from the answers of `fashion-teacher`, whose training is not in its minutes." in text
    write(replace(metrics("fashion-small"), teachers=("fashion-teacher",)), directory)
    text = draw(directory)["frontier.md"].decode()
    assert "`fashion-nano` and `fashion-small` learned from the answers of `fashion-teacher`, whose" in text
    assert "is not in their minutes." in text


def test_without_latencies_there_is_a_page_and_no_plot_of_them(directory: Path) -> None:
    for name in MADE_UP:
        write(replace(metrics(name), timing=None), directory)
    written = draw(directory)
    assert list(written) == ["frontier.md", "images/frontier-bytes.svg"]
    assert "frontier-latency" not in written["frontier.md"].decode()


@pytest.mark.parametrize("image", ["images/frontier-bytes.svg", "images/frontier-latency.svg"])
def test_a_plot_names_every_mark_once_and_tells_the_kinds_apart(directory: Path, image: str) -> None:
    root = ElementTree.fromstring(draw(directory)[image])  # it is well-formed
    tag = "{http://www.w3.org/2000/svg}"
    texts = [one.text for one in root.iter(f"{tag}text")]
    for name in (*MADE_UP, *(record.label for record in records())):
        assert texts.count(name) == 1
    # one of each more: the legend's
    assert len(root.findall(f"{tag}circle")) == 1 + 2
    assert len([one for one in root.iter(f"{tag}rect") if one.get("class") == "rebuilt"]) == 1 + 3
    assert len([one for one in root.iter(f"{tag}path") if one.get("class") == "hollow"]) == 1 + len(records())


def test_names_on_a_crowded_plot_do_not_cover_each_other_or_the_marks() -> None:
    draw_from = np.random.default_rng(3)
    points = [(round(float(x), 1), round(float(y), 1)) for x, y in draw_from.uniform((200, 150), (700, 350), (18, 2))]
    names = [Name(f"some-network-{number}", x, y, 12.0) for number, (x, y) in enumerate(points)]
    covered = [Box(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    places = place(names, marks=covered, lines=[], area=Box(0, 0, 960, 500))
    assert [one.name for one in places] == names
    for index, one in enumerate(places):
        assert Box(0, 0, 960, 500).holds(one.box)
        assert not any(one.box.meets(other.box) for other in places[index + 1 :])
        assert not any(one.box.meets(mark) for mark in covered)


def test_drawing_needs_no_training_and_gives_the_same_bytes_in_another_process(directory: Path, tmp_path: Path) -> None:
    code = (
        "import sys, runpy; sys.argv = ['frontier.py', 'draw', '--metrics', sys.argv[1], '--out', sys.argv[2]]\n"
        "try: runpy.run_path('scripts/frontier.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib', 'openvino', 'onnxruntime'} & set(sys.modules)))"
    )
    out = tmp_path / "docs"
    command = [sys.executable, "-c", code, str(directory), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name, content in draw(directory).items():
        assert (out / name).read_bytes() == content


def test_the_committed_page_is_what_the_command_writes() -> None:
    if not COMMITTED.is_dir():
        assert not COMMITTED.with_suffix(".md").exists()
        pytest.skip("nothing is measured yet")
    for name, content in draw(COMMITTED).items():
        assert (COMMITTED.parent / name).read_bytes() == content, (
            f"docs/{name} is not that of its metrics: make frontier"
        )


def test_every_record_has_a_source_and_figures_that_can_be() -> None:
    for record in records():
        assert record.source.startswith("https://")
        assert all(address.startswith("https://") for address in record.see)
        assert 0.9 < record.accuracy < 0.98
        assert 1e5 < record.parameters < 1e6


# ---- measuring


def finished(tmp_path: Path, recipe: recipes.Recipe, *, pictures: str = "abc", status: str = "finished") -> Path:
    """Return a directory that says it is a run, and holds no model."""
    path = tmp_path / f"{recipe.name}-{recipe.seed}-{pictures}-{status}"
    path.mkdir()
    (path / "recipe.toml").write_text(recipes.dump(recipe))
    facts = {"schema": 1, "status": status, "parameters": 1, "epochs_done": 1, "data": {"sha256": pictures}}
    (path / "run.json").write_text(json.dumps(facts))
    (path / "metrics.json").write_text(json.dumps({"validation": {"accuracy": 0.9}}))
    (path / "history.csv").write_text("epoch,seconds\n1,90\n2,30\n")
    return path


def test_a_run_that_is_not_the_recipe_it_is_named_after_is_refused(tmp_path: Path) -> None:
    changed = recipes.override(recipes.load("mlp-2"), ["training.epochs=1"])
    with pytest.raises(
        UsageError, match=r"its training.epochs is 1, in hemline's recipe mlp-2 it is 100; only the seed"
    ):
        measure.read(finished(tmp_path, changed))
    source = measure.read(finished(tmp_path, recipes.override(recipes.load("mlp-2"), ["seed=4"])))
    assert (source.title, source.minutes, source.validation_accuracy) == ("mlp-2-seed-4", 2.0, 0.9)


def test_runs_that_are_not_seeds_of_one_training_are_refused(tmp_path: Path) -> None:
    plan = measure.Plan(tmp_path / "bundles")
    own = replace(recipes.load("mlp-2"), name="own")
    first = finished(tmp_path, own)
    with pytest.raises(RunError, match="its training is running; finish it with --resume"):
        measure.measure([finished(tmp_path, own, status="running")], plan)
    with pytest.raises(UsageError, match="seed 1 was given already; give each seed once"):
        measure.measure([first, first], plan)
    other = finished(tmp_path, replace(own, seed=2), pictures="xyz")
    with pytest.raises(UsageError, match="was trained on other pictures than"):
        measure.measure([first, other], plan)
    wider = finished(tmp_path, recipes.override(replace(own, seed=3), ["training.batch=64"]))
    with pytest.raises(UsageError, match=r"its training.batch is 64, in .*own-1-abc-finished it is 512"):
        measure.measure([first, wider], plan)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_what_is_measured_is_what_evaluate_says(tiny: Path, data: Path, tmp_path: Path) -> None:
    from hemline import datasets, evaluation, golden
    from hemline.bundle import Bundle
    from hemline_train.evaluate import report
    from hemline_train.training import train

    run = tmp_path / "seed-3"
    train(recipes.load(tiny), run, data_path=str(data))
    plan = measure.Plan(tmp_path / "bundles", str(data), rounds=2, seconds=0.02)
    said: list[str] = []
    (found,) = measure.measure([run], plan, said.append)
    assert "tiny-seed-3: converting" in said
    dataset = datasets.read(datasets.locate("garments", data=str(data)), "test")
    bundle = Bundle.load(tmp_path / "bundles" / "tiny-seed-3")
    rows = [*report(run, dataset)["artifacts"], *evaluation.evaluate(bundle, dataset, list(INT8))]
    for row in rows:
        assert found.accuracies(row["artifact"]) == [row["accuracy"]]
        assert found.size_bytes(row["artifact"]) == row["bytes"]
    assert (found.data, found.n, found.train_count + found.validation_count) == ("garments/test", 100, 400)
    assert found.timing is not None
    assert all(len(one.rounds_p50_ms) == 2 and one.latency_p50_ms > 0 for one in found.timing.artifacts)

    # what is converted already is taken, where it is of the same run
    again: list[str] = []
    (same,) = measure.measure([run], replace(plan, rounds=0), again.append)
    assert same == replace(found, timing=None)
    assert "tiny-seed-3: converting" not in again
    inputs = golden.load(bundle)
    assert inputs is not None
    (run / "golden.npz").write_bytes(replace(inputs, logits=inputs.logits + 1).to_bytes())
    with pytest.raises(UsageError, match=r"tiny-seed-3: is not made from .*seed-3; remove it"):
        measure.measure([run], plan)
