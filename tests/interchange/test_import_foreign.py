"""What other people's recordings become: turns, steps, points, pictures with their roles, outcomes, notes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import recordings
from footage.interchange.importers import Report, import_paths
from footage.providers.actions.canvas import Canvas
from footage.providers.actions.gestures import joined
from footage.providers.actions.pyautogui import actions_in
from footage.storage import Store
from footage.trajectory import Action, FrameRole, OutcomeSource, Run, RunStatus, Space, Step, StepStatus
from places import SHARED_DATA
from recordings import RECORDINGS

BEFORE, AFTER, BETWEEN = FrameRole.BEFORE, FrameRole.AFTER, FrameRole.BETWEEN
DATA = SHARED_DATA


def brought(store: Store, path: Path) -> tuple[Run, list[Step], Report]:
    """Import the one run in a file or folder."""
    report = import_paths(store, [path])
    (made,) = report.imported
    return store.run(made.run), store.steps(made.run), report


def sides(step: Step) -> dict[FrameRole, list[bool]]:
    """Return for each role of a step's frames whether they are derived."""
    return {role: [frame.derived for frame in frames] for role, frames in step.frames.items()}


def names(steps: list[Step]) -> list[str]:
    return [step.action.title for step in steps]


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_second_import_adds_nothing(store: Store, tmp_path: Path, name: str) -> None:
    path = RECORDINGS[name](tmp_path / "given")
    first = import_paths(store, [path])
    again = import_paths(store, [tmp_path])
    assert first.imported
    assert {run.format for run in first.imported} == {
        name.removesuffix(" lines").removesuffix(" 2024").removesuffix(" 3")
    }
    assert not again.imported
    assert again.already == len(first.imported)


def test_a_recording_without_times_takes_no_time(store: Store, tmp_path: Path) -> None:
    run, steps, _ = brought(store, recordings.webvoyager(tmp_path / "w"))
    assert {step.started for step in steps} == {None}
    assert run.ended == run.started


def test_screenagent(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.screenagent(tmp_path / "s"))
    assert not report.skipped
    assert (run.task, run.status, len(store.turns(run.id))) == ("Add it up", RunStatus.COMPLETED, 3)
    assert names(steps) == ["screenagent:plan", "left_click", "type", "screenagent:evaluate_sub_task"]
    plan, click, typed, verdict = steps
    assert click.action.point == (40, 30)
    assert click.action.space is None
    assert [sides(step) for step in steps] == [
        {BEFORE: [False], AFTER: [True]},
        {BEFORE: [False]},
        {AFTER: [True]},
        {BEFORE: [False]},
    ]
    assert typed.frame(AFTER).picture == verdict.frame(BEFORE).picture != click.frame(BEFORE).picture  # type: ignore[union-attr]
    assert [turn.text for turn in store.turns(run.id)] == ["plan", "click (10, 20)", "done"]
    notes = {(note.step, note.text.split(":")[0]) for note in store.notes(run.id)}
    assert notes == {
        (1, "The model's answer was corrected by a person, and the correction carried out"),
        (2, "Verdict on the sub-task"),
        (3, "A made-up bad verdict, to train against"),
    }
    assert run.started.wall_ns == 1703082827 * 10**9 + 1000
    assert plan.action.arguments == {"text": "find the cell"}


def test_webvoyager(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.webvoyager(tmp_path / "task1"))
    assert not report.skipped
    assert (run.task, run.task_id, run.status) == ("Find it. (https://site.test/)", "task1", RunStatus.COMPLETED)
    assert names(steps) == ["browser:type", "browser:click", "agent:answer"]
    assert [step.action.point for step in steps] == [None, None, None]
    assert steps[0].action.arguments == {"label": "2", "text": "green controller"}
    assert [sides(step) for step in steps] == [
        {BEFORE: [False], AFTER: [True]},
        {BEFORE: [False, False], AFTER: [True]},
        {BEFORE: [False]},
    ]
    assert steps[0].result_text == "Observation: a list"
    assert run.outcomes == ()


