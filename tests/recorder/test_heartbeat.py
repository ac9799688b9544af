"""A recorder that died shows as a gap after its last sign of life; nobody writes that gap."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import footage
from cli import call
from footage.errors import StoreFull
from footage.recorder.heartbeat import Heartbeat
from footage.recorder.safe_writer import Guard
from footage.storage import RunWriter, Store, open_store, verify_store
from footage.storage.file.connections import Connections
from footage.trajectory import Gap, Instant, RunStatus
from recording import Tape

if TYPE_CHECKING:
    import pytest

IDLE = """
import sys, time
import footage.recorder.heartbeat as heartbeat
heartbeat.Heartbeat.__init__.__kwdefaults__["every"] = 0.05
import footage
run = footage.record("x", store=sys.argv[1])
with run.step("left_click", coordinate=[1, 2]):
    pass
print(time.monotonic_ns(), run.id, flush=True)
time.sleep(60)
"""


def killed(path: Path, *, after: float) -> tuple[str, int, int]:
    """Record a step in another process, be idle for a while, kill it; return run and the monotonic times of both."""
    with subprocess.Popen([sys.executable, "-c", IDLE, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        at, run = process.stdout.readline().split()
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        return run, int(at), time.monotonic_ns()


def deaths(store: Store, run: str) -> list[Gap]:
    return [gap for gap in store.gaps(run) if "the recorder died" in gap.reason]


def test_a_killed_recorder_is_a_gap_from_its_last_heartbeat_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.db"
    run, stepped, gone = killed(path, after=1.0)
    before = path.read_bytes()
    with open_store(path, readonly=True) as store:
        assert store.run(run).status is RunStatus.INTERRUPTED
        (gap,) = store.gaps(run)
        assert gap.at is not None
        assert stepped + 3e8 < gap.at.monotonic_ns < gone  # idle, but alive
        report = verify_store(store)
        assert report.ok
        assert [found["reason"] for found in report.gaps] == [gap.reason]
    assert path.read_bytes() == before
    assert "the recorder died: nothing is known after 20" in call(capsys, "show", run, "--store", path).out


def test_a_live_run_and_a_run_that_ended_have_no_such_gap(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    run = footage.record("x", store=path)
    with open_store(path, readonly=True) as store:
        assert store.gaps(run.id) == []
        run.end(RunStatus.INTERRUPTED)
        assert store.run(run.id).status is RunStatus.INTERRUPTED
        assert store.gaps(run.id) == []


def test_the_last_event_counts_where_no_heartbeat_came_later(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="x")
        at = Instant.now()
        writer.start(writer.intend(footage.Action("screenshot")), at)
        writer.leave()
        (gap,) = deaths(store, writer.run_id)
        assert gap.at == at


def test_the_clock_that_cannot_be_set_tells_which_sign_came_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="x")
        writer.gap("one")
        now = time.time_ns()
        monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
        writer.heartbeat()
        writer.leave()
        (gap,) = deaths(store, writer.run_id)
        assert gap.at is not None
        assert gap.at.wall_ns < now


def test_whoever_writes_need_not_beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, beaten, silent = threading.Semaphore(0), threading.Event(), [0.0]

    def silent_for(_: RunWriter) -> float:
        asked.release()
        return silent[0]

    monkeypatch.setattr(RunWriter, "silent_for", property(silent_for))
    monkeypatch.setattr(RunWriter, "heartbeat", lambda _: beaten.set())
    with open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="x")
        heart = Heartbeat(Guard(writer), every=0.05)
        assert all(asked.acquire(timeout=60) for _ in range(4))
        assert not beaten.is_set()
        silent[0] = 1.0
        assert beaten.wait(60)
        heart.stop()
        writer.end()


def test_whatever_is_written_breaks_the_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    with open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="x")
        monkeypatch.setattr(time, "monotonic", lambda: now + 100)
        assert writer.silent_for > 90
        writer.gap("busy")
        assert writer.silent_for == 0
        monkeypatch.undo()
        writer.end()


def test_a_heartbeat_is_not_waited_for_by_the_disk_but_the_next_event_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    plain = Connections.transaction

    def listening(self: Connections, *, durable: bool = True) -> object:
        asked.append(durable)
        return plain(self, durable=durable)

    with open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="x")
        monkeypatch.setattr(Connections, "transaction", listening)
        writer.heartbeat()
        writer.gap("x")
        with store.database.transaction() as connection:
            (level,) = connection.execute("PRAGMA synchronous").fetchone()
        writer.end()
    assert asked[:2] == [False, True]
    assert level == 2  # FULL


def test_a_heart_that_cannot_write_goes_on_and_marks_the_gap_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFull("no room")

    tape = Tape(tmp_path)
    tape.run._heartbeat.stop()
    with monkeypatch.context() as broken:
        broken.setattr(Connections, "transaction", full)
        heart = Heartbeat(tape.run.guard, every=0.02)
        with tape.run.step("left_click", coordinate=[1, 1]):
            time.sleep(0.2)
        assert tape.run.guard.lost == 1  # the step; signs of life and attempts to mark it are no losses
    until = time.monotonic() + 10
    while tape.run.guard.lost and time.monotonic() < until:
        time.sleep(0.02)
    heart.stop()
    with open_store(tape.path, readonly=True) as store:
        assert [gap.lost for gap in store.gaps(tape.run.id)] == [1]
    tape.run.end()


def test_the_end_ends_the_heart_too_in_a_child_as_well(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    assert "footage-heartbeat" in {thread.name for thread in threading.enumerate()}
    child = os.fork()
    if not child:
        tape.run.end()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    tape.run.end()
    assert "footage-heartbeat" not in {thread.name for thread in threading.enumerate()}
