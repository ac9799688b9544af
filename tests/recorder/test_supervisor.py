"""The two processes of a recording proxy, and the one that keeps them going."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from footage.errors import NotAStore
from footage.recorder.proxy import supervisor
from footage.recorder.proxy.process_messages import is_alive
from footage.recorder.proxy.relay_process.client_connection import ENDED
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.supervisor import Supervisor
from footage.recorder.proxy.writer_process.main import LATE, UNCONFIRMED
from footage.recorder.proxy.writer_process.observers import AHEAD
from footage.storage import open_store, verify_store
from footage.trajectory import JSON, RunStatus
from recording import user
from scripted_service import Scripted
from service import Service, asked, click, text


def successor(running: Supervisor, name: str, before: int) -> int:
    """Wait for the process that takes the place of one that ended, and return its id."""
    deadline = time.monotonic() + 30
    while running.processes[name] == before:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return running.processes[name]


def gets_a_call(running: Supervisor) -> None:
    """Ask as an agent does, and see that the reply has its call."""
    body = json.dumps(asked(user("Add two numbers"))).encode()
    with urllib.request.urlopen(f"{running.address(running.run)}/v1/messages", body) as response:
        assert b"tool_use" in response.read()


@pytest.mark.parametrize("victim", ["scribe", "front"])
def test_one_that_is_killed_again_and_again_is_still_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    monkeypatch.setattr(supervisor, "_PATIENCE", 2)
    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, tmp_path / "footage.db", {"task": "x"})
        for _ in range(4):
            process = running.processes[victim]
            os.kill(process, signal.SIGKILL)
            successor(running, victim, process)
        gets_a_call(running)
        running.end(RunStatus.COMPLETED)
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        assert (run.status, [step.call_id for step in store.steps(run.id)]) == ("completed", ["a"])


def test_ctrl_c_while_it_starts_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = Supervisor._wait_for_scribe

    def interrupted(self: Supervisor) -> None:
        waited(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Supervisor, "_wait_for_scribe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Supervisor({"anthropic": Upstream("http://127.0.0.1:9")}, tmp_path / "footage.db", {"task": "x"})
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        assert (run.status, run.error) == ("interrupted", "Interrupted.")


def test_one_that_is_killed_before_anybody_records_begins_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = Supervisor._wait_for_scribe

    def killing(self: Supervisor) -> None:
        process = self.processes["front"]
        os.kill(process, signal.SIGKILL)
        successor(self, "front", process)
        waited(self)

    monkeypatch.setattr(Supervisor, "_wait_for_scribe", killing)
    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, tmp_path / "footage.db", {"task": "x"})
        gets_a_call(running)
        running.end(RunStatus.COMPLETED)
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        assert (run.status, [step.call_id for step in store.steps(run.id)]) == ("completed", ["a"])
        assert not [gap for gap in store.gaps(run.id) if gap.reason != AHEAD]


def test_a_store_that_is_none_leaves_no_process_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Supervisor] = []
    waited = Supervisor._wait_for_scribe

    def noting(self: Supervisor) -> None:
        made.append(self)
        waited(self)

    monkeypatch.setattr(Supervisor, "_wait_for_scribe", noting)
    (tmp_path / "footage.db").write_text("no store, but long enough to be taken for one" * 50)
    with pytest.raises(NotAStore):
        Supervisor({"anthropic": Upstream("http://127.0.0.1:9")}, tmp_path / "footage.db", {"task": "x"})
    assert made[0]._scribe.given_up.wait(10)
    assert not any(is_alive(process) for process in made[0].processes.values())


def test_one_that_cannot_run_is_given_up_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_PATIENCE", 2)
    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, tmp_path / "footage.db", {"task": "x"})
        monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # of the next ones: a Python that cannot start
        os.kill(running.processes["scribe"], signal.SIGTERM)
        assert running._scribe.given_up.wait(30)
        running.end(RunStatus.COMPLETED)
    assert "is not started again" in caplog.text


def test_a_system_that_has_no_room_for_a_process_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_RETRY_SECONDS", 0.01)
    real, refusals = subprocess.Popen, iter(range(2))

    def popen(*arguments: Any, **options: Any) -> Any:
        if next(refusals, None) is not None:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return real(*arguments, **options)

    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, tmp_path / "footage.db", {"task": "x"})
        monkeypatch.setattr(subprocess, "Popen", popen)
        process = running.processes["scribe"]
        os.kill(process, signal.SIGKILL)
        successor(running, "scribe", process)
        running.end(RunStatus.COMPLETED)
    assert caplog.text.count("could not be started") == 2
    with open_store(tmp_path / "footage.db") as store:
        assert [run.status for run in store.runs()] == ["completed"]


def test_a_process_that_has_only_just_begun_is_not_taken_for_one_that_waits_for_a_reply(tmp_path: Path) -> None:
    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, tmp_path / "footage.db", {"task": "x"})
        front = running.processes["front"]
        os.kill(front, signal.SIGSTOP)
        waking = threading.Timer(0.5, os.kill, (front, signal.SIGCONT))
        waking.start()
        assert running.drain(0.01)
        waking.join()
        running.end(RunStatus.COMPLETED)


def test_a_reply_that_does_not_come_is_not_waited_for_at_the_end(tmp_path: Path) -> None:
    with Scripted(b"") as silent:
        running = Supervisor({"anthropic": Upstream(silent.url)}, tmp_path / "footage.db", {"task": "x"})
        body = json.dumps(asked(user("Add two numbers"))).encode()
        address = urlsplit(running.address(running.run))
        with closing(http.client.HTTPConnection(address.hostname or "", address.port)) as connection:
            connection.request("POST", f"{address.path}/v1/messages", body)
            while not silent.heads:
                time.sleep(0.01)
            assert not running.drain(0.01)
            running.end(RunStatus.COMPLETED)
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        (turn,) = store.turns(run.id)
        assert (turn.status, [attempt.error for attempt in turn.attempts]) == ("errored", [ENDED])
        assert (run.status, store.gaps(run.id)) == ("completed", [])


def filled(disk: Path) -> Path:
    """Fill a disk to its last byte; return the file to remove."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 12))
    return ballast


