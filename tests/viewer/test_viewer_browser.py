"""The viewer in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from footage.storage import Store, open_store
from footage.trajectory import FrameRole, Instant, StepStatus
from footage.viewer import make_viewer
from footage.viewer.pages.listing import PAGE
from places import HELPERS
from viewer_samples import (
    CLICKED,
    click,
    fork_story,
    later,
    record_story,
    replay_story,
    screen,
    write_hostile,
    write_parade,
    write_step,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Locator, Page

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REBOUND = "rebound.example"
"""A stranger's name that leads to this machine."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]  # fmt: skip
PAYLOADS = (HELPERS / "hostile_strings.txt").read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium).")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield launched
        launched.close()


@dataclass(frozen=True)
class Served:
    """A store that is being served, and who is who in it."""

    store: Store
    url: str
    runs: dict[str, str]

    @property
    def base(self) -> str:
        return self.url.split("/?")[0]


@contextmanager
def serving(store: Store, runs: dict[str, str]) -> Iterator[Served]:
    server, url = make_viewer(store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Served(store, url, runs)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with open_store(tmp_path_factory.mktemp("viewer") / "runs.db") as store:
        careful = record_story(store)
        runs = {"careful": careful, "hasty": record_story(store, model="stand-in/hasty", number="28")}
        runs |= {"diverged": replay_story(store, careful, diverge_at=3), "fork": fork_story(store, careful, 4)}
        with serving(store, runs) as running:
            yield running


@dataclass
class Watched:
    """A page whose every word to the console, request and dialog is written down."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str, *, made: bool = True) -> Page:
        """Open a page; of a comparison, once it is `made`."""
        self.page.goto(self.base + path)
        if made and path.startswith("/diff/"):
            self.page.locator(".stage-a, .alert").first.wait_for()
            self.page.wait_for_load_state()  # the page that was made came in place of another: its keys are heard now
        return self.page

    def dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def strangers(self) -> list[str]:
        """Addresses that were asked for and are not the viewer's own."""
        return [url for url in self.requests if not url.startswith(self.base + "/")]


@contextmanager
def watching(browser: Browser, served: Served, **options: Any) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.base)
    page = context.new_page()
    page.set_default_timeout(15_000)
    watched = Watched(page, served.base)
    page.on("console", lambda message: watched.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: watched.complaints.append(f"error: {error}"))
    page.on("dialog", watched.dismiss)
    context.on("request", lambda request: watched.requests.append(request.url))
    page.goto(served.url)
    yield watched
    context.close()


@pytest.fixture
def watched(browser: Browser, served: Served) -> Iterator[Watched]:
    """A page; at the end nothing may have been complained of, and nobody else been asked."""
    with watching(browser, served) as page:
        yield page
        assert page.complaints == []
        assert page.strangers() == []


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return {name: float(found[name]) for name in ("x", "y", "width", "height")}


def at_step(page: Page, index: int) -> None:
    """Wait until the flipbook shows a step, in its address and on its pages."""
    page.wait_for_url(re.compile(rf"/steps/{index}(\?|$)"))
    shows(page, "[data-position]", str(index))


def shows(page: Page, selector: str, text: str) -> None:
    """Wait until an element's text has `text` in it."""
    page.locator(selector).filter(has_text=text).wait_for()


def current_tile(page: Page) -> int:
    return int(page.locator(".strip [aria-current] b").inner_text())


# --- the marker -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys", [[], ["1"], ["1", "+"], ["1", "+", "+", "+"], ["1", "-"]], ids=["fit", "100", "200", "400", "50"]
)
def test_the_marker_stands_on_its_pixel_at_every_zoom(watched: Watched, served: Served, keys: list[str]) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/1")
    for key in keys:
        page.keyboard.press(key)
    picture, dot = box(page, ".canvas:not([hidden]) img"), box(page, ".canvas:not([hidden]) .dot")
    zoom = picture["width"] / 1280
    assert picture["height"] / 800 == pytest.approx(zoom, rel=1e-3)
    if keys:
        assert zoom == {1: 1, 2: 0.5 if "-" in keys else 2, 4: 4}[len(keys)]
    for axis, side, wanted in (("x", "width", CLICKED[0]), ("y", "height", CLICKED[1])):
        centre = dot[axis] + dot[side] / 2 - picture[axis]
        assert centre == pytest.approx((wanted + 0.5) * zoom, abs=0.5)


