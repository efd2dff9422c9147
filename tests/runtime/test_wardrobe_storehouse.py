"""The catalogue's folder: versions, damage, one writer, a full disk. What was acknowledged survives all of it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hemline import space
from hemline.database.schema import Schema, version
from hemline.errors import DataError, HemlineError, UsageError
from hemline.wardrobe import schema, storehouse
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import NewGarment, NewPicture, Prediction

NEWEST = schema.SCHEMA.version


def noise(seed: int, side: int = 16) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    done, data = cv2.imencode(".png", pixels)
    assert done
    return data.tobytes()


def new(seed: int = 1, side: int = 16) -> NewGarment:
    return NewGarment(Prediction("shirt", 0.9, "good"), (NewPicture(noise(seed, side)),), caption=f"shirt {seed}")


def filled(folder: Path, count: int = 3) -> Path:
    """Make a catalogue and return its database."""
    with Catalogue.open(folder) as catalogue:
        catalogue.add_many([new(seed) for seed in range(count)])
    return folder / "database" / "wardrobe.db"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "-shm" not in path.name}


def test_where_it_lies_when_nobody_says() -> None:
    find = storehouse.default_folder
    assert find({"HEMLINE_WARDROBE": "/a/b"}) == Path("/a/b")
    assert find({"XDG_DATA_HOME": "/data"}) == Path("/data/hemline/wardrobe")
    assert find({}) == Path.home() / ".local/share/hemline/wardrobe"


def test_a_folder_is_asked_for_and_only_the_owner_may_look_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="a file; a catalogue is a folder"):
        Catalogue.open(tmp_path / "file")
    with pytest.raises(DataError, match="begin one with: hemline wardrobe scan SOURCE --catalogue"):
        CatalogueReader.open(tmp_path / "none")
    filled(tmp_path / "w")
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("older", range(NEWEST + 1))
def test_every_older_version_is_brought_to_this_one(older: int, tmp_path: Path) -> None:
    layout = storehouse.require_folder(tmp_path / "w", create=True)
    connection = sqlite3.connect(layout.database.path)
    for script in schema.MIGRATIONS[:older]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {older}")
    if older:
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.commit()
    connection.close()
    with CatalogueReader.open(tmp_path / "w") as reader:
        assert reader.find().total == 0
    with Catalogue.open(tmp_path / "w") as catalogue:
        assert catalogue.add(new()).id == 1


def test_a_migration_keeps_what_is_there_and_comes_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = filled(tmp_path / "w")
    good = "ALTER TABLE garment ADD COLUMN size TEXT; UPDATE garment SET size = 'M';"
    for scripts, afterwards in (((good, "CREATE TABLE broken (;"), NEWEST), ((good,), NEWEST + 1)):
        changed = Schema("catalogue", schema.APPLICATION_ID, (*schema.MIGRATIONS[:1], *scripts))
        monkeypatch.setattr(schema, "SCHEMA", changed)
        if len(scripts) == 2:
            with pytest.raises(DataError, match="syntax error"):
                Catalogue.open(tmp_path / "w")
        else:
            with Catalogue.open(tmp_path / "w") as catalogue:
                assert catalogue.get(2).caption == "shirt 1"
                catalogue.undo()  # a journal of the version before
                assert catalogue.find().total == 0
                assert catalogue.redo().what.startswith("add 3 garments")
        connection = sqlite3.connect(database)
        assert version(connection) == afterwards
        connection.close()


@pytest.mark.parametrize("logged", [False, True], ids=["checkpointed", "in the log"])
def test_a_newer_version_is_refused_and_left_as_it_is(logged: bool, tmp_path: Path) -> None:
    database = filled(tmp_path / "w")
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection.commit()
    if logged:  # as a kill leaves it
        shutil.copytree(tmp_path / "w", tmp_path / "copy")
        connection.close()
        shutil.rmtree(tmp_path / "w")
        (tmp_path / "copy").rename(tmp_path / "w")
        assert (database.parent / "wardrobe.db-wal").stat().st_size
    else:
        connection.close()
    before = contents(database.parent)
    for opened in (Catalogue.open, CatalogueReader.open):
        with pytest.raises(DataError, match=rf"a catalogue of version {NEWEST + 1}, this hemline reads up to"):
            opened(tmp_path / "w")
    assert contents(database.parent) == before
    assert not list((tmp_path / "w").glob("*corrupt*"))


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    layout = storehouse.require_folder(tmp_path / "w", create=True)
    connection = sqlite3.connect(layout.database.path)
    connection.execute("CREATE TABLE bookmarks (id)")
    connection.commit()
    connection.close()
    before = contents(layout.database.path.parent)
    with pytest.raises(DataError, match="a database of another program"):
        Catalogue.open(tmp_path / "w")
    assert contents(layout.database.path.parent) == before


def broken(kind: str, database: Path) -> None:
    data = bytearray(database.read_bytes())
    if kind == "text":
        data = bytearray(b"dear diary")
    elif kind == "torn":
        data = data[: len(data) // 2 + 100]
    elif kind == "zeros":
        data[4096 * 3 : 4096 * 12] = bytes(4096 * 9)
    elif kind == "first page":
        data[100:1000] = os.urandom(900)
    database.write_bytes(data)


@pytest.mark.parametrize("kind", ["text", "torn", "zeros", "first page"])
def test_a_damaged_database_is_set_aside_loudly_and_its_pictures_stay(kind: str, tmp_path: Path) -> None:
    database = filled(tmp_path / "w")
    pictures = contents(tmp_path / "w" / "pictures")
    broken(kind, database)
    (database.parent / "wardrobe.db-wal").write_bytes(b"its log")
    before = {name: data for name, data in contents(database.parent).items() if name == "wardrobe.db"}
    said: list[str] = []
    with Catalogue.open(tmp_path / "w", say=said.append) as catalogue:
        assert catalogue.find().total == 0
        assert catalogue.add(new(9)).id == 1
        assert catalogue.sweep() == 0  # they are all that is left of it
    (line,) = said
    (aside,) = (tmp_path / "w").glob("database.corrupt-*")
    assert f"it was set aside as {aside}, nothing in it was changed, and a new, EMPTY catalogue was begun" in line
    assert "\n" not in line
    assert before.items() <= contents(aside).items()
    assert (aside / "wardrobe.db-wal").exists()
    assert pictures.items() <= contents(tmp_path / "w" / "pictures").items()
    with Catalogue.open(tmp_path / "w", say=said.append) as catalogue:
        assert catalogue.find().total == 1
    assert len(said) == 1


def test_a_damaged_database_is_told_to_who_reads_and_left_where_it_is(tmp_path: Path) -> None:
    database = filled(tmp_path / "w")
    broken("text", database)
    with pytest.raises(DataError, match=r"the database cannot be read .*; a command that writes sets it aside"):
        CatalogueReader.open(tmp_path / "w")
    assert database.read_bytes() == b"dear diary"


def test_two_damaged_databases_in_one_second_are_both_kept(tmp_path: Path) -> None:
    for _ in range(2):
        broken("text", filled(tmp_path / "w"))
        Catalogue.open(tmp_path / "w", say=lambda line: None).close()
    assert len(list((tmp_path / "w").glob("database.corrupt-*"))) == 2


def test_whatever_happened_to_the_file_opening_loses_nothing_silently(tmp_path: Path) -> None:
    original = filled(tmp_path / "w").read_bytes()
    chance = random.Random(5)
    for number in range(30):
        folder = tmp_path / str(number)
        layout = storehouse.require_folder(folder, create=True)
        data = bytearray(original)
        if number % 2:
            data = data[: chance.randrange(len(data))]
        else:
            for _ in range(chance.choice([1, 20, 400])):
                data[chance.randrange(len(data))] = chance.randrange(256)
        layout.database.path.write_bytes(data)
        said: list[str] = []
        try:
            with Catalogue.open(folder, say=said.append) as catalogue:
                total = catalogue.find(limit=0).total
        except HemlineError:
            assert layout.database.path.read_bytes() == data  # refused: left as it is
            continue
        kept = [path.read_bytes() for path in folder.glob("database.corrupt-*/wardrobe.db")]
        assert (total, kept, len(said)) == (0, [bytes(data)], 1) or (not kept and not said and (total == 3 or not data))


def test_one_writes_and_others_read_meanwhile(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add(new(1))
        with pytest.raises(DataError) as caught:
            Catalogue.open(tmp_path / "w", wait_s=0.1)
        assert f"process {os.getpid()} (this one) is writing here" in str(caught.value)
        with CatalogueReader.open(tmp_path / "w") as reader:
            catalogue.add(new(2))
            assert reader.find().total == 2
            assert reader.touched_since(1) == (2, [2])
    Catalogue.open(tmp_path / "w", wait_s=0.1).close()


def test_another_process_that_writes_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "w")
    program = (
        "import sys; from hemline.wardrobe.catalogue import Catalogue\n"
        "with Catalogue.open(sys.argv[1]): print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "w")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(DataError, match=f"process {other.pid} is writing here; end it or wait"):
            Catalogue.open(tmp_path / "w", wait_s=0.1)


def test_orphans_of_a_killed_writer_are_swept_when_it_is_opened_again(tmp_path: Path) -> None:
    filled(tmp_path / "w", 1)
    orphan = tmp_path / "w" / "pictures" / "ab" / f"{'ab' * 32}.jpg"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"written, and then the power went")
    unfinished = orphan.with_name(".cd.tmp")
    unfinished.write_bytes(b"")
    Catalogue.open(tmp_path / "w").close()
    assert orphan.exists()  # nobody died
    (tmp_path / "w" / "wardrobe.lock").write_text("4194304\n")
    with Catalogue.open(tmp_path / "w") as catalogue:
        assert not orphan.exists()
        assert not unfinished.exists()
        assert catalogue.picture_bytes(1) == noise(0)


def test_a_full_database_refuses_what_is_new_and_goes_on_reading(tmp_path: Path) -> None:
    filled(tmp_path / "w")
    with Catalogue.open(tmp_path / "w") as catalogue:
        connection = catalogue._writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        before = catalogue.find().garments
        files = contents(tmp_path / "w" / "pictures")
        seeds = iter(range(100, 200))

        def until_full() -> None:
            nonlocal before, files
            for seed in seeds:
                catalogue.add(new(seed))
                before = catalogue.find(limit=-1).garments
                files = contents(tmp_path / "w" / "pictures")

        with pytest.raises(space.DiskFullError, match=r"cannot save: disk full; .* MB free: make room and do it again"):
            until_full()
        assert catalogue.find(limit=-1).garments == before
        assert contents(tmp_path / "w" / "pictures") == files  # that of the refused one is gone again
        connection.execute("PRAGMA max_page_count = 1000000")
        catalogue.add(new(99))


def on_a_full_disk(folder: Path) -> None:
    """What a person does when a real, small disk is full. Run in a process of its own, by the test below."""
    with Catalogue.open(folder) as catalogue:
        assert (folder / "reserve").stat().st_size == space.RESERVE_BYTES
        seeds = iter(range(10_000))

        def until_full() -> None:
            for seed in seeds:
                catalogue.add(new(seed, 128))

        with pytest.raises(space.DiskFullError, match=r"cannot save: .*; what was saved before is safe"):
            until_full()
        count = next(seeds) - 1  # the last one was not acknowledged
        assert count > 20
        garments = catalogue.find(limit=-1).garments
        assert len(garments) == count
        assert all(catalogue.picture_bytes(garment.pictures[0].id) for garment in garments)
        for garment in garments[:10]:
            catalogue.remove(garment.id)
        assert catalogue.undo().what.startswith("remove")
    with Catalogue.open(folder) as catalogue:  # opened while it is full
        assert catalogue.purge() == 9
        assert catalogue.add(new(20_000, 128)).id > count
    with CatalogueReader.open(folder) as reader:
        assert reader.find(limit=0).total == count - 9 + 1
    print("done")


def test_on_a_real_full_disk_reading_removing_and_undo_go_on(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=14m tmpfs "$1" && exec "$2" "$3" "$1/wardrobe"'
    command: list[Any] = ["unshare", "-rm", "sh", "-c", script, "sh", tmp_path, sys.executable, __file__]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs unshare and a kernel that lets users mount")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if "mount:" in done.stderr:
        pytest.skip(f"no small disk to be had: {done.stderr.strip()}")
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


if __name__ == "__main__":
    on_a_full_disk(Path(sys.argv[1]))
