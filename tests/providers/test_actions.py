from __future__ import annotations

from typing import Any

import pytest

from footage.errors import BadAction
from footage.providers.anthropic.computer_tools import (
    COMPUTER_ACTIONS,
    TOOL_VERSIONS,
    TOOLSET,
    PointerTracker,
    actions_of,
    problem,
    tool_version,
    wire_call,
)
from footage.trajectory import JSON, Action, Space

HALF = Space(640, 400, 1280, 800)


def used(name: str, **fields: Any) -> JSON:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": fields}


def one(block: JSON, **options: Any) -> Action:
    actions = actions_of(block, **options)
    assert len(actions) == 1
    return actions[0]


def meaning(action: Action) -> tuple[str, JSON]:
    return action.title, dict(action.arguments)


def test_a_click_means_the_same_in_every_tool_version() -> None:
    classic = one(used("computer", action="left_click", coordinate=[10, 20]))
    toolset = one({**used("left_click", coordinate=[10, 20]), "toolset_name": "computer"})
    undeclared = one(used("left_click", coordinate=[10, 20]), toolset=True)
    assert meaning(classic) == meaning(toolset) == meaning(undeclared) == ("left_click", {"coordinate": [10, 20]})
    assert classic.raw == {"action": "left_click", "coordinate": [10, 20]}


def test_modifiers_come_in_key_or_in_text() -> None:
    in_key = one(used("computer", action="left_click", coordinate=[1, 2], key="shift"))
    in_text = one(used("computer", action="left_click", coordinate=[1, 2], text="shift"))
    assert meaning(in_key) == meaning(in_text) == ("left_click", {"coordinate": [1, 2], "text": "shift"})
    assert in_key.raw != in_text.raw


def test_points_are_mapped_to_the_screen_and_the_raw_input_is_kept() -> None:
    click = one(used("computer", action="double_click", coordinate=[100, 50]), space=HALF)
    assert click.point == (200, 100)  # as agents' own loops scale it
    assert click.raw is not None
    assert click.raw["coordinate"] == [100, 50]
    assert click.space == HALF
    drag = one(used("computer", action="left_click_drag", start_coordinate=[0, 0], coordinate=[639, 399]), space=HALF)
    assert drag.arguments == {"start_coordinate": [0, 0], "coordinate": [1278, 798]}


def test_a_zoom_region_is_scaled_by_its_edges() -> None:
    zoom = one(used("computer", action="zoom", region=[0, 0, 640, 400]), space=HALF)
    assert zoom.arguments == {"region": [0, 0, 1280, 800]}


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"action": "type", "text": "żółć"}, {"text": "żółć"}),
        ({"action": "key", "text": "ctrl+s"}, {"text": "ctrl+s"}),
        ({"action": "key", "text": "Down", "repeat": 3}, {"text": "Down", "repeat": 3}),
        ({"action": "hold_key", "text": "shift", "duration": 1.5}, {"text": "shift", "duration": 1.5}),
        ({"action": "wait", "duration": 2}, {"duration": 2}),
        ({"action": "screenshot"}, {}),
        ({"action": "cursor_position"}, {}),
        ({"action": "mouse_move", "coordinate": [5, 6]}, {"coordinate": [5, 6]}),
        (
            {"action": "scroll", "coordinate": [5, 6], "scroll_direction": "down", "scroll_amount": 3, "key": "ctrl"},
            {"coordinate": [5, 6], "text": "ctrl", "scroll_direction": "down", "scroll_amount": 3},
        ),
    ],
)
def test_each_action_gets_its_canonical_arguments(fields: JSON, arguments: JSON) -> None:
    action = one(used("computer", **fields))
    assert meaning(action) == (fields["action"], arguments)
    assert problem(action) == ""


