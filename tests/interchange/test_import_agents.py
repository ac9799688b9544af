"""Recordings of other agents: cua trajectories and ATIF; and calls by the names of other vendors' tools."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from agent_recordings import MOMENT, UUID_MOMENT, artefact, atif, computer_call, picture, trajectory
from footage.interchange.exporters.atif_writer import write_atif
from footage.providers.actions.any_call import actions_of_call
from footage.providers.anthropic.tool_calls import PointerTracker
from footage.storage import Store, open_store
from footage.trajectory import FrameRole, OutcomeSource, RunStatus, StepStatus
from foreign import JSON, imported, shot, shown, write
from samples import noise

BEFORE, AFTER, OBSERVED = FrameRole.BEFORE, FrameRole.AFTER, FrameRole.OBSERVED


@pytest.mark.parametrize(
    ("name", "given", "title", "arguments"),
    [
        ("computer", {"type": "click", "x": 10, "y": 20, "button": "right"}, "right_click", {"coordinate": [10, 20]}),
        ("computer", {"action": "click", "coordinate": [10.6, 20]}, "left_click", {"coordinate": [10, 20]}),
        ("computer", {"action": "left_click", "coordinate": [1, 2]}, "left_click", {"coordinate": [1, 2]}),
        ("computer", {"type": "keypress", "keys": ["CTRL", "s"]}, "key", {"text": "ctrl+s"}),
        ("computer", {"type": "move", "x": 3, "y": 4}, "mouse_move", {"coordinate": [3, 4]}),
        (
            *("computer", {"type": "scroll", "x": 1, "y": 2, "scroll_x": 0, "scroll_y": 300}, "scroll"),
            {"scroll_direction": "down", "scroll_amount": 3, "coordinate": [1, 2]},
        ),
        (
            *("computer", {"type": "drag", "path": [{"x": 1, "y": 2}, {"x": 5, "y": 6}, {"x": 9, "y": 8}]}),
            *("left_click_drag", {"start_coordinate": [1, 2], "coordinate": [9, 8]}),
        ),
        ("computer", {"type": "wait", "ms": 1500}, "wait", {"duration": 1.5}),
        ("computer", {"type": "screenshot"}, "screenshot", {}),
        ("double_click", {"x": 7, "y": 8}, "double_click", {"coordinate": [7, 8]}),
        ("type", {"text": "Ana"}, "type", {"text": "Ana"}),
        ("bash", {"command": "ls"}, "bash:run", {"command": "ls"}),
        ("edit_file", {"action": "type", "path": "x"}, "tool:edit_file", {"action": "type", "path": "x"}),
        ("computer", {"type": "somersault", "x": 1, "y": 2}, "somersault", {"coordinate": [1, 2]}),
        ("computer", {"type": "visit_url", "url": "https://site.test"}, "visit_url", {"url": "https://site.test"}),
        ("computer", {"type": "terminate", "status": "success"}, "agent:terminate", {"status": "success"}),
        ("computer", {"type": "click", "x": 1, "y": 2, "button": "back"}, "back_click", {"coordinate": [1, 2]}),
        ("computer", None, "unknown", {}),
        ("click", {"x": "left", "y": None}, "left_click", {}),
    ],
)
def test_calls_by_other_names(name: str, given: Any, title: str, arguments: JSON) -> None:
    (action,) = actions_of_call(name, given)
    assert (action.title, dict(action.arguments)) == (title, arguments)


def test_a_click_without_a_place_lands_where_the_pointer_was() -> None:
    pointer = PointerTracker()
    actions_of_call("computer", {"type": "move", "x": 3, "y": 4}, pointer=pointer)
    (click,) = actions_of_call("computer", {"type": "click"}, pointer=pointer)
    assert (click.point, click.tracked) == ((3, 4), (3, 4))


# --- cua ------------------------------------------------------------------------------------------


def test_a_cua_trajectory_has_its_turns_calls_and_clean_pictures(store: Store, tmp_path: Path) -> None:
    run = imported(store, trajectory(tmp_path / "2025-09-01_test_120000_abcd"), "cua")
    assert (run.task, run.model, run.status) == ("Open the menu", "openai/test", RunStatus.COMPLETED)
    assert run.started.wall_ns == MOMENT
    turns = store.turns(run.id)
    assert [(turn.thinking, turn.text) for turn in turns] == [("I look.", ""), ("", ""), ("", ""), ("", "It is open.")]
    assert turns[0].usage == {"input_tokens": 9}
    look, click, shell = store.steps(run.id)
    assert [step.turn for step in (look, click, shell)] == [0, 1, 2]
    assert all(step.status is StepStatus.EXECUTED for step in (look, click, shell))
    assert (click.action.title, click.action.point) == ("left_click", (10, 20))
    assert (shell.action.title, shell.result_text) == ("tool:shell", "a b")
    assert [(role, derived) for role, derived, _ in shown(click)] == [(BEFORE, True), (AFTER, False), (OBSERVED, False)]
    pictures = {role: picture for role, _, picture in shown(click)}
    assert (store.pixels(pictures[BEFORE]) == noise(64, 48, 1)).all()
    assert (store.pixels(pictures[AFTER]) == noise(64, 48, 2)).all()


def test_a_cua_reply_is_asked_after_a_picture_in_its_own_folder(store: Store, tmp_path: Path) -> None:
    folder = trajectory(tmp_path / "t")
    (folder / "turn_002/0004_agent_response.json").rename(folder / "turn_002/0004_1_agent_response.json")
    artefact(folder / "turn_002", "0004_0_annotated_form_ui.png", shot(9))
    _, click, _ = store.steps(imported(store, folder, "cua").id)
    pictures = {role: store.pixels(picture) for role, _, picture in shown(click)}
    assert (pictures[BEFORE] == noise(64, 48, 9)).all()
    assert (pictures[AFTER] == noise(64, 48, 2)).all()


def test_outputs_that_cua_printed_and_those_of_calls_that_failed(store: Store, tmp_path: Path) -> None:
    screen = base64.b64encode(shot(7)).decode()
    acts: list[JSON] = [{"action": "left_click", "coordinate": [5, 6]}, {"action": "somersault"}]
    calls = [
        {"type": "function_call", "call_id": name, "name": "computer_use", "arguments": json.dumps(act)}
        for name, act in zip("ab", acts, strict=True)
    ]
    printed = {"type": "function_call_output", "call_id": "a", "output": str({"success": True, "screenshot": screen})}
    failed = {"type": "function_call_output", "call_id": "b", "output": json.dumps({"error": "ToolError('no')"})}
    about = {"trajectory_id": "t", "created_at": UUID_MOMENT, "status": "completed", "kwargs": {}}
    write(tmp_path / "t/metadata.json", {**about, "new_items": [*calls, printed, failed]})
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    artefact(tmp_path / "t/turn_000", "0_agent_response.json", {"response": {"output": calls, "usage": usage}})
    artefact(tmp_path / "t/turn_001", "1_function_call_result.json", {"item": calls[0], "result": [printed]})
    run = imported(store, tmp_path / "t", "cua")
    click, wrong = store.steps(run.id)
    assert (click.action.title, click.result_text) == ("left_click", '{"success": true}')
    assert (store.pixels({role: p for role, _, p in shown(click)}[AFTER]) == noise(64, 48, 7)).all()
    assert (wrong.status, wrong.error) == (StepStatus.FAILED, "ToolError('no')")
    assert store.turns(run.id)[0].usage == {"input_tokens": 3, "output_tokens": 2}


def test_a_cua_trajectory_that_still_ran_was_interrupted(store: Store, tmp_path: Path) -> None:
    folder = trajectory(tmp_path / "t", "running")
    (folder / "turn_003/0006_computer_call_result.json").write_text('{"item": {"typ')
    run = imported(store, folder, "cua", skipped=1)
    assert (run.status, run.steps) == (RunStatus.INTERRUPTED, 3)


def test_single_commands_of_cua_are_a_run(store: Store, tmp_path: Path) -> None:
    done: list[JSON] = [{"type": "screenshot"}, {"type": "click", "x": 5, "y": 6}]
    for number, action in enumerate(done, 1):
        name = f"turn_{number:03}"
        (tmp_path / f"s/{name}").mkdir(parents=True)
        (tmp_path / f"s/{name}/screenshot.png").write_bytes(shot(number))
        body = {"id": f"r{number}", "created_at": 1_756_000_000 + number, "output": [computer_call(name, **action)]}
        write(tmp_path / f"s/{name}/{name}_agent_response.json", {"model": "cua-cli", "response": body})
    run = imported(store, tmp_path / "s", "cua")
    look, click = store.steps(run.id)
    assert click.status is StepStatus.EXECUTED
    assert click.action.point == (5, 6)
    assert [(role, derived) for role, derived, _ in shown(click)] == [(BEFORE, True), (AFTER, False), (OBSERVED, False)]
    assert shown(look)[0][:2] == (AFTER, False)
    assert run.started.wall_ns == 1_756_000_001 * 10**9


# --- ATIF -----------------------------------------------------------------------------------------


def seen(call: str | None, *content: Any) -> JSON:
    return {"results": [{"source_call_id": call, "content": content[0] if len(content) == 1 else list(content)}]}


def test_an_atif_trajectory_has_its_calls_observations_and_pictures(store: Store, tmp_path: Path) -> None:
    (tmp_path / "t/agent/images").mkdir(parents=True)
    for number in (1, 2):
        (tmp_path / f"t/agent/images/{number}.png").write_bytes(shot(number))
    click = {"tool_call_id": "a", "function_name": "computer", "arguments": {"action": "click", "x": 4, "y": 5}}
    bash = {"tool_call_id": "b", "function_name": "bash", "arguments": {"command": "ls"}}
    told = seen("a", {"type": "text", "text": "ok"}, picture(2))["results"] + seen("b", "x")["results"]
    write(
        tmp_path / "t/agent/trajectory.json",
        atif(
            {"source": "system", "message": "Be careful."},
            {"source": "user", "message": [{"type": "text", "text": "Click it"}, picture(1)]},
            {
                "source": "agent",
                "timestamp": "2026-01-01T00:00:05Z",
                "message": "I click.",
                "reasoning_content": "There it is.",
                "tool_calls": [click, bash],
                "observation": {"results": told},
                "metrics": {"prompt_tokens": 7, "completion_tokens": 2, "logprobs": [1, 2]},
            },
            {"source": "user", "message": "Go on"},
            {"source": "agent", "message": "Done."},
        ),
    )
    (tmp_path / "t/verifier").mkdir()
    (tmp_path / "t/verifier/reward.txt").write_text("1\n")
    run = imported(store, tmp_path / "t", "atif")
    assert (run.task, run.model, run.turns) == ("Click it", "model", 2)
    assert [(o.value, o.source) for o in run.outcomes] == [("success", OutcomeSource.EVALUATOR)]
    (first, _) = store.turns(run.id)
    assert (first.thinking, first.text, first.usage) == (
        *("There it is.", "I click."),
        {"input_tokens": 7, "output_tokens": 2},
    )
    request = store.request(first.id)
    assert request is not None
    assert (request["system"], request["messages"]) == ("Be careful.", [{"role": "user", "content": "Click it"}])
    click_step, bash_step = store.steps(run.id)
    assert (click_step.action.point, click_step.result_text) == ((4, 5), "ok")
    assert (bash_step.action.title, bash_step.result_text) == ("bash:run", "x")
    roles = [(role, derived) for role, derived, _ in shown(click_step)]
    assert roles == [(BEFORE, False), (AFTER, False), (OBSERVED, False)]
    assert [note.text for note in store.notes(run.id)] == ["the user said: Go on"]


def test_the_trial_beside_an_atif_trajectory_tells_its_task_and_what_became_of_it(store: Store, tmp_path: Path) -> None:
    write(tmp_path / "t/agent/trajectory.json", atif({"source": "user", "message": "Do it"}))
    trial = {"task_name": "scan", "verifier_result": {"rewards": {"reward": 0.0}}}
    failure = {"exception_type": "AgentTimeoutError", "exception_message": "after 900 s"}
    write(tmp_path / "t/result.json", {**trial, "exception_info": failure})
    run = imported(store, tmp_path / "t", "atif")
    assert (run.task_id, run.status, run.error) == ("scan", RunStatus.ERRORED, "AgentTimeoutError: after 900 s")
    assert [(o.value, o.source) for o in run.outcomes] == [("failure", OutcomeSource.EVALUATOR)]


def test_an_observation_of_no_call_is_a_step_and_copied_context_is_none(store: Store, tmp_path: Path) -> None:
    write(
        tmp_path / "t.json",
        atif(
            {"source": "user", "message": "Go on from there", "is_copied_context": True},
            {"source": "agent", "message": "I asked.", "is_copied_context": True},
            {"source": "agent", "message": "ls", "observation": seen(None, "a b")},
            version="ATIF-v1.7",
        ),
    )
    run = imported(store, tmp_path / "t.json", "atif")
    (step,) = store.steps(run.id)
    assert (run.turns, step.action.title, step.result_text) == (1, "agent:act", "a b")
    request = store.request(store.turns(run.id)[0].id)
    assert request is not None
    assert [message["role"] for message in request["messages"]] == ["user", "assistant"]


def test_atif_pictures_elsewhere_are_told_and_subagents_are_conversations(store: Store, tmp_path: Path) -> None:
    inner = atif({"source": "agent", "message": "", "tool_calls": [{"tool_call_id": "z", "function_name": "look"}]})
    far = {"type": "image", "source": {"media_type": "image/png", "path": "https://example.org/1.png"}}
    call = {"tool_call_id": "a", "function_name": "screenshot", "arguments": {}}
    outer = {"source": "agent", "message": "", "tool_calls": [call], "observation": seen("a", far, "x")}
    write(tmp_path / "t.json", atif({"source": "user", "message": "Look"}, outer, subagent_trajectories=[inner]))
    run = imported(store, tmp_path / "t.json", "atif", skipped=1)
    assert [conversation.label for conversation in store.conversations(run.id)] == ["", "agent"]
    assert [turn.conversation for turn in store.turns(run.id)] == [0, 1]
    assert [gap.reason for gap in store.gaps(run.id)] == ["https://example.org/1.png: there is no such picture"]


def test_what_goes_out_as_atif_comes_back(store: Store, tmp_path: Path) -> None:
    folder = trajectory(tmp_path / "t")
    failed = {"type": "function_call_output", "call_id": "c", "output": '{"error": "no such command"}'}
    artefact(folder / "turn_005", "0009_function_call_result.json", {"item": {"call_id": "c"}, "result": [failed]})
    first = imported(store, folder, "cua")
    assert store.step(first.id, 2).error == "no such command"
    store.add_outcome(first.id, "success", OutcomeSource.JUDGE, "it is open")
    (tmp_path / "out").mkdir()
    write_atif(store, first.id, tmp_path / "out/t.json")
    with open_store(tmp_path / "other.db") as other_store:
        again = imported(other_store, tmp_path / "out/t.json", "atif")
        assert (again.task, again.task_id, again.status, again.steps) == (first.task, first.task_id, first.status, 3)
        assert [(o.value, o.source, o.note) for o in again.outcomes] == [("success", OutcomeSource.JUDGE, "it is open")]
        for one, other in zip(store.steps(first.id), other_store.steps(again.id), strict=True):
            assert (one.action.title, one.action.arguments, one.action.point) == (
                *(other.action.title, other.action.arguments),
                other.action.point,
            )
            assert (one.status, one.result_text, one.error) == (other.status, other.result_text, other.error)
            assert [found[:2] for found in shown(one)] == [found[:2] for found in shown(other)]
            for (_, _, picture), (_, _, copy) in zip(shown(one), shown(other), strict=True):
                assert (store.pixels(picture) == other_store.pixels(copy)).all()
