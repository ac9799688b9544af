"""
Generated sessions on a virtual machine: what an agent does arrives as it was done, whoever records it, or nobody.

FOOTAGE_SESSIONS says how many, FOOTAGE_SEED which is the first; `benchmarks/soak_sessions.py` tries many.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from footage.machines.qemu.exact.exact_machine import ExactQemu
from footage.machines.qemu.machine import Qemu
from footage.machines.rfb.rfb_client import RfbClient
from footage.machines.shared import key_names as keys
from footage.recorder.recording import record
from footage.replay.exact.log_keeping import keeping
from footage.storage import Store, open_store
from footage.trajectory import Action

pytestmark = pytest.mark.qemu

SESSIONS = int(os.environ.get("FOOTAGE_SESSIONS", "1"))
SEED = int(os.environ.get("FOOTAGE_SEED", "1"))
EDITOR = (850, 420)
LINES = range(226, 290, 17)
"""Screen rows of the editor's lines."""
WORDS = ("alpha", "Beta", "gamma;", "delta!", "ZETA", "x=1", "naïve", "(eta)", "żółć", "42%")
KINDS = ("left_click", "left_click_drag", "double_click", "triple_click")
PATIENCE = 60.0
"""Seconds in which what was saved must be there."""


def session(seed: int) -> list[Action]:
    """Write some lines, then click and drag in them, and type at each place at once; save."""
    chance = random.Random(seed)
    text = "".join(" ".join(chance.choices(WORDS, k=5)) + "\n" for _ in LINES)
    actions = [Action("left_click", {"coordinate": [*EDITOR]}), Action("type", {"text": text})]
    last = 0
    for _ in range(5):
        last = y = chance.choice([line for line in LINES if line != last])  # two clicks at one place are a double one
        at = [chance.randrange(540, 700), y]
        kind = chance.choice(KINDS)
        if kind == "left_click_drag":
            actions.append(Action(kind, {"start_coordinate": at, "coordinate": [chance.randrange(710, 760), y]}))
        else:
            actions.append(Action(kind, {"coordinate": at}))
        ending = "\n" if kind == "triple_click" else ""
        actions.append(Action("type", {"text": chance.choice(WORDS) + ending}))
    return [*actions, Action("key", {"text": "ctrl+s"})]


class Client:
    """An agent beside the machine, as quick as one with a script: it waits for nothing that it sees."""

    def __init__(self, address: str) -> None:
        self._rfb = RfbClient(address)

    def perform(self, action: Action) -> None:
        """Do an action, buttons held as people hold them."""
        told = action.arguments
        if action.name == "type":
            for character in told["text"]:
                self._strike([keys.key_of_character(character)])
        elif action.name == "key":
            self._strike(keys.parse_combination(told["text"]))
        elif action.name == "left_click_drag":
            self._drag(told["start_coordinate"], told["coordinate"])
        else:
            for _ in range({"left_click": 1, "double_click": 2, "triple_click": 3}[action.name]):
                self._point(told["coordinate"], 1, 0.04)
                self._point(told["coordinate"], 0, 0.06)

    def close(self) -> None:
        """Go, once all has been taken."""
        self._rfb.sync()
        self._rfb.close()

    def _strike(self, combination: list[keys.Key]) -> None:
        for key in combination:
            self._rfb.key(key.symbol, down=True)
        for key in reversed(combination):
            self._rfb.key(key.symbol, down=False)
        time.sleep(0.01)

    def _drag(self, start: list[int], end: list[int]) -> None:
        self._point(start, 1, 0.05)
        for step in range(1, 9):
            self._point([round(a + (b - a) * step / 8) for a, b in zip(start, end, strict=True)], 1, 0.02)
        self._point(end, 0, 0.0)

    def _point(self, at: list[int], buttons: int, pause: float) -> None:
        self._rfb.pointer(at[0], at[1], buttons)
        time.sleep(pause)


