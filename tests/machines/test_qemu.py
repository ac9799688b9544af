"""The qemu machine: a guest that is up in seconds, does every action, and is the same at every start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest

from footage.errors import MachineError, UnsupportedAction, UsageError
from footage.machines.checking.check import check_machine
from footage.machines.contract import Machine
from footage.machines.opening import open_machine, reopen
from footage.machines.qemu.input.devices import APART
from footage.machines.qemu.machine import Qemu
from footage.machines.rfb.rfb_client import RfbClient
from footage.trajectory import Action

pytestmark = pytest.mark.qemu

CONTROL = 0xFFE3
"""The X symbol of the left Control key."""
EDITOR = [850, 420]
STRANGE = "Zażółć gęślą jaźń, “Ω” €5 — 😀 漢字\n\tfin <|>~`{}[]\\"


@pytest.fixture(scope="module")
def machine(desktop_guest: str) -> Iterator[Qemu]:
    with Qemu(desktop_guest) as started:
        yield started


@pytest.fixture
def fresh(machine: Qemu) -> Qemu:
    machine.reset()
    return machine


def do(machine: Machine, name: str, **arguments: object) -> None:
    machine.perform(Action(name, arguments))


def saved(machine: Qemu) -> str:
    do(machine, "key", text="ctrl+s")
    machine.rest(10)
    return machine.read_file("notes.txt").decode()


def test_it_is_a_machine_and_says_what_it_takes_to_have_it_again(fresh: Qemu) -> None:
    assert isinstance(fresh, Machine)
    specification = fresh.specification
    assert specification["driver"] == "qemu/desktop"
    assert specification["screen"] == [1280, 800]
    assert {len(digest) for digest in specification["sha256"].values()} == {64}
    assert {"snapshot", "pixel_exact", "left_click", "type"} <= fresh.capabilities


def test_a_suspended_guest_is_up_again_and_looks_the_same(fresh: Qemu) -> None:
    first = fresh.screenshot().pixels
    fresh.reset()
    assert np.array_equal(fresh.screenshot().pixels, first)
    assert fresh.input_log == ()


def test_any_text_arrives_whole(fresh: Qemu) -> None:
    do(fresh, "left_click", coordinate=EDITOR)
    do(fresh, "type", text=STRANGE)
    assert saved(fresh) == STRANGE


def test_another_process_finds_its_screen_and_works_with_it_after_a_reset_too(fresh: Qemu) -> None:
    where = fresh.environment["FOOTAGE_VNC"]
    write_from_outside(fresh, where, "by another way")
    fresh.reset()
    assert fresh.environment["FOOTAGE_VNC"] == where
    write_from_outside(fresh, where, "and once more")


def write_from_outside(machine: Qemu, where: str, text: str) -> None:
    """Have a text in the editor and saved, by the screen alone, and see that it is."""
    with closing(open_machine(f"vnc:{where}")) as outside:
        idle = machine.screenshot().pixels
        assert np.array_equal(outside.screenshot().pixels, idle)
        do(outside, "left_click", coordinate=EDITOR)
        until(lambda: not np.array_equal(machine.screenshot().pixels, idle))
        machine.rest(10)
        do(outside, "type", text=text)
        do(outside, "key", text="ctrl+s")
        until(lambda: machine.read_file("notes.txt").decode() == text)


def until(done: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_menu_stays_open_under_a_button_held_as_people_hold_it(fresh: Qemu) -> None:
    fresh.rest(10)
    with closing(RfbClient(fresh.environment["FOOTAGE_VNC"])) as client:
        client.pointer(640, 720, 0)
        fresh.rest(10)
        before = fresh.screenshot().pixels
        client.pointer(640, 720, 4)
        time.sleep(0.2)
        client.pointer(640, 720, 0)
        until(lambda: bool((fresh.screenshot().pixels != before).any(axis=2).sum() > 3000))
        fresh.rest(10)
        assert (fresh.screenshot().pixels != before).any(axis=2).sum() > 3000


def test_a_double_click_from_outside_with_a_persons_pauses_selects_a_word(fresh: Qemu) -> None:
    do(fresh, "left_click", coordinate=EDITOR)
    do(fresh, "type", text="alpha beta\nsecond")
    time.sleep(APART)  # the click of the machine's own hands is no part of what another client does
    with closing(RfbClient(fresh.environment["FOOTAGE_VNC"])) as client:
        for _ in range(2):
            for buttons in (1, 0):
                client.pointer(545, 226, buttons)
                time.sleep(0.05)
        for symbol, down in ((ord("X"), True), (ord("X"), False), (CONTROL, True), (ord("s"), True), (ord("s"), False)):
            client.key(symbol, down=down)
        client.key(CONTROL, down=False)
        client.sync()
        until(lambda: fresh.read_file("notes.txt").decode() == "X beta\nsecond")


def test_a_long_text_arrives_whole(fresh: Qemu) -> None:
    text = "the quick brown fox jumps over the lazy dog. " * 6
    do(fresh, "left_click", coordinate=EDITOR)
    do(fresh, "type", text=text)
    assert saved(fresh) == text


def test_more_strange_characters_than_there_are_spare_keys(fresh: Qemu) -> None:
    text = "".join(chr(0x0410 + n) for n in range(18))
    do(fresh, "left_click", coordinate=EDITOR)
    do(fresh, "type", text=text)
    assert saved(fresh) == text


def test_a_snapshot_brings_everything_back(fresh: Qemu) -> None:
    do(fresh, "left_click", coordinate=EDITOR)
    do(fresh, "type", text="before")
    fresh.rest(5)
    fresh.snapshot("here")
    there = fresh.screenshot().pixels
    do(fresh, "mouse_move", coordinate=[5, 5])
    do(fresh, "type", text=" after")
    assert saved(fresh) == "before after"
    fresh.restore("here")
    assert np.array_equal(fresh.screenshot().pixels, there)
    assert fresh.perform(Action("cursor_position")).text == f"X={EDITOR[0]},Y={EDITOR[1]}"
    assert saved(fresh) == "before"
    with pytest.raises(UsageError, match="no snapshot"):
        fresh.restore("elsewhere")


def test_what_makes_no_sense_is_refused_and_nothing_is_delivered(fresh: Qemu) -> None:
    for name, arguments in (
        ("left_click", {"coordinate": [1280, 0]}),
        ("key", {"text": "no-such-key"}),
        ("key", {"text": "XF86_Launch0"}),
        ("type", {"text": "a\x01"}),
    ):
        with pytest.raises(MachineError):
            fresh.perform(Action(name, arguments))
    with pytest.raises(UnsupportedAction):
        fresh.perform(Action("fly"))
    assert fresh.input_log == ()


def test_programs_of_the_guest_can_be_run(fresh: Qemu) -> None:
    done = fresh.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.returncode, done.stdout) == (3, b"out\nerr\n")
    with pytest.raises(MachineError, match="no file"):
        fresh.read_file("nothing.txt")
    with pytest.raises(MachineError, match="did not answer in time"):
        fresh.run(["sleep", "3"], timeout=0.2)


def test_it_is_found_by_name_and_by_specification(desktop_guest: str) -> None:
    with closing(open_machine(f"qemu/{desktop_guest}")) as opened:
        assert isinstance(opened, Qemu)
        specification = opened.specification
        opened.close()
        with pytest.raises(MachineError, match="closed"):
            opened.screenshot()
    with closing(reopen(specification)) as again:
        assert again.specification == specification
    with pytest.raises(UsageError, match="cannot be had"):
        open_machine("qemu/desktop", colour="red")


def test_a_machine_whose_process_is_gone_says_so(desktop_guest: str) -> None:
    with Qemu(desktop_guest) as machine:
        machine.process.kill()
        with pytest.raises(MachineError, match="QEMU is gone"):
            machine.screenshot()
        with pytest.raises(MachineError, match="gone"):
            do(machine, "left_click", coordinate=EDITOR)
        machine.reset()
        assert machine.screenshot().size == (1280, 800)


def test_the_screen_can_be_watched_by_another_thread(fresh: Qemu) -> None:
    eye = fresh.eye()
    assert eye.changed()
    first = eye.look()
    do(fresh, "mouse_move", coordinate=[10, 10])
    fresh.rest(2)
    assert eye.changed()
    assert not np.array_equal(eye.look().pixels, first.pixels)
    eye.close()
    with pytest.raises(MachineError):
        eye.look()


def test_every_action_takes_effect_as_a_program_in_the_guest_sees_it(machine: Qemu) -> None:
    results = check_machine(machine)
    assert not [f"{result.name}: {result.detail}" for result in results if not result.ok]
    assert len(results) > 28