def test_webvoyager_reports_pictures_too_few_and_too_many(store: Store, tmp_path: Path) -> None:
    path = recordings.webvoyager(tmp_path / "task1")
    (path.parent / "screenshot2.png").unlink()
    (path.parent / "screenshot2_no_box.png").rename(path.parent / "screenshot7.png")
    run, _, report = brought(store, path)
    assert [skipped.reason for skipped in report.skipped] == [
        "there is no such picture",
        "this picture belongs to no reply",
    ]
    assert len(store.gaps(run.id)) == 2


def test_agentnet(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.agentnet(tmp_path / "s"))
    assert not report.skipped
    assert names(steps) == ["left_click_drag", "type", "agent:terminate"]
    drag, typed, _ = steps
    assert drag.action.arguments == {"start_coordinate": [40, 60], "coordinate": [80, 90]}
    assert drag.action.space == Space(1, 1, recordings.WIDTH, recordings.HEIGHT)
    assert typed.action.arguments == {"text": "hope\n"}
    assert [(o.value, o.source) for o in run.outcomes] == [("success", OutcomeSource.SELF)]
    assert [sides(step) for step in steps] == [
        {BEFORE: [False], AFTER: [True]},
        {BEFORE: [False]},  # what came next was left out
        {BEFORE: [False]},
    ]
    (turn, *_) = store.turns(run.id)
    assert (turn.thinking, turn.text) == ("an editor\n\nselect", "Drag")


def test_agentnet_lines_are_a_run_each(store: Store, tmp_path: Path) -> None:
    report = import_paths(store, [recordings.agentnet_lines(tmp_path / "s")])
    assert sorted(store.run(made.run).task for made in report.imported) == ["Do t1", "Do t2"]
    (skipped,) = report.skipped
    assert "line 2 is no JSON" in skipped.reason
    assert {store.run(made.run).outcomes[0].value for made in report.imported} == {"failure"}


def test_online_mind2web(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.online_mind2web(tmp_path / "s"))
    assert not report.skipped
    assert [(o.value, o.source) for o in run.outcomes] == [("success", OutcomeSource.HUMAN)]
    assert names(steps) == ["browser:click", "browser:type"]
    assert steps[1].action.arguments == {"element": "<input>", "text": "rules"}
    assert [sides(step) for step in steps] == [{BEFORE: [False], AFTER: [True]}, {BEFORE: [False], AFTER: [False]}]


@pytest.mark.parametrize(
    ("labels", "outcomes"),
    [
        ({"fb7b": {"SeeAct": 1, "Out": 0}}, ["failure"]),
        ([{"task_id": "fb7b", "human_label": 1}], ["success"]),
        ({"fb7b": 2}, []),
        ({"fb7b": {"SeeAct": 1}}, []),
        (["fb7b"], []),
    ],
)
def test_labels_of_online_mind2web(store: Store, tmp_path: Path, labels: object, outcomes: list[str]) -> None:
    folder = recordings.online_mind2web(tmp_path / "s")
    recordings.put(folder / "human_label.json", labels)
    run, _, _ = brought(store, folder)
    assert [outcome.value for outcome in run.outcomes] == outcomes


def test_browser_use(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.browser_use(tmp_path / "s"))
    assert not report.skipped
    assert names(steps) == ["browser:click", "left_click", "browser:input", "browser:done"]
    executed, left = StepStatus.EXECUTED, StepStatus.NOT_EXECUTED
    assert [step.status for step in steps] == [executed, executed, left, executed]
    assert [turn.status for turn in store.turns(run.id)] == ["completed", "errored", "completed"]
    assert [(o.value, o.source) for o in run.outcomes] == [
        ("failure", OutcomeSource.SELF),
        ("success", OutcomeSource.JUDGE),
    ]
    assert [sides(step) for step in steps] == [{BEFORE: [False]}, {}, {AFTER: [True]}, {BEFORE: [False]}]
    assert (run.ended.wall_ns - run.started.wall_ns) // 10**9 == 23  # type: ignore[union-attr]
    assert steps[0].result_text == "Clicked 40"
    assert [step.action.point for step in steps] == [(20, 15), (60, 30), None, None]  # where the page was clicked


