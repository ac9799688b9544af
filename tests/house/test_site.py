"""The site of `make docs`: every page, every public name, links that lead somewhere, nothing loaded from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, Request, sync_playwright

import footage
from places import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LOADED = {"link": "href", "object": "data"} | dict.fromkeys(("script", "img", "iframe", "source", "embed"), "src")


class Built(HTMLParser):
    """What a built page has: the addresses it loads, those it leads to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        elif tag in LOADED and LOADED[tag] in given and given.get("rel") not in {"prev", "next", "canonical"}:
            self.loads.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Built]:
    return {page: Built(page.read_text("utf-8")) for page in site.rglob("*.html")}


def test_every_page_of_the_docs_is_in_the_site(site: Path) -> None:
    wanted = {page.with_suffix(".html").name for page in (ROOT / "docs").glob("*.md")}
    assert wanted | {"index.html", "architecture.html", "contributing.html"} <= {page.name for page in site.glob("*")}


def test_every_link_leads_to_a_page_and_a_place_in_it(pages: dict[Path, Built]) -> None:
    astray = []
    for page, built in pages.items():
        for address in {*built.leads, *built.loads}:
            parts = urlsplit(address)
            if parts.scheme or page.name == "404.html":  # its addresses begin at the top of whatever serves it
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if there.is_dir():
                there /= "index.html"
            lost = not there.is_file() or (
                parts.fragment and there in pages and unquote(parts.fragment) not in {*pages[there].anchors, "__"}
            )
            if lost:
                astray.append((page.name, address))
    assert astray == []


def test_no_page_and_no_style_loads_anything_from_elsewhere(site: Path, pages: dict[Path, Built]) -> None:
    elsewhere = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
    loaded = [(page.name, each) for page, built in pages.items() for each in built.loads if elsewhere.match(each)]
    styles = {sheet.name: sheet.read_text("utf-8") for sheet in site.rglob("*.css")}
    in_styles = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)")
    assert loaded + [(name, each) for name, text in styles.items() for each in in_styles.findall(text)] == []


def test_the_reference_describes_every_public_name(site: Path) -> None:
    source = (ROOT / "docs/api.md").read_text("utf-8")
    told = [name for line in re.findall(r"^<!-- api: (.+?) -->$", source, re.MULTILINE) for name in line.split()]
    assert sorted(told) == sorted(set(footage.__all__) - {"__version__"})
    assert [name for name in told if f"`{name}`" not in source and f"`{name}`s" not in source] == []
    built = Built((site / "api.html").read_text("utf-8"))
    assert [name for name in told if f"footage.{name}" not in built.anchors] == []


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.browser
def test_a_browser_finds_a_word_and_asks_nobody_else(served: str, browser_page: Page) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(urlsplit(request.url).netloc)

    browser_page.on("request", note)
    browser_page.goto(f"http://{served}/index.html", wait_until="networkidle")  # the index of the search is there
    browser_page.locator("input.md-search__input").press_sequentially("checkpoint")
    browser_page.locator("a.md-search-result__link").first.wait_for()
    assert "checkpoint" in browser_page.locator("mark").first.inner_text().lower()
    assert set(asked) == {served}
