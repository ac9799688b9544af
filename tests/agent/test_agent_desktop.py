"""The whole loop on the real desktop: real programs, the real SDK over HTTP, the stand-in, a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.agent.loop import run_agent
from footage.agent.model_client import make_client
from footage.agent.standin.goals import SUM
from footage.machines.desktop.machine import Desktop
from footage.trajectory import FrameRole, StepStatus
from recording import Recorded, Tape

pytestmark = pytest.mark.desktop


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    with Desktop() as started:
        yield started


def work(folder: Path, desktop: Desktop, model: str) -> tuple[str, Recorded]:
    tape = Tape(folder)
    with make_client(model) as client:
        result = run_agent(SUM.task, desktop, client, model=model, recording=tape.run)
    assert result.reason == "done"
    return desktop.read_file("notes.txt").decode(), tape.read()


def test_careful_saves_the_right_line(tmp_path: Path, desktop: Desktop) -> None:
    notes, seen = work(tmp_path, desktop, "stand-in/careful")
    assert notes.strip() == f"{SUM.expected} — żółć ✓"
    assert [s.status for s in seen.steps] == [StepStatus.EXECUTED] * 11
    assert all(s.frame(FrameRole.BEFORE) and s.frame(FrameRole.AFTER) for s in seen.steps)
    assert seen.gaps == []


def test_hasty_saves_a_wrong_one(tmp_path: Path, desktop: Desktop) -> None:
    notes, seen = work(tmp_path, desktop, "stand-in/hasty")
    assert notes.startswith("12 × 34 = ")
    assert SUM.expected not in notes
    assert seen.run.model == "stand-in/hasty"