def test_a_click_without_a_point_takes_the_tracked_pointer() -> None:
    pointer = PointerTracker()
    unknown = one(used("computer", action="left_click"), pointer=pointer)
    assert (unknown.point, unknown.tracked) == (None, None)
    one(used("computer", action="mouse_move", coordinate=[30, 40]), pointer=pointer)
    tracked = one(used("computer", action="left_click"), pointer=pointer)
    assert tracked.point == tracked.tracked == (30, 40)
    assert "coordinate" not in tracked.arguments
    assert one(used("computer", action="key", text="a"), pointer=pointer).point is None


def test_the_pointer_is_where_a_drag_ended_and_the_next_drag_begins_there() -> None:
    pointer = PointerTracker()
    one(used("computer", action="left_click_drag", start_coordinate=[1, 1], coordinate=[50, 60]), pointer=pointer)
    assert pointer.position == (50, 60)
    old = one(used("computer", action="left_click_drag", coordinate=[70, 80]), pointer=pointer)
    assert old.arguments == {"start_coordinate": [50, 60], "coordinate": [70, 80]}


def test_a_batch_is_several_actions_in_order() -> None:
    items = [
        {"action": "left_click", "coordinate": [1, 2]},
        {"action": "left_click"},
        {"name": "type", "input": {"text": "x"}},
        "nonsense",
    ]
    actions = actions_of(used("computer_batch", actions=items))
    assert [a.name for a in actions] == ["left_click", "left_click", "type", "unknown"]
    assert actions[1].point == (1, 2)
    assert actions[2].arguments == {"text": "x"}


@pytest.mark.parametrize(
    ("block", "title"),
    [
        (used("bash", command="ls"), "bash:run"),
        (used("bash", restart=True), "bash:restart"),
        (used("str_replace_based_edit_tool", command="view", path="a"), "edit:view"),
        (used("mcp__github__create_issue", title="x"), "mcp/github:create_issue"),
        ({**used("navigate", url="x"), "toolset_name": "browser"}, "browser:navigate"),
        ({**used("search", query="x"), "type": "mcp_tool_use", "server_name": "docs"}, "mcp/docs:search"),
        ({**used("web_search", query="x"), "type": "server_tool_use"}, "server:web_search"),
        (used("get_weather", city="x"), "tool:get_weather"),
    ],
)
def test_other_tools_have_a_namespace(block: JSON, title: str) -> None:
    action = one(block)
    assert action.title == title
    assert dict(action.arguments) == block["input"]
    assert not action.is_computer


MALFORMED: list[Any] = [
    None,
    "left_click",
    [],
    {},
    {"action": None},
    {"action": ["left_click"]},
    {"action": "left_click", "coordinate": "100, 200, 300"},
    {"action": "left_click", "coordinate": [1]},
    {"action": "left_click", "coordinate": [1, None]},
    {"action": "left_click", "coordinate": [True, False]},
    {"action": "left_click", "coordinate": [float("nan"), 1]},
    {"action": "left_click", "coordinate": [1e300, 1]},
    {"action": "left_click_drag", "coordinate": {}, "start_coordinate": 3},
    {"action": "zoom", "region": [1, 2, 3]},
    {"action": "scroll", "scroll_direction": ["up"], "scroll_amount": "3"},
    {"action": "type", "text": 5},
    {"action": "wait", "duration": "long"},
    {"actions": {}},
]


@pytest.mark.parametrize("given", MALFORMED)
@pytest.mark.parametrize("name", ["computer", "left_click", "computer_batch", "bash", ""])
def test_malformed_input_is_kept_raw_and_has_no_point(given: Any, name: str) -> None:
    block = {"type": "tool_use", "id": "x", "name": name, "input": given}
    for action in actions_of(block, space=HALF, toolset=True):
        assert action.point is None
        assert action.raw is not None


def test_what_is_wrong_is_said_in_a_sentence() -> None:
    assert "valid `text`" in problem(one(used("computer", action="type", text=5)))
    assert "no computer action named 'fly'" in problem(one(used("computer", action="fly")))
    assert "two numbers" in problem(one(used("computer", action="left_click", coordinate="here")))
    outside = one(used("computer", action="left_click", coordinate=[640, 10]), space=HALF)
    assert "outside the screenshot of 640 x 400" in problem(outside)
    assert outside.point == (1280, 20)  # recorded where it was said, outside the screen


