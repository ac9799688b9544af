"""The store: runs are listed, found and told apart; threads, processes and files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from footage.errors import FootageError, RunNotFound, StoreError
from footage.storage import Store, open_store, verify_store
from footage.storage.file import locks
from footage.storage.store_parts import run_beginnings, run_lookup
from footage.trajectory import (
    FrameRole,
    Instant,
    Parent,
    RunKind,
    RunStatus,
    StepStatus,
)
from samples import CLICK, noise

NOW = Instant("boot", 1_000_000, 1_700_000_000_000_000_000)


def recorded(store: Store, task: str = "", kind: RunKind = RunKind.RECORDED, **options: object) -> str:
    """Record an empty run; return its id."""
    writer = store.begin_run(task=task, kind=kind, **options)  # type: ignore[arg-type]  # passed on
    writer.end()
    return writer.run_id


# --- finding a run ---


def test_runs_are_found_by_id_prefix_and_age(store: Store) -> None:
    names = [recorded(store, f"task {i}") for i in range(3)]
    assert store.run(names[0]).task == "task 0"
    assert store.run(names[1].upper() + " ").task == "task 1"
    assert store.run("@1").id == names[2]
    assert store.run("@3").id == names[0]
    unique = next(n for n in range(1, 13) if sum(other.startswith(names[0][:n]) for other in names) == 1)
    assert store.run(names[0][:unique]).id == names[0]


def test_only_recorded_and_imported_runs_are_counted_from_the_newest(store: Store) -> None:
    first = recorded(store)
    imported = recorded(store, kind=RunKind.IMPORTED)
    for kind in (RunKind.REPLAY, RunKind.FORK, RunKind.TAPE):
        recorded(store, kind=kind, parent=Parent(first))
    assert [store.run("@1").id, store.run("@2").id] == [imported, first]


@pytest.mark.parametrize(
    "reference",
    ["", " ", "nosuchrun", "@0", "@2", "@x", "@", "@-1", "@1.5", "%", "_", "'; --", "@999999999", "@" + "9" * 5000],
)
def test_a_reference_to_nothing_is_answered_in_one_sentence(store: Store, reference: str) -> None:
    recorded(store)
    with pytest.raises(RunNotFound) as caught:
        store.run(reference)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_an_ambiguous_prefix_names_the_runs_it_fits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter(["abc000000000", "abd000000000", "abd000000001"])
    monkeypatch.setattr(run_beginnings, "new_name", lambda: next(given))
    names = [recorded(store) for _ in range(3)]
    with pytest.raises(RunNotFound, match="abc000000000, abd000000000, abd000000001"):
        store.run("ab")
    with pytest.raises(RunNotFound, match="More than one"):
        store.run("abd")
    assert store.run("abc").id == names[0]
    assert store.run("abd000000000").id == names[1]


# --- listing ---


def test_the_newest_runs_come_first_page_by_page(store: Store) -> None:
    names = [recorded(store) for _ in range(7)]
    pages, before = [], None
    while page := [run.id for run in store.runs(limit=3, before=before)]:
        pages.append(page)
        before = page[-1]
        recorded(store)  # what is recorded meanwhile moves no page
    assert pages == [names[4:7][::-1], names[1:4][::-1], names[:1]]


def test_runs_are_filtered(store: Store) -> None:
    a = recorded(store, "Book a flight", model="m1")
    b = recorded(store, "Book a hotel_50%", model="m2")
    c = recorded(store, "Write a note", model="m2", kind=RunKind.IMPORTED, task_id="note")
    store.add_tag(b, "flaky")
    store.add_tag(b, "flaky")

    def found(**filters: str) -> list[str]:
        return [run.id for run in store.runs(**filters)]  # type: ignore[arg-type]  # passed on

    assert found(model="m2") == [c, b]
    assert found(kind="imported") == [c]
    assert found(task_id="note") == [c]
    assert found(tag="flaky") == [b]
    assert found(text="book") == [b, a]
    assert found(model="m2", text="book", status="completed") == [b]
    assert found(status="errored") == []
    assert store.run(b).tags == ("flaky",)


def test_runs_of_one_task_text_share_a_task_id(store: Store) -> None:
    one, two = recorded(store, "Book  a flight"), recorded(store, "book a FLIGHT\n")
    other, none = recorded(store, "Book a hotel"), recorded(store)
    assert store.run(one).task_id == store.run(two).task_id != store.run(other).task_id
    assert store.run(none).task_id == ""


def test_a_family_is_a_run_with_all_that_was_made_from_it(store: Store) -> None:
    first, alone = recorded(store), recorded(store)
    replay = recorded(store, kind=RunKind.REPLAY, parent=Parent(first))
    fork = recorded(store, kind=RunKind.FORK, parent=Parent(replay, 3))
    assert [run.id for run in store.family(fork)] == [first, replay, fork]
    assert [run.id for run in store.family(alone)] == [alone]
    assert {run.family for run in store.family(first)} == {first}
    assert store.run(fork).parent == Parent(replay, 3)


def test_a_list_of_very_many_runs_is_no_problem(store: Store) -> None:
    with store.database.transaction() as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
            " INSERT INTO family (name) SELECT printf('run%09d', i) FROM n"
        )
        connection.execute(
            "INSERT INTO run (name, family, kind, status, task, task_id, model, steps, turns, trusted)"
            " SELECT name, id, 'recorded', 'recording', '', '', '', 0, 0, 1 FROM family"
        )
    assert store.count_runs() == 40_000
    assert len(store.runs(limit=40_000)) == 40_000
    assert len(store.runs(status="interrupted", limit=10)) == 10
    assert store.runs(status="recording") == []


QUERIES = [
    lambda store: store.run("@1"),
    lambda store: store.run(store.run("@1").id[:10]),
    lambda store: store.runs(),
    lambda store: store.runs(kind="replay"),
    lambda store: store.runs(status="recording"),
    lambda store: store.runs(task_id="x"),
    lambda store: store.runs(tag="x"),
    lambda store: store.runs(model="x", outcome="x", finding="x"),
    lambda store: store.runs(since=1),
    lambda store: store.facets("model"),
    lambda store: store.family("@1"),
    lambda store: store.conversations("@1"),
    lambda store: store.turns("@1"),
    lambda store: store.steps("@1"),
    lambda store: store.step("@1", 0),
    lambda store: store.frames("@1"),
    lambda store: store.frame(1),
    lambda store: store.gaps("@1"),
    lambda store: store.notes("@1"),
    lambda store: store.pixels(1),
    lambda store: store.request(1),
    lambda store: store.numbers(store.runs()),
    lambda store: store.raw_heads("@1"),
]


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_no_query_reads_a_whole_table_or_sorts_one(store: Store, number: int) -> None:
    writer = store.begin_run()
    turn = writer.begin_turn(model="m", started=NOW, request={"messages": []})
    index = writer.intend(CLICK, turn=turn)
    writer.frame(noise(9, 9), captured=NOW, roles=[(index, FrameRole.AFTER)])
    writer.end()
    asked: list[str] = []
    with store.database._connections.reading() as reader:
        reader.set_trace_callback(asked.append)
        QUERIES[number](store)
        reader.set_trace_callback(None)
    assert asked
    for sql in asked:
        plan = [row["detail"] for row in store.database.rows(f"EXPLAIN QUERY PLAN {sql}")]
        newest_first = "SCAN run" in plan and " ORDER BY run.id DESC LIMIT" in sql  # which ends when the page is full
        slow = [line for line in plan if line.startswith("SCAN") and "json_each" not in line and not newest_first]
        slow += [line for line in plan if "TEMP B-TREE" in line and " FROM run " in sql]
        assert slow == [], (sql, plan)


# --- status ---


def test_a_run_is_recording_while_its_writer_lives(store: Store) -> None:
    writer = store.begin_run()
    assert store.run("@1").status is RunStatus.RECORDING
    assert [run.id for run in store.runs(status="recording")] == [writer.run_id]
    assert store.runs(status="interrupted") == []
    writer.end()
    assert store.run("@1").status is RunStatus.COMPLETED
    assert store.run("@1").ended is not None
    assert store.runs(status="recording") == []


def test_a_run_that_was_left_without_an_end_is_interrupted(store: Store) -> None:
    store.begin_run().leave()
    assert store.run("@1").status is RunStatus.INTERRUPTED
    assert [run.status for run in store.runs(status="interrupted")] == [RunStatus.INTERRUPTED]
    assert store.runs(status="recording") == []


def test_a_run_ends_once(store: Store) -> None:
    writer = store.begin_run()
    writer.end(RunStatus.ERRORED, error="the model said no")
    writer.end()
    assert (store.run("@1").status, store.run("@1").error) == (RunStatus.ERRORED, "the model said no")
    assert [run.id for run in store.runs(status="errored")] == [writer.run_id]


def test_a_run_with_two_layers_is_live_until_both_have_left(store: Store) -> None:
    writer = store.begin_run()
    other = store.join_run(writer.run_id, layer="proxy")
    writer.leave()
    assert store.run("@1").status is RunStatus.RECORDING
    other.leave()
    assert store.run("@1").status is RunStatus.INTERRUPTED


def test_a_run_that_ends_while_it_is_listed_is_never_called_interrupted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.begin_run()

    def ends_just_now(*_: object) -> bool:
        writer.end()
        return False

    monkeypatch.setattr(run_lookup, "run_is_live", ends_just_now)
    assert [run.status for run in store.runs()] == [RunStatus.COMPLETED]


def test_a_run_is_live_before_anybody_can_see_it(store: Store) -> None:
    seen: list[RunStatus] = []
    done = threading.Event()

    def watch() -> None:
        with open_store(store.path, readonly=True) as viewer:
            while not done.is_set():
                seen.extend(run.status for run in viewer.runs(limit=3))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(30):
        store.begin_run().end()
    done.set()
    watcher.join()
    assert set(seen) <= {RunStatus.RECORDING, RunStatus.COMPLETED}


def test_many_who_look_at_once_do_not_take_each_other_for_recorders(store: Store) -> None:
    store.begin_run().leave()

    def look(_: int) -> RunStatus:
        return store.run("@1").status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(400))) == {RunStatus.INTERRUPTED}


def test_ended_runs_leave_no_lock_files(store: Store) -> None:
    for _ in range(3):
        recorded(store)
    live = store.path.with_name(store.path.name + "-files") / "live"
    assert list(live.iterdir()) == []


# --- many threads, one store ---


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    def work(number: int) -> int:
        writer = store.begin_run(task=f"thread {number}")
        for i in range(6):
            index = writer.intend(CLICK)
            writer.frame(noise(60, 40, seed=i), captured=NOW, roles=[(index, FrameRole.AFTER)])
            writer.finish(index, status=StepStatus.EXECUTED)
            assert len(store.steps(writer.run_id)) == i + 1
        writer.end()
        return store.run(writer.run_id).steps

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(16))) == [6] * 16
    assert verify_store(store).ok


def test_threads_that_ended_leave_no_connections_open(store: Store) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def look() -> None:
        thread = threading.Thread(target=store.runs)
        thread.start()
        thread.join()

    look()
    before = descriptors()
    for _ in range(50):
        look()
    assert descriptors() <= before + 4


def test_runs_and_stores_leave_no_file_descriptors_open(tmp_path: Path) -> None:
    def work() -> int:
        with open_store(tmp_path / "runs.db") as store:
            for _ in range(3):
                writer = store.begin_run()
                store.join_run(writer.run_id, layer="x").leave()
                writer.end()
            store.runs()
        return len(list(Path("/proc/self/fd").iterdir()))

    assert {work() for _ in range(5)} == {work()}


def test_a_run_may_outlive_the_variable_that_held_its_store(tmp_path: Path) -> None:
    writer = open_store(tmp_path / "runs.db").begin_run(task="x")
    assert writer.intend(CLICK) == 0
    writer.end()
    with open_store(tmp_path / "runs.db") as store:
        assert store.run("@1").status is RunStatus.COMPLETED
    del writer


def test_a_closed_store_says_so(store: Store) -> None:
    writer = store.begin_run()
    store.close()
    store.close()
    for call in (store.runs, lambda: writer.intend(CLICK), store.begin_run):
        with pytest.raises(StoreError, match="is closed"):
            call()
    writer.leave()


READ_WHILE_IT_CLOSES = """
import sys, threading
from footage.errors import StoreError
from footage.storage import open_store

