"""
Killed at random instants: what an agent has learned of a tool call is in the store, whoever is killed.

FOOTAGE_KILLS says how often each (3 by default; the soak takes hundreds).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from footage.storage import open_store, verify_store
from service import Service, click, text
from test_record import FOOTAGE, TESTS, environment

KILLS = int(os.environ.get("FOOTAGE_KILLS", "3"))
AGENT = TESTS / "loops" / "acknowledging_loop.py"
REPLIES = [[text(f"Click {number}."), click(f"call-{number}", number, number)] for number in range(400)]


def acknowledged(path: Path) -> list[str]:
    """Return the calls that the agent learned of; a last line that was not finished does not count."""
    lines = path.read_text("utf-8").split("\n") if path.exists() else [""]
    return lines[:-1]


@pytest.mark.parametrize("trial", range(KILLS))
@pytest.mark.parametrize("victim", ["agent", "recorder"])
def test_no_call_that_the_agent_learned_of_is_lost(tmp_path: Path, victim: str, trial: int) -> None:
    chance = random.Random(f"{victim} {trial}")
    store, learned, pid = tmp_path / "footage.db", tmp_path / "learned", tmp_path / "pid"
    argv = [*FOOTAGE, "record", "--store", str(store), "--", sys.executable, str(AGENT), str(learned), str(pid)]
    with Service(*REPLIES, pause=0.001) as service:
        recorder = subprocess.Popen(argv, env=environment(service), stderr=subprocess.DEVNULL)
        agent = 0
        try:
            while not acknowledged(learned):
                assert recorder.poll() is None
                time.sleep(0.01)
            agent = int(pid.read_text("ascii"))
            time.sleep(chance.uniform(0, 0.8))
            os.kill(agent if victim == "agent" else recorder.pid, signal.SIGKILL)
            code = recorder.wait(30)
        finally:
            if victim == "recorder" and agent:
                os.kill(agent, signal.SIGKILL)
    assert code == (137 if victim == "agent" else -9)
    with open_store(store) as opened:
        (run,) = opened.runs()
        stored = {step.call_id for step in opened.steps(run.id)}
        assert verify_store(opened).ok
        assert run.status == ("errored" if victim == "agent" else "interrupted")
        turns = opened.turns(run.id)
    assert set(acknowledged(learned)) <= stored
    if victim == "agent":
        assert {turn.status for turn in turns} == {"completed"}