@pytest.mark.parametrize("killed", [False, True])
def test_a_disk_that_is_full_for_a_while_costs_what_came_then_and_no_more(small_disk: Path, killed: bool) -> None:
    noise = random.Random(1)
    with Service([text("Look.")]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, small_disk / "footage.db", {"task": "x"})

        def ask(name: str) -> None:
            words = f"{name} {noise.randbytes(200_000).hex()}"
            body = json.dumps(asked(user(words))).encode()
            with urllib.request.urlopen(f"{running.address(running.run)}/v1/messages", body) as response:
                assert b"Look." in response.read()

        def stored() -> list[str]:
            with open_store(small_disk / "footage.db", readonly=True) as store:
                requests = [store.request(turn.id) for turn in store.turns(running.run) if turn.status == "completed"]
            return [str(request["messages"][0]["content"])[:6] for request in requests if request]

        def until_stored(name: str) -> None:
            deadline = time.monotonic() + 60
            while name not in stored():
                assert time.monotonic() < deadline
                time.sleep(0.05)

        ask("first ")
        until_stored("first ")
        ballast = filled(small_disk)
        ask("second")
        if killed:
            process = running.processes["scribe"]
            os.kill(process, signal.SIGKILL)
            ask("third ")
            for _ in range(2):  # each of which finds the disk full
                process = successor(running, "scribe", process)
        ballast.unlink()
        ask("last  ")
        until_stored("last  ")
        running.end(RunStatus.COMPLETED)
        assert len(service.requests) == 3 + killed
        with open_store(small_disk / "footage.db") as store:
            (run,) = store.runs()
            assert run.status == "completed"
            assert store.gaps(run.id) or "second" in stored()  # it may have waited until there was room
            assert verify_store(store).ok


