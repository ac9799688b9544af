"""
What a killed, forked, forgotten or out-of-room process leaves behind: everything that was acknowledged, and no harm.

`FOOTAGE_KILLS` says how many processes are killed (20), `FOOTAGE_SOAK` how many seconds eight processes write (2).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashing import BEGIN, check, read_told, record, run_script
from footage.errors import StoreError, StoreFull
from footage.storage import Store, open_store, verify_store
from footage.storage.file.connections import CHECKPOINT_BYTES
from footage.trajectory import Instant, RunStatus
from samples import CLICK, noise

KILLS = int(os.environ.get("FOOTAGE_KILLS", "20"))
SOAK = float(os.environ.get("FOOTAGE_SOAK", "2"))

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["crashing"])


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as opened:
        yield opened


class Writers:
    """Processes that record into one store until they are stopped or killed."""

    def __init__(self, folder: Path, path: Path) -> None:
        self._folder = folder
        self._path = path
        self._processes: dict[int, multiprocessing.process.BaseProcess] = {}

    def told(self, seed: int) -> Path:
        return self._folder / f"told-{seed}"

    def start(self, seed: int, pause: float = 0.0) -> None:
        arguments = (str(self._path), str(self.told(seed)), seed, str(self._folder / "stop"), pause)
        process = _context.Process(target=record, args=arguments)
        process.start()
        self._processes[seed] = process

    def wait_until_begun(self) -> None:
        wait_for(lambda: all(read_told(self.told(seed)).run for seed in self._processes))

    def kill(self, seed: int) -> None:
        process = self._processes.pop(seed)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    def stop(self) -> None:
        (self._folder / "stop").touch()
        for process in self._processes.values():
            process.join(60)
            assert process.exitcode == 0

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.join()


@pytest.fixture
def writers(tmp_path: Path, path: Path) -> Iterator[Writers]:
    made = Writers(tmp_path, path)
    yield made
    made.end()


# --- kill -9 ---


def test_killed_processes_lose_nothing_that_was_acknowledged(writers: Writers, path: Path) -> None:
    chance = random.Random(20260101)
    for seed in range(7):
        writers.start(seed, pause=0.02)
    writers.wait_until_begun()
    with open_store(path, readonly=True) as viewer:
        live = {read_told(writers.told(seed)).run for seed in range(7)}
        events = 0
        for victim in range(100, 100 + KILLS):
            writers.start(victim)
            if victim % 4:  # the others are killed while they open the store
                wait_for(lambda victim=victim: read_told(writers.told(victim)).run)  # type: ignore[misc]  # a default
            time.sleep(chance.uniform(0, 0.3))
            writers.kill(victim)
            told = read_told(writers.told(victim))
            events += check(viewer, told, victim)
            assert not told.run or viewer.run(told.run).status is RunStatus.INTERRUPTED
            assert {run.id for run in viewer.runs(status="recording")} == live
        writers.stop()
        for seed in range(7):
            told = read_told(writers.told(seed))
            events += check(viewer, told, seed)
            assert viewer.run(told.run).status is RunStatus.COMPLETED
        report = verify_store(viewer)
        print(f"\n{KILLS} kills, {events} acknowledged events, {report.pictures} pictures: none lost")  # noqa: T201 - for -s
        assert report.as_json()["bad"] == []


def test_eight_processes_write_while_readers_come_and_go(writers: Writers, path: Path) -> None:
    for seed in range(8):
        writers.start(seed)
    writers.wait_until_begun()
    until, largest = time.monotonic() + SOAK, 0
    wal = path.with_name("runs.db-wal")
    while time.monotonic() < until:
        with open_store(path, readonly=True) as viewer:
            runs = viewer.runs(status="recording")
            assert len(runs) == 8
            for run in runs[:2]:
                steps = viewer.steps(run.id)
                assert [step.index for step in steps] == list(range(len(steps)))
        largest = max(largest, wal.stat().st_size)
    writers.stop()
    with open_store(path) as store:
        events = sum(check(store, read_told(writers.told(seed)), seed) for seed in range(8))
        assert verify_store(store).as_json()["bad"] == []
    print(f"\n{events} events of 8 processes in {SOAK} s; the WAL was at most {largest:,} bytes")  # noqa: T201 - for -s
    assert largest < 8 * CHECKPOINT_BYTES  # a reader that the system lets wait keeps some checkpoints waiting too
    assert wal.stat().st_size == 0


# --- a long reader ---


def test_a_reader_that_stays_in_a_transaction_delays_only_the_cutting_of_the_wal(store: Store) -> None:
    writer = store.begin_run()
    wal = store.path.with_name("runs.db-wal")
    written = 0
    with store.database.snapshot() as reader:
        reader.execute("SELECT count(*) FROM run").fetchone()
        while written < 3 * CHECKPOINT_BYTES:
            picture = noise(640, 400, seed=written)
            writer.frame(picture, captured=Instant.now())
            written += picture.nbytes
        assert wal.stat().st_size > 2 * CHECKPOINT_BYTES
    until = written + 2 * CHECKPOINT_BYTES
    while written < until:
        picture = noise(640, 400, seed=written)
        writer.frame(picture, captured=Instant.now())
        written += picture.nbytes
    assert wal.stat().st_size < 2 * CHECKPOINT_BYTES
    assert verify_store(store).ok


def test_the_wal_is_moved_into_the_file_now_and_then_not_at_each_event(
    store: Store,
) -> None:
    writer = store.begin_run()
    asked: list[str] = []
    with store.database.transaction() as connection:
        connection.set_trace_callback(asked.append)
    for i in range(400):
        writer.intend(CLICK)
        if i % 8 == 0:
            writer.frame(noise(320, 200, seed=i), captured=Instant.now())
    checkpoints = [sql for sql in asked if "checkpoint" in sql]
    assert 1 <= len(checkpoints) <= 12


# --- leaving without a word ---


WRITE_ON = "threading.Thread(target=lambda: [writer.intend(CLICK) for _ in iter(int, 1)], daemon=True).start()\n"

LEAVING = {
    "falling off the end": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(4)", 4),
    "a daemon thread in the middle of writing": (WRITE_ON + "time.sleep(0.05)\nsys.exit(6)", 6),
    "in the middle of a transaction": (
        "held = store.database.transaction()\nheld.__enter__().execute('DELETE FROM step')\nos._exit(7)",
        7,
    ),
}


@pytest.mark.parametrize(("leave", "code"), LEAVING.values(), ids=LEAVING.keys())
def test_a_process_that_leaves_without_closing_leaves_a_whole_store(path: Path, leave: str, code: int) -> None:
    run = run_script(BEGIN + leave, path, expect=code)
    with open_store(path) as store:
        assert store.run(run).status is RunStatus.INTERRUPTED
        assert len(store.steps(run)) >= 1
        assert len(store.frames(run)) == 1
        assert verify_store(store).ok
        store.begin_run().end()


@pytest.mark.parametrize("options", [{}, {"readonly": True}], ids=["write", "read"])
def test_a_checkpoint_that_was_cut_short_is_no_damage(path: Path, options: dict[str, bool]) -> None:
    run = run_script(BEGIN + "os._exit(0)", path)
    header = bytearray(path.read_bytes())
    header[28:32] = (500).to_bytes(4)  # its first page says how many there are, and the others are still in the WAL
    path.write_bytes(header)
    alone = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    with contextlib.closing(alone), pytest.raises(sqlite3.DatabaseError, match="malformed"):
        alone.execute("PRAGMA application_id").fetchone()
    with open_store(path, **options) as store:
        assert len(store.steps(run)) == 1
        assert verify_store(store).ok


# --- no room ---


def test_a_full_disk_stops_the_writing_and_nothing_else(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(5 << 20))
    with open_store(small_disk / "runs.db") as store:
        writer = store.begin_run()
        kept: dict[int, int] = {}
        errors: list[StoreError] = []
        for seed in range(60):
            try:
                kept[writer.frame(noise(320, 200, seed=seed), captured=Instant.now())] = seed
            except StoreError as error:
                errors.append(error)
        assert len(errors) > 5
        assert {type(error) for error in errors} == {StoreFull}
        assert {frame.id for frame in store.frames("@1")} == kept.keys()
        with open_store(store.path, readonly=True) as viewer:
            assert len(viewer.frames("@1")) == len(kept)
        ballast.unlink()
        for seed in range(50, 65):  # some of which failed before
            kept[writer.frame(noise(320, 200, seed=seed), captured=Instant.now())] = seed
        writer.end()
        for frame in store.frames("@1"):
            assert (store.pixels(frame.picture) == noise(320, 200, seed=kept[frame.id])).all()
        assert verify_store(store).ok


def test_a_store_on_a_disk_without_any_room_can_be_read(small_disk: Path) -> None:
    with open_store(small_disk / "runs.db") as store:
        store.begin_run(task="x").end()
    fill(small_disk / "ballast")
    with open_store(small_disk / "runs.db", readonly=True) as viewer:
        assert viewer.run("@1").task == "x"
    with pytest.raises(StoreFull, match="No room left"):
        open_store(small_disk / "runs.db").begin_run()


def fill(path: Path) -> None:
    """Write until the disk is full to the last byte."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def test_a_limit_on_the_file_size_stops_the_writing_until_it_is_lifted(path: Path) -> None:
    script = BEGIN + (
        "import resource\n"
        "from footage.errors import StoreError\n"
        "size = os.stat(sys.argv[1] + '-wal').st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300_000, resource.RLIM_INFINITY))\n"
        "kept, failed = {}, 0\n"
        "for seed in range(8):\n"
        "    try:\n"
        "        kept[writer.frame(noise(320, 200, seed=seed), captured=Instant.now())] = seed\n"
        "    except StoreError:\n"
        "        failed += 1\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "assert kept and failed\n"
        "for seed in range(8):\n"
        "    kept[writer.frame(noise(320, 200, seed=seed), captured=Instant.now())] = seed\n"
        "for frame, seed in kept.items():\n"
        "    assert (store.pixels(store.frame(frame).picture) == noise(320, 200, seed=seed)).all()\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        assert verify_store(store).ok


# --- one store, opened twice ---


def test_opening_a_store_again_in_one_process_gives_up_none_of_the_locks_on_it(path: Path) -> None:
    """A process that closes any descriptor of a file loses its locks on it (sqlite.org/howtocorrupt.html, 2.2)."""
    other = "import sys; from footage.storage import open_store; s = open_store(sys.argv[1]);"
    with open_store(path) as store:
        writer = store.begin_run()
        writer.intend(CLICK)
        for options in ({}, {"readonly": True}, {"create": False}):
            open_store(path, **options).close()
        run_script(other + "s.begin_run().end(); s.close()", path)  # believes to be the last, and removes the WAL
        writer.intend(CLICK)
        found = run_script(other + "print(len(s.steps(sys.argv[2])))", path, writer.run_id)
        assert found == "2"
    with open_store(path) as store:
        assert len(store.steps(writer.run_id)) == 2
        assert verify_store(store).ok