def left_behind(machine: Qemu, expected: str | None) -> str:
    """Return what was saved: as soon as it is what is expected, else when that has not come."""
    deadline = time.monotonic() + PATIENCE
    while True:
        machine.rest(5)
        found = machine.read_file("notes.txt").decode()
        if found == expected or (expected is None and found) or time.monotonic() > deadline:
            return found


def act(machine: Qemu, actions: list[Action]) -> None:
    with closing(Client(machine.environment["FOOTAGE_VNC"])) as client:
        for action in actions:
            client.perform(action)


@pytest.fixture(scope="module")
def machine(desktop_guest: str) -> Iterator[Qemu]:
    with Qemu(desktop_guest) as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


@pytest.mark.parametrize("seed", range(SEED, SEED + SESSIONS))
@pytest.mark.timeout(900)
def test_a_session_leaves_the_same_file_with_and_without_recording_plain_and_exact(
    machine: Qemu, store: Store, seed: int
) -> None:
    found, expected = tried(machine, store, session(seed))
    with (
        closing(ExactQemu("desktop", remote=True)) as exact,
        record("a session", store=store, machine=exact) as recording,
        keeping(store, recording, exact),
    ):
        watched = recording.watch(exact)
        act(exact, session(seed))
        found["recorded exactly"] = left_behind(exact, expected)
        watched.stop()
    assert found == dict.fromkeys(found, expected)


def at(kind: str, line: int) -> Action:
    return Action(kind, {"coordinate": [560, LINES[line]]})


def typed(text: str) -> Action:
    return Action("type", {"text": text})


WRITTEN = "alpha beta gamma\nsecond line here\nthird line of it\n"
CLICKED = {
    "alph_a beta gamma\nZZ line here\nthird line of it\n": [
        at("left_click", 0), typed("_"), at("double_click", 1), typed("ZZ")
    ],
    "XX beta gamma\nYY\nthird line of it\n": [
        at("double_click", 0), typed("XX"), at("triple_click", 1), typed("YY")
    ],
    "XX beta gamma\nYY\nZZ line of it\n": [
        at("triple_click", 1), typed("YY"), at("double_click", 2), typed("ZZ"), at("double_click", 0), typed("XX")
    ],
}  # fmt: skip
"""What clicks must leave, which follow each other at once, each in another line."""


@pytest.mark.parametrize("exactly", [False, True], ids=["plain", "exact"])
@pytest.mark.timeout(900)
def test_clicks_that_follow_each_other_at_once_are_what_they_were(
    machine: Qemu, desktop_guest: str, exactly: bool
) -> None:
    for expected, clicks in CLICKED.items():
        actions = [Action("left_click", {"coordinate": [*EDITOR]}), typed(WRITTEN), *clicks]
        actions.append(Action("key", {"text": "ctrl+s"}))
        for by_hand in (True, False):
            with ExitStack() as stack:
                if exactly:
                    used: Qemu = stack.enter_context(closing(ExactQemu(desktop_guest, remote=True)))
                else:
                    machine.reset()
                    used = machine
                if by_hand:
                    for action in actions:
                        used.perform(action)
                else:
                    act(used, actions)
                assert left_behind(used, expected) == expected


def tried(machine: Qemu, store: Store, actions: list[Action]) -> tuple[dict[str, str], str]:
    """Return what a session leaves when nobody records it and when it is recorded, and by the machine's own hands."""
    machine.reset()
    for action in actions:
        machine.perform(action)
        machine.rest(5)
    expected = left_behind(machine, None)
    found: dict[str, str] = {}

    machine.reset()
    act(machine, actions)
    found["not recorded"] = left_behind(machine, expected)

    machine.reset()
    with record("a session", store=store, machine=machine) as recording:
        watched = recording.watch(machine)
        act(machine, actions)
        found["recorded"] = left_behind(machine, expected)
        watched.stop()
    return found, expected
