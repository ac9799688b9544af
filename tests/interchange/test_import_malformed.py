"""
Malformed inputs, six of each kind: each ends with a reason, none with an error; what lies outside is not touched.

FOOTAGE_INPUTS and FOOTAGE_SEED say how many, and from which seed; `benchmarks/soak_imports.py` tries thousands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from footage.interchange.importers import import_paths
from footage.storage import Store
from judging import judge
from malformed import ALL, KINDS, case
from malformed_files import ARCHIVES, PICTURES
from malformed_json import JSON_TEXTS

INPUTS = int(os.environ.get("FOOTAGE_INPUTS", "132"))
SEED = int(os.environ.get("FOOTAGE_SEED", "50000"))
HEAVY = {"many values", "many objects", "long string", "long wide string", "one long line", "many lines"}


@pytest.mark.parametrize("start", range(SEED, SEED + INPUTS, 20))
def test_malformed_inputs_end_with_a_reason(tmp_path: Path, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in HEAVY:  # tens of megabytes each: those are for the benchmark
        monkeypatch.delitem(JSON_TEXTS, name)
    for name in ("bomb just within the limit", "large WebP", "large and transparent"):
        monkeypatch.delitem(PICTURES, name)
    monkeypatch.delitem(ARCHIVES, "bomb of JSON")
    monkeypatch.setattr("judging.MEMORY", 4 << 30)
    faults = []
    for seed in range(start, min(start + 20, SEED + INPUTS)):
        judged = judge(case(seed), tmp_path / str(seed))
        assert judged.outcome in {"refused", "partial", "whole"}
        faults += [(judged.case, fault) for fault in judged.faults]
    assert not faults


def test_the_inputs_of_a_seed_are_always_the_same(tmp_path: Path) -> None:
    for seed in range(len(KINDS)):
        one, other = (case(seed).make(tmp_path / f"{turn}{seed}").parent for turn in "ab")
        assert case(seed) == case(seed)
        assert listing(one) == listing(other), case(seed)


def listing(folder: Path) -> list[tuple[str, int]]:
    """Return what is in a folder: names and sizes."""
    return sorted((str(path.relative_to(folder)), path.lstat().st_size) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ALL)
def test_every_recording_that_is_broken_is_sound_before(store: Store, tmp_path: Path, name: str) -> None:
    report = import_paths(store, [ALL[name](tmp_path / "in")])
    assert report.imported


def test_an_import_leaves_the_store_as_it_was_where_nothing_can_be_read(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.json").write_bytes(b"[" * 100_000)
    (tmp_path / "in/b.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "in/step_0.pkl.gz").write_bytes(b"cos\nsystem\n.")
    before = store.path.read_bytes()
    report = import_paths(store, [tmp_path / "in"])
    assert store.path.read_bytes() == before
    reasons = {Path(skipped.path).name: skipped.reason for skipped in report.skipped}
    assert "nested too deeply" in reasons["a.json"]
    assert "no readable zip archive" in reasons["b.zip"]
    assert "runs the code inside it" in reasons["step_0.pkl.gz"]
