"""The API of the wardrobe's page, over a real connection: what is decided there is in the catalogue, or refused."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the web extra")
pytest.importorskip("uvicorn", reason="needs the web extra")

import pages

from hemline import image
from hemline.bundle import Bundle
from hemline.errors import DataError
from hemline.space import DiskFullError
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.page import candidates
from hemline.wardrobe.reader import CatalogueReader

NAVY_SHIRT, RED_DRESS = pages.taken(0), pages.taken(3, cloth="red")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is a place: every change is synced, and no disk is under test."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path / "wardrobe"
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield Path(place) / "wardrobe"


@pytest.fixture
def page(folder: Path, fake_bundle: Callable[..., Bundle]) -> Iterator[pages.Page]:
    with pages.wardrobe(folder, fake_bundle(preprocess=pages.LAYOUT)) as page:
        yield page


def kept(page: pages.Page, data: bytes = NAVY_SHIRT, label: str | None = "shirt") -> dict[str, Any]:
    """Send a photo, keep it, and return what came back."""
    candidate = page.visitor.photo(data).json
    answer = page.visitor.post(f"/api/candidates/{candidate['id']}/keep", {"label": label})
    assert answer.status == 200, answer.body
    value: dict[str, Any] = answer.json
    return value


def change(page: pages.Page, garment: dict[str, Any], what: str, **given: Any) -> pages.Answer:
    return page.visitor.post(f"/api/garments/{garment['id']}/{what}", {"version": garment["version"], **given})


def test_an_empty_wardrobe_says_what_it_can_do(page: pages.Page) -> None:
    state = page.visitor.get("/api/state").json
    assert state["labels"] == ["shirt", "trouser", "shoe"]
    assert (state["live"], state["undo"], state["redo"]) == (None, None, None)
    assert state["statistics"]["statuses"] == {}
    assert page.visitor.get("/api/garments").json == {"total": 0, "offset": 0, "garments": []}
    assert page.visitor.get("/").status == 200
    html = page.visitor.get("/").body.decode()
    for path in re.findall(r'(?:href|src)="(/assets/[^"]+)"', html):
        assert page.visitor.get(path).status == 200, path


def test_every_file_that_a_script_loads_is_there(page: pages.Page) -> None:
    seen, waiting = set(), ["/assets/app.js"]
    while waiting:
        path = waiting.pop()
        answer = page.visitor.get(path)
        assert answer.status == 200, path
        seen.add(path)
        for name in re.findall(r'from "(?:/assets|\.)/([^"]+)"', answer.body.decode()):
            waiting += [] if f"/assets/{name}" in seen else [f"/assets/{name}"]
    assert {"/assets/scan.js", "/assets/live.js", "/assets/dom.js", "/assets/candidate.js"} <= seen


def test_a_photo_becomes_a_candidate_and_leaves_nothing_until_it_is_kept(page: pages.Page) -> None:
    answer = page.visitor.photo(NAVY_SHIRT, "IMG%201.jpg")
    assert answer.status == 200, answer.body
    candidate = answer.json
    assert (candidate["there"], candidate["source"]) == (True, "IMG 1.jpg")
    assert candidate["colours"][0]["name"] == "navy"
    assert candidate["captions"][candidate["result"]["label"]] == candidate["caption"]
    assert candidate["captions"].keys() == {"shirt", "trouser", "shoe"}
    picture = page.visitor.get(candidate["thumbnail"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert 100 < max(image.decode(picture.body).shape) <= 320
    assert page.visitor.get(f"/api/candidates/{candidate['id']}").json == candidate
    assert page.catalogue.find().total == 0


def test_what_is_kept_is_in_the_catalogue_with_the_file_as_it_came(page: pages.Page, folder: Path) -> None:
    answer = kept(page)
    garment = answer["garment"]
    assert (garment["id"], garment["label"], garment["status"]) == (1, "shirt", "kept")
    assert answer["step"]["what"].startswith("add #1 navy shirt")
    with CatalogueReader.open(folder) as reader:
        assert reader.get(1).label == "shirt"
        assert reader.picture_bytes(reader.get(1).pictures[0].id) == NAVY_SHIRT
    file = page.visitor.get(garment["pictures"][0]["file"])
    assert file.body == NAVY_SHIRT
    assert file.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert page.visitor.get(garment["thumbnail"], If_None_Match=file.headers["etag"]).status == 304


def test_a_person_can_say_what_it_is(page: pages.Page) -> None:
    other = kept(page, label="shoe")["garment"]
    assert (other["label"], other["corrections"][0]["after"]) == ("shoe", "shoe")
    refused = page.visitor.photo(NAVY_SHIRT).json
    answer = page.visitor.post(f"/api/candidates/{refused['id']}/keep", {"label": "shirtt"})
    assert (answer.status, answer.error) == (
        400,
        "no class 'shirtt'; nearest: shirt; there are shirt, shoe, trouser",
    )


def test_a_candidate_is_kept_once_by_whoever_is_first(page: pages.Page) -> None:
    key = page.visitor.photo(NAVY_SHIRT).json["id"]
    answers: list[int] = []
    keep = lambda: answers.append(page.visitor.post(f"/api/candidates/{key}/keep", {"label": "shirt"}).status)  # noqa: E731
    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]
    assert page.catalogue.find().total == 1
    again = page.visitor.post(f"/api/candidates/{key}/keep", {"label": "shirt"})
    assert (again.json["kind"], again.error) == ("stale", "this one is kept already, as #1")


def test_a_skipped_candidate_and_a_strange_one_are_gone(page: pages.Page) -> None:
    key = page.visitor.photo(NAVY_SHIRT).json["id"]
    origin = f"http://{page.visitor.host}"
    assert page.visitor.ask("DELETE", f"/api/candidates/{key}", Origin=origin).status == 200
    for path in (key, "strange", "..%2f..%2fetc%2fpasswd"):
        answer = page.visitor.post(f"/api/candidates/{path}/keep", {})
        assert answer.status == 404, path
    assert page.visitor.post(f"/api/candidates/{key}/keep", {}).error == (
        "this candidate is not there any more; scan it again"
    )


def test_only_the_newest_candidates_are_held(page: pages.Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST", 2)
    keys = [page.visitor.photo(NAVY_SHIRT).json["id"] for _ in range(3)]
    assert [page.visitor.get(f"/api/candidates/{key}").status for key in keys] == [404, 200, 200]
    monkeypatch.setattr(candidates, "MOST_BYTES", 1)
    newest = page.visitor.photo(RED_DRESS).json["id"]
    assert [page.visitor.get(f"/api/candidates/{key}").status for key in [*keys, newest]] == [404, 404, 404, 200]


def test_the_same_garment_again_is_said_and_can_be_added_to_it(page: pages.Page) -> None:
    kept(page, pages.taken(6, seed=4, share=0.7))
    again = page.visitor.photo(pages.taken(6, seed=4, share=0.7, height=340, width=250)).json
    if not again["duplicates"]:  # drawn garments have little cloth to know them by; the same file has all of it
        again = page.visitor.photo(pages.taken(6, seed=4, share=0.7)).json
    (twin,) = again["duplicates"]
    assert (twin["garment"]["id"], twin["score"] >= 0.5) == (1, True)
    assert "the same cloth" in twin["why"]
    answer = page.visitor.post(f"/api/candidates/{again['id']}/keep", {"duplicate_of": 1})
    assert len(answer.json["garment"]["pictures"]) == 2
    assert page.catalogue.find().total == 1
    other = page.visitor.photo(RED_DRESS).json
    missing = page.visitor.post(f"/api/candidates/{other['id']}/keep", {"duplicate_of": 99})
    assert (missing.status, missing.error) == (404, "no garment #99; the catalogue has only #1")


def test_an_empty_table_top_is_no_garment_and_cannot_be_kept(page: pages.Page) -> None:
    candidate = page.visitor.photo(pages.table_top()).json
    assert (candidate["there"], candidate["result"]["label"]) == (False, None)
    assert candidate["result"]["reason"]
    answer = page.visitor.post(f"/api/candidates/{candidate['id']}/keep", {"label": "shirt"})
    assert (answer.status, answer.json["kind"]) == (422, "picture")
    assert answer.error.endswith("nothing to keep")


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 60,000 x 60,000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "photo.jpg: empty; choose a photo"),
        (b"GIF89a" + b"\0" * 50, "photo.jpg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "photo.jpg"),
        (NAVY_SHIRT[: len(NAVY_SHIRT) // 2], "truncated"),
        (bomb(), "the limit is 64.0: scale it down first"),
    ],
    ids=["empty", "gif", "svg", "half", "bomb"],
)
def test_what_is_no_picture_is_refused_in_words(page: pages.Page, data: bytes, said: str) -> None:
    answer = page.visitor.photo(data)
    assert (answer.status, answer.json["kind"]) == (422, "picture")
    assert said in answer.error
    assert "\n" not in answer.error
    assert page.visitor.photo(NAVY_SHIRT).status == 200


def test_a_photo_beyond_the_cap_is_refused_before_it_is_read(page: pages.Page) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hemline.wardrobe.page.api.PHOTO_BYTES", 1000)
        answer = page.visitor.photo(NAVY_SHIRT)
    assert answer.status == 413
    assert "which is the most that is taken here" in answer.error


def test_a_garment_is_found_by_words_class_and_colour_a_page_at_a_time(page: pages.Page) -> None:
    for data, label in ((NAVY_SHIRT, "shirt"), (RED_DRESS, "trouser"), (pages.taken(1, cloth="red"), "shoe")):
        kept(page, data, label)

    def found(query: str) -> list[int]:
        return [row["id"] for row in page.visitor.get(f"/api/garments?{query}").json["garments"]]

    assert found("") == [3, 2, 1]
    assert found("order=oldest&limit=2") == [1, 2]
    assert found("limit=1&offset=1") == [2]
    assert page.visitor.get("/api/garments?limit=1").json["total"] == 3
    assert found("words=nav") == [1]
    assert found("class=trouser") == [2]
    assert found("colour=red") == [3, 2]
    assert found("colour=red&class=shoe&words=shoe") == [3]
    assert found("status=removed") == []
    assert found("class=%27%20OR%201=1") == []
    for query, said in (
        ("limit=201", "limit=201; a number of 0 to 200"),
        ("offset=-1", "offset=-1; a number of 0 to"),
        ("limit=x", "limit=x; a number"),
        ("status=gone", "no status 'gone'"),
        ("order=best", "no order 'best'"),
    ):
        answer = page.visitor.get(f"/api/garments?{query}")
        assert answer.status == 400
        assert said in answer.error


def test_all_that_can_be_done_to_a_garment_is_a_step_that_undo_takes_back(page: pages.Page) -> None:
    garment = kept(page)["garment"]
    for what, given, said in (
        ("correct", {"label": "trouser"}, "correct #1 from shirt to trouser"),
        ("edit", {"notes": "from Porto", "tags": ["summer", " summer", ""]}, "edit notes and tags of #1"),
        ("wear", {"day": "2026-01-02"}, "wear #1"),
        ("unwear", {"day": "2026-01-02"}, "take back that #1"),
        ("remove", {}, "remove #1"),
        ("restore", {}, "restore #1"),
    ):
        answer = change(page, garment, what, **given)
        assert answer.status == 200, answer.body
        assert answer.json["step"]["what"].startswith(said)
        after = answer.json["garment"]
        undone = page.visitor.post("/api/undo", {"step": answer.json["step"]["id"]}).json
        assert undone["step"]["undone"]
        before = page.visitor.get("/api/garments/1").json
        assert {**before, "updated_utc": 0} == {**garment, "updated_utc": 0}, what
        page.visitor.post("/api/redo", {"step": undone["step"]["id"]})
        garment = page.visitor.get("/api/garments/1").json
        assert garment == after
    assert (garment["label"], garment["notes"], garment["tags"]) == ("trouser", "from Porto", ["summer"])


def test_a_change_that_changes_nothing_is_no_step(page: pages.Page) -> None:
    garment = kept(page)["garment"]
    assert change(page, garment, "edit", notes="").json["step"] is None


def test_a_stale_card_changes_nothing(page: pages.Page) -> None:
    garment = kept(page)["garment"]
    assert change(page, garment, "correct", label="shoe").status == 200
    stale = change(page, garment, "remove")
    assert (stale.status, stale.json["kind"]) == (409, "stale")
    assert stale.error == "#1 was changed meanwhile; look at it as it is now"
    assert page.catalogue.get(1).status == "kept"
    assert page.visitor.post("/api/garments/1/remove", {}).status == 200, "a script that names no version means it"


def test_undo_takes_back_what_was_meant_or_nothing(page: pages.Page) -> None:
    first = kept(page)["step"]
    garment = page.visitor.get("/api/garments/1").json
    change(page, garment, "correct", label="shoe")
    answer = page.visitor.post("/api/undo", {"step": first["id"]})
    assert answer.status == 409
    assert answer.error == "something else was done since: correct #1 from shirt to shoe; take that back first"
    assert page.visitor.post("/api/undo").json["step"]["what"] == "correct #1 from shirt to shoe"
    assert page.visitor.post("/api/undo", {"step": first["id"]}).status == 200
    nothing = page.visitor.post("/api/undo")
    assert (nothing.status, nothing.error) == (400, "nothing to undo; a catalogue remembers its last 200 changes")


def test_two_that_are_one_are_merged(page: pages.Page) -> None:
    kept(page)
    second = kept(page, RED_DRESS)["garment"]
    answer = page.visitor.post("/api/garments/1/merge", {"other": second["id"]})
    assert len(answer.json["garment"]["pictures"]) == 2
    assert page.visitor.get(f"/api/garments/{second['id']}").json["merged_into"] == 1


def test_similar_ones_and_what_goes_with_it_are_told(page: pages.Page) -> None:
    first = kept(page)["garment"]
    second = kept(page, pages.taken(0, seed=9))["garment"]
    similar = page.visitor.get(f"/api/garments/{first['id']}/similar").json["similar"]
    assert [row["garment"]["id"] for row in similar] == [second["id"]]
    candidate = page.visitor.photo(pages.taken(0, seed=11)).json
    assert {row["garment"]["id"] for row in candidate["similar"]} == {first["id"], second["id"]}
    assert change(page, first, "correct", label="t-shirt").status == 200
    assert change(page, second, "correct", label="pants").status == 200
    suggestions = page.visitor.get(f"/api/garments/{first['id']}/suggestions").json["suggestions"]
    assert [row["garment"]["id"] for row in suggestions] == [second["id"]]
    assert suggestions[0]["reasons"][0] == "top and bottom complement each other"


def test_the_review_queue_is_worked_through(folder: Path, fake_bundle: Callable[..., Bundle]) -> None:
    bundle = fake_bundle(preprocess=pages.LAYOUT)
    with pages.wardrobe(folder, bundle, artifact="fake:int8") as page:  # sure of nothing
        for data in (NAVY_SHIRT, RED_DRESS):
            assert kept(page, data, label=None)["garment"]["status"] == "review"
        queue = "/api/garments?status=review&order=review"
        first, second = page.visitor.get(queue).json["garments"]
        assert change(page, first, "skip").status == 200
        assert [row["id"] for row in page.visitor.get(queue).json["garments"]] == [second["id"], first["id"]]
        assert change(page, second, "confirm").json["garment"]["status"] == "kept"
        corrected = page.visitor.post(f"/api/garments/{first['id']}/correct", {"label": "shoe"}).json["garment"]
        assert (corrected["status"], corrected["label"]) == ("kept", "shoe")
        assert page.visitor.get(queue).json["total"] == 0


@pytest.mark.parametrize(
    ("path", "given", "status", "said"),
    [
        ("/api/garments/7/remove", {}, 404, "no garment #7"),
        ("/api/garments/99999999999999999999/remove", {}, 404, "no garment"),
        ("/api/garments/1/explode", {}, 404, "no change 'explode'; there are confirm"),
        ("/api/garments/1/correct", {}, 400, "label is missing; give it as text"),
        ("/api/garments/1/correct", {"label": "shrit"}, 400, "no class 'shrit'; nearest: shirt"),
        ("/api/garments/1/correct", {"label": "x" * 61, "new": True}, 400, "give a name of 1 to 60"),
        ("/api/garments/1/correct", {"label": ["shirt"]}, 400, "label: give text of at most 200 characters"),
        ("/api/garments/1/wear", {"day": "yesterday"}, 400, "give it as YYYY-MM-DD"),
        ("/api/garments/1/edit", {"tags": "a,b"}, 400, "tags: give a list of at most 50 texts"),
        ("/api/garments/1/edit", {"notes": "x" * 10_001}, 400, "notes: give text of at most 10,000"),
        ("/api/garments/1/merge", {"other": "2"}, 400, "other: give the number"),
        ("/api/garments/1/merge", {"other": 1}, 400, "cannot be merged into itself"),
        ("/api/undo", {"step": "1"}, 400, "step: give the number of a step"),
        ("/api/undo", [1], 400, "the body is no JSON object"),
        ("/api/candidates/frame", {}, 400, "no camera: the page was started without a source"),
    ],
)
def test_wrong_numbers_and_wrong_words_are_answered_in_words(
    page: pages.Page, path: str, given: Any, status: int, said: str
) -> None:
    kept(page)
    answer = page.visitor.post(path, given)
    assert answer.status == status, answer.body
    assert said in answer.error
    assert "\n" not in answer.error


def test_what_is_no_json_is_refused(page: pages.Page) -> None:
    own = {"Origin": f"http://{page.visitor.host}"}
    for body, kind, said in (
        (b"{", "application/json", "the body is no JSON"),
        (b"[" * 60_000, "application/json", "the body is no JSON"),
        (b"a=1", "application/x-www-form-urlencoded", "send application/json"),
        (b"{}", "text/plain", "send application/json"),
    ):
        answer = page.visitor.ask("POST", "/api/undo", body, Content_Type=kind, **own)
        assert answer.status == 400
        assert said in answer.error


def test_nothing_changes_by_get(page: pages.Page) -> None:
    kept(page)
    before = page.catalogue.touched_since(0)
    for path in ("/api/undo", "/api/redo", "/api/garments/1/remove", "/api/candidates/frame", "/api/candidates/photo"):
        assert page.visitor.get(path).status in (404, 405), path
    for path in ("/api/state", "/api/garments", "/api/garments/1", "/api/garments/1/similar", "/api/steps"):
        assert page.visitor.get(path).status == 200, path
    assert page.catalogue.touched_since(0) == before


def test_text_of_any_kind_comes_back_as_it_was(page: pages.Page) -> None:
    garment = kept(page)["garment"]
    strange = "<script>alert(1)</script> \u202e ğ \U0001f9e5 \ud800"
    answer = change(page, garment, "edit", notes=strange, caption=strange[:20])
    assert answer.json["garment"]["notes"] == strange.replace("\ud800", "?")


def test_a_full_disk_is_said_and_the_candidate_is_still_there(
    page: pages.Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = page.visitor.photo(NAVY_SHIRT).json["id"]

    def full(*_: object) -> None:
        raise DiskFullError("cannot save: disk full; make room and do it again; what was saved before is safe")

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "add", full)
        answer = page.visitor.post(f"/api/candidates/{key}/keep", {"label": "shirt"})
        assert (answer.status, answer.json["kind"]) == (507, "disk_full")
        assert answer.error.startswith("cannot save: disk full")
        assert page.visitor.photo(RED_DRESS).status == 200, "classification goes on"
    assert page.visitor.post(f"/api/candidates/{key}/keep", {"label": "shirt"}).status == 200


def test_a_picture_whose_file_is_gone_is_said(page: pages.Page) -> None:
    garment = kept(page)["garment"]
    page.catalogue.picture_path(page.catalogue.get(1).pictures[0]).unlink()
    answer = page.visitor.get(garment["pictures"][0]["file"])
    assert answer.status == 500
    assert "no such file or directory; the garment is still there" in answer.error
    assert page.visitor.get("/api/pictures/999/thumbnail").status == 404


def test_every_browser_hears_that_the_catalogue_has_changed(page: pages.Page) -> None:
    events = page.visitor.events()
    first = next(events)
    assert first["state"] == "none"
    kept(page)
    while next(events)["change"] == first["change"]:
        pass
    events.close()
    assert page.visitor.get("/api/state").json["change"] > first["change"]


def test_counts_are_of_now_after_every_change(page: pages.Page) -> None:
    for number in range(1, 4):
        kept(page, pages.taken(0, seed=number))
        assert page.visitor.get("/api/state").json["statistics"]["statuses"] == {"kept": number}


def test_a_frame_of_the_camera_becomes_a_candidate(
    folder: Path, tmp_path: Path, fake_bundle: Callable[..., Bundle]
) -> None:
    photos = pages.film(tmp_path / "film", 0)
    with pages.wardrobe(folder, fake_bundle(preprocess=pages.LAYOUT), f"fake://{photos}?fps=10&still") as page:
        events = page.visitor.events()
        while next(events)["state"] != "live":
            pass
        events.close()
        candidate = page.visitor.post("/api/candidates/frame")
        assert candidate.status == 200, candidate.body
        assert candidate.json["source"].startswith("fake://")
        assert page.visitor.post(f"/api/candidates/{candidate.json['id']}/keep", {"label": "shirt"}).status == 200
        assert page.visitor.get("/api/state").json["live"].startswith("fake://")


def test_a_lost_camera_gives_no_candidate(folder: Path, tmp_path: Path, fake_bundle: Callable[..., Bundle]) -> None:
    photos = pages.film(tmp_path / "film", 0)
    source = f"fake://{photos}?fps=10&still&stall=3,4,5,6,7,8&deadline=1"
    with pages.wardrobe(folder, fake_bundle(preprocess=pages.LAYOUT), source) as page:
        events = page.visitor.events()
        while next(events)["state"] != "lost":
            pass
        events.close()
        answer = page.visitor.post("/api/candidates/frame")
        assert (answer.status, answer.json["kind"]) == (422, "picture")
        assert "; reopening in " in answer.error
        assert page.visitor.photo(NAVY_SHIRT).status == 200, "photos are taken all the same"


def serve(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hemline", "wardrobe", "serve", "--catalogue", str(folder), "--no-open"]
    return subprocess.Popen([*command, *more], stderr=subprocess.PIPE, text=True)


def address_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    lines = []
    while line := process.stderr.readline():
        lines.append(line)
        if found := re.search(r"at http://127\.0\.0\.1:(\d+)/; ctrl-C ends it", line):
            return int(found[1])
    raise AssertionError("".join(lines))


def test_the_command_serves_until_ctrl_c_and_holds_the_catalogue_meanwhile(
    folder: Path, fake_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    fake_bundle()
    options = ("--bundle", str(tmp_path / "closet"), "--artifact", "fake:float32", "--host", "127.0.0.1:0")
    with serve(folder, *options) as first:
        port = address_of(first)
        visitor = pages.Visitor.__new__(pages.Visitor)
        visitor.port, visitor.place, visitor.host = port, "127.0.0.1", f"127.0.0.1:{port}"
        assert visitor.get("/api/state").status == 200
        assert kept(pages.Page(visitor, None, None, None))["garment"]["id"] == 1  # type: ignore[arg-type]
        with pytest.raises(DataError, match="is writing here"):
            Catalogue.open(folder, wait_s=0)
        events = visitor.events()
        next(events)
        started = time.monotonic()
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 130
        assert first.stderr is not None
        assert first.stderr.read() == "hemline: interrupted\n"
        assert time.monotonic() - started < 30
        events.close()
    with Catalogue.open(folder, wait_s=5) as catalogue:
        assert catalogue.get(1).label == "shirt"
        with serve(folder, *options) as second:
            assert second.wait(60) == 4
            assert second.stderr is not None
            assert f"process {os.getpid()} is writing here" in second.stderr.read()


def test_the_command_refuses_an_open_address_without_a_token_before_anything_else(tmp_path: Path) -> None:
    with serve(tmp_path / "w", "--host", "0.0.0.0:0", "--bundle", "nowhere") as process:
        assert process.wait(60) == 2
        assert process.stderr is not None
        assert "--host 0.0.0.0:0: others can reach it, so it needs a token: --token " in process.stderr.read()
    assert not (tmp_path / "w").exists()
