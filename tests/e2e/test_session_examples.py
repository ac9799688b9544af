"""The examples run as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from footage.storage import open_store
from footage.trajectory import FrameRole, RunStatus, StepStatus
from places import EXAMPLES


def run_example(name: str, store: Path) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env={**os.environ, "FOOTAGE_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_recording_by_hand(tmp_path: Path) -> None:
    told = run_example("by_hand.py", tmp_path / "s.db")
    with open_store(tmp_path / "s.db") as store:
        run = store.run("@1")
        click, shell = store.steps(run.id)
    assert run.id in told
    assert (run.status, run.model) == (RunStatus.COMPLETED, "my-model")
    assert (click.action.point, click.status, click.turn) == ((80, 55), StepStatus.EXECUTED, 0)
    assert click.frame(FrameRole.BEFORE) is not None
    assert click.frame(FrameRole.AFTER) is not None
    assert (shell.action.title, shell.result_text) == ("bash:run", "notes.txt")


@pytest.mark.desktop
def test_a_loop_of_ones_own(tmp_path: Path) -> None:
    told = run_example("own_loop.py", tmp_path / "s.db")
    assert "I have written “hello” in the notes." in told
    with open_store(tmp_path / "s.db") as store:
        run = store.run("@1")
        steps = store.steps(run.id)
    assert [outcome.value for outcome in run.outcomes] == ["success"]
    assert [step.action.name for step in steps] == ["screenshot", "left_click", "type", "key", "screenshot"]
    assert all(step.frame(FrameRole.AFTER) for step in steps)
