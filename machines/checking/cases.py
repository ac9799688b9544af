"""The actions a machine is checked with, and what a program must see of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from footage.machines.checking.probe import Event
from footage.trajectory import Action

TEXT = "Zażółć €5 'ok' \"OK\" 😀\n\tfin"
"""Letters on the keyboard and off it, with and without Shift, one above 16 bits, Return and Tab."""
DOUBLE_CLICK_MS = 400
"""Within which a program takes clicks for a double click: GTK's own time, if nobody sets another."""
HOLD = 0.6
"""Seconds for which a key is held: long enough to repeat."""
_RETURN, _TAB, _SHIFT, _CONTROL, _LEVEL3 = 0xFF0D, 0xFF09, 0xFFE1, 0xFFE3, 0xFE03
_UNICODE = 0x01000000


class NotSeen(Exception):
    """What was seen is not what should be; says what was seen."""


@dataclass(frozen=True, slots=True)
class Case:
    """An action, and how to judge what a program saw of it."""

    name: str
    action: Action
    judge: Callable[[Sequence[Event]], str]
    """Takes the events since the action began, returns what was seen, for people; raises NotSeen."""


def all_cases(width: int, height: int) -> list[Case]:
    """Return the cases for a screen of that size in pixels, in the order in which they must be performed."""
    here, there = (width // 2, height // 2), (width * 3 // 4, height * 5 // 8)
    pair, corner = [*here], (width - 1, height - 1)
    return [
        _case("mouse_move", _moved(*there), coordinate=[*there]),
        _case("mouse_move", _moved(*corner), "mouse_move to the last pixel", coordinate=[*corner]),
        _case("left_click", _clicked(1, 1, here), coordinate=pair),
        _case("left_click", _clicked(1, 1, here), "left_click without a point"),
        _case("left_click", _clicked(1, 1, there, "shift+ctrl"), "left_click with keys held",
              coordinate=[*there], text="ctrl+shift"),
        _case("right_click", _clicked(3, 1, here), coordinate=pair),
        _case("middle_click", _clicked(2, 1, there), coordinate=[*there]),
        _case("double_click", _clicked(1, 2, here), coordinate=pair),
        _case("triple_click", _clicked(1, 3, there), coordinate=[*there]),
        _case("left_click_drag", _dragged(here, there), start_coordinate=pair, coordinate=[*there]),
        _case("left_mouse_down", _button("press", there)),
        _case("mouse_move", _moved(*here, held="left"), "mouse_move with the button down", coordinate=pair),
        _case("left_mouse_up", _button("release", here)),
        *(_scroll(direction, button, here) for button, direction in enumerate(("up", "down", "left", "right"), 4)),
        _case("scroll", _clicked(5, 2, there, "ctrl"), "scroll with a key held",
              scroll_direction="down", scroll_amount=2, coordinate=[*there], text="ctrl"),
        _case("key", _struck([_RETURN]), text="Return"),
        _case("key", _struck([_CONTROL, _SHIFT, ord("T")], "shift+ctrl"), "key with modifiers", text="ctrl+shift+t"),
        _case("key", _struck([ord("x")] * 3), "key repeated", text="x", repeat=3),
        _case("hold_key", _kept_down(ord("a")), text="a", duration=HOLD),
        _case("type", _typed(TEXT), text=TEXT),
    ]  # fmt: skip


def _case(action: str, judge: Callable[[Sequence[Event]], str], name: str = "", **arguments: Any) -> Case:
    return Case(name or action, Action(action, arguments), judge)


def _scroll(direction: str, button: int, point: tuple[int, int]) -> Case:
    judge = _clicked(button, 3, point, quick=False)
    arguments = {"scroll_direction": direction, "scroll_amount": 3, "coordinate": [*point]}
    return Case(f"scroll {direction}", Action("scroll", arguments), judge)


# --- judging ------------------------------------------------------------------------------------------------------


def _moved(x: int, y: int, held: str = "") -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        moves = [event for event in seen if event.kind == "motion"]
        _require(bool(moves) and (moves[-1].x, moves[-1].y, moves[-1].held) == (x, y, held), seen)
        return f"the pointer came to ({x}, {y})" + (" with the left button down" if held else "")

    return judge


def _clicked(
    button: int, times: int, point: tuple[int, int], held: str = "", *, quick: bool = True
) -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        presses = [event for event in seen if event.kind == "press"]
        releases = [event for event in seen if event.kind == "release"]
        _require(len(presses) == len(releases) == times, seen)
        for event in (*presses, *releases):
            _require((event.detail, event.x, event.y) == (button, *point), seen)
        _require(all(press.held == held for press in presses), seen)
        lasted = presses[-1].at - presses[0].at
        if quick and lasted > DOUBLE_CLICK_MS:
            raise NotSeen(f"{times} clicks took {lasted} ms, too long to belong together")
        return f"button {button} pressed and released {_times(times)} at {point}" + (f" with {held}" if held else "")

    return judge


def _dragged(start: tuple[int, int], end: tuple[int, int]) -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        buttons = [event for event in seen if event.kind in {"press", "release"}]
        expected = [("press", 1, *start), ("release", 1, *end)]
        _require([(event.kind, event.detail, event.x, event.y) for event in buttons] == expected, seen)
        moves = [event for event in seen if event.kind == "motion" and "left" in event.held]
        _require(len(moves) >= 3, seen)
        return f"pressed at {start}, moved in {len(moves)} steps, released at {end}"

    return judge


def _button(kind: str, point: tuple[int, int]) -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        buttons = [event for event in seen if event.kind in {"press", "release"}]
        _require([(event.kind, event.detail, event.x, event.y) for event in buttons] == [(kind, 1, *point)], seen)
        return f"left button: {kind} at {point}"

    return judge


def _struck(symbols: list[int], held: str = "") -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        downs = [event for event in seen if event.kind == "key_down"]
        ups = [event for event in seen if event.kind == "key_up"]
        _require([event.detail for event in downs] == symbols and len(ups) == len(symbols), seen)
        _require(downs[-1].held == held, seen)
        return f"keys {', '.join(_key_name(symbol) for symbol in symbols)} pressed and released"

    return judge


def _kept_down(symbol: int) -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        downs = [event for event in seen if event.kind == "key_down"]
        ups = [event for event in seen if event.kind == "key_up"]
        _require(bool(downs and ups) and {event.detail for event in (*downs, *ups)} == {symbol}, seen)
        lasted = ups[-1].at - downs[0].at
        _require(HOLD * 1000 - 20 <= lasted <= HOLD * 1000 + 500, seen)
        return f"key {_key_name(symbol)} was down for {lasted} ms and repeated {_times(len(downs) - 1)}"

    return judge


def _typed(text: str) -> Callable[[Sequence[Event]], str]:
    def judge(seen: Sequence[Event]) -> str:
        symbols = [event.detail for event in seen if event.kind == "key_down" and event.detail not in {_SHIFT, _LEVEL3}]
        found = "".join(_character(symbol) for symbol in symbols)
        if found != text:
            raise NotSeen(f"{found!r} arrived instead of {text!r}")
        return f"{len(text)} characters arrived: {text!r}"

    return judge


def _require(fulfilled: bool, seen: Sequence[Event]) -> None:
    if not fulfilled:
        raise NotSeen(f"a program saw {[list(event[:5]) for event in seen[-12:]]}")


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _character(symbol: int) -> str:
    if symbol in {_RETURN, _TAB}:
        return "\n" if symbol == _RETURN else "\t"
    code = symbol - _UNICODE if symbol >= _UNICODE else symbol
    return chr(code) if code < 0x110000 else "?"


def _key_name(symbol: int) -> str:
    names = {_RETURN: "Return", _TAB: "Tab", _SHIFT: "Shift", _CONTROL: "Control"}
    return names.get(symbol) or _character(symbol)