def test_a_run_that_begins_on_a_full_disk_is_recorded_as_soon_as_there_is_room(small_disk: Path) -> None:
    ballast = filled(small_disk)
    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, small_disk / "footage.db", {"task": "x"})
        address = running.address(running.run or "unrecorded")
        body = json.dumps(asked(user("Add two numbers"))).encode()
        for unrecorded in (True, False):
            with urllib.request.urlopen(f"{address}/v1/messages", body) as response:
                assert b"tool_use" in response.read()
            assert (running.run == "") is unrecorded
            ballast.unlink(missing_ok=True)
            deadline = time.monotonic() + 60
            while not running.run:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        running.end(RunStatus.COMPLETED)
    with open_store(small_disk / "footage.db") as store:
        (run,) = store.runs()
        assert (run.task, run.status, [step.call_id for step in store.steps(run.id)]) == ("x", "completed", ["a"])
        assert [gap.reason for gap in store.gaps(run.id) if gap.reason != AHEAD] == [LATE]


def test_a_disk_that_stays_full_does_not_keep_a_run_from_its_end(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[JSON] = []
    with Service([text("Look.")]) as service:
        services = {"anthropic": Upstream(service.url)}
        running = Supervisor(services, small_disk / "footage.db", {"task": "x"}, on_said=heard.append)
        filled(small_disk)
        process = running.processes["scribe"]
        os.kill(process, signal.SIGKILL)
        successor(running, "scribe", successor(running, "scribe", process))
        running.end(RunStatus.COMPLETED)
    assert "Nothing is recorded" in caplog.text
    (loss,) = [said for said in heard if "incomplete" in said]
    assert (loss["incomplete"], loss["lost"], loss["ended"]) == (running.run, None, False)
    assert "No room left" in loss["why"] or "No space left" in loss["why"]


@pytest.mark.parametrize("patience", [60.0, 0.1])
def test_a_run_does_not_end_before_what_passed_is_stored_and_says_so_where_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(supervisor, "_CONFIRM_SECONDS", patience)
    with Service([click("a", 1, 2)]) as service:
        running = Supervisor({"anthropic": Upstream(service.url)}, tmp_path / "footage.db", {"task": "x"})
        scribe = running.processes["scribe"]
        os.kill(scribe, signal.SIGSTOP)
        gets_a_call(running)
        if patience > 1:
            waking = threading.Timer(1, os.kill, (scribe, signal.SIGKILL))  # another takes its place
            waking.start()
            running.stop()
        else:
            running.stop()
            os.kill(scribe, signal.SIGKILL)  # with all that it was told
        running.end(RunStatus.COMPLETED)
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        steps, gaps = [step.call_id for step in store.steps(run.id)], [gap.reason for gap in store.gaps(run.id)]
    assert (steps, UNCONFIRMED in gaps) == ((["a"], False) if patience > 1 else ([], True))


@pytest.mark.parametrize("stopped", [False, True], ids=["left alone", "asked to stop"])
def test_a_recording_process_that_hangs_does_not_keep_the_end_waiting_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stopped: bool
) -> None:
    told: list[JSON] = []
    with Service([click("a", 1, 2)]) as service:
        upstream, path = {"anthropic": Upstream(service.url)}, tmp_path / "footage.db"
        running = Supervisor(upstream, path, {"task": "x"}, on_said=told.append)
        run, scribe = running.run, running.processes["scribe"]
        os.kill(scribe, signal.SIGSTOP)
        if stopped:
            monkeypatch.setattr(supervisor, "asked", lambda: True)
        monkeypatch.setattr(supervisor, "_STOPPED_SECONDS" if stopped else "_END_SECONDS", 0.3)
        running.end(RunStatus.COMPLETED)
        assert not is_alive(scribe)
    lost = [said for said in told if "incomplete" in said]
    assert [(said["incomplete"], said["lost"], said["ended"]) for said in lost] == [(run, None, False)]
    assert "did not end" in lost[0]["why"]
    with open_store(path) as store:
        assert store.run(run).status is RunStatus.INTERRUPTED
