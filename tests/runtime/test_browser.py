"""The pages in a real browser: scanned, corrected, found, undone, by mouse and by keys, on a desk and on a phone.

HEMLINE_SCREENSHOTS=FOLDER keeps what was seen.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the web extra")
pytest.importorskip("uvicorn", reason="needs the web extra")

import devtools
import pages

from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.errors import PictureError
from hemline.sources import Item
from hemline.space import DiskFullError
from hemline.wardrobe.catalogue import Catalogue
from hemline.watch import page as watch_page
from hemline.watch.live import LiveView
from hemline.watch.watcher import Watcher
from hemline.web import address, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(devtools.found() is None, reason="needs Chromium: sudo apt install chromium"),
]
# what is wider than the window, and by how much
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def chromium() -> Iterator[devtools.Chromium]:
    with devtools.Chromium(devtools.found()) as browser:
        yield browser


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if not Path("/dev/shm").is_dir():
        yield tmp_path / "wardrobe"
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield Path(place) / "wardrobe"


@pytest.fixture
def page(folder: Path, tmp_path: Path, fake_bundle: Callable[..., Bundle]) -> Iterator[pages.Page]:
    """A wardrobe with a camera before which garments change every two seconds."""
    photos = pages.film(tmp_path / "film", 0, 3, 4, 8)
    source = f"fake://{photos}?fps=1&deadline=60"
    with pages.wardrobe(folder, fake_bundle(preprocess=pages.LAYOUT), source) as page:
        yield page


def seen(tab: devtools.Tab, name: str) -> None:
    """Keep a picture of the window where somebody wants one, and check that nothing is cut off at the side."""
    assert tab.evaluate(TOO_WIDE) <= 0, f"{name} is wider than its window"
    if os.environ.get("HEMLINE_SCREENSHOTS"):
        tab.evaluate(
            "Promise.all([...document.images].filter(i => i.getBoundingClientRect().top < innerHeight)"
            ".map(i => i.decode().catch(() => 0)))"
        )
        tab.screenshot(Path(os.environ["HEMLINE_SCREENSHOTS"]) / f"{name}.png")


def opened(chromium: devtools.Chromium, page: pages.Page, view: str = "#/scan", **given: object) -> devtools.Tab:
    tab = chromium.open(f"{page.bound.url}{view}", **given)
    tab.until("document.querySelector('#view h1')")
    return tab


def scanned(tab: devtools.Tab) -> None:
    """Scan and keep what the camera sees."""
    tab.until("document.documentElement.dataset.frame && !document.querySelector('#scan').disabled")
    tab.click("#scan")
    tab.until("document.querySelector('dialog.candidate img.cutout').complete")


def toast(tab: devtools.Tab, words: str) -> None:
    tab.until(f"document.querySelector('.toast').innerText.includes({words!r})")


def test_a_garment_is_scanned_corrected_found_again_undone_and_still_there(
    chromium: devtools.Chromium, page: pages.Page
) -> None:
    tab = opened(chromium, page)
    tab.until("document.querySelector('.empty').innerText.includes('Nothing is here yet')")
    tab.until("document.documentElement.dataset.frame")
    seen(tab, "desk-scan-empty")

    scanned(tab)
    seen(tab, "desk-candidate")
    assert "Keep as" in tab.text("dialog .primary")
    tab.click("dialog .primary")
    toast(tab, "Kept: #1")
    tab.until("document.querySelectorAll('.lane .card').length === 1")
    seen(tab, "desk-kept")
    first = page.catalogue.get(1).label

    scanned(tab)  # another one: the camera goes on
    twin = tab.evaluate("Boolean(document.querySelector('.twin'))")
    tab.click("dialog .actions .primary")
    toast(tab, "#2")
    assert not twin or page.catalogue.get(2).id == 2

    tab.click("nav a[data-view=garments]")
    tab.until("document.querySelector('#count').innerText === '2 garments'")
    assert tab.evaluate("document.querySelectorAll('.wardrobe .card').length") == 2
    tab.click("a[href='#/garments/1']")
    tab.until("document.querySelector('#similar .card, #similar + .none')")
    assert "#2" in tab.text("#similar")
    other = next(label for label in ("shirt", "trouser", "shoe") if label != first)
    tab.evaluate(
        f"(() => {{ const e = document.querySelector('#class-of'); e.value = {other!r};"
        " e.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    toast(tab, f"correct #1 from {first} to {other}")
    tab.until(f"document.querySelector('.said').innerText.includes('corrected by you from {first}')")
    seen(tab, "desk-garment")
    assert page.catalogue.get(1).label == other

    tab.click(".toast button.plain")
    toast(tab, "Undone: correct #1")
    tab.until(f"document.querySelector('#class-of').value === {first!r}")
    assert page.catalogue.get(1).label == first

    tab.reload()
    tab.until("document.querySelector('#view h1').innerText.startsWith('#1 ')")
    assert page.catalogue.find().total == 2
    assert tab.complaints() == []
    tab.close()


def test_everything_is_done_by_keys(chromium: devtools.Chromium, page: pages.Page) -> None:
    tab = opened(chromium, page, "#/review")
    tab.until("document.querySelector('.empty').innerText.includes('Nothing to review')")
    tab.key("?")
    tab.until("document.querySelector('dialog.keys')")
    seen(tab, "desk-keys")
    tab.key("Escape")
    tab.until("!document.querySelector('dialog')")

    tab.key("s")  # goes to the camera and scans
    tab.until("document.querySelector('dialog.candidate') || document.querySelector('.toast')")
    if not tab.evaluate("Boolean(document.querySelector('dialog.candidate'))"):
        tab.until("document.documentElement.dataset.frame")  # no frame had come yet, and that was said
        tab.key("s")
        tab.until("document.querySelector('dialog.candidate')")
    tab.key("Escape")
    tab.until("!document.querySelector('dialog')")
    assert page.catalogue.find().total == 0, "skipped"
    tab.key("s")
    tab.until("document.querySelector('dialog.candidate')")
    tab.key("2")
    tab.key("Enter")
    toast(tab, "Kept: #1")
    label = page.catalogue.get(1).label

    tab.key("/")
    tab.until("document.activeElement.id === 'words'")
    tab.type("zzz")
    tab.until("document.querySelector('#count').value === '0 garments'")
    seen(tab, "desk-nothing-found")
    tab.evaluate("document.querySelector('#words').value = ''")
    tab.type(str(label)[:3])
    tab.until("document.querySelector('#count').value === '1 garment'")
    tab.key("Escape")
    tab.evaluate("document.querySelector('.card').focus()")
    tab.key("Enter")
    tab.until("document.querySelector('#class-of')")
    tab.key("w")
    toast(tab, "wear #1")
    tab.until("document.querySelectorAll('.days li').length === 1")
    tab.key("c")
    tab.until("document.activeElement.id === 'class-of'")
    tab.key("Escape")
    tab.key("x")
    toast(tab, "remove #1")
    tab.until("document.querySelector('#view .banner')")
    seen(tab, "desk-removed")
    tab.key("z", devtools.CONTROL)
    toast(tab, "Undone: remove #1")
    tab.until("!document.querySelector('#view .banner')")
    assert (page.catalogue.get(1).status, page.catalogue.get(1).worn) == ("kept", 1)
    tab.key("n")
    tab.until("document.activeElement.id === 'notes'")
    tab.type("s and x are letters here")
    assert tab.evaluate("document.activeElement.value") == "s and x are letters here"
    tab.key("Escape")
    tab.key("g")
    tab.until("document.querySelector('#count')")
    assert tab.complaints() == []
    tab.close()


def test_the_same_garment_again_is_shown_beside_the_one_it_looks_like(
    chromium: devtools.Chromium, folder: Path, tmp_path: Path, fake_bundle: Callable[..., Bundle]
) -> None:
    photos = pages.film(tmp_path / "film", 6)
    bundle = fake_bundle(preprocess=pages.LAYOUT)
    with pages.wardrobe(folder, bundle, f"fake://{photos}?fps=5&still") as page:
        tab = opened(chromium, page)
        scanned(tab)
        tab.key("Enter")
        toast(tab, "Kept: #1")
        tab.until("!document.querySelector('dialog')")
        scanned(tab)
        tab.until("document.querySelector('.twin').innerText.includes('Looks like #1')")
        seen(tab, "desk-twin")
        tab.key("m")
        toast(tab, "Another picture of #1")
        assert len(page.catalogue.get(1).pictures) == 2
        tab.click("#undo")
        toast(tab, "Undone: add a picture to #1")
        assert len(page.catalogue.get(1).pictures) == 1
        assert tab.complaints() == []
        tab.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_every_view_whole(chromium: devtools.Chromium, page: pages.Page, dark: bool) -> None:
    look = "dark" if dark else "light"
    tab = opened(chromium, page, width=390, height=844, phone=True, dark=dark)
    scanned(tab)
    seen(tab, f"phone-{look}-candidate")
    tab.click("dialog .primary")
    toast(tab, "Kept: #1")
    seen(tab, f"phone-{look}-scan")
    for view, there in (
        ("#/garments", ".wardrobe .card"),
        ("#/garments/1", "#similar + .none, #similar .card"),
        ("#/review", ".empty"),
        ("#/garments/77", ".empty"),
    ):
        tab.evaluate(f"location.hash = {view!r}")
        tab.until(f"document.querySelector({there!r})")
        seen(tab, f"phone-{look}-{view.strip('#/').replace('/', '-')}")
    assert [row for row in tab.complaints() if "404" not in row] == []
    tab.close()


def test_the_answer_changes_and_nothing_moves(chromium: devtools.Chromium, page: pages.Page) -> None:
    tab = opened(chromium, page)
    tab.until("document.documentElement.dataset.frame")
    tab.evaluate(
        "window.moved = 0; new PerformanceObserver(list => { for (const e of list.getEntries())"
        " if (!e.hadRecentInput) window.moved += e.value; }).observe({ type: 'layout-shift' })"
    )
    before = int(tab.evaluate("document.documentElement.dataset.frame"))
    tab.until(f"Number(document.documentElement.dataset.frame) >= {before} + 3")
    assert tab.evaluate("window.moved") == 0
    tab.close()


def test_two_browsers_hear_of_each_other_and_a_stale_card_is_refused(
    chromium: devtools.Chromium, page: pages.Page
) -> None:
    candidate = page.visitor.photo(pages.taken(0)).json
    page.visitor.post(f"/api/candidates/{candidate['id']}/keep", {"label": "shirt"})
    one, other = opened(chromium, page, "#/garments"), opened(chromium, page, "#/garments/1")
    other.until("document.querySelector('#class-of')")
    page.visitor.post("/api/garments/1/correct", {"label": "shoe"})
    other.until("document.querySelector('#class-of').value === 'shoe'")
    assert one.evaluate("document.hidden"), "a page that nobody sees asks for nothing"
    one.front()
    one.until("document.querySelector('.card .who').innerText.includes('shoe')")
    one.close()
    other.close()


def test_a_full_disk_is_shown_and_the_candidate_stays(
    chromium: devtools.Chromium, page: pages.Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFullError("cannot save: disk full; make room and do it again; what was saved before is safe")

    tab = opened(chromium, page)
    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "add", full)
        scanned(tab)
        tab.click("dialog .primary")
        tab.until("document.querySelector('dialog .failure').innerText.startsWith('cannot save: disk full')")
        seen(tab, "desk-full-disk")
    tab.click("dialog .primary")
    toast(tab, "Kept: #1")
    tab.close()


def test_photos_are_chosen_where_there_is_no_camera(
    chromium: devtools.Chromium, folder: Path, tmp_path: Path, fake_bundle: Callable[..., Bundle]
) -> None:
    (tmp_path / "one.jpg").write_bytes(pages.taken(0))
    (tmp_path / "none.jpg").write_bytes(pages.table_top())
    (tmp_path / "text.jpg").write_bytes(b"not a picture")
    bundle = fake_bundle(preprocess=pages.LAYOUT)
    with pages.wardrobe(folder, bundle, artifact="fake:int8") as page:
        tab = opened(chromium, page)
        tab.until("document.querySelector('.zone')")
        seen(tab, "desk-no-camera")
        root = tab.call("DOM.getDocument")["root"]["nodeId"]
        field = tab.call("DOM.querySelector", nodeId=root, selector="#photo")["nodeId"]
        files = [str(tmp_path / name) for name in ("text.jpg", "none.jpg", "one.jpg")]
        tab.call("DOM.setFileInputFiles", files=files, nodeId=field)
        tab.until("document.querySelector('dialog h2').innerText === 'Nothing there'")
        seen(tab, "desk-nothing-there")
        tab.click("dialog .actions button")
        tab.until("document.querySelector('dialog .top-line').innerText.includes('photo 3 of 3')")
        seen(tab, "desk-not-sure")
        tab.key("l")
        toast(tab, "To review: #1")
        tab.key("r")
        tab.until("document.querySelector('.one .choices button')")
        seen(tab, "desk-review")
        tab.key("1")
        tab.until("document.querySelector('.empty').innerText.includes('Nothing to review')")
        assert page.catalogue.get(1).status == "kept"
        assert [row for row in tab.complaints() if "422" not in row] == []
        tab.close()


def test_a_page_that_has_ended_is_said_and_comes_back(
    chromium: devtools.Chromium, folder: Path, fake_bundle: Callable[..., Bundle]
) -> None:
    bundle = fake_bundle(preprocess=pages.LAYOUT)
    with pages.wardrobe(folder, bundle) as page:
        tab = opened(chromium, page, "#/garments")
        tab.until("document.querySelector('.empty')")
        seen(tab, "desk-empty-wardrobe")
    tab.until(
        "[...document.querySelectorAll('.banner')].some(b => !b.hidden && b.innerText.includes('does not answer'))"
    )
    seen(tab, "desk-offline")
    tab.close()


class Still:
    """A source of two items, a frame and a fault, that then waits."""

    name, ended = "camera:0", False

    def __init__(self, *items: Item) -> None:
        self._items = list(items)

    def poll(self, timeout_s: float | None = None) -> Item | None:
        import time

        time.sleep(0.05)
        return self._items.pop(0) if self._items else None


@pytest.mark.parametrize("lost", [False, True], ids=["live", "lost"])
def test_a_watched_camera_is_shown_and_its_loss_too(
    chromium: devtools.Chromium, fake_bundle: Callable[..., Bundle], lost: bool
) -> None:
    frame = Item("camera:0#1", pages.taken(4, cloth="red", height=480, width=640))
    fault = Item("camera:0", PictureError("camera:0: no frame for 1.5 s; reopening in 0.5 s"))
    bundle = fake_bundle(preprocess=pages.LAYOUT)
    with (
        address.claim("127.0.0.1:0", option="--serve", environment={}) as bound,
        Classifier.open(bundle, artifact="fake:float32", top=1000) as classifier,
    ):
        camera = Still(*([frame, frame, frame, fault] if lost else [frame, frame, frame]))
        view = LiveView(camera, Watcher(camera, classifier), name="camera:0")  # type: ignore[arg-type]
        with serving.Serving(watch_page.application(view, bound), bound, serving.Ending()), view:
            tab = chromium.open(bound.url)
            if lost:
                tab.until("document.querySelector('.fault').innerText.includes('reopening in 0.5 s')")
            else:
                tab.until("document.querySelector('.answer .name').innerText.length > 2")
            seen(tab, f"watch-{'lost' if lost else 'live'}")
            tab.size(390, 844, phone=True)
            tab.scheme(dark=True)
            seen(tab, f"watch-phone-{'lost' if lost else 'live'}")
            assert [row for row in tab.complaints() if "404" not in row] == []
            tab.close()


def test_the_token_is_asked_for_once(chromium: devtools.Chromium, fake_bundle: Callable[..., Bundle]) -> None:
    with (
        address.claim("127.0.0.1:0", option="--serve", token="correct-horse-battery") as bound,
        Classifier.open(fake_bundle(), artifact="fake:float32", top=1000) as classifier,
    ):
        view = LiveView(Still(), Watcher(Still(), classifier), name="camera:0")  # type: ignore[arg-type]
        with serving.Serving(watch_page.application(view, bound), bound, serving.Ending()), view:
            tab = chromium.open(bound.url, width=390, height=844, phone=True)
            tab.until("document.activeElement.id === 'token'")
            seen(tab, "phone-token")
            tab.type("guess-guess-guess")
            tab.key("Enter")
            tab.until("document.body.innerText.includes('That is not the token')")
            tab.until("document.readyState === 'complete' && document.activeElement.id === 'token'")
            tab.type("correct-horse-battery")
            tab.key("Enter")
            tab.until("document.querySelector('#watch')")
            assert "token" not in tab.evaluate("location.href")
            tab.go(bound.url)
            tab.until("document.querySelector('#watch')")
            assert tab.evaluate("document.cookie") == "", "no script sees it"
            tab.close()
