"""One short session on a real virtual machine: recorded exactly, executed again, looked into, and forked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from footage.agent.loop import AgentEvent, run_agent
from footage.analysis.screens.comparison_of_screens import changed_regions
from footage.machines.qemu.exact.exact_machine import ExactQemu
from footage.recorder.recording import record
from footage.replay.exact.forking import machine_at, steps_behind
from footage.replay.exact.log_keeping import keeping
from footage.replay.exact.replaying import replay_exactly
from footage.replay.exact.unseen_frames import take_frames
from footage.replay.fork import fork_run
from footage.storage import Store, open_store, verify_store
from footage.storage.exact_records import exact_recording
from footage.trajectory import Action, FrameRole, Guarantee, RunKind, Verdict
from scripted_model import ScriptedModel, call, text

pytestmark = pytest.mark.qemu

TASK = "Write in the notes"
EDITOR = [850, 420]
RARE = "aé ć € 漢 😀"
REPLIES = (
    [call("left_click", "c0", coordinate=EDITOR)],
    [call("type", "c1", text=RARE)],
    [call("key", "c2", text="ctrl+s")],
    [call("wait", "c3", duration=0.2)],
    [call("type", "c4", text="cd")],
    [text("done")],
)
STEPS = len(REPLIES) - 1
SAVED, WAITED = 2, 3
"""Steps between which a notification comes and goes."""


class Unwatched(ExactQemu):
    """A guest that is looked at before and after an action alone, as an agent does it."""

    eye = None  # type: ignore[assignment] # not offered


def flash(machine: ExactQemu) -> None:
    """Show a notification for 0.4 seconds, and wait until it is over; emulated programs take their time to start."""
    before = machine.process.screendump()
    machine.launch(["notify-send", "-t", "400", "Disk almost full"])
    shown, deadline = False, time.monotonic() + 60
    while time.monotonic() < deadline:
        same = np.array_equal(before, machine.process.screendump())
        if shown and same:
            return
        shown = shown or not same
        time.sleep(0.02)
    pytest.fail("the notification did not come and go")


class Recorded(NamedTuple):
    path: Path
    id: str
    saved: bytes
    """What the guest's editor has saved."""


