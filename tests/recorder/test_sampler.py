"""Frames between actions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from footage.errors import MachineError
from footage.machines.contract import Eye
from footage.machines.desktop.machine import Desktop
from footage.recorder.screen.sampler import Sampler
from footage.recorder.screen.settle import same_pixels
from footage.trajectory import Action, FrameRole, Instant, Screenshot
from recording import Tape, pixels


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


class Counted:
    """An eye that counts: how often its screen was asked for changes, how often its picture was read."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self.asked = threading.Semaphore(0)
        self.read = 0

    def changed(self) -> bool:
        changed = self._eye.changed()
        self.asked.release()
        return changed

    def look(self) -> Screenshot | None:
        self.read += 1
        return self._eye.look()

    def close(self) -> None:
        self._eye.close()

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self.asked.acquire(timeout=30)


@pytest.mark.desktop
def test_the_picture_of_an_idle_desktop_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Desktop() as desktop:
        eye = Counted(desktop.eye())
        monkeypatch.setattr(desktop, "eye", lambda: eye)
        tape = Tape(tmp_path)
        watched = tape.run.watch(desktop)
        eye.wait(15)
        read = eye.read
        eye.wait(20)
        assert eye.read == read
        watched.stop()
        assert len(tape.read().shades) <= 2
