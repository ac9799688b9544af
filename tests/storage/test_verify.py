"""`verify_store` finds each kind of damage and says which; a sound store, or a known gap, is no damage."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drawn import page
from footage.errors import StoreError
from footage.storage import Store, open_store, verify_store
from footage.storage.requests.request_checks import RequestCheck
from footage.trajectory import FrameRole, Instant, StepStatus
from samples import CLICK, ask, encoded, image_block, noise, result

NOW = Instant.now()
NEWER_SQLITE = Path(sys.prefix) / "sqlite"
"""Made by `scripts/make-environment`."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        for number in range(2):
            fill(opened, number)
        yield opened


def fill(store: Store, number: int) -> None:
    writer = store.begin_run(task=f"task {number}")
    messages = [{"role": "user", "content": f"hello {number}"}]
    for i in range(3):
        messages.append(result(f"c{i}", image_block(encoded(noise(40, 30, seed=10 * number + i)))))
        turn = ask(writer, {"system": "s", "messages": messages})
        index = writer.intend(CLICK, turn=turn, call_id=f"c{i}")
        writer.frame(encoded(page(f"{number}"), "JPEG"), captured=NOW, roles=[(index, FrameRole.AFTER)])
        writer.finish(index, status=StepStatus.EXECUTED)
    writer.end()


def changed(store: Store, sql: str) -> None:
    """Change rows behind the store's back, with its references unchecked."""
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        assert connection.execute(sql).rowcount > 0


def test_a_sound_store_is_ok(store: Store) -> None:
    report = verify_store(store)
    assert report.as_json() == {"format": 1, "ok": True, "pictures": 8, "requests": 6, "bad": [], "gaps": []}


WRITTEN_BY_ANOTHER = (
    """
import subprocess, sys
sys.modules["sqlite3"] = __import__("pysqlite3")
from footage.storage import open_store, verify_store

OTHER = """
    + repr("""
import sys
from footage.storage import open_store
with open_store(sys.argv[1]) as store:
    for number in range(40):
        store.begin_run(task=f"alpha {number}").end()
""")
    + """

with open_store(sys.argv[1]) as store:
    assert [run.task for run in store.runs(text="alpha")] == ["alpha first"]  # reads the index of texts
    subprocess.run([sys.executable, "-c", OTHER, sys.argv[1]], check=True)
    report = verify_store(store)
assert report.ok, report.bad
"""
)