def test_browser_use_of_2024(store: Store, tmp_path: Path) -> None:
    run, steps, _ = brought(store, recordings.browser_use_2024(tmp_path / "s"))
    assert names(steps) == ["browser:click_element", "browser:done"]
    assert [(o.value, o.source, o.note) for o in run.outcomes] == [("success", OutcomeSource.SELF, "found")]
    assert [sides(step) for step in steps] == [{BEFORE: [False], AFTER: [True]}, {BEFORE: [False]}]


def test_openadapt(store: Store, tmp_path: Path) -> None:
    run, steps, _ = brought(store, recordings.openadapt(tmp_path / "notepad_2026"))
    assert (run.task, run.task_id) == ("Open Notepad", "notepad_2026")
    assert names(steps) == ["left_click", "key"]
    assert steps[0].action.point == (60, 75)
    assert steps[0].action.space == Space(1000, 1000, recordings.WIDTH, recordings.HEIGHT)
    assert [sides(step) for step in steps] == [{BEFORE: [False], AFTER: [False]}, {BEFORE: [True], AFTER: [False]}]
    assert [(o.value, o.source) for o in run.outcomes] == [("0", OutcomeSource.JUDGE)]


def test_openadapt_without_its_readme_shows_what_there_is(store: Store, tmp_path: Path) -> None:
    (recordings.openadapt(tmp_path / "s") / "README.md").unlink()
    run, steps, _ = brought(store, tmp_path / "s")
    assert (len(steps), len(store.turns(run.id)), len(store.frames(run.id))) == (2, 0, 4)
    assert all(step.action.point is None for step in steps)


def test_openadapt_that_begins_with_a_start(store: Store, tmp_path: Path) -> None:
    folder = recordings.openadapt(tmp_path / "s")
    (folder / "step_00_reset.png").rename(folder / "step_00_start.png")
    _, steps, _ = brought(store, folder)
    assert [sides(step) for step in steps] == [{BEFORE: [False], AFTER: [False]}, {BEFORE: [True], AFTER: [False]}]


def test_demo_recorder(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.demo_recorder(tmp_path / "s"))
    click, drag, wheel, keys = steps
    assert (run.task, run.task_id, len(store.turns(run.id))) == ("Send it", "t", 0)
    assert names(steps) == ["right_click", "left_click_drag", "scroll", "key"]
    assert click.action.point == wheel.action.point == (40, 30)
    assert click.action.space == Space(320, 240, recordings.WIDTH, recordings.HEIGHT)
    assert drag.action.arguments == {"start_coordinate": [40, 30], "coordinate": [80, 60]}
    assert wheel.action.arguments == {"coordinate": [40, 30], "scroll_direction": "up", "scroll_amount": 3}
    assert keys.action.arguments == {"text": "ctrl+s"}  # as they were pressed, not as they were let go
    assert [sides(step) for step in steps[2:]] == [{BEFORE: [False], AFTER: [False]}, {BEFORE: [False]}]
    assert (click.duration_ms, run.started.wall_ns) == (500, 1_776_656_880 * 10**9)
    assert [note.step for note in store.notes(run.id)] == [3]
    assert [Path(skipped.path).name for skipped in report.skipped] == ["action_0004_after.png"]


def test_animated_run(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.animated_run(tmp_path / "s"))
    assert not report.skipped
    assert (len(store.turns(run.id)), names(steps)) == (3, ["browser:click", "browser:click"])
    shades = [int(store.pixels(frame.picture)[0, 0, 0]) for step in steps for frame in step.frames[BEFORE]]
    assert shades == [90, 180]
    found = {(o.value, o.source) for o in run.outcomes}
    assert found == {("success", OutcomeSource.SELF), ("failure", OutcomeSource.JUDGE)}


def test_an_animation_that_is_empty_or_too_long_is_told_of(store: Store, tmp_path: Path) -> None:
    path = recordings.animated_run(tmp_path / "empty")
    (path.parent / "summary.webp").write_bytes(b"")
    _, steps, report = brought(store, path)
    assert len(steps) == 2
    assert "the animation cannot be read: The picture is empty" in report.skipped[0].reason


