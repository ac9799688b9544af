"""Recordings of Anthropic's own loops and tools: message dumps, best-practices runs, Claude Code transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from anthropic_recordings import ANSWER, CLICKED, MESSAGES, dumps, said, transcript
from footage.storage import Store
from footage.trajectory import FrameRole, OutcomeSource, Region, RunStatus, StepStatus
from foreign import JSON, call, imported, result, shot, shown, text, write
from samples import noise

BEFORE, AFTER, OBSERVED = FrameRole.BEFORE, FrameRole.AFTER, FrameRole.OBSERVED


def test_of_message_dumps_the_last_one_is_the_run(store: Store, tmp_path: Path) -> None:
    run = imported(store, dumps(tmp_path / "t6"), "anthropic-messages")
    assert (run.task, run.model, run.status) == ("Play the song", "claude-test", RunStatus.COMPLETED)
    look, click, again = store.steps(run.id)
    assert [step.status for step in (look, click, again)] == [
        *(StepStatus.EXECUTED, StepStatus.EXECUTED),
        StepStatus.FAILED,
    ]
    assert (click.action.point, again.action.point, again.action.tracked) == ((40, 30), (40, 30), (40, 30))
    turns = store.turns(run.id)
    assert [turn.text for turn in turns] == ["I look.", "", "It plays."]
    assert (turns[2].response_id, turns[2].stop_reason, turns[2].usage["input_tokens"]) == ("msg_1", "end_turn", 5)
    assert run.started.wall_ns == 1735725601 * 10**9
    (picture,) = {picture for step in (look, click, again) for _, _, picture in shown(step)}
    assert (store.pixels(picture) == noise(64, 48, 1)).all()
    assert shown(look) == [(AFTER, False, picture), (OBSERVED, False, picture)]
    assert shown(click) == shown(again) == [(BEFORE, True, picture)]


def test_a_dumps_requests_are_what_the_model_was_sent(store: Store, tmp_path: Path) -> None:
    run = imported(store, dumps(tmp_path / "t6"), "anthropic-messages")
    request = store.request(store.turns(run.id)[2].id, pictures=True)
    assert request is not None
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert request["messages"][3] == CLICKED
    assert request["messages"][2]["content"][0]["content"][0]["type"] == "image"


def test_a_dump_that_ends_with_a_call_was_interrupted_and_a_broken_last_one_is_told(
    store: Store, tmp_path: Path
) -> None:
    folder = dumps(tmp_path / "t1", last=4, response=None)
    (folder / "5.json").write_text('{"messages": [{"role"')
    run = imported(store, folder, "anthropic-messages", skipped=1)
    assert (run.status, run.steps, run.turns) == (RunStatus.INTERRUPTED, 3, 2)
    assert [step.status for step in store.steps(run.id)[1:]] == [StepStatus.UNKNOWN, StepStatus.UNKNOWN]
    assert "5.json" in store.gaps(run.id)[0].reason


def test_a_single_dump_is_a_run_too(store: Store, tmp_path: Path) -> None:
    folder = dumps(tmp_path / "t6")
    assert imported(store, folder / "5.json", "anthropic-messages").steps == 3


def best_practices(folder: Path, *messages: JSON) -> Path:
    write(folder / "meta.json", {"model": "claude-test", "task": "Fill it in", "started": "20250801-142233"})
    (folder / "system_prompt.txt").write_text("You are careful.")
    (folder / "scratch").mkdir()
    write(folder / "transcript.jsonl", *messages)
    (folder / "images").mkdir()
    for number in range(3):
        (folder / f"images/{number:03}.jpg").write_bytes(shot(number))
    return folder


def file(number: int) -> JSON:
    return {"type": "image", "path": f"images/{number:03}.jpg"}


def test_a_best_practices_run_has_its_pictures_and_the_parts_of_its_batches(store: Store, tmp_path: Path) -> None:
    actions = [{"action": "left_click", "coordinate": [10, 20]}, {"action": "zoom", "region": [0, 0, 32, 24]}]
    third = {"action": "type", "text": "Ana"}
    batch = call("b", "computer_batch", actions=[*actions, third])
    parts = [text("[0:left_click] ok"), text("[1:zoom] shown"), file(1), text("[2:type] ok"), file(2)]
    run = imported(
        store,
        best_practices(
            tmp_path / "runs/20250801-142233",
            {"role": "user", "content": "Fill it in"},
            {"role": "assistant", "content": [call("a", "computer", action="screenshot")]},
            {"role": "user", "content": [result("a", file(0))]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Three at once."}, batch]},
            {"role": "user", "content": [result("b", *parts)]},
            {"role": "assistant", "content": [text("Filled in.")]},
        ),
        "anthropic-best-practices",
    )
    assert (run.task, run.model, run.status) == ("Fill it in", "claude-test", RunStatus.COMPLETED)
    assert run.started.wall_ns == 1754058153 * 10**9
    look, click, zoom, typed = store.steps(run.id)
    assert [(step.turn, step.call_index) for step in (look, click, zoom, typed)] == [(0, 0), (1, 0), (1, 1), (1, 2)]
    assert [step.result_text for step in (click, zoom, typed)] == [
        *("[0:left_click] ok", "[1:zoom] shown"),
        "[2:type] ok",
    ]
    assert click.action.point == (10, 20)
    seen = zoom.frame(OBSERVED)
    assert seen is not None
    assert (seen.region, seen.screen_width, seen.screen_height) == (Region(0, 0, 32, 24), 64, 48)
    assert zoom.frame(AFTER) is None
    assert [(role, derived) for role, derived, _ in shown(typed)] == [(BEFORE, True), (AFTER, False), (OBSERVED, False)]
    assert store.turns(run.id)[1].thinking == "Three at once."
    request = store.request(store.turns(run.id)[0].id)
    assert request is not None
    assert request["system"] == "You are careful."


def test_after_a_failure_the_rest_of_a_batch_was_not_executed(store: Store, tmp_path: Path) -> None:
    actions = [{"action": "key", "text": "ctrl+s"}, {"action": "wait", "duration": 1}, {"action": "screenshot"}]
    failed = result("b", text("[0:key] ok"), text("[1:wait] too long"), text("batch stopped"), is_error=True)
    run = imported(
        store,
        best_practices(
            tmp_path / "runs/1",
            {"role": "user", "content": "Save"},
            {"role": "assistant", "content": [call("b", "computer_batch", actions=actions)]},
            {"role": "user", "content": [failed]},
            {"role": "assistant", "content": [text("[stopped before completing]")]},
        ),
        "anthropic-best-practices",
    )
    assert run.status is RunStatus.INTERRUPTED
    statuses = [step.status for step in store.steps(run.id)]
    assert statuses == [StepStatus.EXECUTED, StepStatus.FAILED, StepStatus.NOT_EXECUTED]


def test_a_transcript_joins_the_lines_of_a_reply(store: Store, tmp_path: Path) -> None:
    folder = transcript(tmp_path / "logs")
    write(folder / "result.json", {"app_id": "openshot", "os": "linux", "verification_passed": True})
    run = imported(store, folder, "claude-code")
    assert (run.task, run.task_id, run.model, run.status) == (
        *("Make a script", "openshot/linux", "claude-test"),
        RunStatus.COMPLETED,
    )
    assert [(o.value, o.source) for o in run.outcomes] == [("success", OutcomeSource.EVALUATOR)]
    turns = store.turns(run.id)
    assert [(turn.response_id, turn.conversation, turn.text) for turn in turns] == [
        ("m1", 0, "I try."),
        ("m2", 1, ""),
        ("m3", 0, "Done."),
    ]
    assert turns[0].thinking == "Hm."
    assert [conversation.label for conversation in store.conversations(run.id)] == ["", "w1"]
    screen, read, bash = store.steps(run.id)
    assert (screen.action.title, read.action.title) == ("mcp/sandbox:screenshot", "tool:Read")
    assert [role for role, _, _ in shown(screen)] == [AFTER, OBSERVED]
    assert [role for role, _, _ in shown(read)] == [BEFORE, OBSERVED]
    assert bash.status is StepStatus.FAILED
    assert [note.text for note in store.notes(run.id)] == ["the user said: Hurry"]


def test_the_stream_of_the_sdk_says_how_it_ended(store: Store, tmp_path: Path) -> None:
    start = {"type": "system", "subtype": "init", "session_id": "s", "model": "claude-test"}
    asked = {"type": "assistant", "session_id": "s", "message": said("m1", call("a", "Bash", command="ls"))}
    stream = tmp_path / "stream.jsonl"
    write(stream, start, asked, {"type": "result", "subtype": "error_max_turns", "is_error": True, "session_id": "s"})
    assert imported(store, stream, "claude-code").status is RunStatus.INTERRUPTED
    write(stream, start, asked, {"type": "result", "subtype": "success", "is_error": True, "result": "no credit"})
    run = imported(store, stream, "claude-code")
    assert (run.status, run.error) == (RunStatus.ERRORED, "no credit")


def test_a_transcript_that_breaks_off_keeps_what_was_there(store: Store, tmp_path: Path) -> None:
    folder = transcript(tmp_path / "logs")
    whole = (folder / "session.jsonl").read_text()
    (folder / "session.jsonl").write_text(whole[: whole.index('"u5"') + 40])
    run = imported(store, folder, "claude-code", skipped=1)
    assert (run.status, run.steps) == (RunStatus.INTERRUPTED, 1)
    assert len(store.gaps(run.id)) == 1


@pytest.mark.parametrize("alone", [True, False])
def test_a_list_of_messages_is_a_run(store: Store, tmp_path: Path, alone: bool) -> None:
    reply = {"role": "assistant", "content": ANSWER["content"]}
    messages = [*MESSAGES, reply]
    write(tmp_path / "history.json", messages if alone else {"messages": messages, "model": "claude-test"})
    run = imported(store, tmp_path / "history.json", "anthropic-messages")
    assert (run.task, run.turns, run.steps, run.status) == ("Play the song", 3, 3, RunStatus.COMPLETED)
    assert run.model == ("" if alone else "claude-test")


def test_a_broken_first_dump_hides_no_run(store: Store, tmp_path: Path) -> None:
    folder = dumps(tmp_path / "t6")
    (folder / "1.json").write_text('{"times')
    assert imported(store, folder, "anthropic-messages", skipped=1).steps == 3
