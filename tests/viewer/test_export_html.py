"""A run in one HTML file: what it holds, and what it may do."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from footage.errors import RunNotFound, UsageError
from footage.storage import Store
from footage.trajectory import Pixels
from footage.viewer.html_export import write_page
from footage.viewer.pages.enclosing import CHAIN, patches
from places import HELPERS
from viewer_samples import record_story, replay_story, write_hostile, write_parade

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAYLOADS = (HELPERS / "hostile_strings.txt").read_text("utf-8").splitlines()


def exported(store: Store, run: str, folder: Path) -> str:
    made = write_page(store, run, folder / "run.html", overwrite=True)
    text = made.path.read_text("utf-8")
    assert made.bytes == len(text.encode())
    return text


def drawn(text: str) -> dict[int, Pixels]:
    """Return the pictures of a page, drawn as a browser draws them at full size."""
    found: dict[int, Pixels] = {}
    for number, content in re.findall(r'<g id="p(\d+)">(.*?)</g>', text):
        canvas: Pixels | None = None
        for stands_on, x, y, data in re.findall(
            r'<use href="#p(\d+)"/>|<image x="(\d+)" y="(\d+)"[^>]*base64,([^"]+)"', content
        ):
            if stands_on:
                canvas = found[int(stands_on)].copy()
                continue
            part = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
            canvas = part.copy() if canvas is None else canvas
            canvas[int(y) : int(y) + part.shape[0], int(x) : int(x) + part.shape[1]] = part
        assert canvas is not None
        found[int(number)] = canvas
    return found


def test_every_picture_is_there_to_the_pixel(store: Store, tmp_path: Path) -> None:
    run = replay_story(store, record_story(store), diverge_at=3)
    pictures = drawn(exported(store, run, tmp_path))
    shown = {frame.picture for frame in store.frames(run)}
    assert shown <= set(pictures)
    for number, pixels in pictures.items():
        assert (pixels == store.pixels(number)).all()


def test_the_policy_names_the_style_and_the_script_and_nothing_else(store: Store, tmp_path: Path) -> None:
    text = exported(store, record_story(store), tmp_path)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    given = dict(part.split(" ", 1) for part in html.unescape(policy).split("; "))
    for name, found in (("script-src", r"<script[^>]*>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
        (content,) = re.findall(found, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert given[name] == f"'sha256-{digest}'"
    assert given["default-src"] == "'none'"
    assert given["img-src"] == "data:"
    assert not re.findall(r'(?:href|src)="(?!#|data:image/webp;base64,)', text)
    assert not re.findall(r"<[^>]+\son\w+=", text.replace(given["script-src"], ""))


def test_nothing_of_this_machine_is_in_it(store: Store, tmp_path: Path) -> None:
    assert str(tmp_path) not in exported(store, record_story(store), tmp_path)


def test_a_run_without_steps_is_a_page_too(store: Store, tmp_path: Path) -> None:
    writer = store.begin_run(task="nothing")
    writer.end()
    assert "No steps are recorded." in exported(store, writer.run_id, tmp_path)


def test_nothing_is_overwritten_unasked(store: Store, tmp_path: Path) -> None:
    run = record_story(store)
    (tmp_path / "a.html").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        write_page(store, run, tmp_path / "a.html")
    with pytest.raises(RunNotFound):
        write_page(store, "zzz", tmp_path / "b.html")
    assert (tmp_path / "a.html").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_only_what_is_new_is_written_again() -> None:
    before = np.zeros((200, 300, 3), np.uint8)
    after = before.copy()
    after[50:60, 70:90] = 9
    (piece,) = patches(before, after) or []
    assert piece.x <= 70
    assert piece.right >= 90
    assert piece.width * piece.height < 50 * 50
    assert patches(before, before) == []
    assert patches(before, before + 1) is None
    assert patches(before, before[:100]) is None
    assert CHAIN < 10


# --- in a browser ---


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium).")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


def opened(browser: Browser, path: Path, fragment: str = "", *, scripts: bool = True) -> tuple[Page, list[str]]:
    """Open a file; return the page, and what went wrong on it so far."""
    page = browser.new_context(java_script_enabled=scripts, offline=True).new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url)
    )
    page.goto(path.as_uri() + fragment)
    return page, wrong


@pytest.mark.browser
def test_it_flips_and_its_addresses_lead_to_steps(browser: Browser, store: Store, tmp_path: Path) -> None:
    made = write_page(store, record_story(store), tmp_path / "a.html")
    page, wrong = opened(browser, made.path, "#/steps/4?show=after")
    assert page.locator("[data-position]").inner_text() == "4"
    assert page.locator("[data-show=after]").get_attribute("aria-current") == "true"
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**#/steps/5?show=after")
    page.keyboard.press("Home")
    page.wait_for_url("**#/steps/0?show=after")
    page.keyboard.press("b")
    page.locator(".tile a").nth(2).click()
    page.wait_for_url("**#/steps/2")
    assert page.locator(".stage .canvas:visible .overlay .ring").count() > 0
    picture = page.locator(".stage .canvas:visible .picture").bounding_box()
    assert picture
    assert picture["width"] / picture["height"] == pytest.approx(1280 / 800, rel=0.01)
    page.keyboard.press("1")
    wide = page.locator(".stage .canvas:visible .picture").bounding_box()
    assert wide
    assert wide["width"] == 1280
    page.evaluate("location.hash = '#/steps/7'")
    page.wait_for_function("document.querySelector('[data-position]').textContent === '7'")
    assert wrong == []


@pytest.mark.browser
def test_without_scripts_every_step_is_a_page(browser: Browser, store: Store, tmp_path: Path) -> None:
    made = write_page(store, record_story(store), tmp_path / "a.html")
    page, wrong = opened(browser, made.path, scripts=False)
    assert page.locator(".page .position:visible").inner_text().startswith("step 0")
    page.locator(".page a[aria-label='Next step']:visible").click()
    assert page.locator(".page .position:visible").inner_text().startswith("step 1")
    assert page.locator(".page .panel:visible").count() == 1
    assert page.locator(".page .stage .canvas:visible").count() == 3
    page.locator(".tile a").nth(6).click()
    assert page.locator(".page .position:visible").inner_text().startswith("step 6")
    assert wrong == []


@pytest.mark.browser
def test_nothing_recorded_is_ever_more_than_text(browser: Browser, store: Store, tmp_path: Path) -> None:
    runs = [*write_hostile(store, PAYLOADS)[:4], write_parade(store, PAYLOADS)]
    for number, run in enumerate(runs):
        made = write_page(store, run, tmp_path / f"{number}.html")
        page, wrong = opened(browser, made.path)
        page.keyboard.press("End")
        page.wait_for_timeout(100)
        assert page.evaluate("document.querySelectorAll('script').length") == 1
        assert (
            page.evaluate(
                "document.querySelectorAll('iframe, object, embed, link, base, form:not([method=dialog])').length"
            )
            == 0
        )
        assert wrong == []
        page.context.close()