def test_playwright(store: Store, tmp_path: Path) -> None:
    run, steps, report = brought(store, recordings.playwright(tmp_path))
    assert (run.task, run.status) == ("a.spec.ts: a test", RunStatus.COMPLETED)
    assert names(steps) == ["browser:page.goto", "left_click", "browser:expect.toBe"]
    goto, click, _ = steps
    assert click.action.point == (80, 30)
    assert click.action.space == Space(640, 480, recordings.WIDTH, recordings.HEIGHT)
    assert (click.status, click.error, click.result_text) == (
        *(StepStatus.FAILED, "Timeout 30 ms exceeded"),
        "attempting click action",
    )
    assert sides(goto) == {BETWEEN: [False], AFTER: [False]}
    assert sides(click) == {BEFORE: [False], AFTER: [True]}  # as it was when the click had found its target
    assert [skipped.reason for skipped in report.skipped] == ["1 of its 4 pictures are not in the archive"]
    assert [(o.value, o.source) for o in run.outcomes] == [("failure", OutcomeSource.EVALUATOR)]
    assert click.started is not None
    assert click.started.wall_ns == 1_750_000_000_050 * 10**6


def test_playwright_that_was_not_packed(store: Store, tmp_path: Path) -> None:
    with zipfile.ZipFile(recordings.playwright(tmp_path / "packed")) as archive:
        archive.extractall(tmp_path / "traces")
    (tmp_path / "traces/test.trace").unlink()
    _, steps, report = brought(store, tmp_path / "traces")
    assert names(steps) == ["browser:page.goto", "left_click"]
    assert (steps[1].action.point, sides(steps[1])) == ((80, 30), {BEFORE: [False], AFTER: [True]})
    assert [skipped.reason for skipped in report.skipped] == ["1 of its 4 pictures are not in the archive"]


def test_playwright_of_a_version_to_come_is_told_of(store: Store, tmp_path: Path) -> None:
    trace = recordings.put(tmp_path / "a.trace", {"type": "context-options", "version": 99, "options": {}})
    _, steps, report = brought(store, trace)
    assert not steps
    assert [skipped.reason for skipped in report.skipped] == [
        "a.trace: its version 99 is newer than those that footage knows (up to 8)"
    ]


def test_playwright_version_3(store: Store, tmp_path: Path) -> None:
    _, (click,), _ = brought(store, recordings.playwright_3(tmp_path))
    assert (click.action.point, click.duration_ms, click.result_text) == ((10, 20), 10, "clicking")


# --- code that drives a screen ---

SMALL = Canvas((100, 50))


@pytest.mark.parametrize(
    ("code", "name", "arguments"),
    [
        ("pyautogui.click(30.72, 40.0)", "left_click", {"coordinate": [30, 40]}),
        ("import pyautogui; pyautogui.click(x=3, y=4, clicks=2)", "double_click", {"coordinate": [3, 4]}),
        ("pyautogui.click(3, 4, button='right')", "right_click", {"coordinate": [3, 4]}),
        ("pyautogui.tripleClick((3, 4))", "triple_click", {"coordinate": [3, 4]}),
        ("pyautogui.click(300, 4)", "left_click", {}),
        ("pyautogui.scroll(-3)", "scroll", {"scroll_direction": "down", "scroll_amount": 3}),
        ("pyautogui.hscroll(2)", "scroll", {"scroll_direction": "right", "scroll_amount": 2}),
        ("pyautogui.hotkey('ctrl', 'l')", "key", {"text": "ctrl+l"}),
        ("pyautogui.hotkey(keys=['ctrl', 'c'])", "key", {"text": "ctrl+c"}),
        ("pyautogui.press('enter', presses=3)", "key", {"text": "Return", "repeat": 3}),
        ("pyautogui.typewrite('a\\nb', interval=0.1)", "type", {"text": "a\nb"}),
        ("time.sleep(2)", "wait", {"duration": 2}),
        ("WAIT", "wait", {}),
        ("DONE", "agent:done", {}),
        ("os.system('rm -rf /')", "python:run", {"code": "os.system('rm -rf /')"}),
        ("pyautogui.click(", "python:run", {"code": "pyautogui.click("}),
        ("pyautogui.click(__import__('os').getpid(), 3)", "python:run", None),
        ("(" * 5000, "python:run", None),
    ],
)
def test_code_is_read_and_never_run(code: str, name: str, arguments: dict[str, object] | None) -> None:
    (action,) = actions_in(code, SMALL)
    assert action.title == name
    assert arguments is None or dict(action.arguments) == arguments


