"""Machines of one's own: the example passes the whole check, each broken promise is found, and runs replay on it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli import call
from footage import plugins
from footage.errors import UsageError
from footage.machines.availability import availabilities, availability
from footage.machines.checking.check import check_machine
from footage.machines.opening import machine_names, open_machine, reopen
from footage.recorder.recording import record
from footage.storage import open_store
from footage.trajectory import Action, InputEvent, Instant, Performed, Screenshot
from places import EXAMPLES


@pytest.fixture(autouse=True)
def _examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES / "plugins/machine"))
    yield
    sys.modules.pop("own_machine", None)


def blackboard() -> Any:
    import own_machine  # type: ignore[import-not-found] # found in the examples' folder

    return own_machine.Blackboard()


def test_the_example_passes_the_whole_check(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "machine", "check", "own_machine:Blackboard", "--json")
    assert said.code == 0, said.out
    names = [each["name"] for each in said.document["checks"]]
    assert {"protocol", "specification", "left_click", "type", "zoom", "refusals", "reset", "close"} <= set(names)
    assert {"extras", "availability", "from_specification"} <= set(names)


def shared(machine: Any) -> None:
    pixels = machine.screenshot().pixels
    machine.screenshot = lambda: Screenshot(pixels, machine_shot(machine).captured)


def machine_shot(machine: Any) -> Screenshot:
    shot: Screenshot = type(machine).screenshot(machine)
    return shot


def early(machine: Any) -> None:
    old = machine_shot(machine)
    machine.screenshot = lambda: Screenshot(machine_shot(machine).pixels, old.captured)
    time.sleep(0.01)


def silent(machine: Any) -> None:
    machine.perform = lambda action: (type(machine).perform(machine, action), Performed())[1]


def raising(machine: Any) -> None:
    machine.clock = lambda: 1 / 0


BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "picture": (shared, "share their memory"),
    "picture ": (early, "captured before it was asked for"),
    "left_click": (silent, "has not grown by what it says it delivered"),
    "clock": (raising, "ZeroDivisionError"),
    "close": (lambda machine: setattr(machine, "close", lambda: None), "still gave a screenshot"),
    "reset": (lambda machine: setattr(machine, "reset", lambda: None), "not the one at the start"),
    "refusals": (
        lambda machine: setattr(machine, "_click", lambda _: machine._log.append(InputEvent("move", (0, 0)))),
        "was not refused",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found(name: str) -> None:
    spoil, said = BROKEN[name]
    machine = blackboard()
    spoil(machine)
    results = {result.name: result for result in check_machine(machine, close=True)}
    assert not results[name.strip()].ok
    assert said in results[name.strip()].detail


class Closed:
    """An eye of which nobody can let go."""

    def changed(self) -> bool:
        return False

    def look(self) -> Screenshot | None:
        return None


OFFERED: dict[str, tuple[str, dict[str, object], str]] = {
    "a word with nothing behind it": (
        "capabilities",
        {"capabilities": property(lambda _: frozenset({"screenshot", "snapshot", "left_click"}))},
        "snapshot is among them, and there is no snapshot() and no restore()",
    ),
    "patience without rest": ("extras", {"settling": 5.0}, "it has settling, and lacks rest"),
    "an eye of another form": ("eye", {"eye": lambda _: Closed()}, "eye() gave Closed, which lacks"),
    "a door of another form": ("door", {"door": lambda _: object()}, "door() gave object, which lacks"),
    "a rest that says nothing": ("rest", {"rest": lambda _self, _at_most=2.0: None}, "neither True nor False"),
    "a file that is not there": ("read_file", {"read_file": lambda _self, _name: b""}, "which should not be there"),
    "a smaller screen before an action": (
        "screenshot_before",
        {"screenshot_before": lambda _: Screenshot(np.zeros((5, 5, 3), np.uint8), Instant.now())},
        "it gave 5 x 5 pixels",
    ),
    "an availability of another form": ("availability", {"availability": classmethod(lambda _, _w="": True)}, "bool"),
    "another machine": (
        "from_specification",
        {"from_specification": classmethod(lambda cls, _: cls("navy"))},
        "has another specification",
    ),
}


@pytest.mark.parametrize("name", OFFERED)
def test_what_a_machine_offers_beyond_the_protocol_is_tried(name: str) -> None:
    member, members, said = OFFERED[name]
    machine = type("Spoiled", (type(blackboard()),), members)()
    wrong = [(result.name, result.detail) for result in check_machine(machine, close=True) if not result.ok]
    found = [detail for name, detail in wrong if name == member]
    assert [said in detail for detail in found] == [True], wrong


def test_words_that_mean_nothing_here_are_told() -> None:
    words = property(lambda _: frozenset({"screenshot", "left_click", "type", "zoom", "flies"}))
    machine = type("Flying", (type(blackboard()),), {"capabilities": words})()
    (found,) = (result for result in check_machine(machine) if result.name == "capabilities")
    assert "words that mean nothing here: flies" in found.detail


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("specification", {"driver": "x", "protocol": 99, "screen": [640, 400]}, '"protocol": 1'),
        ("specification", {"driver": "x", "protocol": 1, "screen": (640, 400)}, "comes back from JSON as another one"),
        ("specification", {"driver": "x", "protocol": 1, "screen": [0, 400]}, "must be [width, height]"),
        ("capabilities", {"left_click"}, "no frozenset"),
        ("capabilities", frozenset({"left_click"}), "screenshot is not among them"),
        ("environment", {"COLOUR": 1}, "no mapping of variables to texts"),
    ],
)
def test_a_property_of_another_form_is_found(member: str, value: object, said: str) -> None:
    machine = blackboard()
    spoiled = type("Spoiled", (type(machine),), {member: property(lambda _: value)})()
    found = [result for result in check_machine(spoiled) if not result.ok]
    assert any(said in result.detail for result in found if result.name == member), found


def test_a_run_replays_on_the_machine_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.db"
    with (
        closing(blackboard()) as machine,
        open_store(path) as store,
        record("draw", store=store, machine=machine) as run,
    ):
        watched = run.watch(machine, quiet=0.02)
        for action in (Action("left_click", {"coordinate": [50, 60]}), Action("type", {"text": "hello"})):
            watched.perform(action)
    replay = ["replay", run.id, "--store", str(path), "--json"]
    assert call(capsys, *replay, "--machine", "own_machine:Blackboard").document["verdict"] == "reproduced"
    said = call(capsys, *replay)  # a run names no code to be loaded
    assert said.code == 2
    assert "There is no machine 'blackboard'" in said.out
    said = call(capsys, *replay, "--machine", "own_machine:Whiteboard")
    assert said.code == 2
    assert "has no attribute 'Whiteboard'" in said.out


def test_an_installed_driver_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = plugins.Plugin("machine", "blackboard", "own_machine:Blackboard", "footage-blackboard", "0.1")
    known = {**plugins.installed("machine"), "blackboard": brought}
    monkeypatch.setattr("footage.machines.opening.installed", {"machine": known}.__getitem__)
    assert "blackboard" in machine_names()
    with closing(open_machine("blackboard:navy")) as machine:
        assert machine.screenshot().pixels[0, 0].tolist() == [0, 0, 128]
        with closing(reopen(machine.specification)) as another:
            assert another.specification == machine.specification
    assert availability("blackboard:navy").ready
    assert availability("blackboard:mud").hint == "Try blackboard:navy."


def test_a_driver_that_cannot_tell_whether_it_is_there_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = plugins.Plugin("machine", "blackboard", "own_machine:Blackboard", "footage-blackboard", "0.1")
    monkeypatch.setattr(brought.load(), "availability", classmethod(lambda _, _w="": 1 / 0))
    gone = plugins.Plugin("machine", "gone", "no_such_module:Gone", "footage-gone", "0.1")
    known = {**plugins.installed("machine"), "blackboard": brought, "gone": gone}
    monkeypatch.setattr("footage.machines.opening.installed", {"machine": known}.__getitem__)
    found = availabilities()
    assert {"desktop", "blackboard", "gone"} <= found.keys()
    assert (found["blackboard"].ready, found["gone"].ready) == (False, False)
    assert "ZeroDivisionError" in found["blackboard"].detail
    assert "no_such_module" in found["gone"].detail


def test_a_run_cannot_name_a_module_to_load() -> None:
    with pytest.raises(UsageError, match="no machine"):
        reopen({"driver": "own_machine:Blackboard", "protocol": 1, "screen": [640, 400]})


def recorded_on(machine: Any, path: Path) -> str:
    with closing(machine), open_store(path) as store, record("draw", store=store, machine=machine) as run:
        watched = run.watch(machine, quiet=0.02, limit=0.1)
        for action in (Action("left_click", {"coordinate": [50, 60]}), Action("type", {"text": "hello"})):
            watched.perform(action)
    return run.id


def test_what_moves_by_itself_is_learned_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    learn = ["machine", "check", "own_machine:Blackboard", "--volatile", "@1", "--times", "2", "--store", str(path)]
    recorded_on(blackboard(), path)
    said = call(capsys, *learn)
    assert (said.code, said.out.splitlines()[-1]) == (0, "Nothing moves by itself.")
    still = type(blackboard()).screenshot
    chance = np.random.default_rng(7)

    def ticking(machine: Any) -> Screenshot:
        """Show something at the right edge that is another each time."""
        shot: Screenshot = still(machine)
        shot.pixels[10:20, 600:630] = chance.integers(0, 2, (10, 30, 1), np.uint8) * 255
        return shot

    monkeypatch.setattr("own_machine.Blackboard.screenshot", ticking)
    monkeypatch.setattr("footage.replay.learning.DEFAULT_PATIENCE", 0.3)
    run = recorded_on(blackboard(), path)
    replay = ["replay", run, "--machine", "own_machine:Blackboard", "--timeout", "0.3", "--store", str(path), "--json"]
    assert call(capsys, *replay).document["verdict"] == "diverged"
    document = call(capsys, *learn, "--json").document
    assert (document["ok"], document["still"], len(document["regions"])) == (True, [], 1)
    x, y, width, height = document["regions"][0]
    assert x <= 600
    assert y <= 10
    assert x + width >= 630
    assert y + height >= 20
    assert call(capsys, *replay).document["verdict"] == "cosmetic"
    said = call(capsys, *learn)
    assert "These regions move by themselves" in said.out


def test_a_check_needs_a_machine_or_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "machine", "check")
    assert said.code == 2
    assert "Name a machine" in said.err
