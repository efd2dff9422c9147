"""The catalogue: what goes in comes out, every change is one step, and undo takes it back."""

from __future__ import annotations

import os
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hemline.drawn import draw
from hemline.errors import DataError, PictureError, UsageError
from hemline.wardrobe import undo
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import STATUSES, Colour, NewGarment, NewPicture, Prediction, Query

NAVY, RED = Colour("navy", 0.8, (18, 10, -32)), Colour("red", 0.2, (48, 68, 45))


def jpeg(seed: int) -> bytes:
    done, data = cv2.imencode(".jpg", draw(seed % 10, seed=seed, height=32, width=32))
    assert done
    return data.tobytes()


def new(seed: int = 1, label: str | None = "shirt", quality: str = "good", **changes: Any) -> NewGarment:
    vector = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    picture = NewPicture(jpeg(seed), f"{seed}.jpg", "closet@1", vector, b"dots", 1)
    said = Prediction(label, 0.9, quality, None, (("shirt", 0.9), ("shoe", 0.1)), "litert:int8", "closet@1", "lock")
    facts: dict[str, Any] = {"colours": (NAVY, RED), "pattern": "striped", "caption": f"navy {label}, striped"}
    return NewGarment(said, (picture,), **{**facts, **changes})


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is a place: every change is synced, hundreds are made, and no disk is under test."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "wardrobe") as opened:
        yield opened


def everything(catalogue: CatalogueReader) -> list[object]:
    """All that a catalogue tells of its garments."""
    garments = catalogue.find(Query(statuses=STATUSES), order="oldest", limit=-1).garments
    return [
        (row, catalogue.predictions(row.id), catalogue.corrections(row.id), catalogue.wears(row.id)) for row in garments
    ] + [catalogue.features(1), [part.tolist() for part in catalogue.embeddings("closet@1")]]


def test_what_is_entered_comes_out_again_after_a_restart(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        entered = catalogue.add(new(1, notes="from Porto", tags=("summer",)))
    with CatalogueReader.open(tmp_path / "w") as reader:
        garment = reader.get(entered.id)
        assert garment == entered
        assert (garment.id, garment.label, garment.status, garment.notes) == (1, "shirt", "kept", "from Porto")
        assert garment.colours == (NAVY, RED)
        assert garment.name == "#1 navy shirt, striped"
        assert reader.picture_bytes(garment.pictures[0].id) == jpeg(1)
        (said,) = reader.predictions(1)
        assert (said.label, said.top, said.class_lock) == ("shirt", (("shirt", 0.9), ("shoe", 0.1)), "lock")
        ids, matrix = reader.embeddings("closet@1")
        assert ids.tolist() == [1]
        np.testing.assert_array_equal(matrix[0], np.random.default_rng(1).standard_normal(8).astype(np.float32))
        assert reader.embeddings("closet@2")[0].tolist() == []
        assert reader.features(1) == [(1, garment.pictures[0].id, b"dots")]
        assert cv2.imdecode(np.frombuffer(reader.thumbnail(garment.pictures[0].id), np.uint8), 1).shape == (32, 32, 3)


def test_what_is_not_sure_goes_to_review_in_order(catalogue: Catalogue) -> None:
    catalogue.add(new(1))
    unsure = catalogue.add(new(2, quality="uncertain"))
    unknown = catalogue.add(new(3, label=None, quality="uncertain"))
    assert [row.id for row in catalogue.review().garments] == [unsure.id, unknown.id]
    catalogue.skip(unsure.id)
    assert [row.id for row in catalogue.review().garments] == [unknown.id, unsure.id]
    with pytest.raises(UsageError, match="#3 is unknown, there is nothing to confirm; say what it is: correct 3 LABEL"):
        catalogue.confirm(unknown.id)
    assert catalogue.correct(unknown.id, "shoe").status == "kept"
    assert catalogue.confirm(unsure.id).status == "kept"
    assert catalogue.review().total == 0


def test_a_person_who_says_the_label_is_believed_and_recorded(catalogue: Catalogue) -> None:
    garment = catalogue.add(new(1, quality="uncertain", label=None))
    assert garment.status == "review"
    said = NewGarment(new(2).prediction, (NewPicture(jpeg(2)),), label="dress")
    garment = catalogue.add(said)
    assert (garment.label, garment.status) == ("dress", "kept")
    (correction,) = catalogue.corrections(garment.id)
    assert (correction.before, correction.after) == ("shirt", "dress")


def test_a_correction_changes_label_caption_and_what_search_finds(catalogue: Catalogue) -> None:
    catalogue.add(new(1))
    garment = catalogue.correct(1, " longsleeve ")
    assert (garment.label, garment.caption) == ("longsleeve", "navy longsleeve, striped")
    assert catalogue.find(Query("longsl")).total == 1
    assert catalogue.find(Query("shirt")).total == 0
    for label in ("", "a\nb", "x" * 61, "..", "unknown"):
        with pytest.raises(UsageError, match="printable characters, such as t-shirt"):
            catalogue.correct(1, label)


def test_a_correction_of_what_a_caption_calls_otherwise_changes_the_caption_too(catalogue: Catalogue) -> None:
    catalogue.add(new(1, "Trouser", caption="navy trousers, striped"))
    assert catalogue.correct(1, "Ankle boot").caption == "navy ankle boots, striped"
    assert catalogue.correct(1, "coat").caption == "navy coat, striped"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [3, 2, 1]),
        (Query("navy"), [3, 2, 1]),
        (Query("SHI nav"), [3, 1]),
        (Query("hirt"), []),
        (Query("gurtel"), [2]),
        (Query("Gürtel porto"), [2]),
        (Query("100%"), []),
        (Query("' OR 1 --"), []),
        (Query(label="dress"), [2]),
        (Query(colour="red"), [3, 2, 1]),
        (Query(colour="re"), []),
        (Query(pattern="plain"), [3]),
        (Query(statuses=("review",)), [3]),
        (Query("shirt", label="t-shirt", colour="navy", pattern="plain", statuses=("review",)), [3]),
    ],
)
def test_a_query_finds_beginnings_of_words_and_exact_facts(
    query: Query, found: list[int], catalogue: Catalogue
) -> None:
    catalogue.add(new(1))
    catalogue.add(new(2, label="dress", notes="Gürtel aus Porto"))
    catalogue.add(new(3, label="t-shirt", quality="uncertain", pattern="plain"))
    page = catalogue.find(query)
    assert [row.id for row in page.garments] == found
    assert page.total == len(found)


