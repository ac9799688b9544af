"""The conformance check: it passes an honest machine, and finds each fault of a dishonest one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from footage.errors import MachineError
from footage.machines.checking import probe
from footage.machines.checking.cases import TEXT, all_cases
from footage.machines.checking.check import CheckResult, check_machine
from footage.machines.desktop.machine import Desktop
from footage.trajectory import JSON, Action, InputEvent, Performed, Pixels, Screenshot


class Spoiled:
    """A desktop that gets some things wrong."""

    def __init__(self, desktop: Desktop, faults: set[str]) -> None:
        self._desktop = desktop
        self._faults = faults

    @property
    def specification(self) -> JSON:
        return self._desktop.specification

    @property
    def capabilities(self) -> frozenset[str]:
        return self._desktop.capabilities - ({"zoom", "triple_click"} if "less" in self._faults else set())

    @property
    def input_log(self) -> Sequence[InputEvent]:
        return self._desktop.input_log[: -1 if "log" in self._faults else None]

    @property
    def environment(self) -> Mapping[str, str]:
        return {} if "no display" in self._faults else self._desktop.environment

    def screenshot(self) -> Screenshot:
        return self._desktop.screenshot()

    def perform(self, action: Action) -> Performed:
        arguments = dict(action.arguments)
        if "lost character" in self._faults and action.name == "type":
            arguments["text"] = arguments["text"].replace("ó", "")
        if "off by one" in self._faults and action.name == "left_click" and "coordinate" in arguments:
            x, y = arguments["coordinate"]
            arguments["coordinate"] = [x + 1 if x < 1279 else x, y]
        if "says but does not" in self._faults and action.name == "scroll":
            return Performed(delivered=(InputEvent("button_down", (4,)), InputEvent("button_up", (4,))))
        return self._desktop.perform(Action(action.name, arguments))

    def clock(self) -> float:
        return self._desktop.clock()

    def rest(self, at_most: float = 2.0) -> bool:
        return self._desktop.rest(at_most)

    def reset(self) -> None:
        if "breaks" in self._faults and self._desktop.input_log:
            self._desktop.close()
            raise MachineError("No window of the calculator appeared.")
        if "reset" not in self._faults:
            self._desktop.reset()

    def close(self) -> None:
        self._desktop.close()


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    with Desktop(programs=[]) as machine:
        yield machine


@pytest.mark.desktop
def test_the_desktop_passes_and_each_action_is_named_with_what_was_seen() -> None:
    told: list[CheckResult] = []
    with Desktop() as machine:
        results = check_machine(machine, on_result=told.append)
        assert [(result.name, result.detail) for result in results if not result.ok] == []
        assert told == results
        names = {result.name.split()[0] for result in results}
        assert {action for action in machine.capabilities if action not in {"isolated", "pixel_exact", "rest"}} <= names
    typed = next(result for result in results if result.name == "type")
    assert repr(TEXT) in typed.detail
    assert typed.before is not None
    assert typed.after is not None
    assert (typed.before != typed.after).any()


@pytest.mark.desktop
def test_each_fault_is_found_and_nothing_else_is_blamed(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footage.machines.checking.check.PATIENCE", 1.0)
    spoiled = Spoiled(desktop, {"lost character", "off by one", "says but does not", "less", "log", "reset"})
    assert {result.name for result in check_machine(spoiled) if not result.ok} == {
        *("type", "zoom", "triple_click", "input log", "reset"),
        *("left_click", "left_click without a point", "left_click with keys held"),
        *("scroll up", "scroll down", "scroll left", "scroll right", "scroll with a key held"),
    }


@pytest.mark.desktop
def test_a_machine_that_breaks_is_told_of_with_its_own_reason() -> None:
    with Desktop(programs=[]) as machine:
        results = check_machine(Spoiled(machine, {"breaks"}), close=True)
    broken = next(result for result in results if result.name == "reset")
    assert broken.detail == "No window of the calculator appeared."
    assert broken.before is not None
    assert broken.after is None
    assert [result.name for result in results if not result.ok] == ["reset"]


@pytest.mark.desktop
def test_a_machine_that_is_no_display_is_checked_without_a_window(desktop: Desktop) -> None:
    results = check_machine(Spoiled(desktop, {"no display"}))
    assert [result.detail for result in results if not result.ok] == []
    assert any("no program was there to see them" in result.detail for result in results)


# --- the probe's squares ----------------------------------------------------------------------------------------------


def picture(data: bytes) -> Pixels:
    """Draw squares as the probe does, on a white screen."""
    pixels = np.full((800, 1280, 3), 255, np.uint8)
    bits = np.unpackbits(np.frombuffer(data.ljust(probe.COLUMNS * probe.ROWS // 8, b"\0"), np.uint8))
    squares = (bits.reshape(probe.ROWS, probe.COLUMNS) * 255).repeat(probe.CELL, 0).repeat(probe.CELL, 1)
    pixels[: squares.shape[0], : squares.shape[1]] = squares[..., None]
    return pixels


def event(**changes: Any) -> probe.Event:
    return probe.Event("press", 1, 640, 400, "", 12345)._replace(**changes)


def test_events_are_read_back_from_pixels_and_damage_is_noticed() -> None:
    events = [event(), event(kind="key_down", detail=0x101F600, held="shift+ctrl")]
    pixels = picture(probe.encode(7, events))
    assert probe.decode(pixels) == (7, events)
    pixels[8:12, 8:12] = 255 - pixels[8:12, 8:12]
    assert probe.decode(pixels) is None
    assert probe.decode(np.zeros((800, 1280, 3), np.uint8)) is None
    assert probe.decode(np.zeros((20, 20, 3), np.uint8)) is None


def test_where_too_many_events_came_the_last_ones_are_shown() -> None:
    events = [event(x=n * 37 % 1280, at=n * 7919) for n in range(300)]
    data = probe.encode(300, events)
    assert len(data) <= probe.COLUMNS * probe.ROWS // 8
    found = probe.decode(picture(data))
    assert found is not None
    count, shown = found
    assert count == 300
    assert 20 < len(shown) < 300
    assert shown == events[-len(shown) :]
    assert json.dumps(shown[-1]) == json.dumps(events[-1])


def test_cases_fit_any_screen_and_come_in_an_order_that_works() -> None:
    for size in ((640, 480), (1280, 800), (3840, 2160)):
        cases = all_cases(*size)
        for case in cases:
            x, y = case.action.arguments.get("coordinate", (0, 0))
            assert 0 <= x < size[0]
            assert 0 <= y < size[1]
        names = [case.action.name for case in cases]
        assert names.index("left_mouse_down") < names.index("left_mouse_up")
