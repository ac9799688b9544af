"""OSWorld result folders: pictures after actions, several actions a reply, code and objects, the evaluator's result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footage.interchange.importers import import_paths
from footage.storage import Store
from footage.trajectory import FrameRole, OutcomeSource, RunStatus
from foreign import JSON, imported, shot, shown, write
from osworld_recordings import folder, line
from samples import noise

BEFORE, AFTER, OBSERVED = FrameRole.BEFORE, FrameRole.AFTER, FrameRole.OBSERVED


def test_pictures_lie_after_the_actions_and_replies_may_have_several(store: Store, tmp_path: Path) -> None:
    path = folder(
        tmp_path / "model/chrome/bb5e4c0d",
        line(1, 7, "pyautogui.click(30.72, 40.0)"),
        line(2, 9, "pyautogui.typewrite('Ana')"),
        line(2, 10, 'import time\npyautogui.hotkey("ctrl", "s")\ntime.sleep(1)'),
        line(3, 15, "DONE", done=True),
    )
    (path / "step_0.png").write_bytes(shot(9))
    (path / "instruction.txt").write_text("Write Ana\n")
    write(tmp_path / "model/args.json", {"model": "claude-test", "action_space": "pyautogui"})
    run = imported(store, path, "osworld")
    assert (run.task, run.task_id, run.model, run.status) == (
        *("Write Ana", "bb5e4c0d", "claude-test"),
        RunStatus.COMPLETED,
    )
    assert [(o.value, o.source) for o in run.outcomes] == [
        ("success", OutcomeSource.SELF),
        ("success", OutcomeSource.EVALUATOR),
    ]
    click, typed, keys, done = store.steps(run.id)
    assert [step.turn for step in (click, typed, keys, done)] == [0, 1, 1, 2]
    assert [turn.text for turn in store.turns(run.id)] == ["reply 1", "reply 2", "reply 3"]
    assert click.action.point == (30, 40)
    assert (typed.action.title, keys.action.arguments["text"], done.action.title) == ("type", "ctrl+s", "agent:done")
    assert [(role, derived) for role, derived, _ in shown(click)] == [
        *((BEFORE, False), (AFTER, False)),
        (OBSERVED, False),
    ]
    assert (store.pixels(shown(click)[0][2]) == noise(64, 48, 9)).all()
    assert shown(typed)[0] == (BEFORE, True, shown(click)[1][2])
    assert run.started.wall_ns == 1756410427 * 10**9


@pytest.mark.parametrize(
    ("action", "title", "point"),
    [
        ({"action_type": "CLICK", "x": 12, "y": 13}, "left_click", (12, 13)),
        ({"action_type": "CLICK", "parameters": {"x": 12, "y": 13, "button": "right"}}, "right_click", (12, 13)),
        ({"action_type": "TYPING", "parameters": {"text": "a"}}, "type", None),
        ({"action_type": "HOTKEY", "parameters": {"keys": ["ctrl", "c"]}}, "key", None),
        ({"action_type": "tool_use", "command": "pyautogui.click(5, 6)\n", "input": {}}, "left_click", (5, 6)),
        ({"action_type": "FAIL", "raw_response": "no"}, "agent:fail", None),
        ({"action_space": "pyautogui", "action": "import pyautogui\npyautogui.moveTo(7, 8)"}, "mouse_move", (7, 8)),
        ("# Unrecognized action type", "python:run", None),
        ("pyautogui.click(1, 2); pyautogui.write('x'); pyautogui.press('tab')", "python:run", (1, 2)),
        ("pyautogui.click(500, 500)", "left_click", None),
        ("'''I click.'''\npyautogui.click(1, 2)", "left_click", (1, 2)),
    ],
)
def test_actions_of_every_kind_are_one_step_each(
    store: Store, tmp_path: Path, action: Any, title: str, point: tuple[int, int] | None
) -> None:
    run = imported(store, folder(tmp_path / "r", line(1, 1, action)), "osworld")
    (step,) = store.steps(run.id)
    assert (step.action.title, step.action.point) == (title, point)
    raw = step.action.raw or {}
    assert raw == (action if isinstance(action, dict) else {"code": action})


CLAUDE = {"name": "computer", "action_type": "tool_use", "id": "t"}
SAVED = "".join(f"pyautogui.key{way}('{key}')\n" for way, keys in (("Down", "cs"), ("Up", "sc")) for key in keys)


@pytest.mark.parametrize(
    ("action", "title", "arguments"),
    [
        ("pyautogui.moveTo(10, 20)\npyautogui.click(button='right')", "right_click", {"coordinate": [10, 20]}),
        ("pyautogui.moveTo(10, 20)\npyautogui.doubleClick()", "double_click", {"coordinate": [10, 20]}),
        (
            "pyautogui.moveTo(5, 6); pyautogui.dragTo(7, 8, duration=1., button='left'); pyautogui.mouseUp(); ",
            *("left_click_drag", {"start_coordinate": [5, 6], "coordinate": [7, 8]}),
        ),
        (
            "pyautogui.moveTo(5, 6); pyautogui.mouseDown(); pyautogui.moveTo(7, 8); pyautogui.mouseUp()",
            *("left_click_drag", {"start_coordinate": [5, 6], "coordinate": [7, 8]}),
        ),
        ("pyautogui.mouseDown(3, 4)", "left_mouse_down", {"coordinate": [3, 4]}),
        ("pyautogui.hotkey('ctrl', 'p'); print('Opened print option')", "key", {"text": "ctrl+p"}),
        (SAVED, "key", {"text": "c+s"}),
        (
            "pyautogui.keyDown('ctrl'); pyautogui.click(1, 2); pyautogui.keyUp('ctrl')",
            *("left_click", {"coordinate": [1, 2], "text": "ctrl"}),
        ),
        ("pyautogui.press('a')\npyautogui.press(' ')\npyautogui.press('enter')", "type", {"text": "a \n"}),
        ("pyautogui.press('a')\npyautogui.press('f5')", "python:run", None),
        (
            "import pyperclip\npyperclip.copy('né')\npyautogui.hotkey('ctrl', 'v')\npyautogui.press('enter')",
            *("type", {"text": "né\n"}),
        ),
        ({"action_type": "DRAG_TO", "parameters": {"x": 5, "y": 6}}, "left_click_drag", {"coordinate": [5, 6]}),
        (
            {"action_type": "SCROLL", "parameters": {"dx": 0, "dy": -3}},
            *("scroll", {"scroll_direction": "down", "scroll_amount": 3}),
        ),
        ({"action_type": "KEY_DOWN", "parameters": {"key": "ctrl"}}, "keyboard:key_down", {"text": "ctrl"}),
        (
            {"action_type": "CLICK", "parameters": {"x": 1, "y": 2, "num_clicks": 2}},
            *("double_click", {"coordinate": [1, 2]}),
        ),
        ({**CLAUDE, "input": {"action": "screenshot"}, "command": "pyautogui.sleep(0.1)\n"}, "screenshot", {}),
        (
            {**CLAUDE, "input": {"action": "left_click", "coordinate": [20, 10]}, "command": "pyautogui.click(30, 15)"},
            *("left_click", {"coordinate": [30, 15]}),
        ),
    ],
)
def test_code_that_is_one_gesture_is_that_action(
    store: Store, tmp_path: Path, action: Any, title: str, arguments: JSON | None
) -> None:
    run = imported(store, folder(tmp_path / "r", line(1, 1, action)), "osworld")
    (step,) = store.steps(run.id)
    assert step.action.title == title
    assert arguments is None or dict(step.action.arguments) == arguments


@pytest.mark.parametrize(
    ("result", "values"), [("0.0", ["failure"]), ("0.35\n", ["0.35"]), ("", []), ("nonsense", []), (None, [])]
)
def test_the_result_is_the_evaluators(store: Store, tmp_path: Path, result: str | None, values: list[str]) -> None:
    run = imported(store, folder(tmp_path / "r", line(1, 1, "WAIT"), result=result), "osworld")
    assert [outcome.value for outcome in run.outcomes] == values
    assert run.status is (RunStatus.INTERRUPTED if result is None else RunStatus.COMPLETED)


def test_a_picture_that_was_written_over_is_the_last_actions(store: Store, tmp_path: Path) -> None:
    path = folder(tmp_path / "r", line(1, 1, "pyautogui.press('a')"), line(1, 1, "pyautogui.press('b')"))
    run = imported(store, path, "osworld", skipped=1)
    first, second = store.steps(run.id)
    assert first.frame(AFTER) is None
    assert second.frame(AFTER) is not None
    assert [gap.step for gap in store.gaps(run.id)] == [0]


def test_a_timeout_is_an_error_and_pictures_before_are_before(store: Store, tmp_path: Path) -> None:
    one = line(1, 1, "pyautogui.click(1, 2)", screenshot_file=None, screenshot_file_before_exec="step_0_x.png")
    path = folder(tmp_path / "r", one, {"Error": "Time limit exceeded in chrome/x"}, result=None)
    (path / "step_0_x.png").write_bytes(shot(4))
    run = imported(store, path, "osworld")
    assert (run.status, run.error) == (RunStatus.ERRORED, "Time limit exceeded in chrome/x")
    assert [(role, derived) for role, derived, _ in shown(store.step(run.id, 0))] == [(BEFORE, False)]


def test_what_a_reply_says_of_its_model_and_tokens(store: Store, tmp_path: Path) -> None:
    reply = {"model": "gpt-test", "status": "ok", "raw_response": "I click.", "response_id": "r"}
    first = line(1, 1, "pyautogui.click(1, 2)", response={**reply, "usage": {"input_tokens": 9, "output_tokens": 2}})
    path = folder(tmp_path / "r", first, line(2, 2, "DONE", model_usage={"prompt_tokens": 5}, done=True))
    run = imported(store, path, "osworld")
    one, other = store.turns(run.id)
    assert (run.model, one.text, one.usage) == ("gpt-test", "I click.", {"input_tokens": 9, "output_tokens": 2})
    assert (other.model, other.usage) == ("gpt-test", {"input_tokens": 5})


def test_a_run_that_failed_before_its_first_step_is_a_run(store: Store, tmp_path: Path) -> None:
    run = imported(store, write(tmp_path / "r/traj.jsonl", {"Error": "no screenshot"}), "osworld")
    assert (run.status, run.error, run.steps) == (RunStatus.ERRORED, "no screenshot", 0)
    assert not import_paths(store, [write(tmp_path / "r/other.jsonl", {"Error": "no screenshot"})]).imported


def test_lines_without_a_picture_or_a_moment_find_theirs(store: Store, tmp_path: Path) -> None:
    action = {"action_type": "tool_use", "command": "pyautogui.click(3, 4)", "raw_response": "I click."}
    write(tmp_path / "r/traj.jsonl", {"step_num": 1, "action": action, "response": "", "reward": 0, "done": True})
    (tmp_path / "r/step_1.png").write_bytes(shot(5))
    run = imported(store, tmp_path / "r", "osworld")
    (step,) = store.steps(run.id)
    assert (step.action.point, [role for role, _, _ in shown(step)]) == ((3, 4), [AFTER, OBSERVED])
    assert [turn.text for turn in store.turns(run.id)] == ["I click."]
