"""The glossary has the vocabulary's words, each once, and every value that a fixed word of it can have."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from footage import trajectory
from footage.trajectory import fixed_words
from places import ROOT

TEXT = (ROOT / "docs/glossary.md").read_text("utf-8")
ENTRY = re.compile(r"^- (\*\*[^:]+): (.+?)(?=\n- |\n\n|\Z)", re.MULTILINE | re.DOTALL)
BOLD = re.compile(r"\*\*(.+?)\*\*")
ENTRIES = {word: entry[1] for entry in ENTRY.findall(TEXT) for word in BOLD.findall(entry[0])}
NAMED_OTHERWISE = {
    "InputEvent": "delivered input",
    "RawExchange": "exchange",
    "Region": "volatile region",
    "StepVerdict": "verdict",
}
FIXED = {
    "RunKind": "run",
    "RunStatus": "run",
    "StepStatus": "step",
    "FrameRole": "frame",
    "OutcomeSource": "outcome",
    "Verdict": "verdict",
    "Cause": "cause",
}


def test_no_word_stands_twice() -> None:
    words = [word for entry in ENTRY.findall(TEXT) for word in BOLD.findall(entry[0])]
    assert len(words) == len(BOLD.findall(TEXT))
    assert sorted(words) == sorted(ENTRIES)


def test_every_type_of_the_vocabulary_has_an_entry() -> None:
    passed_over = {*FIXED, "Guarantee", "Note", "Performed", "Screenshot", "Pixels"}  # values, or plain words
    types = {name for name in trajectory.__all__ if name[0].isupper() and not name.isupper()} - passed_over
    assert {name for name in types if NAMED_OTHERWISE.get(name, name.lower()) not in ENTRIES} == set()


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_word_has_all_its_values(name: str) -> None:
    words: type[StrEnum] = getattr(fixed_words, name)
    assert [value for value in words if f"`{value}`" not in ENTRIES[FIXED[name]]] == []


def test_what_a_replay_promises_has_entries() -> None:
    assert set(fixed_words.Guarantee) <= set(ENTRIES)


def test_each_entry_has_short_sentences() -> None:
    sentences = [(word, each) for word, text in ENTRIES.items() for each in re.split(r"[.:;](?:\s+|$)", text)]
    assert [(word, each) for word, each in sentences if len(each.split()) > 25] == []
