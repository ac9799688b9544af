"""Anchored replay on a virtual machine: recorded once, reproduced; a change of the guest is found where it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from footage.machines.opening import open_machine, reopen
from footage.machines.qemu.machine import Qemu
from footage.recorder.recording import record
from footage.recorder.screen.settle import settle
from footage.replay.engine import replay_run
from footage.storage import Store, open_store
from footage.trajectory import Action, Cause, Verdict

pytestmark = pytest.mark.qemu


def click(x: int, y: int) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


ACTIONS = (click(139, 544), click(350, 605), click(210, 544), click(420, 574), click(850, 400),
           Action("type", {"text": "1 + 2 = 3 ✓ żółć"}), Action("key", {"text": "ctrl+s"}))  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("replay") / "runs.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def recorded(store: Store, desktop_guest: str) -> str:
    with closing(open_machine(f"qemu/{desktop_guest}")) as machine, record("add", store=store) as recording:
        watched = recording.watch(machine)
        for action in ACTIONS:
            watched.perform(action)
    return recording.id


def test_a_run_on_a_guest_is_reproduced(store: Store, recorded: str) -> None:
    with closing(reopen(store.run(recorded).machine or {})) as machine:
        report = replay_run(store, recorded, machine, timeout=60)
        assert isinstance(machine, Qemu)
        assert machine.read_file("notes.txt").decode() == "1 + 2 = 3 ✓ żółć"
    assert report.divergence is None, report.steps
    assert report.verdict in {Verdict.REPRODUCED, Verdict.COSMETIC}


def test_another_window_in_the_way_is_the_environments_doing(store: Store, recorded: str) -> None:
    with closing(open_machine("qemu/desktop")) as machine:
        assert isinstance(machine, Qemu)
        machine.run(["wmctrl", "-r", "galculator", "-e", "0,300,300,-1,-1"])
        settle(machine)
        report = replay_run(store, recorded, machine, timeout=2)
        assert machine.input_log == ()
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.cause) == (0, Cause.ENVIRONMENT)


def test_the_recorder_waits_for_a_program_that_starts_slowly(store: Store, desktop_guest: str) -> None:
    with closing(open_machine(f"qemu/{desktop_guest}")) as machine, record("start", store=store) as recording:
        watched = recording.watch(machine)
        watched.perform(Action("right_click", {"coordinate": [1200, 500]}))
        watched.perform(click(1133, 579))
        assert isinstance(machine, Qemu)
        assert "user" in machine.run(["wmctrl", "-l"]).stdout.decode().lower()
