"""Which call of a reply an input belongs to."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from footage.machines.shared.call_inputs import Asked, InputSorter
from footage.trajectory import Action, InputEvent


def did(name: str, **given: object) -> Action:
    raw = given.pop("raw", None)
    return Action(name, given, raw=raw)  # type: ignore[arg-type] # a dict


def click(x: int, y: int, name: str = "left_click") -> Action:
    return did(name, coordinate=[x, y])


def pressed(x: int, y: int, button: int = 1, times: int = 1) -> list[str]:
    return [f"move {x} {y}", *[f"{way} {button}" for _ in range(times) for way in ("button_down", "button_up")]]


def struck(*keys: str) -> list[str]:
    return [f"{way} {key}" for key in keys for way in ("key_down", "key_up")]


def whose(calls: list[Action], *events: str) -> list[int | None]:
    """Return the call that each event is said to belong to, -1 - n for the first event of call n."""
    sorter = InputSorter()
    sorter.expect([Asked(n, action) for n, action in enumerate(calls)], 1)
    return [told(sorter, event) for event in events]


def told(sorter: InputSorter, said: str) -> int | None:
    kind, *given = said.split()
    values = [int(value) if kind != "key_down" and value.lstrip("-").isdecimal() else value for value in given]
    found = sorter.sort(InputEvent(kind, tuple(values), time.monotonic_ns()))
    return -1 - found.step if found.begins and found.step is not None else found.step


def in_turn(*counts: int) -> list[int | None]:
    """Return what calls with so many events each are told as, one after another."""
    return [-1 - call if not n else call for call, count in enumerate(counts) for n in range(count)]


CASES = {
    "two clicks": ([click(1, 2), click(300, 400)], pressed(1, 2) + pressed(300, 400)),
    "two clicks at one place": ([click(1, 2), click(1, 2)], pressed(1, 2)[0:3] + pressed(1, 2)[1:]),
    "a double click, a click": ([click(1, 2, "double_click"), click(1, 2)], pressed(1, 2, times=2) + pressed(1, 2)),
    "a click, a text": ([click(1, 2), did("type", text="ab")], pressed(1, 2) + struck("a", "b")),
    "two texts": ([did("type", text="ab"), did("type", text="cd")], struck("a", "b", "c", "d")),
    "a text with line breaks, a key": (
        [did("type", text="a\nb"), did("key", text="Return")],
        struck("a", "Return", "b", "Return"),
    ),
    "a text by the clipboard, a key": (
        [did("type", text="long text"), did("key", text="Return")],
        ["key_down Control_L", "key_down v", "key_up v", "key_up Control_L", *struck("Return")],
    ),
    "a combination, a click with a key held": (
        [did("key", text="ctrl+s"), did("left_click", coordinate=[5, 6], text="shift")],
        [
            *("key_down Control_L", "key_down s", "key_up s", "key_up Control_L"),
            *("key_down Shift_L", "move 5 6", "button_down 1", "button_up 1", "key_up Shift_L"),
        ],
    ),
    "a move, a click": ([click(9, 9, "mouse_move"), click(50, 60)], ["move 4 4", "move 9 9", *pressed(50, 60)]),
    "a drag, a click": (
        [did("left_click_drag", start_coordinate=[1, 1], coordinate=[9, 9]), click(50, 60)],
        ["move 1 1", "button_down 1", "move 5 5", "move 9 9", "button_up 1", *pressed(50, 60)],
    ),
    "down, move, up": (
        [did("left_mouse_down"), click(9, 9, "mouse_move"), did("left_mouse_up")],
        ["button_down 1", "move 9 9", "button_up 1"],
    ),
    "a scroll, a click": (
        [did("scroll", coordinate=[5, 5], scroll_direction="down", scroll_amount=2), click(50, 60)],
        [*pressed(5, 5, button=5, times=2), *pressed(50, 60)],
    ),
    "points that were not scaled back": (
        [did("left_click", coordinate=[100, 200], raw={"coordinate": [50, 100]}), click(300, 400)],
        pressed(50, 100) + pressed(150, 200),
    ),
}
COUNTS = {
    "two clicks": (3, 3),
    "two clicks at one place": (3, 2),
    "a double click, a click": (5, 3),
    "a click, a text": (3, 4),
    "two texts": (4, 4),
    "a text with line breaks, a key": (6, 2),
    "a text by the clipboard, a key": (4, 2),
    "a combination, a click with a key held": (4, 5),
    "a move, a click": (2, 3),
    "a drag, a click": (5, 3),
    "down, move, up": (1, 1, 1),
    "a scroll, a click": (5, 3),
    "points that were not scaled back": (3, 3),
}


@pytest.mark.parametrize("name", CASES)
def test_input_is_sorted_by_what_each_call_asks_for(name: str) -> None:
    calls, events = CASES[name]
    assert whose(calls, *events) == in_turn(*COUNTS[name])


def test_looks_and_calls_without_input_are_passed_over() -> None:
    calls = [click(1, 2), did("screenshot"), did("wait", duration=1), click(300, 400)]
    assert whose(calls, *pressed(1, 2), *pressed(300, 400)) == [-1, 0, 0, -4, 3, 3]


def test_a_call_that_the_agent_leaves_out_takes_no_input_of_the_next() -> None:
    assert whose([did("key", text="F5"), click(1, 2)], *pressed(1, 2)) == [-2, 1, 1]


def test_what_another_tool_does_is_its_own() -> None:
    shell = Action("run", {}, "bash")
    assert whose([shell, click(1, 2)], *struck("F5"), *pressed(1, 2)) == [-1, 0, -2, 1, 1]


def test_what_nobody_asked_for_is_nobodys() -> None:
    sorter = InputSorter()
    found = sorter.sort(InputEvent("move", (5, 5), time.monotonic_ns()))
    assert (found.step, found.begins, found.look) == (None, True, True)


def test_an_older_reply_that_nobody_answers_takes_nothing_from_a_newer_one() -> None:
    sorter = InputSorter()
    sorter.expect([Asked(0, click(1, 2))], 1)
    sorter.expect([Asked(1, click(300, 400))], 2)
    assert [told(sorter, event) for event in pressed(299, 399)] == [-2, 1, 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pressed(1, 2), ["move 300 400", *pressed(300, 400)[:2], "move 300 400", "button_up 1"]),
        (pressed(1, 2), pressed(300, 400)),
        (pressed(1, 2), ["button_down 1", "button_up 1"]),
        (struck("a"), struck("b")),
        (struck("a"), ["key_down Shift_L", *struck("b"), "key_up Shift_L"]),
        (pressed(1, 2), struck("b")),
        (struck("a"), pressed(300, 400)),
    ],
)
def test_input_is_its_calls_however_late_the_news_of_the_answer_before_and_of_the_call_come(
    first: list[str], second: list[str]
) -> None:
    calls = [
        did("type", text="a") if first[0].startswith("key") else click(1, 2),
        did("type", text=second[-2].split()[1]) if second[0].startswith("key") else click(*place(second)),
    ]
    if second[0] == "key_down Shift_L":
        calls[1] = did("type", text="b")
    for answered in range(len(second) + 1):
        for expected in range(answered, len(second) + 1):
            sorter, owners = InputSorter(), dict[int, int | None]()
            sorter.expect([Asked(0, calls[0])], time.monotonic_ns())
            for said in first:
                owners[len(owners)] = owner(sorter, said)
            since = time.monotonic_ns()
            for number in range(len(second) + 1):
                if number == answered:
                    owners |= dict.fromkeys(sorter.answered([0], since), None)
                if number == expected:
                    owners |= {found.number: found.step for found in sorter.expect([Asked(1, calls[1])], since)}
                if number < len(second):
                    owners[len(owners)] = owner(sorter, second[number])
            whole = [0] * len(first) + [1] * len(second)
            assert list(owners.values()) == whole, (answered, expected)


@pytest.mark.parametrize("lag", range(12))
def test_input_is_its_calls_though_the_news_of_several_answers_and_calls_come_together(lag: int) -> None:
    points = [(100 + 50 * n, 300 - 40 * n) for n in range(4)]
    sorter, owners, news = InputSorter(), dict[int, int | None](), list[Callable[[], None]]()

    def answered(call: int, since: int) -> None:
        owners.update(dict.fromkeys(sorter.answered([call], since), None))

    def expected(call: int, since: int) -> None:
        found = sorter.expect([Asked(call, click(*points[call]))], since)
        owners.update({each.number: each.step for each in found})

    def hear() -> None:
        while news:
            news.pop(0)()

    expected(0, time.monotonic_ns())
    for call, point in enumerate(points):
        since = time.monotonic_ns()
        if call:
            news += [partial(answered, call - 1, since), partial(expected, call, since)]
        for said in ["move {} {}".format(*point), *pressed(*point)]:
            owners[len(owners)] = owner(sorter, said)
            if len(owners) % (lag + 1) == 0:
                hear()
    hear()
    assert list(owners.values()) == [call for call in range(4) for _ in range(4)]


def place(events: list[str]) -> tuple[int, int]:
    moves = [said.split()[1:] for said in events if said.startswith("move")]
    return (int(moves[0][0]), int(moves[0][1])) if moves else (1, 2)


def owner(sorter: InputSorter, said: str) -> int | None:
    found = told(sorter, said)
    return -1 - found if found is not None and found < 0 else found
