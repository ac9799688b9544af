"""Calls that models write as text: what they mean, in which coordinates, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from footage.providers.chat_completions.completions import CHAT_COMPLETIONS
from footage.providers.chat_completions.dialects import calls_in_text, smart_resize, units_of
from footage.trajectory import JSON, Space

THOUSANDTHS = Space(1000, 1000, 1280, 800)


def meant(text: str, space: Space | None = None) -> list[tuple[str, JSON]]:
    found = [action for call in calls_in_text(text) for action in CHAT_COMPLETIONS.actions(call, space=space)]
    return [(action.title, dict(action.arguments)) for action in found]


@pytest.mark.parametrize(
    ("text", "action", "arguments"),
    [
        ("Thought: the button\nAction: click(start_box='(600,400)')", "left_click", {"coordinate": [600, 400]}),
        ("Action: click(start_box='<|box_start|>(600,400)<|box_end|>')", "left_click", {"coordinate": [600, 400]}),
        ("Action: click(point='<point>600 400</point>')", "left_click", {"coordinate": [600, 400]}),
        ("Action: left_double(start_box='(590, 390, 610, 410)')", "double_click", {"coordinate": [600, 400]}),
        ("Action: right_single(start_box='(600,400)')", "right_click", {"coordinate": [600, 400]}),
        (
            *("Action: drag(start_box='(1,2)', end_box='(600,400)')", "left_click_drag"),
            {"start_coordinate": [1, 2], "coordinate": [600, 400]},
        ),
        ("Action: hotkey(key='ctrl c')", "key", {"text": "ctrl+c"}),
        ("Action: type(content='it\\'s\\nhere')", "type", {"text": "it's\nhere"}),
        (
            *("Action: scroll(start_box='(600,400)', direction='down')", "scroll"),
            {"scroll_direction": "down", "scroll_amount": 5, "coordinate": [600, 400]},
        ),
        (
            *('I click.\n<tool_call>\n{"name": "computer_use", "arguments": ', "left_click"),
            {"coordinate": [600, 400]},
        ),
        ("## Code:\n```python\npyautogui.click(x=600, y=400)\n```", "left_click", {"coordinate": [600, 400]}),
        ("pyautogui.hotkey('ctrl', 'c')", "key", {"text": "ctrl+c"}),
    ],
)
def test_a_call_that_is_written_as_text_is_a_call(text: str, action: str, arguments: JSON) -> None:
    if text.endswith('"arguments": '):
        text += '{"action": "left_click", "coordinate": [600, 400]}}\n</tool_call>'
    assert meant(text) == [(action, arguments)]


def test_coordinates_are_mapped_to_the_screen() -> None:
    assert meant("Action: click(start_box='(500,250)')", THOUSANDTHS) == [("left_click", {"coordinate": [640, 200]})]
    assert meant("```python\npyautogui.click(x=500, y=250)\n```", THOUSANDTHS)[0][1] == {"coordinate": [640, 200]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would click(start_box) if I could.",
        "Action: none that I know of",
        "Action: finished(content='done')",
        "Action: call_user()",
        "<tool_call>not json</tool_call>",
        "Use pyautogui.click(x=1, y=2) in your script, as in this sentence.",
        "```python\nprint('hello')\n```",
        "Action: __import__('os').system('true')",
        "x" * 200_000,
    ],
)
def test_mere_words_are_no_call(text: str) -> None:
    assert calls_in_text(text) == []


@pytest.mark.parametrize(
    ("model", "units"),
    [
        ("ByteDance-Seed/UI-TARS-1.5-7B", None),
        ("ui-tars-7b-dpo", (1000, 1000)),
        ("qwen/qwen3-vl-235b", (1000, 1000)),
        ("Qwen/Qwen2.5-VL-7B-Instruct", (1932, 1092)),
        ("xlangai/OpenCUA-7B", (1932, 1092)),
        ("gpt-5.4", None),
        ("qwen3-coder", None),
    ],
)
def test_each_family_counts_in_its_own_units(model: str, units: Any) -> None:
    assert units_of(model, (1920, 1080)) == units


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (1920, 1080), (4000, 3000), (16000, 16000), (3, 5000)])
def test_a_resized_picture_has_sides_of_whole_tiles_within_the_limits(size: tuple[int, int]) -> None:
    wide, high = smart_resize(*size)
    assert (wide % 28, high % 28) == (0, 0)
    assert min(wide, high) >= 28
    assert wide * high <= 16384 * 28 * 28
