"""`footage record --machine`: the screen before an action is from before it, and what was delivered is known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from footage.machines.desktop.machine import Desktop
from footage.recorder.proxy.writer_process.observers import AHEAD
from footage.replay.engine import replay_run
from footage.storage import open_store
from footage.trajectory import JSON, FrameRole, Pixels, Step, Verdict
from places import HELPERS
from record_command import FOOTAGE, environment
from recording import Recorded
from service import Service, click, text
from vnc_server import tiger

pytestmark = pytest.mark.desktop

AGENT = HELPERS / "acting_agent.py"
POINTS = [(700 + 60 * (n % 7), 250 + 70 * (n % 5)) for n in range(5)]
BEFORE, AFTER = FrameRole.BEFORE, FrameRole.AFTER


def did(name: str, **given: str) -> JSON:
    return {"type": "tool_use", "id": name, "name": "computer", "input": {"action": name, **given}}


SEVERAL = ([click("a", 400, 300), did("type", text="hi"), did("key", text="Return")], [text("Done.")])


def recorded(folder: Path, replies: tuple[list[JSON], ...], machine: str, **more: str) -> tuple[str, Recorded]:
    """Record the agent that acts at once; return what was said at the end, and the run."""
    path = folder / "footage.db"
    argv = [*FOOTAGE, "record", "--store", str(path), "--machine", machine, "--", sys.executable, str(AGENT)]
    with Service(*replies) as service:
        environ = environment(service, **more)
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=True, timeout=120)
    with open_store(path) as store:
        (run,) = store.runs()
    return done.stderr, Recorded(path, run.id)


def around(folder: Path, step: Step, role: FrameRole) -> Pixels:
    """Return the pixels around a step's point, where the pointer is drawn once it is there."""
    (frame,) = step.frames[role]
    assert step.action.point is not None
    x, y = step.action.point
    with open_store(folder / "footage.db") as store:
        return np.array(store.pixels(frame.picture)[y - 2 : y + 16, x - 2 : x + 12])


def test_no_frame_before_an_action_shows_the_pointer_where_the_action_puts_it(tmp_path: Path) -> None:
    replies = (*([click(f"c{n}", *point)] for n, point in enumerate(POINTS)), [text("Done.")])
    _, seen = recorded(tmp_path, replies, "desktop")
    assert [len(step.frames[BEFORE]) for step in seen.steps] == [1] * len(POINTS)
    for step in seen.steps:
        assert not np.array_equal(around(tmp_path, step, BEFORE), around(tmp_path, step, AFTER)), step.index
        (before,) = step.frames[BEFORE]
        assert step.started is not None
        assert before.captured.monotonic_ns <= step.started.monotonic_ns
        assert step.duration_ms is not None
    assert [gap for gap in seen.gaps if gap.reason != AHEAD] == []
    with open_store(tmp_path / "footage.db") as store, Desktop() as desktop:
        assert replay_run(store, seen.run.id, desktop).verdict is Verdict.REPRODUCED


def test_three_calls_of_one_reply_have_three_befores_afters_and_inputs_by_x(tmp_path: Path) -> None:
    _, seen = recorded(tmp_path, SEVERAL, "desktop")
    check_several(seen)


def test_three_calls_of_one_reply_have_three_befores_afters_and_inputs_by_vnc(tmp_path: Path) -> None:
    with tiger(tmp_path) as (address, display):
        command = ["xterm", "-display", display, "-geometry", "90x30+30+40"]
        with subprocess.Popen(command, env={**os.environ, "PS1": "$ "}) as window:
            _, seen = recorded(tmp_path, SEVERAL, f"vnc:{address}")
            window.terminate()
    check_several(seen)


def check_several(seen: Recorded) -> None:
    frames = [[len(step.frames[role]) for role in (BEFORE, AFTER)] for step in seen.steps]
    assert frames == [[1, 1]] * 3
    delivered = [[tuple(event[:2]) for event in step.delivered or ()] for step in seen.steps]
    assert delivered[0] == [("move", 400), ("button_down", 1), ("button_up", 1)]
    assert [event for event in delivered[1] if event[0] == "key_down"] == [("key_down", "h"), ("key_down", "i")]
    assert ("key_down", "Return") in delivered[2]
    shown = [frame for step in seen.steps for role in (BEFORE, AFTER) for frame in step.frames[role]]
    times = [frame.captured.monotonic_ns for frame in shown]
    assert times == sorted(times)
    assert [gap for gap in seen.gaps if gap.reason != AHEAD] == []


def test_an_agent_that_forgets_to_scale_is_told_so_with_the_factor(tmp_path: Path) -> None:
    replies = (*([click(f"c{n}", *point)] for n, point in enumerate(POINTS[:3])), [text("Done.")])
    said, seen = recorded(tmp_path, replies, "desktop", SCALE="0.5")
    assert [step.delivered and step.delivered[0] for step in seen.steps] == [
        ("move", round(x * 0.5), round(y * 0.5)) for x, y in POINTS[:3]
    ]
    sentence = "3 actions landed elsewhere than they were asked for, at 0.5 times the point: is a factor left out?"
    assert sentence in said
    shown = subprocess.run(
        [*FOOTAGE, "show", "--store", str(tmp_path / "footage.db"), seen.run.id],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sentence in " ".join(shown.stdout.split())
