"""Frames between actions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from footage.errors import MachineError
from footage.recorder.sampler import Sampler
from footage.recorder.screens import Screens
from footage.recorder.settle import same_pixels
from footage.recorder.steps import StepEntry
from footage.replay.machines.desktop.desktop import Desktop
from footage.trajectory import Action, FrameRole, Instant, Screenshot
from recording import Tape, call, pixels, reply, request, result, text, user


class Painted:
    """An eye on a screen of one colour, which a test paints."""

    def __init__(self) -> None:
        self.shade = 0
        self._seen = -1
        self.looks = threading.Semaphore(0)
        self.broken = False

    def changed(self) -> bool:
        if self.broken:
            raise MachineError("The display is gone.")
        changed, self._seen = self.shade != self._seen, self.shade
        self.looks.release()
        return changed

    def look(self) -> Screenshot:
        return shot(self.shade)

    def close(self) -> None:
        pass

    def show(self, shade: int) -> None:
        """Paint, and wait until the sampler has seen it."""
        self.shade = shade
        while self.looks.acquire(blocking=False):
            pass
        assert self.looks.acquire(timeout=5)
        assert self.looks.acquire(timeout=5)


def shot(shade: int) -> Screenshot:
    return Screenshot(pixels(shade), Instant.now())


def sampled(tape: Tape, act: Callable[[Painted, Sampler], None]) -> list[int]:
    """Return the shades that a sampler kept while a test did something."""
    kept: list[int] = []
    eye = Painted()
    sampler = Sampler(eye, lambda frame: kept.append(int(frame.pixels[0, 0, 0])), tape.run.guard)
    try:
        act(eye, sampler)
    finally:
        sampler.close()
    return kept


def test_each_new_picture_is_kept_once(tmp_path: Path) -> None:
    def act(eye: Painted, _sampler: Sampler) -> None:
        for shade in (10, 20, 20, 10):
            eye.show(shade)

    tape = Tape(tmp_path)
    assert sampled(tape, act) == [10, 20, 10]
    tape.read()


def test_what_others_keep_is_not_kept_again(tmp_path: Path) -> None:
    def act(eye: Painted, sampler: Sampler) -> None:
        eye.show(10)
        sampler.seen(shot(10))  # as the frame after an action
        eye.show(20)
        eye.show(30)
        sampler.seen(shot(30))

    tape = Tape(tmp_path)
    assert sampled(tape, act) == [20]
    tape.read()


def test_a_picture_that_stays_is_kept_before_the_next_one_comes(tmp_path: Path) -> None:
    kept: list[int] = []
    tape = Tape(tmp_path)
    eye = Painted()
    sampler = Sampler(eye, lambda frame: kept.append(int(frame.pixels[0, 0, 0])), tape.run.guard)
    eye.show(10)
    time.sleep(1.5)
    so_far = list(kept)
    sampler.close()
    tape.read()
    assert so_far == [10]


def test_a_screen_that_goes_away_leaves_a_gap(tmp_path: Path) -> None:
    def act(eye: Painted, sampler: Sampler) -> None:
        eye.broken = True
        sampler._thread.join(5)

    tape = Tape(tmp_path)
    sampled(tape, act)
    assert [gap.reason for gap in tape.read().gaps] == [
        "The screen could not be looked at any more: The display is gone."
    ]


class Still:
    """A machine of which nothing but the screen is asked."""

    def __init__(self) -> None:
        self.shade = 1

    def screenshot(self) -> Screenshot:
        return shot(self.shade)


def test_screens_around_the_calls_of_another_process(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    first = user("Add two numbers")
    tape.run.turn(
        request(first), reply(call("a", action="left_click", coordinate=[1, 2]), call("b", action="key", text="x"))
    )
    for machine.shade in (2, 3):
        time.sleep(0.25)
    said = {"role": "assistant", "content": [call("a"), call("b")]}
    results = user([result("a", text("Clicked.")), result("b", text("Pressed."))])
    tape.run.turn(request(first, said, results), reply(text("Done."), message_id="msg_2"))
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, FrameRole.BEFORE), seen.shade(0, FrameRole.BETWEEN)) == ([1], [2])
    assert (seen.shade(1, FrameRole.BEFORE), seen.shade(1, FrameRole.AFTER)) == ([], [3])


def test_a_call_that_is_told_of_again_is_looked_at_once(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    tape.run.turn(request(user("Add two numbers")), reply(call("a", action="left_click", coordinate=[1, 2])))
    time.sleep(0.25)
    machine.shade = 2
    for tell in (screens.asked, screens.asked, screens.told, screens.told):  # a recorder that died, and the next
        tell([0], Instant.now().monotonic_ns)
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, FrameRole.BEFORE), seen.shade(0, FrameRole.AFTER), seen.gaps) == ([1], [2], [])


def test_a_call_that_nobody_answers_keeps_no_later_one_from_its_frames(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    first, again = user("Add two numbers"), user("Add two numbers, again")
    tape.run.turn(request(first), reply(call("a", action="left_click", coordinate=[1, 2])))
    machine.shade = 2
    calls = (call("b", action="left_click", coordinate=[3, 4]), call("c", action="key", text="x"))
    tape.run.turn(request(again), reply(*calls, message_id="msg_2"))
    machine.shade = 3
    said = {"role": "assistant", "content": [call("b"), call("c")]}
    results = user([result("b", text("Clicked.")), result("c", text("Pressed."))])
    tape.run.turn(request(again, said, results), reply(text("Done."), message_id="msg_3"))
    screens.close()
    seen = tape.read()
    assert [seen.shade(0, role) for role in (FrameRole.BEFORE, FrameRole.AFTER)] == [[1], []]
    assert [seen.shade(1, role) for role in (FrameRole.BEFORE, FrameRole.AFTER)] == [[2], []]
    assert [seen.shade(2, role) for role in (FrameRole.BEFORE, FrameRole.AFTER)] == [[], [3]]
    assert [gap.step for gap in seen.gaps] == [2]  # which is in one reply with the one before


def test_only_calls_of_one_reply_are_told_as_several(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    calls = [call(name, action="left_click", coordinate=[1, 2]) for name in ("a", "b", "c")]
    tape.run.turn(request(user("Add two numbers")), reply(*calls))
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    for step, since in ((0, 1), (1, 2), (2, 2)):
        screens.asked([step], since)
    screens.close()
    assert [gap.step for gap in tape.read().gaps] == [2]


def until_changed(desktop: Desktop) -> None:
    """Wait for a change, and until the sampler has had time to see it."""
    before, deadline = desktop.screenshot(), time.monotonic() + 10
    while same_pixels(desktop.screenshot(), before) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)


@pytest.mark.desktop
def test_what_flashes_up_between_two_actions_is_on_record(tmp_path: Path) -> None:
    with Desktop() as desktop:
        tape = Tape(tmp_path)
        watched = tape.run.watch(desktop)
        watched.perform(Action("left_click", {"coordinate": [640, 780]}))
        desktop.launch(["galculator"])
        until_changed(desktop)
        desktop.run(["pkill", "-n", "-x", "galculator"])
        until_changed(desktop)
        watched.perform(Action("wait", {"duration": 0}))
        seen = tape.read()
    between = seen.steps[0].frames.get(FrameRole.BETWEEN, ())
    assert between
    assert {frame.sha256 for frame in between} - {f.sha256 for step in seen.steps for f in step.frames[FrameRole.AFTER]}


@pytest.mark.desktop
def test_an_idle_desktop_costs_next_to_nothing(tmp_path: Path) -> None:
    with Desktop() as desktop:
        tape = Tape(tmp_path)
        watched = tape.run.watch(desktop)
        time.sleep(1.5)
        begun, cpu = time.monotonic(), time.process_time()
        time.sleep(2)
        share = (time.process_time() - cpu) / (time.monotonic() - begun)
        watched.stop()
        frames = len(tape.read().shades)
    assert share < 0.05
    assert frames <= 2


def test_an_entry_without_a_place_in_the_store_is_no_trouble(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    tape.run.wire.on_calls([StepEntry(Action("screenshot"), None)], Instant.now())
    screens.close()
    assert tape.read().gaps == []
