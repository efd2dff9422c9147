"""A folder that is being filled: each picture once, when it is whole, whatever it is called meanwhile."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline.errors import DataError, PictureError
from hemline.sources import Item, inbox, open_source
from hemline.sources.inbox import Inbox

SHORT = 0.6  # longer than what settles here and is looked for


def encoded(value: int = 0, kind: str = ".jpg") -> bytes:
    pixels = np.full((40, 40, 3), value, np.uint8)
    done, data = cv2.imencode(kind, pixels)
    assert done
    return data.tobytes()


def got(source: Inbox, seconds: float = SHORT) -> list[str]:
    """The names of what comes until nothing has for these seconds."""
    names = []
    while (item := source.poll(seconds)) is not None:
        names.append(Path(item.source).name)
    return names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "phone"
    made.mkdir()
    return made


def opened(folder: Path, options: str = "") -> Inbox:
    source = open_source(f"inbox:{folder}?settle=0.1{options}")
    assert isinstance(source, Inbox)
    return source


def test_what_is_there_comes_first_then_what_arrives_each_once(folder: Path) -> None:
    (folder / "b.jpg").write_bytes(encoded(1))
    (folder / "a.png").write_bytes(encoded(2, ".png"))
    with opened(folder) as source:
        assert got(source) == ["a.png", "b.jpg"]
        (folder / "2026").mkdir()
        (folder / "2026" / "c.jpg").write_bytes(encoded(3))
        item = source.poll(30)
        assert item is not None
        assert item.source == str(folder / "2026" / "c.jpg")
        assert int(item.picture()[0, 0, 0]) == 3
        assert got(source) == []


def test_what_is_there_already_can_be_left_out(folder: Path) -> None:
    (folder / "old.jpg").write_bytes(encoded())
    with opened(folder, "&new") as source:
        (folder / "new.jpg").write_bytes(encoded(1))
        assert got(source) == ["new.jpg"]
        (folder / "old.jpg").write_bytes(encoded(9))  # another picture under an old name
        assert got(source) == ["old.jpg"]


def test_a_file_counts_when_it_is_complete(folder: Path) -> None:
    data = encoded(5)
    with opened(folder) as source:
        with (folder / "slow.jpg").open("wb") as file:
            for at in range(0, len(data), len(data) // 4 + 1):
                file.write(data[at : at + len(data) // 4 + 1])
                file.flush()
                assert source.poll(0.25) is None or at + len(data) // 4 + 1 >= len(data)
        assert got(source) in (["slow.jpg"], [])
        assert source.poll(0) is None


def test_a_rename_is_no_new_picture(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(encoded(1))
    with opened(folder) as source:
        assert got(source) == ["a.jpg"]
        (folder / "a.jpg").rename(folder / "b.jpg")
        assert got(source) == []
        (folder / "deep").mkdir()
        (folder / "b.jpg").rename(folder / "deep" / "c.jpg")
        assert got(source) == []


def test_an_inode_that_changes_by_itself_is_no_new_picture(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(encoded(1))
    with opened(folder) as source:
        assert got(source) == ["a.jpg"]
        shutil.copy2(folder / "a.jpg", folder / "copy.tmp")  # as a network drive that is mounted again: same path,
        os.utime(folder / "copy.tmp", ns=(1, (folder / "a.jpg").stat().st_mtime_ns))  # size and time
        (folder / "copy.tmp").rename(folder / "a.jpg")
        assert got(source) == []


@pytest.mark.parametrize(
    "name",
    [
        *(".hidden.jpg", ".syncthing.a.jpg.tmp", "~syncthing~a.jpg.tmp", "a.jpg.part", "a.jpg.tmp", "a.jpg.crdownload"),
        *(
            "a.tmp.jpg",
            "a.jpg~",
            "~$a.jpg",
            "syncthing.a.jpg",
            "a.jpg.filepart",
            ".a.jpg.XyZ12",
            "notes.txt",
            "film.mp4",
        ),
    ],
)
def test_names_of_unfinished_files_and_of_others_are_left_alone_until_renamed(name: str, folder: Path) -> None:
    (folder / name).write_bytes(encoded())
    with opened(folder) as source:
        assert got(source, 0.3) == []
        (folder / name).rename(folder / "done.jpg")
        assert got(source) == ["done.jpg"]


def test_a_file_that_stays_damaged_is_said_once_and_counts_when_it_is_mended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PATIENCE_SECONDS", 0.3)
    (folder / "half.jpg").write_bytes(encoded()[:-100])
    (folder / "empty.jpg").touch()
    (folder / "whole.jpg").write_bytes(encoded())
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with opened(folder) as source:
        items: list[Item] = []
        while (item := source.poll(SHORT)) is not None:
            items.append(item)
        found = {Path(item.source).name: item.content for item in items}
        assert sorted(found) == ["empty.jpg", "half.jpg", "phone.heic", "whole.jpg"]
        assert [name for name, content in found.items() if isinstance(content, bytes)] == ["whole.jpg"]
        assert "truncated" in str(found["half.jpg"])
        assert "HEIC" in str(found["phone.heic"])
        (folder / "half.jpg").write_bytes(encoded())
        assert got(source) == ["half.jpg"]


def test_a_folder_that_goes_away_is_said_once_and_waited_for(folder: Path) -> None:
    with opened(folder) as source:
        aside = folder.rename(folder.with_name("aside"))
        item = source.poll(30)
        assert item is not None
        assert isinstance(item.content, PictureError)
        assert str(item.content) == f"{folder}: no such file or directory; waiting for it to come back"
        assert got(source) == []
        (aside / "a.jpg").write_bytes(encoded())
        aside.rename(folder)
        assert got(source) == ["a.jpg"]


def test_many_files_come_one_after_another_without_being_held_at_once(folder: Path) -> None:
    for number in range(30):
        (folder / f"{number:02}.jpg").write_bytes(encoded(number))
    with opened(folder) as source:
        first = source.poll(30)
        assert first is not None
        assert len(source._ready) == 29  # names, not pictures
        assert len(got(source)) == 29


def test_folders_below_can_be_left_out_and_links_do_not_lead_in_circles(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "b.jpg").write_bytes(encoded())
    (folder / "deep" / "up").symlink_to("..")
    (folder / "a.jpg").write_bytes(encoded())
    with opened(folder) as source:
        assert got(source) == ["a.jpg", "b.jpg"]
    with opened(folder, "&deep=no") as source:
        assert got(source) == ["a.jpg"]


def test_a_folder_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or directory"):
        open_source(f"inbox:{tmp_path}/nowhere")


def test_pictures_that_arrive_while_somebody_waits_end_the_wait(folder: Path) -> None:
    def arrive() -> None:
        time.sleep(0.3)
        (folder / "a.jpg").write_bytes(encoded())

    with opened(folder) as source:
        thread = threading.Thread(target=arrive)
        thread.start()
        item = next(iter(source))
        thread.join()
    assert item.source.endswith("a.jpg")