def test_the_first_of_the_four_tools_is_found() -> None:
    assert tool_version([{"type": "custom", "name": "x"}, {"type": "computer_20250124", "name": "computer"}]) == (
        "computer_20250124"
    )
    assert tool_version([{"type": TOOLSET}]) == TOOLSET
    assert tool_version([{"name": "computer"}, "odd"]) == ""


EVERY = [
    Action("left_click", {"coordinate": [200, 100], "text": "ctrl"}),
    Action("triple_click", {"coordinate": [200, 100]}),
    Action("left_click_drag", {"start_coordinate": [2, 2], "coordinate": [200, 100]}),
    Action("mouse_move", {"coordinate": [200, 100]}),
    Action("scroll", {"coordinate": [200, 100], "scroll_direction": "up", "scroll_amount": 2}),
    Action("type", {"text": "a\nb"}),
    Action("key", {"text": "Return"}),
    Action("hold_key", {"text": "a", "duration": 1}),
    Action("wait", {"duration": 1}),
    Action("zoom", {"region": [0, 0, 200, 100]}),
    Action("screenshot"),
    Action("left_mouse_down"),
]


@pytest.mark.parametrize("version", TOOL_VERSIONS)
@pytest.mark.parametrize("action", EVERY, ids=lambda a: a.name)
def test_what_goes_to_the_wire_comes_back_the_same(version: str, action: Action) -> None:
    try:
        block = wire_call(action, version, call_id="toolu_9")
    except BadAction:
        assert version in TOOL_VERSIONS[:2]
        assert action.name in {"scroll", "hold_key", "wait", "zoom", "triple_click", "left_mouse_down"}
        return
    assert block["id"] == "toolu_9"
    assert ("toolset_name" in block) == (version == TOOLSET)
    assert meaning(one(block)) == meaning(action)


def test_points_survive_the_way_through_a_smaller_image_to_its_pixel() -> None:
    for x, y in [(0, 0), (1, 1), (1279, 799), (641, 333)]:
        block = wire_call(Action("left_click", {"coordinate": [x, y]}), TOOLSET, call_id="c", space=HALF)
        back = one(block, space=HALF).point
        assert back is not None
        assert abs(back[0] - x) <= 1
        assert abs(back[1] - y) <= 1
    larger = Space(2560, 1600, 1280, 800)
    block = wire_call(Action("left_click", {"coordinate": [641, 333]}), TOOLSET, call_id="c", space=larger)
    assert one(block, space=larger).point == (641, 333)


def test_what_a_tool_cannot_say_is_refused_with_a_hint() -> None:
    with pytest.raises(BadAction) as refused:
        wire_call(Action("zoom", {"region": [0, 0, 1, 1]}), "computer_20250124", call_id="c")
    assert "left_click" in refused.value.hint
    with pytest.raises(BadAction):
        wire_call(Action("run", {}, "bash"), TOOLSET, call_id="c")
    with pytest.raises(BadAction):
        wire_call(Action("screenshot"), "computer_1999", call_id="c")
    assert "screenshot" in COMPUTER_ACTIONS


@pytest.mark.parametrize(
    "name", ["mcp__desk__computer", "mcp__claude-in-chrome__computer", "desktop_computer", "my.computer"]
)
def test_a_computer_by_another_name_is_a_computer(name: str) -> None:
    given = {"action": "left_click", "coordinate": [84, 445]}
    (action,) = actions_of({"type": "tool_use", "id": "a", "name": name, "input": given})
    assert (action.namespace, action.name, action.point) == ("computer", "left_click", (84, 445))


@pytest.mark.parametrize("name", ["mcp__desk__computer", "find_computer"])
def test_a_tool_that_is_only_called_so_stays_another_tool(name: str) -> None:
    (action,) = actions_of({"type": "tool_use", "id": "a", "name": name, "input": {"action": "list"}})
    assert action.namespace != "computer"