def test_a_store_is_sound_for_a_newer_sqlite_when_another_process_has_written_meanwhile(tmp_path: Path) -> None:
    if not NEWER_SQLITE.is_dir():
        pytest.skip("no newer SQLite is there: run scripts/make-environment")
    with open_store(tmp_path / "runs.db") as store:
        store.begin_run(task="alpha first").end()
    environment = os.environ | {"PYTHONPATH": str(NEWER_SQLITE)}
    command = [sys.executable, "-c", WRITTEN_BY_ANOTHER, str(tmp_path / "runs.db")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_empty_store_is_ok(tmp_path: Path) -> None:
    with open_store(tmp_path / "new.db") as store:
        assert verify_store(store).ok


def test_a_live_run_is_ok(store: Store) -> None:
    writer = store.begin_run()
    writer.intend(CLICK)
    assert verify_store(store).ok
    writer.leave()
    assert verify_store(store).ok


def test_a_gap_is_known_and_so_no_damage(store: Store) -> None:
    writer = store.begin_run()
    writer.gap("the disk was full", step=3, lost=2)
    report = verify_store(store)
    assert report.ok
    assert report.gaps == [{"run": writer.run_id, "step": 3, "reason": "the disk was full", "lost": 2}]


DAMAGES = {
    "a picture's hash": ("UPDATE picture SET sha256 = 'ff' WHERE id = 1", {("picture", 1)}),
    "a picture's layout": ("UPDATE picture SET tiles = x'01' WHERE id = 1", {("picture", 1)}),
    "a JPEG": ("UPDATE picture SET original = x'ffd8' WHERE id = 2", {("picture", 2)}),
    "an atlas": ("UPDATE atlas SET image = zeroblob(length(image)) WHERE id = 1", {("picture", 1)}),
    "a lost atlas": ("DELETE FROM atlas WHERE id = 1", {("picture", 1)}),
    "a document": (
        "UPDATE document SET body = x'7b7d' WHERE CAST(body AS TEXT) LIKE '%hello 1%'",
        {("request", 4), ("request", 5), ("request", 6)},
    ),
    "a request's edits": ("UPDATE request SET edits = '[]' WHERE id = 3", {("request", 3)}),
    "a lost step": ("DELETE FROM step WHERE id = 2", {("run", 1), ("reference", 2)}),
    "a lost turn": ("DELETE FROM turn WHERE id = 6", {("run", 2)}),
    "a lost event": ("DELETE FROM event WHERE id = 5", {("events", 1)}),
    "the last event lost": ("DELETE FROM event WHERE id IN (SELECT max(id) FROM event)", {("events", 2)}),
    "an event of another number": (
        "UPDATE event SET sequence = sequence + 100 WHERE id IN (SELECT max(id) FROM event)",
        {("events", 2)},
    ),
    "a lost picture": ("DELETE FROM picture WHERE id = 8", {("request", 6)}),
    "a lost frame": ("DELETE FROM frame WHERE id = 3", {("reference", 3)}),
    "a row that cannot be read": ("UPDATE step SET arguments = '{' WHERE id = 5", {("run", 2)}),
    "a status that is none": ("UPDATE run SET status = 'x' WHERE id = 1", {("run", 1)}),
    "a run's name": ("UPDATE run SET name = 'NO NAME' WHERE id = 1", {("run", 1)}),
}


@pytest.mark.parametrize(("sql", "expected"), DAMAGES.values(), ids=DAMAGES.keys())
def test_each_damage_is_found_and_named(store: Store, sql: str, expected: set[tuple[str, int]]) -> None:
    changed(store, sql)
    report = verify_store(store)
    assert not report.ok
    assert {(bad.kind, bad.id) for bad in report.bad} == expected
    assert all(bad.why.endswith(".") and "\n" not in bad.why for bad in report.bad)


def test_a_damaged_page_is_found(store: Store) -> None:
    path = store.path
    root = store.database.rows("SELECT rootpage FROM sqlite_master WHERE name = 'step'")[0][0]
    store.close()
    data = bytearray(path.read_bytes())
    data[4096 * (root - 1) : 4096 * (root - 1) + 8] = b"\xff" * 8
    path.write_bytes(data)
    with open_store(path) as again:
        report = verify_store(again)
    assert "file" in {bad.kind for bad in report.bad}
    assert report.pictures == 8


@pytest.mark.parametrize("seed", range(12))
def test_noise_anywhere_in_the_file_never_passes_for_sound_pictures(store: Store, seed: int) -> None:
    shown = {row["id"]: row["sha256"] for row in store.database.rows("SELECT id, sha256 FROM picture")}
    path = store.path
    store.close()
    data = bytearray(path.read_bytes())
    start = 4096 + seed * (len(data) - 8192) // 12
    data[start : start + 600] = noise(20, 10, seed=seed).tobytes()[:600]
    path.write_bytes(data)
    with contextlib.suppress(StoreError), open_store(path) as again:
        report = verify_store(again)
        bad = {item.id for item in report.bad if item.kind == "picture"}
        now = {row["id"]: row["sha256"] for row in again.database.rows("SELECT id, sha256 FROM picture")}
        assert not report.ok or now == shown
        assert all(now[picture] == shown.get(picture) for picture in now.keys() - bad)


def test_progress_is_told_up_to_the_end(store: Store) -> None:
    told: list[tuple[int, int]] = []
    verify_store(store, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 16) for i in range(1, 17)]


def test_each_document_is_read_once_however_long_the_history(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = store.begin_run()
    messages = []
    for number in range(150):
        messages.append({"role": "user", "content": f"message {number}"})
        ask(writer, {"system": "s", "messages": messages})
    writer.end()
    read: list[int] = []
    load = RequestCheck._loaded

    def noted(self: RequestCheck, number: int) -> tuple[bytes, object]:
        read.append(number)
        return load(self, number)

    monkeypatch.setattr(RequestCheck, "_loaded", noted)
    report = verify_store(store)
    assert (report.ok, report.requests) == (True, 156)
    (documents,) = store.database.rows("SELECT count(*) FROM document")[0]
    assert len(read) == len(set(read)) == documents


def test_damage_is_told_of_every_request_that_holds_it(store: Store) -> None:
    writer = store.begin_run()
    messages = []
    for number in range(70):
        messages.append({"role": "user", "content": f"message {number}"})
        ask(writer, {"system": "s", "messages": messages})
    turns = [turn.id for turn in store.turns(writer.run_id)]
    writer.end()
    changed(store, "UPDATE document SET body = x'7b7d' WHERE CAST(body AS TEXT) LIKE '%message 66\"%'")
    bad = [item.id for item in verify_store(store).bad]
    assert bad == turns[66:]
    changed(store, "DELETE FROM document WHERE CAST(body AS TEXT) LIKE '%message 1\"%'")
    assert sorted({item.id for item in verify_store(store).bad if item.kind == "request"}) == turns[1:]