def test_calls_that_make_one_gesture_are_joined() -> None:
    scroll = joined(actions_in("pyautogui.moveTo(10, 20)\npyautogui.scroll(5)", SMALL))
    assert [(a.name, dict(a.arguments)) for a in scroll] == [
        ("scroll", {"scroll_direction": "up", "scroll_amount": 5, "coordinate": [10, 20]})
    ]
    assert len(joined(actions_in("pyautogui.click(1, 2)\npyautogui.write('a')", SMALL))) == 2


def test_a_canvas_gives_no_point_outside_the_picture() -> None:
    assert SMALL.point(99.9, 0) == [99, 0]
    for x, y in [(100, 0), (-1, 3), (None, 3), ("3", 4), (True, 1), (float("nan"), 1), (1e300, 1)]:
        assert SMALL.point(x, y) is None
    assert Canvas.fractions((100, 50)).point(1, 1) == [99, 49]
    assert Canvas.fractions(None).point(0.5, 0.5) is None


def test_a_name_too_long_for_a_file_is_a_picture_that_is_missing(store: Store, tmp_path: Path) -> None:
    folder = recordings.screenagent(tmp_path / "s")
    path = folder / "2023-12-20_14-33-47-000001_translate.json"
    recordings.put(path, json.loads(path.read_text("utf-8")) | {"saved_image_name": "x" * 5000})
    run, _, report = brought(store, folder)
    assert "there is no such picture" in [skipped.reason for skipped in report.skipped]
    assert len(store.turns(run.id)) == 3


def test_a_picture_that_lies_about_its_size_scales_no_point(store: Store, tmp_path: Path) -> None:
    path = recordings.agentnet(tmp_path / "s")
    for picture in (path.parent / "images").iterdir():
        data = picture.read_bytes()
        picture.write_bytes(data[:16] + b"\x00\xff\xff\xff" * 2 + data[24:])
    _, steps, report = brought(store, path)
    assert [step.action.point for step in steps] == [None, None, None]
    assert any("cannot be stored" in skipped.reason for skipped in report.skipped)


# --- the real recordings ---


@pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not here")
@pytest.mark.parametrize(
    ("folder", "runs", "turns", "steps", "points", "pictures"),
    [
        ("screenagent", 40, 409, 609, 150, 398),
        ("webvoyager", 8, 52, 52, 0, 64),
        ("opencua_agentnet", 4, 38, 38, 24, 38),
        ("online_mind2web_result", 1, 4, 4, 0, 5),
        ("openadapt_traces", 3, 6, 20, 4, 23),
        ("browser_use_history", 1, 4, 4, 0, 4),
        ("playwright_traces", 6, 0, 33, 1, 4),
    ],
)
def test_real_recordings(
    store: Store, folder: str, runs: int, turns: int, steps: int, points: int, pictures: int
) -> None:
    report = import_paths(store, [DATA / folder])
    assert len(report.imported) == runs
    told = [step for made in report.imported for step in store.steps(made.run)]
    seen = {frame.picture for made in report.imported for frame in store.frames(made.run)}
    assert sum(len(store.turns(made.run)) for made in report.imported) == turns
    assert len(told) == steps
    assert len(seen) == pictures
    assert sum(step.action.point is not None for step in told) == points
    for step in told:
        check_point(store, step)


def check_point(store: Store, step: Step) -> None:
    """A point lies on the picture that the step begins with."""
    frame, point = step.frame(BEFORE), step.action.point
    if frame is None or point is None or step.action.tracked:
        return
    height, width = np.shape(store.pixels(frame.picture))[:2]
    assert 0 <= point[0] < width
    assert 0 <= point[1] < height


def test_a_call_without_a_position_draws_no_marker() -> None:
    assert Action("click", {"label": "5"}, "browser").point is None