refused = []

def read(store):
    try:
        while True:
            store.runs()
    except StoreError as error:
        refused.append(error.message)

for _ in range(40):
    store = open_store(sys.argv[1])
    readers = [threading.Thread(target=read, args=(store,)) for _ in range(4)]
    for reader in readers:
        reader.start()
    store.runs()
    store.close()
    for reader in readers:
        reader.join()
assert len(refused) == 160 and all(message.endswith("is closed.") for message in refused), set(refused)
"""


def test_a_store_that_closes_waits_for_the_threads_that_read(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        for _ in range(30):
            recorded(store)
    command = [sys.executable, "-X", "faulthandler", "-c", READ_WHILE_IT_CLOSES, str(tmp_path / "runs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- other processes ---


def test_another_process_joins_a_run(store: Store) -> None:
    writer = store.begin_run(task="shared")
    script = (
        "import sys; from footage.storage import open_store; from footage.trajectory import Action\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    writer = store.join_run(sys.argv[2], layer='proxy')\n"
        "    print(writer.intend(Action('wait', {'duration': 1}), call_id='toolu_2'), store.run('@1').status)\n"
    )
    assert writer.intend(CLICK, call_id="toolu_1") == 0
    command = [sys.executable, "-c", script, str(store.path), writer.run_id]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "1 recording\n", done.stderr
    assert writer.intend(CLICK, call_id="toolu_2") == 1
    writer.end()
    assert [step.action.name for step in store.steps("@1")] == ["left_click", "wait"]
    layers = [tuple(row) for row in store.database.rows("SELECT layer, number FROM writer ORDER BY id")]
    assert layers == [("in process", 0), ("proxy", 1)]
    assert verify_store(store).ok


# --- the files ---


def test_screenshots_are_private(tmp_path: Path) -> None:
    with open_store(tmp_path / "new" / "runs.db") as store:
        recorded(store)
        store.begin_run()
        for path in (tmp_path / "new").rglob("*"):
            allowed = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) & ~allowed == 0, path


def test_a_store_reached_through_a_link_is_the_same_store(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere" / "runs.db")
    with open_store(tmp_path / "link.db") as one, open_store(tmp_path / "elsewhere" / "runs.db") as other:
        assert one.path == other.path
        one.begin_run()
        assert other.run("@1").status is RunStatus.RECORDING
    assert not (tmp_path / "link.db-files").exists()


def test_a_store_named_from_here_is_found_after_moving_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("runs.db") as store:
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path / "sub")
        recorded(store, "x")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(store.run, "@1").result().task == "x"
    assert list((tmp_path / "sub").iterdir()) == []


def test_a_path_with_odd_characters_is_a_path(tmp_path: Path) -> None:
    for name in ("a b.db", "a?b#c%20.db", "ü 漢字.db", os.fsdecode(b"\xff\xfe.db"), "file:x.db", "-x.db"):
        with open_store(tmp_path / name) as store:
            recorded(store, name.encode("utf-8", "replace").decode())
        with open_store(tmp_path / name, readonly=True) as store:
            assert store.count_runs() == 1
        assert (tmp_path / name).is_file()


SUSPENDED = """
import os, signal, sys
from footage.storage import open_store
with open_store(sys.argv[1]) as store, store.database.transaction() as connection:
    connection.execute("DELETE FROM tag")
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextlib.contextmanager
def suspended_writer(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that was suspended in the middle of a transaction."""
    with subprocess.Popen([sys.executable, "-c", SUSPENDED, str(path)]) as process:
        try:
            os.waitpid(process.pid, os.WUNTRACED)
            yield process
        finally:
            process.send_signal(signal.SIGCONT)


def test_a_writer_that_is_suspended_in_mid_transaction_holds_nobody_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_AFTERWARDS", 0.1)
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        run = recorded(store)
        store.add_tag(run, "kept")
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with open_store(path) as store:
        with suspended_writer(path) as process:
            for _ in range(3):
                with pytest.raises(StoreError, match=f"process {process.pid} has been writing") as raised:
                    store.add_tag(run, "new")
                assert f"kill -CONT {process.pid}" in str(raised.value.hint)
            assert store.run(run).tags == ("kept",)
        assert process.wait() == 0
        store.add_tag(run, "new")
        assert store.run(run).tags == ("new",)
        assert verify_store(store).ok


def test_a_store_can_be_closed_while_another_writer_is_suspended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    store = open_store(path)
    run = recorded(store)
    monkeypatch.setattr(locks.WriterLock, "held", suspending(locks.WriterLock.held))
    with suspended_writer(path):
        store.close()
    with open_store(path) as again:
        assert again.run(run).tags == ()


def suspending(held: Callable[[locks.WriterLock], AbstractContextManager[None]]) -> object:
    """Return `held` without patience."""

    def impatient(lock: locks.WriterLock) -> AbstractContextManager[None]:
        lock._patience = 0.1
        return held(lock)

    return impatient


def test_a_run_is_a_value(store: Store) -> None:
    recorded(store, "x")
    assert store.run("@1") == store.run("@1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        store.run("@1").task = "y"  # type: ignore[misc]  # which is what must fail


def test_every_error_is_one_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FootageError):
        open_store(tmp_path / ("x" * 300))
