"""Which two actions are the same."""

from typing import Any

import pytest

from footage.analysis.runs.same_action import ActionVerdict, compare_actions
from footage.trajectory import Action

SAME, NEAR, DIFFERENT = ActionVerdict.SAME, ActionVerdict.NEAR, ActionVerdict.DIFFERENT


def click(x: int, y: int, **more: Any) -> Action:
    return Action("left_click", {"coordinate": [x, y], **more})


@pytest.mark.parametrize(
    ("dx", "dy", "verdict"), [(0, 0, SAME), (12, 0, SAME), (9, 9, NEAR), (0, -24, NEAR), (18, 18, DIFFERENT)]
)
def test_points_up_to_12_px_apart_are_the_same_and_up_to_24_near(dx: int, dy: int, verdict: ActionVerdict) -> None:
    difference = compare_actions(click(100, 80), click(100 + dx, 80 + dy))
    assert difference.kind is verdict
    assert difference.exact == (dx == dy == 0)


def test_a_misclick_says_how_far_it_is() -> None:
    assert compare_actions(click(100, 80), click(140, 80)).why == "left_click 40 px apart: (100, 80) against (140, 80)"


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (("type", {"text": "hello"}), ("type", {"text": "hello"}), SAME),
        (("type", {"text": "hello"}), ("type", {"text": "hell"}), DIFFERENT),
        (("type", {"text": "Hello"}), ("type", {"text": "hello"}), DIFFERENT),
        (("type", {"text": "a"}), ("key", {"text": "a"}), DIFFERENT),
        (("key", {"text": "ctrl+shift+Tab"}), ("key", {"text": "Shift+Ctrl+tab"}), SAME),
        (("key", {"text": "ctrl+s"}), ("key", {"text": "ctrl+S"}), DIFFERENT),
        (("key", {"text": "ctrl++"}), ("key", {"text": "Ctrl++"}), SAME),
        (("key", {"text": "ctrl++"}), ("key", {"text": "ctrl+="}), DIFFERENT),
        (("key", {"text": "Down"}), ("key", {"text": "Down", "repeat": 1}), SAME),
        (("key", {"text": "Down"}), ("key", {"text": "Down", "repeat": 3}), DIFFERENT),
        (("hold_key", {"text": "w", "duration": 1.0}), ("hold_key", {"text": "w", "duration": 1.1}), SAME),
        (("hold_key", {"text": "w", "duration": 1.0}), ("hold_key", {"text": "w", "duration": 2}), NEAR),
        (("wait", {"duration": 1}), ("wait", {"duration": 5}), SAME),
        (("screenshot", {}), ("wait", {"duration": 1}), DIFFERENT),
        (("zoom", {"region": [0, 0, 90, 90]}), ("zoom", {"region": [0, 0, 95, 90]}), SAME),
        (("zoom", {"region": [0, 0, 90, 90]}), ("zoom", {"region": [0, 0, 390, 90]}), DIFFERENT),
        (("left_click", {}), ("left_click", {}), SAME),
        (("left_click", {}), ("left_click", {"coordinate": [5, 5]}), NEAR),
        (("left_click", {"coordinate": [5, 5]}), ("right_click", {"coordinate": [5, 5]}), DIFFERENT),
    ],
)
def test_actions_compare_by_what_they_mean(
    a: tuple[str, dict[str, Any]], b: tuple[str, dict[str, Any]], verdict: ActionVerdict
) -> None:
    for one, two in ((a, b), (b, a)):
        assert compare_actions(Action(*one), Action(*two)).kind is verdict


def test_held_keys_matter_for_a_click() -> None:
    assert compare_actions(click(5, 5), click(5, 5, text="ctrl")).kind is DIFFERENT
    assert compare_actions(click(5, 5, text="ctrl+shift"), click(5, 5, text="shift+ctrl")).kind is SAME


@pytest.mark.parametrize(("key", "value"), [("scroll_direction", "up"), ("scroll_amount", 5)])
def test_a_scroll_counts_its_direction_and_amount(key: str, value: object) -> None:
    scroll = {"coordinate": [5, 5], "scroll_direction": "down", "scroll_amount": 3}
    assert compare_actions(Action("scroll", scroll), Action("scroll", {**scroll, "coordinate": [9, 9]})).kind is SAME
    assert compare_actions(Action("scroll", scroll), Action("scroll", {**scroll, key: value})).kind is DIFFERENT


@pytest.mark.parametrize("end", ["start_coordinate", "coordinate"])
def test_both_ends_of_a_drag_count(end: str) -> None:
    drag = {"start_coordinate": [10, 10], "coordinate": [200, 10]}
    moved = {**drag, end: [drag[end][0] + 30, 10]}
    difference = compare_actions(Action("left_click_drag", drag), Action("left_click_drag", moved))
    assert difference.kind is DIFFERENT
    assert "30 px apart" in difference.why


def test_a_tracked_pointer_stands_for_a_missing_point() -> None:
    assert compare_actions(Action("left_click", {}, tracked=(99, 80)), click(100, 80)).kind is SAME
    assert compare_actions(Action("left_click", {}, tracked=(10, 80)), click(100, 80)).kind is DIFFERENT


def test_other_tools_are_compared_argument_by_argument() -> None:
    one, two = (Action("run", {"command": command}, namespace="bash") for command in ("ls -l", "ls -a"))
    assert compare_actions(one, one).exact
    assert compare_actions(one, two).why == "bash:run command 'ls -l' against 'ls -a'"


def test_long_texts_are_shown_from_where_they_part() -> None:
    one, two = (Action("type", {"text": "x" * 100 + end}) for end in ("yes", "no"))
    assert compare_actions(one, two).why == "type '…xxxxxxxxxxxxyes' against '…xxxxxxxxxxxxno'"
