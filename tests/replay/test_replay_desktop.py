"""Replay on the desktop machine: real programs, real input."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from footage.machines.opening import open_machine, reopen
from footage.recorder.recording import record
from footage.replay.engine import ReplayReport, replay_run
from footage.storage import Store, open_store
from footage.trajectory import Action, Cause, InputEvent, Performed, StepVerdict, Verdict

pytestmark = pytest.mark.desktop


def click(x: int, y: int) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


ONE, TWO, PLUS, EQUALS, PAPER = click(139, 544), click(210, 544), click(350, 605), click(420, 574), click(850, 400)
ACTIONS = (ONE, TWO, PLUS, ONE, EQUALS, PAPER, Action("type", {"text": "12 + 1 = 13 ✓ żółć"}))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("replay") / "runs.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def recorded(store: Store) -> str:
    with closing(open_machine("desktop")) as machine, record("add", store=store) as recording:
        watched = recording.watch(machine)
        for action in ACTIONS:
            watched.perform(action)
    return recording.id


def again(store: Store, run: str, **options: Any) -> ReplayReport:
    specification = store.run(run).machine
    assert specification is not None
    with closing(reopen(specification)) as machine:
        return replay_run(store, run, machine, **options)


def test_the_run_is_reproduced_each_time_in_no_more_time_than_it_took(store: Store, recorded: str) -> None:
    run = store.run(recorded)
    assert run.ended is not None
    took = (run.ended.monotonic_ns - run.started.monotonic_ns) / 1e9
    for _ in range(3):
        report = again(store, recorded)
        assert report.verdict is Verdict.REPRODUCED, report.steps
        replay = store.run(report.run)
        assert replay.ended is not None
        assert (replay.ended.monotonic_ns - replay.started.monotonic_ns) / 1e9 <= took * 1.2


def test_a_window_over_the_target_is_the_environment_and_no_input_follows(store: Store, recorded: str) -> None:
    specification = store.run(recorded).machine
    assert specification is not None
    with closing(reopen(specification)) as machine:
        planted: list[subprocess.Popen[bytes]] = []
        logged: list[int] = []

        def plant(index: int, _total: int, _verdict: StepVerdict) -> None:
            if index == 2:
                window = ["xterm", "-geometry", "50x14+60+480", "-e", "echo Update available; sleep 60"]
                planted.append(subprocess.Popen(window, env=dict(machine.environment)))
                logged.append(len(machine.input_log))
                blank = machine.screenshot().pixels
                deadline = time.monotonic() + 10
                while (machine.screenshot().pixels == blank).all() and time.monotonic() < deadline:
                    time.sleep(0.02)

        report = replay_run(store, recorded, machine, timeout=4, on_step=plant)
        planted[0].kill()
        planted[0].wait()
        assert [step.verdict for step in report.steps] == [*["reproduced"] * 3, "diverged", *["unreached"] * 3]
        assert report.divergence is not None
        assert (report.divergence.a_step, report.divergence.cause) == (3, Cause.ENVIRONMENT)
        assert len(machine.input_log) == logged[0]
        box = report.divergence.regions[0]
        assert box.x <= 60 + 150 < box.right
        assert box.y <= 480 + 100 < box.bottom


class Forgetful:
    """A machine that loses the last character of what is typed."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def perform(self, action: Action) -> Performed:
        if action.name == "type":
            done: Performed = self._machine.perform(Action("type", {"text": action.arguments["text"][:-1]}))
            return done
        performed: Performed = self._machine.perform(action)
        return performed


@pytest.mark.parametrize("ending", ["l", ".", "i", "ć"])
def test_one_lost_character_is_a_divergence_whether_or_not_the_machine_tells_of_it(store: Store, ending: str) -> None:
    with closing(open_machine("desktop")) as machine, record(f"type {ending}", store=store) as recording:
        watched = recording.watch(machine)
        watched.perform(PAPER)
        watched.perform(Action("type", {"text": f"All is wel{ending}"}))
    specification = store.run(recording.id).machine
    assert specification is not None
    with closing(reopen(specification)) as machine:
        report = replay_run(store, recording.id, Forgetful(machine), timeout=3)
    assert [step.verdict for step in report.steps] == ["reproduced", "diverged"]
    assert report.divergence is not None
    assert report.divergence.cause is Cause.EXECUTION


def test_what_was_delivered_is_recorded_with_each_step(store: Store, recorded: str) -> None:
    steps = store.steps(recorded)
    assert all(step.delivered for step in steps)
    assert isinstance(InputEvent("move", (139, 544)).as_list(), list)
    assert ("move", 139, 544) in (steps[0].delivered or ())
