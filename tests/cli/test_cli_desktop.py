"""Recording, replaying and forking from the command line, on a real desktop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli import call
from footage.agent.standin.goals import SUM

pytestmark = pytest.mark.desktop

Capture = pytest.CaptureFixture[str]

FOOTAGE = Path(sys.executable).with_name("footage")


def test_a_recorded_task_is_replayed_and_forked(capsys: Capture, tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    agent = call(capsys, "agent", SUM.task, "--model", "stand-in/hasty", "--tag", "cli", "--store", store)
    assert agent.code == 0
    run = call(capsys, "runs", "--store", store, "--tag", "cli", "--json").document["runs"][0]
    assert f"run {run['id']} · stand-in/hasty · desktop" in agent.out
    assert f"footage show {run['id']} --store {store}" in agent.out

    replay = call(capsys, "replay", "@1", "--store", store, "--json")
    assert replay.code == 0
    assert replay.document["verdict"] == "reproduced"
    assert replay.document["guarantee"] == "anchored"
    assert [step["verdict"] for step in replay.document["steps"]] == ["reproduced"] * run["steps"]

    fork = call(capsys, "fork", "@1", "--at", "2", "--model", "stand-in/careful", "--store", store)
    assert fork.code == 0
    assert "done after" in fork.out
    newest = call(capsys, "runs", "--store", store, "--json").document["runs"][0]
    assert newest["kind"] == "fork"
    assert newest["parent"] == {"run": run["id"], "step": 2}


def test_ctrl_c_keeps_what_was_recorded(capsys: Capture, tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    command: list[str | Path] = [
        FOOTAGE,
        "agent",
        SUM.task,
        "--model",
        "stand-in/careful",
        "--think",
        "1",
        "--store",
        store,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        while "left_click" not in agent.stdout.readline():
            assert agent.poll() is None
        agent.send_signal(signal.SIGINT)
        _, errors = agent.communicate(timeout=30)
    assert agent.returncode == 130
    assert errors.split("\n", 1)[-1].startswith("footage: error: Interrupted.\nhint: What was recorded")
    run = call(capsys, "show", "@1", "--store", store, "--json").document
    assert run["run"]["status"] == "interrupted"
    assert [step["action"]["name"] for step in run["steps"]][:2] == ["screenshot", "left_click"]
    assert call(capsys, "verify", "--store", store).code == 0


def test_the_machines_are_listed_and_checked(capsys: Capture) -> None:
    assert call(capsys, "machine", "list").out.splitlines()[0].split()[:2] == ["✓", "desktop"]
    check = call(capsys, "machine", "check", "desktop", "--json")
    assert check.code == 0, json.dumps(check.document, indent=2)
    assert {result["name"] for result in check.document["checks"]} >= {"left_click", "type", "zoom", "hold_key"}