def test_the_marker_keeps_its_size_while_the_picture_grows(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/1")
    sizes = []
    for key in ("1", "+", "+", "+"):
        page.keyboard.press(key)
        sizes.append(box(page, ".canvas:not([hidden]) .ring")["width"])
    assert max(sizes) - min(sizes) < 0.6


def test_zooming_keeps_the_action_in_sight(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/1")
    for _ in range(6):
        page.keyboard.press("+")
        dot, stage = box(page, ".canvas:not([hidden]) .dot"), box(page, ".stage")
        assert stage["x"] <= dot["x"] <= stage["x"] + stage["width"]
        assert stage["y"] <= dot["y"] <= stage["y"] + stage["height"]
    assert (
        page.locator(".stage").evaluate("s => getComputedStyle(s.querySelector('img')).imageRendering") == "pixelated"
    )


def test_the_pixel_under_the_marker_is_the_one_that_was_clicked(watched: Watched, served: Served) -> None:
    """What the eye sees: the screen's own pixels at 800 %, read back from the browser's picture of the page."""
    page = watched.open(f"/runs/{served.runs['careful']}/steps/1")
    for key in ("1", "+", "+", "+", "+", "+", "h"):
        page.keyboard.press(key)
    picture = box(page, ".canvas:not([hidden]) img")
    assert picture["width"] == 1280 * 8
    import io

    from PIL import Image

    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    recorded = Image.fromarray(screen())
    for dx, dy in ((0, 0), (-9, 4), (7, -11), (12, 12)):
        x, y = CLICKED[0] + dx, CLICKED[1] + dy
        on_page = (round(picture["x"] + (x + 0.5) * 8), round(picture["y"] + (y + 0.5) * 8))
        assert seen.getpixel(on_page) == recorded.getpixel((x, y))


# --- flipping -------------------------------------------------------------------------------------


def test_the_whole_flipbook_from_the_keyboard(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}")
    for index in range(1, 11):
        page.keyboard.press("ArrowRight")
        at_step(page, index)
        assert current_tile(page) == index
        step = served.store.step(served.runs["careful"], index)
        before = step.frame(FrameRole.BEFORE)
        assert before is not None
        shown = page.locator(".canvas:not([hidden]) img")
        assert f"/pictures/{before.picture}.png" in (shown.get_attribute("src") or "")
        assert shown.evaluate("image => image.complete && image.naturalWidth") == 1280
    page.keyboard.press("ArrowRight")
    at_step(page, 10)
    page.keyboard.press("ArrowLeft")
    at_step(page, 9)
    page.keyboard.press("Home")
    at_step(page, 0)
    page.keyboard.press("End")
    at_step(page, 10)
    page.keyboard.press("a")
    assert page.locator(".canvas:not([hidden])").get_attribute("data-shot") == "after"
    assert page.url.endswith("/steps/10?show=after")
    page.keyboard.press("ArrowLeft")
    at_step(page, 9)
    assert page.locator(".canvas:not([hidden])").get_attribute("data-shot") == "after"
    page.keyboard.press("b")
    assert page.url.endswith("/steps/9")
    page.keyboard.press("o")
    assert page.locator(".tabs [aria-current]").inner_text() == "observed"


def test_space_plays_and_pauses_and_the_speed_is_a_key(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/7")
    page.keyboard.press(">")
    page.keyboard.press(">")
    assert page.locator("[data-speed]").input_value() == "4"
    page.keyboard.press("Space")
    assert page.locator("[data-play]").get_attribute("aria-pressed") == "true"
    at_step(page, 10)
    page.wait_for_url("**/steps/10?show=after")  # it ends with what it all led to
    assert page.locator("[data-play]").get_attribute("aria-pressed") == "false"
    page.keyboard.press("Space")
    at_step(page, 1)  # from the beginning again
    page.keyboard.press("Space")
    assert page.locator("[data-play]").get_attribute("aria-label") == "Play"
    here = page.locator("[data-position]").inner_text()
    page.wait_for_timeout(700)
    assert page.locator("[data-position]").inner_text() == here


def test_buttons_tabs_and_the_film_strip_do_the_same_by_mouse(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}")
    page.get_by_label("Next step").click()
    at_step(page, 1)
    page.locator(".tile").nth(5).click()
    at_step(page, 5)
    page.get_by_label("Last step").click()
    at_step(page, 10)
    assert page.get_by_label("Next step").get_attribute("aria-disabled") == "true"
    page.get_by_role("link", name="after").click()
    assert page.url.endswith("?show=after")
    page.get_by_label("Zoom in").click()
    assert page.locator("[data-level]").inner_text() == "100 %"


def test_every_control_can_be_reached_with_tab(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/3")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        name = "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        reached.add(str(page.evaluate(name)).strip().split("\n")[0])
    wanted = {"First step", "Previous step", "Play", "Next step", "Last step", "Speed", "before", "after", "observed",
              "Zoom out", "Zoom in", "Keys", "Screen"}  # fmt: skip
    assert wanted <= reached


def test_question_mark_lists_the_keys(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert page.locator("[data-position]").inner_text() == "0"


def test_a_deep_link_opens_what_it_names(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/6?show=after")
    assert page.locator("[data-position]").inner_text() == "6"
    assert page.locator(".canvas:not([hidden])").get_attribute("data-shot") == "after"
    assert current_tile(page) == 6


def test_a_quick_finger_ends_where_it_stopped(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}")
    for key in ["ArrowRight"] * 9 + ["ArrowLeft"] * 4:
        page.keyboard.press(key)
        page.wait_for_timeout(5)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Home")
    at_step(page, 0)
    shown = page.locator(".canvas:not([hidden]) img").get_attribute("src")
    first = served.store.step(served.runs["careful"], 0).frame(FrameRole.BEFORE)
    assert first is not None
    assert str(shown).startswith(f"/pictures/{first.picture}.png")


def test_the_commands_can_be_copied(watched: Watched, served: Served) -> None:
    page = watched.open(f"/runs/{served.runs['careful']}/steps/4")
    page.locator(".panel [data-copy]").nth(1).click()
    page.wait_for_selector(".copy.done")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"footage fork {served.runs['careful']} --at 4 --store {served.store.path}"


def test_a_run_that_is_being_recorded_grows_on_the_page(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "live.db") as store:
        writer = store.begin_run(task="live")
        write_step(writer, Instant.now(), "first", "", click((10, 10)), (screen(), screen("2")))
        with serving(store, {}) as served, watching(browser, served) as watched:
            page = watched.open(f"/runs/{writer.run_id}")
            write_step(writer, Instant.now(), "second", "", click((20, 20)), (screen("2"), None))
            at_step(page, 1)  # whoever looks at the last step goes along
            assert page.locator(".tile").count() == 2
            assert "second" in page.locator(".panel").inner_text()
            writer.finish(1, status=StepStatus.EXECUTED, result_text="and done")
            writer.end()
            shows(page, ".panel", "and done")
            shows(page, ".run-head", "completed")
            assert watched.complaints == []


# --- list and comparison --------------------------------------------------------------------------


def test_two_ticked_runs_are_compared(watched: Watched, served: Served) -> None:
    page = watched.open("/")
    compare = page.get_by_role("button", name="Compare")
    assert compare.is_disabled()
    for name in ("fork", "careful", "hasty"):  # a third tick replaces the first
        page.get_by_label(f"Compare {served.runs[name]}").check()
    assert not page.get_by_label(f"Compare {served.runs['fork']}").is_checked()
    compare.click()
    page.wait_for_url(f"**/diff/{served.runs['careful']}/{served.runs['hasty']}")
    page.wait_for_selector(".page-diff")
    assert "by the model" in page.locator("h1").inner_text()


def test_a_comparison_from_the_keyboard(watched: Watched, served: Served) -> None:
    page = watched.open(f"/diff/{served.runs['careful']}/{served.runs['hasty']}")
    assert "step 2" in page.locator(".caption-a").inner_text()
    for key, row in (("ArrowRight", 3), ("ArrowDown", 4), ("ArrowLeft", 3), ("End", 11), ("Home", 0), ("d", 2)):
        page.keyboard.press(key)
        page.wait_for_url(f"**?row={row}")
    page.keyboard.press("1")
    dots = [box(page, f".stage-{letter} .dot") for letter in "ab"]
    pictures = [box(page, f".stage-{letter} img") for letter in "ab"]
    across = [dot["x"] + dot["width"] / 2 - picture["x"] for dot, picture in zip(dots, pictures, strict=True)]
    assert across == [pytest.approx(357.5, abs=0.5), pytest.approx(439.5, abs=0.5)]


def test_slider_and_blink_lay_one_screen_over_the_other(watched: Watched, served: Served) -> None:
    page = watched.open(f"/diff/{served.runs['careful']}/{served.runs['diverged']}")
    page.keyboard.press("l")
    a, b = box(page, ".stage-a img"), box(page, ".stage-b img")
    assert a == b
    page.locator("[data-cut]").fill("250")
    assert "25%" in page.locator(".stage-b").evaluate("s => getComputedStyle(s).clipPath")
    page.keyboard.press("k")
    visible = set()
    for _ in range(12):
        visible.add(page.locator(".stage-b").is_visible())
        page.wait_for_timeout(150)
    assert visible == {True, False}
    page.keyboard.press("s")
    assert box(page, ".stage-a")["x"] < box(page, ".stage-b")["x"]


def test_a_note_and_an_outcome_are_written_on_the_page(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        run = record_story(store)
        with serving(store, {}) as served, watching(browser, served) as watched:
            page = watched.open(f"/runs/{run}/steps/2")
            page.get_by_text("Add a note").click()
            page.get_by_label("Note", exact=True).press_sequentially("a 1 b?")  # keys of the flipbook, elsewhere
            page.get_by_role("button", name="Add note").click()
            shows(page, ".alert", "a 1 b?")
            at_step(page, 2)
            page.get_by_text("Judge the outcome").click()
            page.get_by_label("Why").fill("too slow")
            page.get_by_role("button", name="Failure").click()
            shows(page, ".run-head .outcome-failure", "human")
            page.get_by_text("Add tags").click()
            page.get_by_label("Tags").fill("nightly")
            page.get_by_label("Tags").press("Enter")
            page.get_by_label("Take off the tag nightly").click()
            page.get_by_label("Take off the tag nightly").wait_for(state="detached")
            assert watched.complaints == []
        assert [(note.text, note.step) for note in store.notes(run)] == [("a 1 b?", 2)]
        assert [(o.value, o.note) for o in store.run(run).outcomes[-1:]] == [("failure", "too slow")]


@pytest.mark.parametrize("width", [1280, 800])
def test_a_step_with_many_frames_between_keeps_its_toolbar(browser: Browser, store: Store, width: int) -> None:
    writer = store.begin_run(task="Watch closely")
    start = Instant.now()
    step = write_step(writer, start, "", "", click(CLICKED), (screen(), screen("2")))
    for number in range(14):
        picture = screen("2", f"line {number}")
        writer.frame(picture, captured=later(start, 1215 + number), roles=[(step, FrameRole.BETWEEN)], source="replay")
    writer.end()
    with serving(store, {}) as running, watching(browser, running) as watched:
        page = watched.open(f"/runs/{writer.run_id}/steps/0")
        page.set_viewport_size({"width": width, "height": 800})
        toolbar, fit = box(page, ".toolbar"), box(page, ".zoom")
        assert fit["x"] + fit["width"] <= toolbar["x"] + toolbar["width"]
        assert box(page, ".position")["width"] > 60
        page.get_by_label("between 14, taken in a replay").click()
        page.wait_for_url("**show=between-14")
        tabs, chosen = box(page, ".tabs"), box(page, ".tabs [aria-current]")
        assert tabs["x"] <= chosen["x"] + 1
        assert chosen["x"] + chosen["width"] <= tabs["x"] + tabs["width"] + 1


CUT_OFF = """(selector) => [...document.querySelectorAll(selector)]
    .filter((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
    .map((one) => one.innerText)"""
TELLING = (".caption .what", ".diff-head .task span", ".row .lines span:not(:only-child)", ".said-of-row")


def test_a_telephone_shows_the_whole_width_of_a_comparison_and_of_the_list(browser: Browser, served: Served) -> None:
    with watching(browser, served) as watched:
        watched.page.set_viewport_size({"width": 390, "height": 844})
        for path in ("/", f"/diff/{served.runs['careful']}/{served.runs['hasty']}"):
            page = watched.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("document.scrollingElement.scrollTop") == 0, "it begins with what differs"
        assert page.locator(".row.apart small").text_content() == "first difference"
        one, two = (box(page, f".stage-{letter}") for letter in "ab")
        assert one["width"] > 350
        assert two["y"] >= one["y"] + one["height"]


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_that_tells_runs_apart_is_cut_off(browser: Browser, served: Served, width: int) -> None:
    with watching(browser, served) as watched:
        watched.page.set_viewport_size({"width": width, "height": 700})
        page = watched.open(f"/diff/{served.runs['careful']}/{served.runs['hasty']}")
        shows(page, ".diff-head .task", served.store.run(served.runs["careful"]).task)
        for selector in (
            ".caption .what",
            ".diff-head .task span",
            ".row .lines span:not(:only-child)",
            ".said-of-row",
        ):
            assert page.locator(selector).count()
            assert page.evaluate(CUT_OFF, selector) == []
        page = watched.open(f"/runs/{served.runs['fork']}/steps/2")
        assert page.evaluate(CUT_OFF, ".run-head, .run-head .facts, .run-head h1") == []
        head, last = box(page, ".top"), box(page, ".run-head .facts > :last-child")
        assert last["x"] + last["width"] <= width
        assert last["y"] + last["height"] <= head["y"] + head["height"]


def test_a_filter_that_is_chosen_is_used_at_once(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_label("Kind").select_option("fork")
    page.wait_for_url("**kind=fork**")
    assert page.locator("tr.run").count() == 1
    page.get_by_label("Search tasks").fill("calculator")
    page.get_by_label("Search tasks").press("Enter")
    page.wait_for_url("**text=calculator**")
    shows(page, ".found", "the task")


# --- without scripts, and against hostile content -------------------------------------------------


def test_everything_can_be_read_without_scripts(browser: Browser, served: Served) -> None:
    with watching(browser, served, java_script_enabled=False) as watched:
        page = watched.page
        page.get_by_role("link", name=re.compile("Add 27 and 15")).first.click()
        run = urlsplit(page.url).path.split("/")[2]
        page = watched.open(f"/runs/{served.runs['careful']}")
        assert run in served.runs.values()
        for index in range(1, 4):
            page.get_by_label("Next step").click()
            page.wait_for_url(f"**/steps/{index}")
        page.get_by_role("link", name="after").click()
        page.wait_for_url("**/steps/3?show=after")
        assert page.locator(".canvas:not([hidden]) img").get_attribute("alt") == "The screen after"
        page.locator(".tile a").nth(1).click()
        page.wait_for_url("**/steps/1")
        picture, dot = box(page, ".canvas:not([hidden]) img"), box(page, ".canvas:not([hidden]) .dot")
        zoom = picture["width"] / 1280
        assert dot["x"] + dot["width"] / 2 - picture["x"] == pytest.approx((CLICKED[0] + 0.5) * zoom, abs=0.5)
        assert not page.locator("[data-play]").is_visible()
        page = watched.open("/")
        page.get_by_label(f"Compare {served.runs['careful']}").check()
        page.get_by_label(f"Compare {served.runs['hasty']}").check()
        page.get_by_role("button", name="Compare").click()
        page.get_by_label("Next row").click()
        page.wait_for_url("**?row=3")
        assert watched.complaints == []
        assert watched.strangers() == []


def test_hostile_strings_do_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "hostile.db") as store:
        runs, parade = write_hostile(store, PAYLOADS), write_parade(store, PAYLOADS)
        with serving(store, {}) as served, watching(browser, served) as watched:
            watched.page.add_init_script(
                "addEventListener('securitypolicyviolation', event => console.log('violation', event.blockedURI));"
            )
            page = watched.open("/")
            assert page.locator("tr.run").count() == PAGE
            page = watched.open(f"/runs/{parade}")
            for index in range(1, len(PAYLOADS)):
                page.keyboard.press("ArrowRight")
                at_step(page, index)
                assert PAYLOADS[index][:20] in page.locator(".panel").inner_text()
            for run in runs[::6]:
                watched.open(f"/runs/{run}/steps/1").wait_for_load_state("networkidle")
            watched.open(f"/diff/{runs[0]}/{parade}").keyboard.press("End")
            page.wait_for_load_state("networkidle")
            assert watched.complaints == []
            assert watched.strangers() == []


def test_a_rebound_name_is_not_answered(browser: Browser, served: Served) -> None:
    with watching(browser, served) as watched:
        answer = watched.page.goto(served.url.replace("127.0.0.1", REBOUND))
        assert answer is not None
        assert answer.status == 400
        assert "not the viewer's own" in watched.page.inner_text("body")


def test_no_other_site_gets_an_answer(browser: Browser, served: Served) -> None:
    """A page of another origin fetches, embeds and links the viewer with the reader's cookie at hand."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title><link rel=icon href=data:,><body>")

        def log_message(self, *_: object) -> None:
            pass

    evil = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    thread = threading.Thread(target=evil.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with watching(browser, served) as watched:
            page, answers = watched.page, list[int]()
            page.goto(f"http://localhost:{evil.server_port}/")
            page.on("response", lambda answer: answers.append(answer.status))
            outcomes = page.evaluate(
                """async (base) => {
                    const outcomes = [];
                    const note = async (promise) =>
                        outcomes.push(await promise.then(() => "answered", () => "refused"));
                    for (const mode of ["cors", "no-cors"]) {
                        for (const method of ["GET", "POST"]) {
                            await note(fetch(base + "/", {mode, method, credentials: "include"}));
                        }
                    }
                    const image = new Image();
                    image.src = base + "/pictures/1.png";
                    await note(image.decode());
                    const frame = document.createElement("iframe");
                    frame.src = base + "/";
                    document.body.append(frame);
                    await new Promise((done) => (frame.onload = done));
                    return outcomes;
                }""",
                served.base,
            )
            assert outcomes == ["refused"] * 5
            assert set(answers) <= {403, 405}
    finally:
        evil.shutdown()
        thread.join()
        evil.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1000, 700)])
def test_nothing_runs_out_of_the_window(browser: Browser, served: Served, scheme: str, width: int, height: int) -> None:
    with watching(browser, served, color_scheme=scheme) as watched:
        watched.page.set_viewport_size({"width": width, "height": height})
        runs = served.runs
        for path in ("/", f"/runs/{runs['diverged']}/steps/3", f"/diff/{runs['careful']}/{runs['hasty']}"):
            page = watched.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if path != "/":
                assert page.evaluate("document.documentElement.scrollHeight") <= height
        assert watched.complaints == []


# --- nothing that is being written is lost --------------------------------------------------------


def note_field(page: Page) -> Locator:
    return page.get_by_label("Note", exact=True)


def begin_note(page: Page, text: str) -> None:
    if not note_field(page).is_visible():
        page.get_by_text("Add a note").click()
    note_field(page).press_sequentially(text)


def test_a_note_stays_with_its_step_over_flips_and_reloads(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        run = record_story(store)
        with serving(store, {}) as served, watching(browser, served) as watched:
            page = watched.open(f"/runs/{run}/steps/2")
            begin_note(page, "too slow here")
            note_field(page).evaluate("field => field.setSelectionRange(4, 8)")
            page.locator(".tile a").nth(5).click()
            at_step(page, 5)
            page.wait_for_selector(".remarks[data-step='5']")
            assert note_field(page).input_value() == ""
            shows(page, ".elsewhere", "step 2")
            begin_note(page, "another one")
            page.reload()
            at_step(page, 5)
            assert note_field(page).input_value() == "another one"
            assert page.evaluate("document.activeElement.selectionStart") == len("another one")
            page.locator(".tile a").nth(2).click()
            page.wait_for_selector(".remarks[data-step='2']")
            assert note_field(page).input_value() == "too slow here"
            page.get_by_role("button", name="Add note").click()
            shows(page, ".alert", "too slow here")
            page.reload()
            assert note_field(page).input_value() == ""
            shows(page, ".elsewhere", "step 5")
            assert watched.complaints == []
        assert [(note.text, note.step) for note in store.notes(run)] == [("too slow here", 2)]


def test_what_is_typed_while_pages_are_flipped_arrives_whole(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "live.db") as store:
        writer = store.begin_run(task="live")
        for number in range(4):
            write_step(writer, Instant.now(), f"words {number}", "", click((10, 10)), (screen(), screen("2")))
        with serving(store, {}) as served, watching(browser, served) as watched:
            page = watched.open(f"/runs/{writer.run_id}/steps/3")
            begin_note(page, "b a ")
            written = "b a "
            for number, go in enumerate(("first", "next", "next", "last", "previous")):
                page.locator(f"[data-go={go}]").evaluate("link => link.click()")
                note_field(page).press_sequentially(f"o{number}? ")
                written += f"o{number}? "
                write_step(writer, Instant.now(), f"more {number}", "", click((10, 10)), (screen(), screen("2")))
                page.wait_for_selector(f".tile:nth-child({5 + number}):last-child", state="attached")
            assert note_field(page).input_value() == written
            page.get_by_role("button", name="Add note").click()
            page.wait_for_selector("[data-keep=note]:not([open])")
            assert watched.complaints == []
        assert [(note.text, note.step) for note in store.notes(writer.run_id)] == [(written.strip(), 3)]


def test_a_poll_touches_nothing_that_is_in_use(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "live.db") as store:
        writer = store.begin_run(task="live")
        said = "\n".join(f"line {number} of what the model said" for number in range(80))
        write_step(writer, Instant.now(), said, "", click((10, 10)), (screen(), screen("2")))
        with serving(store, {}) as served, watching(browser, served) as watched:
            page = watched.open(f"/runs/{writer.run_id}/steps/0")
            page.get_by_text("Arguments").click()
            page.evaluate("""() => {
                const prose = document.querySelector(".said .prose");
                prose.scrollTop = 300;
                document.querySelector(".panel").scrollTop = 40;
                getSelection().setBaseAndExtent(prose.firstChild, 30, prose.firstChild, 90);
                window.kept = [prose, document.querySelector(".stage img"), document.querySelector(".tile")];
            }""")
            selected = page.evaluate("String(getSelection())")
            assert len(selected) == 60
            for number in (1, 2):
                write_step(writer, Instant.now(), "more", "", click((10, 10)), (screen(), screen("2")))
                page.wait_for_selector(f".tile:nth-child({1 + number}):last-child", state="attached")
            at_step(page, 0)  # whoever selects words does not go along
            assert page.evaluate("String(getSelection())") == selected
            assert page.evaluate("kept.every((node) => node.isConnected)")
            assert page.evaluate(
                "[document.querySelector('.said .prose').scrollTop, document.querySelector('.panel').scrollTop]"
            ) == [300, 40]
            assert page.locator("[data-keep=arguments]").evaluate("part => part.open")
            page.keyboard.press("ArrowRight")
            at_step(page, 1)
            page.keyboard.press("ArrowLeft")
            at_step(page, 0)
            assert page.evaluate("String(getSelection())") == selected
            assert page.evaluate("document.querySelector('.said .prose').scrollTop") == 300
            assert watched.complaints == []


def test_what_cannot_be_saved_stays_and_is_said(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        run = record_story(store)
        with serving(store, {}) as served, watching(browser, served) as watched:
            page = watched.open(f"/runs/{run}/steps/2")
            page.get_by_text("Judge the outcome").click()
            page.get_by_label("Why").fill("it is wrong")
            page.route("**/outcomes", lambda route: route.abort())
            page.get_by_role("button", name="Failure").click()
            shows(page, ".unsaved", "Not saved. The viewer does not answer.")
            assert page.get_by_label("Why").input_value() == "it is wrong"
            page.unroute("**/outcomes")
            page.get_by_role("button", name="Failure").click()
            shows(page, ".run-head .outcome-failure", "human")
            assert not page.locator(".unsaved").is_visible()
        assert [(o.value, o.note) for o in store.run(run).outcomes[-1:]] == [("failure", "it is wrong")]


def test_two_tabs_write_their_own_notes(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        run = record_story(store)
        with serving(store, {}) as served, watching(browser, served) as watched:
            one = watched.open(f"/runs/{run}/steps/2")
            other = one.context.new_page()
            other.goto(f"{served.base}/runs/{run}/steps/2")
            begin_note(one, "first")
            begin_note(other, "second")
            for page in (one, other):
                page.reload()
            assert [note_field(page).input_value() for page in (one, other)] == ["first", "second"]
            one.get_by_role("button", name="Add note").click()
            shows(one, ".alert", "first")
            assert note_field(other).input_value() == "second"


def test_a_comparison_in_the_making_says_so_and_can_be_stopped(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text(
        "import os, pickle, sys\npickle.dump(('at', 3, 8), sys.stdout.buffer)\nsys.stdout.flush()\nos.read(0, 9)\n"
    )
    with open_store(tmp_path / "runs.db") as store:
        ids = record_story(store), record_story(store, number="28")
        with serving(store, {}) as served, watching(browser, served) as watched:
            monkeypatch.setattr("footage.viewer.comparing.making._PROGRAM", sleeper)
            page = watched.open(f"/diff/{ids[0]}/{ids[1]}", made=False)
            shows(page, ".how-far", "37 %")
            waiting = page.context.new_page()
            waiting.goto(page.url)
            page.get_by_role("button", name="Stop comparing").click()
            page.wait_for_url(f"{served.base}/")
            monkeypatch.undo()
            waiting.get_by_text("Compare again").click()
            waiting.wait_for_selector(".page-diff .rows")
            assert watched.complaints == []
