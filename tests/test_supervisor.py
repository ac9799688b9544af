"""The two processes of a recording proxy, and the one that keeps them going."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from footage.recorder import supervisor
from footage.recorder.supervisor import Supervisor
from footage.recorder.upstream import Upstream
from footage.storage import open_store
from footage.trajectory import RunStatus
from recording import user
from service import Service, asked, click


def successor(running: Supervisor, name: str, before: int) -> int:
    """Wait for the process that takes the place of one that ended, and return its id."""
    deadline = time.monotonic() + 30
    while running.processes[name] == before:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return running.processes[name]


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
        body = json.dumps(asked(user("Add two numbers"))).encode()
        with urllib.request.urlopen(f"{running.address(running.run)}/v1/messages", body) as response:
            assert b"tool_use" in response.read()
        running.end(RunStatus.COMPLETED)
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        assert (run.status, [step.call_id for step in store.steps(run.id)]) == ("completed", ["a"])


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
