"""Points are right, marked or absent: however a model writes one, whatever its tool is called."""

from __future__ import annotations

from typing import Any

import pytest

from footage.providers.actions.any_call import actions_of_call
from footage.providers.actions.points import PointerTracker, number_of, point_of
from footage.trajectory import JSON, Action, Space

SPELLINGS: list[JSON] = [
    {"coordinate": [600, 400]},
    {"coordinate": (600.0, 400.0)},
    {"coordinate": ["600", "400"]},
    {"coordinate": {"x": 600, "y": 400}},
    {"coordinate": {"x": "600", "y": "400.0"}},
    {"coordinate": "[600, 400]"},
    {"coordinate": "(600,400)"},
    {"coordinate": "600, 400"},
    {"coordinate": "600 400"},
    {"coordinate": " x=600, y=400 "},
    {"coordinate": "x: 600; y: 400"},
    {"coordinate": "600px 400px"},
    {"coordinate": "<point>600 400</point>"},
    {"coordinate": '{"x": 600, "y": 400}'},
    {"coordinate": '["600", "400"]'},
    {"coordinates": [600, 400]},
    {"position": [600, 400]},
    {"point": {"x": 600, "y": 400}},
    {"x": 600, "y": 400},
    {"x": "600", "y": "400"},
    {"coordinate": None, "x": 600, "y": 400},
]
UNREADABLE: list[JSON] = [
    {"coordinate": "the button"},
    {"coordinate": [600]},
    {"coordinate": [600, 400, 700, 500]},
    {"coordinate": [600, None]},
    {"coordinate": [True, False]},
    {"coordinate": [float("nan"), 400]},
    {"coordinate": ["6e400", "400"]},
    {"coordinate": "1.2.3, 4"},
    {"coordinate": "[600, 400" * 40},
    {"coordinate": "[" * 90},
    {"coordinate": [0.52, 0.31]},
    {"coordinate": {"left": 600, "top": 400}},
    {"x": 600},
    {"x": "here", "y": 400},
    {"coordinate": [9e9, 400]},
]


def one(name: str, fields: Any, **options: Any) -> Action:
    (action,) = actions_of_call(name, fields, **options)
    return action


@pytest.mark.parametrize("given", SPELLINGS, ids=str)
@pytest.mark.parametrize("action", ["left_click", "mouse_move", "scroll", "left_mouse_down"])
def test_a_point_is_read_however_it_is_written(given: JSON, action: str) -> None:
    pointer = PointerTracker((1, 2))
    found = one("computer", {"action": action, **given}, pointer=pointer)
    assert (found.name, found.point, found.tracked) == (action, (600, 400), None)
    assert found.raw == {"action": action, **given}
    assert pointer.position == (600, 400)


@pytest.mark.parametrize("given", UNREADABLE, ids=lambda given: str(given)[:40])
def test_a_point_that_is_given_and_cannot_be_read_is_absent_and_the_pointer_does_not_stand_in(given: JSON) -> None:
    pointer = PointerTracker((1, 2))
    found = one("computer", {"action": "left_click", **given}, pointer=pointer)
    assert (found.point, found.tracked) == (None, None)
    again = one("computer", {"action": "left_click"}, pointer=pointer)
    assert again.point is None, "nobody knows where the pointer is now"


def test_a_click_without_a_point_lands_where_the_pointer_is() -> None:
    found = one("computer", {"action": "left_click"}, pointer=PointerTracker((7, 8)))
    assert (found.point, found.tracked) == ((7, 8), (7, 8))


@pytest.mark.parametrize(
    "given",
    [
        {"start_coordinate": [10, 10], "coordinate": [600, 400]},
        {"start_coordinate": "[10, 10]", "end_coordinate": [600, 400]},
        {"start": {"x": 10, "y": 10}, "end": {"x": 600, "y": 400}},
        {"start_x": 10, "start_y": "10", "end_x": 600, "end_y": "400"},
        {"path": [{"x": 10, "y": 10}, {"x": 50, "y": 60}, {"x": 600, "y": 400}]},
        {"path": [[10, 10], [600, 400]]},
    ],
    ids=str,
)
def test_both_ends_of_a_drag_are_read(given: JSON) -> None:
    found = one("computer", {"action": "left_click_drag", **given})
    assert dict(found.arguments) == {"start_coordinate": [10, 10], "coordinate": [600, 400]}


def test_numbers_as_text_are_numbers() -> None:
    scroll = {"action": "scroll", "coordinate": [600, 400], "scroll_direction": "down", "scroll_amount": "5"}
    assert one("computer", scroll).arguments["scroll_amount"] == 5
    assert one("computer", {"action": "key", "text": "ctrl+s", "repeat": "3"}).arguments["repeat"] == 3
    assert one("computer", {"action": "wait", "duration": "1.5"}).arguments["duration"] == 1.5
    region = one("computer", {"action": "zoom", "region": ["100", "100", "500", "300"]}).arguments["region"]
    assert region == [100, 100, 500, 300]
    assert [number_of(value) for value in ("0x10", "1_0", "", "nan", "inf", True, None, [1])] == [None] * 8


