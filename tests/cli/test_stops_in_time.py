"""A stop comes through where the main thread is deep in SQLite, or waits for what others hold."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from footage import stopping
from footage.errors import NotAStore, StoreError
from footage.stopping import Stopped, Stops
from footage.storage import Store, open_store
from footage.storage.file.locks import files_folder
from footage.storage.redaction.byte_search import search_files
from footage.storage.upkeep.rewriting import rewrite

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.db", create=True) as opened:
        yield opened


def come() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def coming() -> Iterator[None]:
    """Send a signal while the main thread is in the middle of the block."""
    timer = threading.Timer(0.1, come)
    timer.start()
    yield
    timer.join()


def test_a_query_that_would_never_end_is_stopped(store: Store) -> None:
    with coming(), Stops() as stops, pytest.raises(Stopped), stops.raising():
        store.database.rows(ENDLESS)
    assert store.database.rows("SELECT 1")[0][0] == 1


def test_a_statement_that_writes_is_stopped_and_undone(store: Store) -> None:
    def write() -> None:
        with store.database.transaction() as writer:
            writer.execute("CREATE TABLE made (value)")
            writer.execute(ENDLESS).fetchall()

    with coming(), Stops() as stops, pytest.raises(Stopped), stops.raising():
        write()
    assert not store.database.rows("SELECT 1 FROM sqlite_schema WHERE name = 'made'")


def test_maintenance_is_stopped(store: Store) -> None:
    with coming(), Stops() as stops, pytest.raises(Stopped), stops.raising(), store.database.maintaining() as writer:
        writer.execute(ENDLESS).fetchall()


def test_cleaning_up_after_a_stop_is_not_interrupted_by_a_second_signal(store: Store) -> None:
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000) SELECT max(i) FROM n"

    def stopped() -> None:
        try:
            come()
        finally:
            come()
            found.append(store.database.rows(counted)[0][0])

    found: list[int] = []
    with Stops() as stops, pytest.raises(Stopped), stops.raising():
        stopped()
    assert found == [2000000]


def test_what_a_stop_has_to_wait_for_is_not_interrupted(store: Store) -> None:
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000) SELECT max(i) FROM n"
    found: list[int] = []

    def careful() -> None:
        with stopping.held():
            found.append(store.database.rows(counted)[0][0])
        threading.Event().wait(60)

    with coming(), Stops() as stops, pytest.raises(Stopped), stops.raising():
        careful()
    assert found == [2000000]


def test_signals_are_told_to_others_again_afterwards(store: Store) -> None:
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    with Stops() as stops, stops.raising():
        store.database.rows("SELECT 1")
    after = signal.set_wakeup_fd(before)
    assert after == before
    assert not [thread for thread in threading.enumerate() if thread.name == "footage-stops"]


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Keep the writers' lock, as another process would."""
    with (files_folder(store) / "writer.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("held", [False, True])
def test_nobody_who_was_stopped_waits_long_for_another_writer(tmp_path: Path, held: bool) -> None:
    ended = threading.Event()
    path = tmp_path / "s.db"
    with open_store(path, create=True) as store:
        store.begin_run().end()

        def write() -> None:
            if held:
                with stopping.held(), store.database.transaction():
                    pytest.fail("it has the lock")
            with store.database.transaction():
                pytest.fail("it has the lock")

        with locked(path), coming(), Stops() as stops:
            with pytest.raises(Stopped), stops.raising():
                write()
            store.close()
            ended.set()
    assert ended.is_set()


def test_a_search_of_bytes_that_is_stopped_leaves_no_process(tmp_path: Path) -> None:
    fifo = tmp_path / "never"
    os.mkfifo(fifo)
    before = children()
    with coming(), Stops() as stops, pytest.raises(Stopped), stops.raising():
        search_files([fifo], [b"secret"], lambda *_: None)
    assert children() <= before


def children() -> set[str]:
    """Return the ids of this process's children, those that ended and nobody waited for included."""
    return {child for task in Path("/proc/self/task").glob("*/children") for child in task.read_text("ascii").split()}


def test_writing_a_store_anew_is_stopped_and_leaves_no_process(store: Store) -> None:
    def children() -> set[int]:
        return {int(found) for path in Path("/proc/self/task").glob("*/children") for found in path.read_text().split()}

    before = children()
    with locked(store.path), coming(), Stops() as stops, pytest.raises(Stopped), stops.raising():
        rewrite(store.path)
    assert children() == before
    assert rewrite(store.path)


def test_what_keeps_a_store_from_being_written_anew_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match="no store at"):
        rewrite(tmp_path / "none.db")


def test_an_error_of_sqlite_that_is_none_of_a_stop_stays_one(store: Store) -> None:
    with Stops() as stops, stops.raising(), pytest.raises(StoreError, match="no such table"):
        store.database.rows("SELECT * FROM nowhere")
