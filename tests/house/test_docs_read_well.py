"""Pages begin with the task, end with what was measured, say it in short sentences, and name files that are there."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import mean

import pytest

from places import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
LISTS_OF_WORDS = {"glossary.md"}  # nothing is done with it


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|<!--.*?-->", "", text, flags=re.MULTILINE | re.DOTALL)


def pieces(text: str) -> list[str]:
    """Return paragraphs, items of lists and cells of tables."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", without_code(text)):
        for line in block.splitlines():
            if line.lstrip().startswith("|"):
                found += re.split(r"(?<!\\)\|", line.strip().strip("|"))
            elif not found or re.match(r"\s*(?:[-*]|\d+\.|#+)\s", line) or line == block.splitlines()[0]:
                found.append(line)
            else:
                found[-1] += " " + line
    return found


def sentences(text: str) -> list[str]:
    ends = re.compile(r"(?<=[.!?:])[)*\"]*\s+(?=\S)")
    return [each for piece in pieces(text) for each in ends.split(piece.strip()) if len(each.split()) > 2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    lengths = {each: len(each.split()) for each in sentences(page.read_text("utf-8"))}
    assert [each for each, length in lengths.items() if length > 34] == []
    assert mean(lengths.values()) <= 15


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in LISTS_OF_WORDS], ids=lambda page: page.name
)
def test_a_page_shows_what_to_do_before_its_first_section(page: Path) -> None:
    beginning = page.read_text("utf-8").split("\n## ", maxsplit=1)[0]
    assert re.search(r"^```(?:console|python|sh)$", beginning, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_was_measured_stands_last(page: Path) -> None:
    sections = re.findall(r"^## (.+)$", without_code(page.read_text("utf-8")), re.MULTILINE)
    assert "Measured" not in sections[:-1]


FILE = re.compile(r"`((?:tests|benchmarks|examples|scripts|machines|providers|interchange|storage|src)/[\w./-]+)`")
COMMAND = re.compile(r"\bpython ((?:tests|benchmarks|scripts)/[\w./-]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [name for name in FILE.findall(text) + COMMAND.findall(text) if not (ROOT / name).exists()] == []
