from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from footage.errors import MachineError, UnsupportedAction
from footage.machines.contract import Machine
from footage.recorder.screen.settle import settle
from footage.recorder.screen.watched_machine import WatchedMachine
from footage.trajectory import Action, FrameRole, Instant, Screenshot, StepStatus
from painted import BOX, SIZE, Painted
from recording import Tape, call, reply, request, user

TICK = Action("left_click", {"coordinate": [BOX[0] + 5, BOX[1] + 5]})
BEFORE, AFTER, OBSERVED = FrameRole.BEFORE, FrameRole.AFTER, FrameRole.OBSERVED


def test_each_action_leaves_a_frame_from_before_and_one_from_after(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    machine = Painted()
    watched = tape.run.watch(machine)
    watched.perform(TICK)
    watched.perform(Action("type", {"text": "x"}))
    seen = tape.read()
    first, second = seen.steps
    assert [s.status for s in seen.steps] == [StepStatus.EXECUTED] * 2
    assert first.delivered == (("click", 45, 115),)
    assert first.result_text == "left_click done"
    frames = [step.frame(role) for step in (first, second) for role in (BEFORE, AFTER)]
    shown = [frame.sha256 for frame in frames if frame]
    assert len(shown) == 4
    assert shown[1] == shown[2]  # nothing happened in between
    assert len({*shown}) == 3
    assert all(frame and (frame.screen_width, frame.screen_height) == SIZE for frame in frames)
    assert all(frame and frame.display == ":painted" for frame in frames)
    assert seen.run.machine == machine.specification


def test_the_frame_before_is_older_than_the_action_and_the_one_after_younger(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.watch(Painted()).perform(TICK)
    (step,) = tape.read().steps
    before, after = step.frame(BEFORE), step.frame(AFTER)
    assert before
    assert after
    assert step.started
    assert step.ended
    assert before.captured.monotonic_ns <= step.started.monotonic_ns
    assert after.captured.monotonic_ns >= step.ended.monotonic_ns


def test_a_late_effect_is_waited_for(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    watched = tape.run.watch(Painted(late=0.25))
    watched.perform(TICK)
    (step,) = tape.read().steps
    before, after = step.frame(BEFORE), step.frame(AFTER)
    assert before
    assert after
    assert before.sha256 != after.sha256
    assert watched.rested is not None


def test_the_action_is_the_step_the_model_asked_for(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    watched = tape.run.watch(Painted())
    asked = call("a", action="left_click", coordinate=[10, 10]), call("b", action="left_click", coordinate=[10, 10])
    tape.run.turn(request(user("Go"), tools=[{**asked[0], "name": "other"}]), reply(*asked))
    watched.perform(Action("left_click", {"coordinate": [10, 10]}), "b")
    watched.perform(Action("left_click", {"coordinate": [10, 10]}))
    watched.perform(Action("left_click", {"coordinate": [10, 10]}))
    seen = tape.read()
    assert [(s.call_id, s.status) for s in seen.steps] == [
        ("a", StepStatus.EXECUTED),
        ("b", StepStatus.EXECUTED),
        ("", StepStatus.EXECUTED),
    ]
    assert seen.steps[1].started
    assert seen.steps[0].started
    assert seen.steps[1].started.monotonic_ns < seen.steps[0].started.monotonic_ns


def test_what_the_machine_refuses_is_told_to_the_caller_and_recorded(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    watched = tape.run.watch(Painted())
    with pytest.raises(UnsupportedAction):
        watched.perform(Action("middle_click", {"coordinate": [1, 1]}))
    with pytest.raises(MachineError):
        watched.perform(Action("left_click", {"coordinate": [9999, 1]}))
    seen = tape.read()
    assert [s.status for s in seen.steps] == [StepStatus.NOT_EXECUTED, StepStatus.FAILED]
    assert "outside the screen" in seen.steps[1].error
    assert seen.steps[1].frame(AFTER) is not None


def test_a_stopped_action_is_unknown(tmp_path: Path) -> None:
    def stop(_: Action) -> Action:
        raise KeyboardInterrupt

    tape = Tape(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        tape.run.watch(Painted(spoil=stop)).perform(TICK)
    (step,) = tape.read().steps
    assert step.status is StepStatus.UNKNOWN
    assert step.frame(BEFORE) is not None


def test_a_watched_machine_is_a_machine(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    machine = Painted()
    watched: Machine = tape.run.watch(machine)
    assert isinstance(watched, Machine)
    assert watched.capabilities == machine.capabilities
    assert watched.specification == machine.specification
    assert watched.environment == {}
    watched.perform(TICK)
    assert len(watched.input_log) == 1
    assert watched.screenshot().size == SIZE
    assert watched.clock() > 0
    watched.reset()
    assert len(watched.input_log) == 0
    watched.close()
    assert machine.closed
    assert len(tape.read().steps) == 1


def test_screens_on_the_way_are_kept_as_between(tmp_path: Path) -> None:
    class Animated(Painted):
        """After an action, each of the next fifty looks shows another picture; they take a second or more."""

        looks = 0

        def screenshot(self) -> Screenshot:
            shot = super().screenshot()
            if not self.input_log:
                return shot
            self.looks += 1
            shown = shot.pixels.copy()
            shown[0, 0] = min(50, self.looks)
            return Screenshot(shown, Instant.now(), shot.display)

    tape = Tape(tmp_path)
    tape.run.watch(Animated()).perform(TICK)
    (step,) = tape.read().steps
    between, after = step.frames[FrameRole.BETWEEN], step.frame(AFTER)
    assert after
    assert 3 <= len(between) <= 50
    assert after.sha256 not in {frame.sha256 for frame in between}


def test_a_machine_that_shows_nothing_leaves_a_gap_and_still_acts(tmp_path: Path) -> None:
    class Blind(Painted):
        def screenshot(self) -> Screenshot:
            raise MachineError("no screen")

    machine = Blind()
    tape = Tape(tmp_path)
    tape.run.watch(machine).perform(TICK)
    seen = tape.read()
    assert len(machine.input_log) == 1
    assert seen.steps[0].status is StepStatus.EXECUTED
    assert sum(g.lost or 0 for g in seen.gaps) == 2


class Clock:
    """A clock that stands still but for those who sleep."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def timed(self, call: Callable[[], object]) -> float:
        begun = self.now
        call()
        return self.now - begun


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("footage.recorder.screen.settle.time", clock)
    monkeypatch.setattr("painted.time", clock)
    return clock


def test_settling_takes_as_long_as_the_screen_moves(clock: Clock) -> None:
    calm = Painted()
    assert 0.09 <= clock.timed(lambda: settle(calm, quiet=0.1)) < 0.13
    before = calm.screenshot()
    assert 0.19 <= clock.timed(lambda: settle(calm, quiet=0.05, before=before, react=0.2)) < 0.23
    late = Painted(late=0.15)
    before = late.screenshot()
    late.perform(TICK)
    seen: list[Screenshot] = []
    rested = settle(late, quiet=0.05, before=before, react=0.4, on_change=seen.append)
    assert len(seen) == 1
    assert (rested.pixels != before.pixels).any()


def test_settling_ends_at_its_limit(clock: Clock) -> None:
    class Noisy(Painted):
        def screenshot(self) -> Screenshot:
            shown = super().screenshot().pixels.copy()
            shown[0, 0] = int(clock.now * 1000) % 251
            return Screenshot(shown, Instant.now())

    assert 0.29 <= clock.timed(lambda: settle(Noisy(), quiet=0.2, limit=0.3)) < 0.33


def test_the_pictures_of_a_scripted_zoom_are_kept(tmp_path: Path) -> None:
    from footage.trajectory import Performed, Region

    class Zooming(Painted):
        def perform(self, action: Action) -> Performed:
            whole = super().perform(action)
            part = self.screenshot().pixels[:20, :30]
            return Performed(whole.text, picture=part, region=Region(0, 0, 30, 20))

    tape = Tape(tmp_path)
    watched: WatchedMachine = tape.run.watch(Zooming())
    watched.perform(Action("zoom", {"region": [0, 0, 30, 20]}))
    (step,) = tape.read().steps
    (part,) = step.frames[OBSERVED]
    assert (part.width, part.height, part.screen_width, part.screen_height) == (30, 20, *SIZE)
    assert part.region is not None
