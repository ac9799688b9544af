"""
What a killed, forked, forgotten or out-of-room process leaves behind: everything that was acknowledged, and no harm.

`FOOTAGE_KILLS` says how many processes are killed (12), `FOOTAGE_SOAK` how many seconds eight processes write (2).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashing import check, read_told, record
from footage.errors import StoreError, StoreFull
from footage.storage import Store, open_store, verify_store
from footage.storage.connections import CHECKPOINT_BYTES
from footage.trajectory import Instant, RunStatus
from samples import CLICK, noise

KILLS = int(os.environ.get("FOOTAGE_KILLS", "12"))
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
    assert largest < 4 * CHECKPOINT_BYTES
    assert wal.stat().st_size == 0


# --- a long reader ---


def test_a_reader_that_stays_in_a_transaction_delays_only_the_cutting_of_the_wal(store: Store) -> None:
    writer = store.begin_run()
    wal = store.path.with_name("runs.db-wal")
    reader = store.database._connections.reader
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM run").fetchone()
    written = 0
    while written < 3 * CHECKPOINT_BYTES:
        picture = noise(640, 400, seed=written)
        writer.frame(picture, captured=Instant.now())
        written += picture.nbytes
    assert wal.stat().st_size > 2 * CHECKPOINT_BYTES
    reader.execute("COMMIT")
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


def run_script(script: str, *arguments: object, expect: int = 0) -> str:
    """Run a program that may import what the tests import; return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    forking = "ignore:This process:DeprecationWarning"  # has threads, Python >= 3.12 says: which is what is tried
    command = [sys.executable, "-W", "error", "-W", forking, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.strip()


BEGIN = """
import os, sys, threading, time
from footage.storage import open_store
from footage.trajectory import Action, Instant
from samples import CLICK, noise
store = open_store(sys.argv[1])
writer = store.begin_run()
writer.intend(CLICK)
writer.frame(noise(64, 64), captured=Instant.now())
print(writer.run_id, flush=True)
"""

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


# --- fork ---


FORKS = {
    "a child that does nothing": "pass",
    "a child that reads": "assert store.run('@1').id == writer.run_id",
    "a child that ends the run": "writer.end()",
    "a child that leaves by an exception": "raise SystemExit(0)",
    "a child that closes the store": "store.close()",
    "a child that leaves at once": "os._exit(0)",
    "a child of a child": "os.fork() or writer.intend(CLICK, call_id='grandchild'); time.sleep(0.2)",
}


@pytest.mark.parametrize("deed", FORKS.values(), ids=FORKS.keys())
def test_a_child_of_a_recorder_does_it_no_harm(path: Path, deed: str) -> None:
    script = (
        BEGIN
        + "store.runs()\n"
        + "for _ in range(5):\n"
        + "    child = os.fork()\n"
        + "    if child == 0:\n"
        + f"        {deed}\n"
        + "        sys.exit(0)\n"
        + "    writer.intend(CLICK)\n"
        + "    assert os.waitpid(child, 0)[1] == 0\n"
        + "    assert store.run('@1').status == 'recording'\n"
        + "    writer.frame(noise(64, 64), captured=Instant.now())\n"
        + "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        run = store.run("@1")
        assert run.status is RunStatus.COMPLETED
        assert len([step for step in store.steps(run.id) if not step.call_id]) == 6
        assert len(store.frames(run.id)) == 6
        assert verify_store(store).ok


def test_children_of_a_recorder_record_into_its_run(path: Path) -> None:
    script = BEGIN + (
        "children = []\n"
        "for number in range(4):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        for i in range(5):\n"
        "            index = writer.intend(CLICK, call_id=f'{number}.{i}')\n"
        "            writer.frame(noise(64, 64, seed=number), captured=Instant.now(), roles=[(index, 'after')])\n"
        "        writer.end()\n"
        "        sys.exit(0)\n"
        "    children.append(child)\n"
        "for i in range(5):\n"
        "    writer.intend(CLICK, call_id=f'parent.{i}')\n"
        "assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4\n"
        "assert store.run('@1').status == 'recording'\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        steps = store.steps("@1")
        assert [step.index for step in steps] == list(range(26))
        assert len({step.call_id for step in steps}) == 26
        assert len(store.frames("@1")) == 21
        assert len(store.database.rows("SELECT id FROM writer")) == 5
        assert store.run("@1").status is RunStatus.COMPLETED
        assert verify_store(store).ok


def test_a_child_born_while_threads_write_is_harmless(path: Path) -> None:
    script = BEGIN + (
        "stop = threading.Event()\n"
        "def work(seed):\n"
        "    while not stop.is_set():\n"
        "        writer.frame(noise(64, 64, seed=seed), captured=Instant.now())\n"
        "        store.runs()\n"
        "threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]\n"
        "[thread.start() for thread in threads]\n"
        "for i in range(15):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        if i % 2:\n"
        "            writer.intend(CLICK, call_id=str(i))\n"
        "        sys.exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "stop.set()\n"
        "[thread.join() for thread in threads]\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        assert [step.call_id for step in store.steps("@1")] == ["", *(str(i) for i in range(1, 15, 2))]
        assert verify_store(store).ok


def test_a_child_that_outlives_a_killed_recorder_keeps_neither_its_run_nor_the_lock(path: Path) -> None:
    script = BEGIN + (
        "held = store.database.transaction()\n"
        "held.__enter__()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.close(1), os.close(2)\n"
        "    time.sleep(30)\n"
        "    os._exit(0)\n"
        "print(child, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    run, child = run_script(script, path, expect=-signal.SIGKILL).split()
    try:
        assert (
            run_script(
                "import sys; from footage.storage import open_store; s = open_store(sys.argv[1]);"
                "s.begin_run().end(); print(s.run(sys.argv[2]).status)",
                path,
                run,
            )
            == "interrupted"
        )
    finally:
        os.kill(int(child), signal.SIGKILL)


def test_a_child_born_in_the_middle_of_a_transaction_is_refused_and_its_parent_goes_on(path: Path) -> None:
    script = BEGIN + (
        "from footage.errors import StoreError\n"
        "with store.database.transaction():\n"
        "    writer.intend(CLICK)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        for call in (store.runs, lambda: writer.intend(CLICK), lambda: open_store(sys.argv[1])):\n"
        "            try:\n"
        "                call()\n"
        "                os._exit(1)\n"
        "            except StoreError as error:\n"
        "                assert 'forked' in error.message\n"
        "        store.close()\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    writer.intend(CLICK)\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        assert [step.index for step in store.steps("@1")] == [0, 1, 2]
        assert verify_store(store).ok


# --- no room ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


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
