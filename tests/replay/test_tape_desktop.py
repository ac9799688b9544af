"""The model tape with a real screen: an agent that acts on the desktop runs again, and meets the same screens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from footage.machines.desktop.machine import Desktop
from footage.replay.tape.tape_run import TapeOptions, replay_tape
from footage.replay.tape.tape_service import Policy
from footage.storage import Store, open_store
from footage.trajectory import JSON, Cause, FrameRole, Verdict
from places import AGENT_LOOPS
from service import Service, click, text

pytestmark = pytest.mark.desktop

FOOTAGE = [sys.executable, "-c", "import sys; from footage.cli import main; sys.exit(main())"]
AGENT = [sys.executable, str(AGENT_LOOPS / "desktop_loop.py")]


def typed(call_id: str, words: str) -> JSON:
    return {"type": "tool_use", "id": call_id, "name": "computer", "input": {"action": "type", "text": words}}


REPLIES = (
    [click("one", 139, 544)],
    [click("paper", 850, 400), typed("note", "12 + 1 = 13")],
    [text("Done.")],
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    path = tmp_path_factory.mktemp("tape") / "runs.db"
    with pytest.MonkeyPatch.context() as patch, Service(*REPLIES) as service:
        patch.setenv("ANTHROPIC_BASE_URL", service.url)
        patch.setenv("PYTHONPATH", f"{AGENT_LOOPS}:{os.environ.get('PYTHONPATH', '')}")
        subprocess.run([*FOOTAGE, "record", "--machine", "desktop", "--store", path, "--", *AGENT], check=True)
        with open_store(path) as store:
            yield store, store.runs()[0].id


def test_an_unchanged_agent_on_an_unchanged_desktop_has_no_differences(recorded: tuple[Store, str]) -> None:
    store, run = recorded
    with closing(Desktop()) as machine:
        report = replay_tape(store, run, AGENT, machine, TapeOptions(stdout=subprocess.DEVNULL))
    assert [str(asked.grade) for asked in report.asked] == ["identical"] * 3
    assert (report.verdict, report.exit_code) == (Verdict.REPRODUCED, 0), [
        (s.verdict, s.why, s.regions) for s in report.steps
    ] + [report.divergence]
    steps = store.steps(report.run)
    assert [step.source_step for step in steps] == [0, 1, 2]
    assert all(step.frame(FrameRole.BEFORE) for step in (steps[0], steps[1]))


def test_another_world_shows_as_a_frame_and_its_cause_is_the_environment(recorded: tuple[Store, str]) -> None:
    store, run = recorded
    with closing(Desktop(files={"notes.txt": "something else"})) as machine:
        report = replay_tape(store, run, AGENT, machine, TapeOptions(Policy.STOP))
    assert [str(asked.grade) for asked in report.asked] == ["identical", "frame"]
    assert report.asked[1].first is not None
    assert report.asked[1].first.path == "messages[2].content[0].content[0].source"
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.cause) == (0, Cause.ENVIRONMENT)
    assert [step.verdict for step in report.steps] == ["diverged", "unreached", "unreached"]
