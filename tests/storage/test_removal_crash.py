"""
Sealing, removing and collecting when the process is killed or the disk is full: no run is half gone, no picture lost.

`FOOTAGE_KILLS` says how many processes are killed (12).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crashing import run_script
from footage.errors import StoreError, StoreFull
from footage.storage import Store, open_store, verify_store
from footage.storage.upkeep.removal import collect, remove_runs
from footage.storage.upkeep.sealing import METHOD, seal_runs
from footage.trajectory import FrameRole, Instant, Pixels, RunStatus
from samples import CLICK, ask, encoded, image_block, result

KILLS = int(os.environ.get("FOOTAGE_KILLS", "12"))
WORK = """
import os, sys, time
from footage.storage import open_store
from footage.storage.upkeep.removal import collect, remove_runs
from footage.storage.upkeep.sealing import seal_runs
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    seal_runs(store, [run.id for run in store.runs()])
    remove_runs(store, sys.argv[2:])
    collect(store)
"""


def screen(seed: int, number: int) -> Pixels:
    """Return a screen that compresses, much like the one before."""
    picture = np.full((200, 320, 3), 230, np.uint8)
    chance = np.random.default_rng(seed)
    for _ in range(40):
        x, y = chance.integers(0, 300), chance.integers(0, 180)
        picture[y : y + 20, x : x + 20] = chance.integers(0, 256, 3)
    chance = np.random.default_rng((seed, number))
    picture[10 * number % 160 :][:30] = chance.integers(0, 256, (30, 320, 3))
    return picture


def fill(store: Store, seed: int, steps: int = 8) -> str:
    writer = store.begin_run(task=f"task {seed}")
    for number in range(steps):
        shot = image_block(encoded(screen(seed, number)))
        ask(writer, {"messages": [{"role": "user", "content": "x"}, result("c", shot)]})
        index = writer.intend(CLICK)
        writer.frame(screen(seed, number), captured=Instant.now(), roles=[(index, FrameRole.AFTER)])
    writer.end()
    return writer.run_id


def check(store: Store, run: str, seed: int, steps: int = 8) -> None:
    """Check that a run is all there."""
    assert store.run(run).status is RunStatus.COMPLETED
    found = store.steps(run)
    assert len(found) == steps
    for number, step in enumerate(found):
        frame = step.frame(FrameRole.AFTER)
        assert frame is not None
        assert np.array_equal(store.pixels(frame.picture), screen(seed, number))
    for turn in store.turns(run):
        assert store.request(turn.id, pictures=True) is not None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.mark.parametrize("kill", range(max(1, KILLS // 2)))
def test_a_process_killed_while_it_seals_and_removes_leaves_whole_runs_and_can_go_on(path: Path, kill: int) -> None:
    with open_store(path) as store:
        runs = {fill(store, seed): seed for seed in range(3)}
    *doomed, kept = runs
    _kill_at_work(path, doomed, random.Random(kill).uniform(0, 0.9))
    with open_store(path) as store:
        assert verify_store(store).as_json()["bad"] == []
        there = [run.id for run in store.runs()]
        for run in there:
            check(store, run, runs[run])
        seal_runs(store, there)
        remove_runs(store, set(there) - {kept})
        collect(store)
        assert verify_store(store).as_json()["bad"] == []
        check(store, kept, runs[kept])
        assert [run.id for run in store.runs()] == [kept]
        assert {row[0] for row in store.database.rows("SELECT sealed FROM atlas")} == {METHOD}
        assert store.database.rows("PRAGMA freelist_count")[0][0] == 0


def _kill_at_work(path: Path, doomed: list[str], after: float) -> None:
    """Start the work, and kill it after so many seconds."""
    command = [sys.executable, "-c", WORK, str(path), *doomed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(after)
        process.kill()


def test_a_full_disk_stops_sealing_and_removing_and_nothing_is_lost(small_disk: Path) -> None:
    path, ballast = small_disk / "runs.db", small_disk / "ballast"
    with open_store(path) as store:
        runs = {fill(store, seed): seed for seed in range(4)}
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - (160 << 10)))
    with open_store(path) as store:
        with pytest.raises(StoreFull):
            seal_runs(store, runs)
        for run in store.runs():
            check(store, run.id, runs[run.id])
        ballast.unlink()
        assert verify_store(store).ok
        seal_runs(store, runs)
        remove_runs(store, list(runs)[:1])
        collect(store)
        assert len(store.runs()) == 3
        for run in store.runs():
            check(store, run.id, runs[run.id])
        assert verify_store(store).ok


def test_a_store_that_must_be_written_anew_is_not_without_room_for_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(path) as store:
        run, kept = fill(store, 1), fill(store, 2)
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode=DELETE');"
    run_script(script + "c.execute('PRAGMA auto_vacuum=NONE'); c.execute('VACUUM'); c.close()", path)
    with open_store(path) as store:
        remove_runs(store, [run])
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
        with pytest.raises(StoreError, match="bytes free"):
            collect(store)
        monkeypatch.undo()
        collect(store)
        check(store, kept, 2)
        assert store.database.rows("PRAGMA freelist_count")[0][0] == 0