@pytest.fixture(scope="module")
def recorded(desktop_guest: str, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Record the session with a checkpoint before each step."""
    path = tmp_path_factory.mktemp("exact") / "runs.db"
    with (
        open_store(path) as store,
        ScriptedModel(*REPLIES) as model,
        closing(Unwatched(desktop_guest, interval=0.0)) as machine,
        record(TASK, store=store, model="scripted", machine=machine, strict=True) as recording,
        keeping(store, recording, machine),
    ):

        def notify(event: AgentEvent) -> None:
            if event.action is not None and event.action.name == "wait":
                flash(machine)

        run_agent(TASK, machine, model.client, model="scripted", recording=recording, on_event=notify)
        saved = machine.read_file("notes.txt")
    return Recorded(path, recording.id, saved)


@pytest.fixture
def opened(recorded: Recorded) -> Iterator[Store]:
    with open_store(recorded.path) as store:
        yield store


def test_characters_that_are_on_no_keyboard_arrive(recorded: Recorded) -> None:
    assert recorded.saved.decode("utf-8").strip() == RARE


def test_the_run_has_its_log_checkpoints_and_instants(opened: Store, recorded: Recorded) -> None:
    run = opened.run(recorded.id)
    assert (run.replayable, run.guarantee, opened.gaps(run.id)) == ("exact", Guarantee.EXACT, [])
    found = exact_recording(opened, run.id)
    assert found is not None
    assert [checkpoint.step for checkpoint in found.checkpoints] == [0, *range(STEPS)]
    for step in opened.steps(run.id):
        before, after = step.frame(FrameRole.BEFORE), step.frame(FrameRole.AFTER)
        assert before is not None
        assert after is not None
        assert before.icount is not None
        assert after.icount is not None
        assert before.icount <= step.icounts[0] <= step.icounts[-1]
        assert step.icounts[-1] <= after.icount or before.sha256 == after.sha256
    assert verify_store(opened).ok


@pytest.mark.parametrize("first", [0, 2])
def test_every_recorded_screen_comes_out_the_same(opened: Store, recorded: Recorded, first: int) -> None:
    report = replay_exactly(opened, recorded.id, first=first)
    assert (report.verdict, report.guarantee, report.divergence) == (Verdict.REPRODUCED, Guarantee.EXACT, None)
    assert report.screens >= 2 * (STEPS - first)
    assert len(report.steps) == STEPS - first
    replay = opened.run(report.run)
    assert (replay.kind, replay.verdict, replay.guarantee) == (RunKind.REPLAY, Verdict.REPRODUCED, Guarantee.EXACT)


def test_a_screen_that_is_not_the_recorded_one_is_named(opened: Store, recorded: Recorded) -> None:
    frame = opened.step(recorded.id, 1).frame(FrameRole.AFTER)
    other = opened.step(recorded.id, 3).frame(FrameRole.AFTER)
    assert frame is not None
    assert other is not None

    def point_to(picture: int) -> None:
        with opened.database.transaction() as connection:
            connection.execute("UPDATE frame SET picture = ? WHERE id = ?", (picture, frame.id))

    point_to(other.picture)
    try:
        report = replay_exactly(opened, recorded.id)
    finally:
        point_to(frame.picture)
    assert report.divergence is not None
    assert (report.verdict, report.divergence.a_step) == (Verdict.DIVERGED, 1)
    assert [step.verdict for step in report.steps[2:]] == [Verdict.UNREACHED] * (STEPS - 2)


def test_a_process_that_dies_is_started_again_and_said_so(
    opened: Store, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from footage.machines.qemu.exact.reexecution import Reexecution

    screen, left = Reexecution.screen, [2]

    def dying(self: Reexecution) -> object:
        left[0] -= 1
        if left[0] == 0:
            self.process.kill()
        return screen(self)

    monkeypatch.setattr(Reexecution, "screen", dying)
    report = replay_exactly(opened, recorded.id, first=3)
    assert report.verdict is Verdict.REPRODUCED
    assert len(report.restarts) == 1
    assert "another one was started from the checkpoint" in report.restarts[0]
    assert [gap.reason for gap in opened.gaps(report.run)] == report.restarts


def test_a_replay_that_dawdles_at_every_stop_comes_out_the_same(
    opened: Store, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from footage.machines.qemu.exact.reexecution import Reexecution

    screen = Reexecution.screen

    def dawdling(self: Reexecution) -> object:
        for _ in range(1000):  # each makes QEMU's main loop turn
            self.process.execute("query-status")
        return screen(self)

    monkeypatch.setattr(Reexecution, "screen", dawdling)
    report = replay_exactly(opened, recorded.id, first=2)
    assert (report.verdict, report.restarts) == (Verdict.REPRODUCED, [])


def test_frames_between_two_looks_join_the_run(opened: Store, recorded: Recorded) -> None:
    found = take_frames(opened, recorded.id, 0, 1, every_ms=20)
    assert found.looks > 5
    assert found.frames
    taken = [frame for frame in opened.frames(recorded.id) if frame.source == "replay"]
    assert [frame.id for frame in taken] == [one.id for one in found.frames]
    again = take_frames(opened, recorded.id, 0, 1, every_ms=20)
    assert again.frames == []


def test_a_notification_that_no_screenshot_shows_is_found(opened: Store, recorded: Recorded) -> None:
    before = opened.step(recorded.id, SAVED).frame(FrameRole.AFTER)
    after = opened.step(recorded.id, WAITED).frame(FrameRole.AFTER)
    assert before is not None
    assert after is not None
    assert before.sha256 == after.sha256
    found = take_frames(opened, recorded.id, SAVED, WAITED)
    assert {frame.step for frame in found.frames} == {SAVED}
    shown = next(f for f in opened.step(recorded.id, SAVED).frames[FrameRole.BETWEEN] if f.source == "replay")
    assert (shown.id, shown.source) == (found.frames[0].id, "replay")
    changed = changed_regions(opened.pixels(before.picture), opened.pixels(shown.picture))
    assert changed
    assert all(region.width < 500 and region.y < 200 for region in changed)


def test_a_fork_begins_on_the_recorded_screen_and_is_exact_itself(opened: Store, recorded: Recorded) -> None:
    source = opened.run(recorded.id)
    with ScriptedModel(*REPLIES) as model, closing(machine_at(opened, source, 3)) as machine:
        report = fork_run(
            opened,
            source.id,
            3,
            machine,
            model.client,
            action=Action("type", {"text": "xy"}),
            restored=steps_behind(opened, source.id, 3),
        )
    assert report.forked
    fork = opened.run(report.run)
    assert (fork.kind, fork.replayable, fork.steps) == (RunKind.FORK, "exact", STEPS)
    before, recorded_before = (opened.step(run, 3).frame(FrameRole.BEFORE) for run in (fork.id, source.id))
    assert before is not None
    assert recorded_before is not None
    assert before.sha256 == recorded_before.sha256
    replay = replay_exactly(opened, fork.id)
    assert replay.verdict is Verdict.REPRODUCED
    assert replay.screens >= 2
    begins = steps_behind(opened, source.id, 3)
    assert begins > 0
    earlier = begins - 1  # before the fork's own recording begins: from a checkpoint of the run that it was made from
    behind = steps_behind(opened, fork.id, earlier)
    assert behind == steps_behind(opened, source.id, earlier) <= earlier
    with ScriptedModel(*REPLIES) as model, closing(machine_at(opened, fork, earlier)) as machine:
        again = fork_run(
            opened, fork.id, earlier, machine, model.client, action=Action("type", {"text": "z"}), restored=behind
        )
    assert again.forked
    assert replay_exactly(opened, again.run).verdict is Verdict.REPRODUCED


def test_what_a_fork_performs_again_is_exact_too_and_can_be_forked(opened: Store, recorded: Recorded) -> None:
    source = opened.run(recorded.id)
    behind = steps_behind(opened, source.id, 1)
    with ScriptedModel(*REPLIES) as model, closing(machine_at(opened, source, 1)) as machine:
        action = Action("type", {"text": "xy"})
        report = fork_run(opened, source.id, 3, machine, model.client, action=action, restored=behind)
    steps = opened.steps(report.run)
    assert [bool(step.icounts) for step in steps] == [number >= behind for number in range(STEPS)]
    assert steps_behind(opened, report.run, 2) == behind
    replay = replay_exactly(opened, report.run)
    assert replay.verdict is Verdict.REPRODUCED
    assert replay.screens >= 2 * (STEPS - behind)