def test_pages_follow_one_another(catalogue: Catalogue) -> None:
    catalogue.add_many([new(seed) for seed in range(7)])
    pages = [catalogue.find(limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [[row.id for row in page.garments] for page in pages] == [[7, 6, 5], [4, 3, 2], [1], []]
    assert {page.total for page in pages} == {7}
    with pytest.raises(UsageError, match="no order 'newst'; nearest: newest"):
        catalogue.find(order="newst")


def test_a_wrong_number_is_told_which_there_are(catalogue: Catalogue) -> None:
    def line(garment_id: int) -> str:
        with pytest.raises(UsageError) as caught:
            catalogue.get(garment_id)
        return str(caught.value)

    assert line(1) == "no garment #1; the catalogue is empty"
    catalogue.add(new(1))
    assert line(2) == "no garment #2; the catalogue has only #1"
    catalogue.add_many([new(2), new(3)])
    assert line(99) == "no garment #99; the catalogue has 1 to 3"
    assert line(10**30) == f"no garment #{10**30}; the catalogue has 1 to 3"
    catalogue.remove(2)
    catalogue.purge()
    assert line(2) == "no garment #2; the catalogue has 1 to 3, some of which are gone"


def test_a_number_is_never_given_twice(catalogue: Catalogue) -> None:
    catalogue.add(new(1))
    catalogue.undo()
    assert catalogue.add(new(2)).id == 2
    catalogue.remove(2)
    catalogue.purge()
    assert catalogue.add(new(3)).id == 3


def test_merging_brings_the_pictures_wears_and_notes_together(catalogue: Catalogue) -> None:
    catalogue.add(new(1, notes="left", tags=("a",)))
    catalogue.add(new(2, notes="right", tags=("b", "a")))
    catalogue.wear(1, "2026-01-01")
    catalogue.wear(2, "2026-01-01")
    catalogue.wear(2, "2026-01-02")
    before = everything(catalogue)
    kept = catalogue.merge(1, 2)
    assert [picture.source for picture in kept.pictures] == ["1.jpg", "2.jpg"]
    assert (kept.notes, kept.tags, kept.worn, kept.last_worn) == ("left\nright", ("a", "b"), 2, "2026-01-02")
    gone = catalogue.get(2)
    assert (gone.status, gone.merged_into, gone.pictures) == ("removed", 1, ())
    assert catalogue.embeddings("closet@1")[0].tolist() == [1, 1]
    with pytest.raises(UsageError, match="#2 was merged into #1; name that one"):
        catalogue.correct(2, "shoe")
    with pytest.raises(UsageError, match="#1 cannot be merged into itself"):
        catalogue.merge(1, 1)
    catalogue.undo()
    assert everything(catalogue) == before


def test_wearing_twice_on_one_day_is_once_and_no_step(catalogue: Catalogue) -> None:
    catalogue.add(new(1))
    assert catalogue.wear(1, "2026-01-01").worn == 1
    assert catalogue.wear(1, "2026-01-01").worn == 1
    assert [step.what.split()[0] for step in catalogue.steps()] == ["wear", "add"]
    assert catalogue.unwear(1, "2026-01-01").worn == 0
    with pytest.raises(UsageError, match="#1 is not noted as worn on 2026-01-01"):
        catalogue.unwear(1, "2026-01-01")
    with pytest.raises(UsageError, match="give it as YYYY-MM-DD"):
        catalogue.wear(1, "1.1.2026")


def test_what_is_removed_is_brought_back_before_it_is_changed(catalogue: Catalogue) -> None:
    catalogue.add(new(1))
    assert catalogue.remove(1).status == "removed"
    assert catalogue.find().total == 0
    assert catalogue.embeddings("closet@1")[0].tolist() == []
    with pytest.raises(UsageError, match="#1 is removed; bring it back first: remove --restore 1"):
        catalogue.wear(1, "2026-01-01")
    assert catalogue.restore(1).status == "kept"


def random_change(catalogue: Catalogue, chance: random.Random) -> None:
    ids = [row.id for row in catalogue.find(Query(statuses=STATUSES), limit=-1).garments] or [0]
    one, other = chance.choice(ids), chance.choice(ids)
    day = f"2026-01-{chance.randint(1, 3):02}"
    actions = [
        lambda: catalogue.add(new(chance.randint(1, 9), quality=chance.choice(["good", "uncertain"]))),
        lambda: catalogue.add_many([new(chance.randint(1, 9)) for _ in range(2)]),
        lambda: catalogue.add_picture(one, NewPicture(jpeg(chance.randint(1, 9)))),
        lambda: catalogue.correct(one, chance.choice(["shirt", "shoe", "dress"])),
        lambda: catalogue.confirm(one),
        lambda: catalogue.skip(one),
        lambda: catalogue.edit(one, notes=str(chance.random()), tags=("x",)),
        lambda: catalogue.remove(one),
        lambda: catalogue.restore(one),
        lambda: catalogue.merge(one, other),
        lambda: catalogue.wear(one, day),
        lambda: catalogue.unwear(one, day),
    ]
    with suppress(UsageError):  # refused: that changes nothing, which is checked as well
        chance.choice(actions)()


@pytest.mark.parametrize("seed", range(3))
def test_undo_goes_back_through_every_state_and_redo_forward_again(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    states: list[tuple[int, list[object]]] = []
    with Catalogue.open(tmp_path / "w") as catalogue:
        for _ in range(25):
            last = max((step.id for step in catalogue.steps(limit=1)), default=0)
            if not states or states[-1][0] != last:
                states.append((last, everything(catalogue)))
            else:
                assert everything(catalogue) == states[-1][1]  # refused, and nothing was changed
            random_change(catalogue, chance)
        final = everything(catalogue)
    with Catalogue.open(tmp_path / "w") as catalogue:  # the journal is in the database
        count = len([step for step in catalogue.steps(limit=100) if not step.undone])
        expected = [state for _, state in states][:count]
        for state in reversed(expected):
            catalogue.undo()
            assert everything(catalogue) == state
        with pytest.raises(UsageError, match="nothing to undo"):
            catalogue.undo()
    with Catalogue.open(tmp_path / "w") as catalogue:
        for state in [*expected[1:], final]:
            catalogue.redo()
            assert everything(catalogue) == state
        with pytest.raises(UsageError, match="nothing to redo"):
            catalogue.redo()
        for garment in catalogue.find(Query(statuses=STATUSES), limit=-1).garments:
            for picture in garment.pictures:
                catalogue.picture_bytes(picture.id)


def test_a_new_change_ends_redo_and_lets_the_picture_go(catalogue: Catalogue) -> None:
    path = catalogue.picture_path(catalogue.add(new(1)).pictures[0])
    catalogue.undo()
    assert path.exists()  # redo would need it
    assert catalogue.sweep() == 0
    catalogue.add(new(2))
    assert not path.exists()
    with pytest.raises(UsageError, match="nothing to redo"):
        catalogue.redo()


def test_the_journal_keeps_a_number_of_steps(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "KEPT_STEPS", 3)
    for seed in range(5):
        catalogue.add(new(seed))
    assert [step.what[:6] for step in catalogue.steps()] == ["add #5", "add #4", "add #3"]
    for _ in range(3):
        catalogue.undo()
    with pytest.raises(UsageError, match="nothing to undo; a catalogue remembers its last 3 changes"):
        catalogue.undo()
    assert catalogue.find().total == 2


def test_purging_deletes_rows_and_files_of_the_removed_for_good(catalogue: Catalogue) -> None:
    shared = NewPicture(jpeg(1))
    catalogue.add(NewGarment(new(1).prediction, (shared, NewPicture(jpeg(2)))))
    catalogue.add(NewGarment(new(1).prediction, (shared,)))
    first = catalogue.get(1)
    catalogue.merge(1, catalogue.add(new(3)).id)
    catalogue.undo()
    catalogue.remove(1)
    catalogue.wear(2, "2026-01-01")
    assert catalogue.purge() == 1
    assert [row.id for row in catalogue.find(Query(statuses=STATUSES)).garments] == [3, 2]
    assert [catalogue.picture_path(picture).exists() for picture in first.pictures] == [True, False]
    assert [step.what for step in catalogue.steps()] == ["wear #2 shirt on 2026-01-01"]
    catalogue.undo()
    with pytest.raises(UsageError, match="nothing to undo"):
        catalogue.undo()
    assert catalogue.purge() == 0


def test_purging_ends_redo(catalogue: Catalogue) -> None:
    catalogue.add_many([new(1), new(2), new(3)])
    catalogue.remove(3)
    catalogue.merge(1, 2)
    catalogue.edit(1, notes="both")
    catalogue.undo()
    catalogue.undo()
    catalogue.purge()
    with pytest.raises(UsageError, match="nothing to redo"):
        catalogue.redo()
    assert [len(row.pictures) for row in catalogue.find().garments] == [1, 1]


def test_what_is_no_picture_is_refused_and_nothing_of_it_stays(catalogue: Catalogue) -> None:
    good, bad = NewPicture(jpeg(1)), NewPicture(b"junk", "junk.jpg")
    with pytest.raises(PictureError, match=r"junk\.jpg: "):
        catalogue.add(NewGarment(new(1).prediction, (good, bad)))
    assert catalogue.find(Query(statuses=STATUSES)).total == 0
    assert [path for path in (catalogue.folder / "pictures").rglob("*") if path.is_file()] == []


def test_an_embedding_that_cannot_be_compared_is_refused(catalogue: Catalogue) -> None:
    catalogue.add(new(1))
    for model, vector in (
        (None, np.ones(8)),
        ("closet@1", np.ones(9)),
        ("closet@1", np.ones((2, 8))),
        ("closet@1", np.full(8, np.nan)),
    ):
        picture = NewPicture(jpeg(2), model=model, embedding=vector.astype(np.float32))
        with pytest.raises(ValueError, match="an embedding"):
            catalogue.add(NewGarment(new(2).prediction, (picture,)))
    assert catalogue.find().total == 1


def test_a_picture_that_is_gone_or_altered_is_told_and_the_garment_stays(catalogue: Catalogue) -> None:
    picture = catalogue.add(new(1)).pictures[0]
    path = catalogue.picture_path(picture)
    path.write_bytes(jpeg(2))
    with pytest.raises(DataError, match="altered since it was entered"):
        catalogue.picture_bytes(picture.id)
    path.unlink()
    with pytest.raises(DataError, match="no such file or directory; the garment is still there"):
        catalogue.picture_bytes(picture.id)
    with pytest.raises(UsageError, match="no picture 7 in the catalogue"):
        catalogue.picture_bytes(7)
    assert catalogue.add(new(1)).id == 2  # entered again: the file is made whole
    assert catalogue.picture_bytes(picture.id) == jpeg(1)


def test_threads_write_in_turns_and_read_meanwhile(catalogue: Catalogue) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for step in range(4):
                garment = catalogue.add(new(10 * seed + step))
                assert catalogue.get(garment.id) == garment
                assert garment.id in [row.id for row in catalogue.find(limit=-1).garments]
                catalogue.candidates("closet@1", np.ones((1, 8), np.float32))
        except BaseException as error:  # noqa: BLE001  told by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert catalogue.find(limit=0).total == 16


def test_statistics_count_what_is_there(catalogue: Catalogue) -> None:
    catalogue.add_many([new(1), new(2, label="dress"), new(3, label=None, quality="uncertain"), new(4)])
    catalogue.wear(2, "2026-01-01")
    catalogue.correct(1, "shoe")
    catalogue.remove(4)
    counts = catalogue.statistics()
    assert counts.statuses == {"kept": 2, "removed": 1, "review": 1}
    assert counts.labels == {"dress": 1, "shoe": 1, "unknown": 1}
    assert counts.colours == {"navy": 3, "red": 3}
    assert (counts.corrections, counts.wears, counts.never_worn, counts.most_worn) == (1, 1, 2, ((2, 1),))


def test_a_closed_catalogue_says_so(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path / "w")
    catalogue.close()
    catalogue.close()
    with pytest.raises(UsageError, match="this catalogue is closed"):
        catalogue.get(1)
