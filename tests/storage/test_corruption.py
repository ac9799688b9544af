"""
Damaged copies of a store: a reader gets what was recorded or a FootageError, never another exception.

Pictures and requests carry hashes: of those, nothing wrong is ever given out. Other texts have no hash of their own; a
flipped letter in one of them can come through, and is not looked for here. FOOTAGE_CORRUPTIONS is the number of copies.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from cli import call
from damage import DAMAGES, Seen, damaged_copy, read_all, record
from footage.errors import FootageError
from footage.storage import open_store, verify_store

COUNT = int(os.environ.get("FOOTAGE_CORRUPTIONS", "100"))
PARTS = 10
FIRST = int(os.environ.get("FOOTAGE_SEED", "0"))
FOUND = {2: [3843]}
"""Copies that were shown wrongly once, by part: an index led to another turn's request."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("healthy"))


@pytest.fixture(scope="module")
def truth(healthy: Path) -> Seen:
    return read_all(healthy)


def test_the_healthy_store_has_something_of_everything(truth: Seen) -> None:
    assert truth.errors == []
    assert len(truth.runs) == 4
    assert len(truth.requests) == 15
    assert all(truth.requests.values())
    assert len(set(truth.pictures.values())) > 12
    assert len(truth.frames) == 30


@pytest.mark.parametrize("part", range(PARTS))
def test_damage_is_told_of_and_never_shown(part: int, healthy: Path, truth: Seen, tmp_path: Path) -> None:
    told: Counter[str] = Counter()
    for seed in [*range(FIRST + part, FIRST + COUNT, PARTS), *FOUND.get(part, ())]:
        path, done = damaged_copy(healthy, tmp_path, seed)
        what = f"seed {seed}: {done}"
        try:
            seen = read_all(path, readonly=seed % 3 > 0)
        except Exception as error:
            raise AssertionError(what) from error
        told.update(set(seen.errors))
        assert seen.pictures.items() <= truth.pictures.items(), what
        assert {k: v for k, v in seen.requests.items() if v is not None}.items() <= truth.requests.items(), what
        assert all(truth.frames.get(frame) == shown for frame, shown in seen.frames.items()), what
    assert COUNT < 10 * PARTS or told["StoreCorrupt"] > 0


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(10, COUNT // 20)))
def test_the_command_line_tells_of_damage_as_such(
    seed: int, healthy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, done = damaged_copy(healthy, tmp_path, seed)
    for words in (["runs"], ["show", "@1"], ["verify"], ["runs", "--json"], ["show", "@1", "--json"]):
        said = call(capsys, *words, "--store", path)
        assert said.code in {0, 1, 2, 3}, done
        assert "bug in footage" not in said.err + said.out, f"{done}: {said.err or said.out}"


def test_verify_finds_every_kind_of_damage(healthy: Path, tmp_path: Path) -> None:
    """Not each instance of it: a flipped letter may be any letter."""
    found: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + 60):
        path, done = damaged_copy(healthy, tmp_path, seed)
        try:
            with open_store(path, create=False, readonly=True) as store:
                bad = not verify_store(store).ok
        except FootageError:
            bad = True
        found.update(set(done.split()) if bad else ())
    assert {name.partition("-")[0] for name in found} == {damage.__name__ for damage in DAMAGES}