@pytest.mark.parametrize("given", [[-300, 200], [1400, 900], [1280, 0], [0, 800]])
def test_a_point_outside_the_picture_stays_outside(given: list[int]) -> None:
    same = one("computer", {"action": "left_click", "coordinate": given})
    half = one("computer", {"action": "left_click", "coordinate": given}, space=Space(1280, 800, 2560, 1600))
    assert same.point == tuple(given)
    assert half.point == (given[0] * 2, given[1] * 2)


@pytest.mark.parametrize("size", [(640, 400), (1389, 868), (1024, 768), (1280, 800)])
def test_a_scaled_point_is_where_the_agents_own_loop_moves_to(size: tuple[int, int]) -> None:
    space = Space(*size, 2560, 1600)
    for x, y in ((0, 0), (320, 200), (333, 111), (size[0] - 1, size[1] - 1)):
        found = one("computer", {"action": "left_click", "coordinate": [x, y]}, space=space)
        assert found.point == (round(x * 2560 / size[0]), round(y * 1600 / size[1]))


def test_a_point_within_a_picture_larger_than_the_screen_is_within_the_screen() -> None:
    assert Space(2560, 1600, 1280, 800).to_screen(2559, 1599) == (1279, 799)


@pytest.mark.parametrize(
    ("name", "given", "action", "arguments"),
    [
        ("mcp__computer-use__left_click", {"coordinate": [6, 4]}, "left_click", {"coordinate": [6, 4]}),
        ("mcp__computer-use__left_click", {"coordinate": "[6, 4]"}, "left_click", {"coordinate": [6, 4]}),
        ("mcp__computer-use__screenshot", {}, "screenshot", {}),
        ("mcp__computer-use__type", {"text": "Ana"}, "type", {"text": "Ana"}),
        ("mcp__computer-use__zoom", {"region": [1, 2, 3, 4]}, "zoom", {"region": [1, 2, 3, 4]}),
        *[
            (
                f"mcp__{server}__computer",
                {"action": "left_click", "coordinate": [6, 4]},
                "left_click",
                {"coordinate": [6, 4]},
            )
            for server in ("computer-use", "claude-in-chrome")
        ],
        (
            "mcp__playwright__browser_mouse_click_xy",
            {"element": "OK", "x": 6, "y": 4},
            "left_click",
            {"coordinate": [6, 4]},
        ),
        ("browser_mouse_move_xy", {"x": 6, "y": 4}, "mouse_move", {"coordinate": [6, 4]}),
        (
            *("browser_mouse_drag_xy", {"startX": 1, "startY": 2, "endX": 6, "endY": 4}),
            *("left_click_drag", {"start_coordinate": [1, 2], "coordinate": [6, 4]}),
        ),
        ("click", {"x": 6, "y": 4}, "left_click", {"coordinate": [6, 4]}),
        ("click_at", {"x": 6, "y": 4}, "left_click", {"coordinate": [6, 4]}),
        ("mouse_click", {"x": "6", "y": "4", "button": "right"}, "right_click", {"coordinate": [6, 4]}),
        ("type_text", {"text": "hello"}, "type", {"text": "hello"}),
        ("press_key", {"key": "Enter"}, "key", {"text": "Return"}),
        ("hotkey", {"keys": ["ctrl", "s"]}, "key", {"text": "ctrl+s"}),
        ("take_screenshot", {}, "screenshot", {}),
        ("computer", {"action": "click", "x": 6, "y": 4, "button": "right"}, "right_click", {"coordinate": [6, 4]}),
        ("computer_use", {"action": "left_click", "coordinate": [6, 4]}, "left_click", {"coordinate": [6, 4]}),
    ],
)
def test_a_computer_by_another_name_is_a_computer(name: str, given: JSON, action: str, arguments: JSON) -> None:
    found = one(name, given)
    assert (found.title, dict(found.arguments)) == (action, arguments)
    assert found.raw == given


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("browser_click", {"element": "OK", "ref": "e7"}),
        ("click", {"index": 3}),
        ("click", {"selector": "#ok", "position": {"x": 1, "y": 2}}),
        ("click", {"description": "the button"}),
        ("mcp__playwright__browser_type", {"ref": "e7", "text": "x"}),
        ("mcp__shell__type", {"text": "x"}),
        ("mcp__sandbox__screenshot", {}),
        ("scroll", {"to": "the end"}),
        ("zoom", {"region": [1, 2, 3, 4]}),
        ("wait", {"seconds": 3}),
        ("move", {"from": "a.txt", "to": "b.txt"}),
        ("find_computer", {"action": "list"}),
    ],
)
def test_a_tool_that_acts_on_something_else_stays_what_it_is(name: str, given: JSON) -> None:
    assert not one(name, given).is_computer


def test_a_point_has_two_numbers() -> None:
    assert point_of({"x": 1}) is None
    assert point_of("") is None
    assert point_of([[1, 2]]) is None
