from __future__ import annotations

from pathlib import Path

import pytest

from footage.providers.anthropic.computer_tools import TOOLSET
from footage.trajectory import JSON, FrameRole, StepStatus
from recording import CLASSIC, Tape, call, image, reply, request, result, said, text, user

FIRST = user("Add two numbers")


def test_an_exchange_becomes_a_turn_and_its_tool_calls_become_intended_steps(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    click = call("toolu_1", action="left_click", coordinate=[10, 20])
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    tape.run.turn(request(FIRST, system="Be brief."), reply(thought, text("I click."), click))
    seen = tape.read()
    (turn,), (step,) = seen.turns, seen.steps
    assert (turn.model, turn.stop_reason, turn.status, turn.response_id) == (
        "claude-x-1",
        "tool_use",
        "completed",
        "msg_1",
    )
    assert (turn.text, turn.thinking, dict(turn.usage)) == (
        "I click.",
        "Hm.",
        {"input_tokens": 7, "output_tokens": 3},
    )
    assert [(a.number, a.status, a.error) for a in turn.attempts] == [(0, 200, "")]
    assert seen.requests == [request(FIRST, system="Be brief.")]
    assert (step.status, step.turn, step.call_id, step.action.point) == (
        StepStatus.UNKNOWN,  # the run is over, and nobody told
        turn.number,
        "toolu_1",
        (10, 20),
    )
    assert seen.run.model == "claude-x"


def test_the_next_request_ends_the_steps_it_brings_results_for(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    calls = [call("a", action="screenshot"), call("b", action="type", text="x"), call("c", action="key", text="y")]
    tape.run.turn(request(FIRST), reply(*calls))
    results = [
        result("a", text("Here."), image(40)),
        result("b", text("No such field."), is_error=True),
        result("c", text("Not executed: an earlier action in this turn failed."), is_error=True),
    ]
    history = [FIRST, said(*calls), user(results)]
    tape.run.turn(request(*history), reply(text("Ah."), message_id="msg_2", stop_reason="end_turn"))
    tape.run.turn(request(*history, said(text("Ah.")), user("Go on")), reply(text("Yes."), message_id="msg_3"))
    seen = tape.read()
    assert [s.status for s in seen.steps] == [StepStatus.EXECUTED, StepStatus.FAILED, StepStatus.NOT_EXECUTED]
    assert [s.result_text for s in seen.steps] == ["Here.", "", ""]
    assert seen.steps[1].error == "No such field."
    assert seen.shade(0, FrameRole.OBSERVED) == [40]
    assert seen.steps[0].frames[FrameRole.OBSERVED][0].source == "wire"
    assert [t.conversation for t in seen.turns] == [0, 0, 0]


def test_a_result_given_as_a_string_is_its_text(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(request(FIRST), reply(call("a", action="wait", duration=1)))
    tape.run.turn(
        request(FIRST, user([{"type": "tool_result", "tool_use_id": "a", "content": "Waited."}])), reply(text("ok"))
    )
    assert tape.read().steps[0].result_text == "Waited."


def test_failed_attempts_and_the_one_that_worked_are_one_turn(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    body = request(FIRST)
    tape.run.turn(body).reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}})
    tape.run.turn(body).fail("APIConnectionError: reset")
    tape.run.turn(body, reply(call("a", action="screenshot")))
    seen = tape.read()
    (turn,) = seen.turns
    assert [(a.number, a.status, a.error) for a in turn.attempts] == [
        (0, 529, "overloaded_error: Busy"),
        (1, None, "APIConnectionError: reset"),
        (2, 200, ""),
    ]
    assert turn.status == "completed"
    assert len(seen.steps) == 1


def test_an_error_alone_leaves_an_errored_turn(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(request(FIRST)).reply(400, "<html>Bad gateway</html>")
    (turn,) = tape.read().turns
    assert (turn.status, turn.attempts[0].status, turn.attempts[0].error) == (
        "errored",
        400,
        "<html>Bad gateway</html>",
    )


def test_the_same_request_after_a_good_reply_is_another_turn(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    for number in range(2):
        tape.run.turn(request(FIRST), reply(text(f"sample {number}"), message_id=f"msg_{number}"))
    assert [t.text for t in tape.read().turns] == ["sample 0", "sample 1"]


def test_conversations_side_by_side_are_told_apart(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    click = call("a", action="screenshot")
    tape.run.turn(request(FIRST), reply(click))
    tape.run.turn(request(user("Find a  title\nfor this"), tools=[]), reply(text("Sums"), message_id="msg_t"))
    tape.run.turn(request(FIRST, said(click), user([result("a", text("ok"))])), reply(text("done"), message_id="m3"))
    seen = tape.read()
    assert [t.conversation for t in seen.turns] == [0, 1, 0]
    assert seen.labels == ["", "Find a title for this"]


def test_pruned_pictures_and_moved_cache_marks_do_not_begin_a_conversation(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(request(user([image(1), text("Look")])), reply(text("I see."), message_id="m1"))
    marked = {**text("Look"), "cache_control": {"type": "ephemeral"}}
    tape.run.turn(request(user([image(2), marked]), said(text("I see.")), user("And?")), reply(text("Yes.")))
    assert [t.conversation for t in tape.read().turns] == [0, 0]


def test_a_compacted_history_still_belongs_by_the_calls_it_answers(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    click = call("a", action="screenshot")
    tape.run.turn(request(FIRST), reply(click))
    tape.run.turn(request(user("Summary so far"), said(click), user([result("a", text("ok"))])), reply(text("ok")))
    assert [t.conversation for t in tape.read().turns] == [0, 0]


def test_a_message_thread_goes_on_where_it_says(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    toolset = {"type": TOOLSET}
    tape.run.turn(request(FIRST, tools=[toolset], thread={"type": "create"}), reply(text("Hello"), message_id="m1"))
    on = {"type": "continue", "previous_message_id": "m1"}
    body: JSON = {"model": "claude-x", "max_tokens": 9, "messages": [user("Click")], "thread": on}
    tape.run.turn(body, reply({"type": "tool_use", "id": "t", "name": "left_click", "input": {"coordinate": [3, 4]}}))
    seen = tape.read()
    assert [t.conversation for t in seen.turns] == [0, 0]
    assert seen.steps[0].action.title == "left_click"  # the tools were declared when the thread began


def test_coordinates_of_a_smaller_picture_are_mapped_to_the_watched_screen(tmp_path: Path) -> None:
    tape = Tape(tmp_path, machine={"driver": "x", "protocol": 1, "screen": [128, 96]})
    tape.run.turn(request(FIRST), reply(call("a", action="left_click", coordinate=[10, 20])))
    (step,) = tape.read().steps
    assert step.action.point == (20, 40)
    assert step.action.raw == {"action": "left_click", "coordinate": [10, 20]}
    assert step.action.space is not None
    assert (step.action.space.width, step.action.space.screen_width) == (64, 128)


def test_without_a_machine_points_are_in_the_picture_the_model_saw(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    declared_twice_as_large = {**CLASSIC, "display_width_px": 128, "display_height_px": 96}
    look = user([text("Go"), image(9)])
    click = call("a", action="left_click", coordinate=[100, 50])
    tape.run.turn(request(look, tools=[declared_twice_as_large]), reply(click))
    assert tape.read().steps[0].action.point == (50, 25)


def test_a_zoomed_picture_is_no_space_for_coordinates(tmp_path: Path) -> None:
    tape = Tape(tmp_path, machine={"driver": "x", "protocol": 1, "screen": [128, 96]})
    tools: list[JSON] = [{"type": TOOLSET}]
    zoom = {"type": "tool_use", "id": "z", "name": "zoom", "input": {"region": [0, 0, 32, 24]}}
    click = {"type": "tool_use", "id": "c", "name": "left_click", "input": {"coordinate": [10, 10]}}
    begin = user([text("Go"), image(1)])
    tape.run.turn(request(begin, tools=tools), reply(zoom))
    tape.run.turn(request(begin, said(zoom), user([result("z", image(2, (100, 75)))]), tools=tools), reply(click))
    seen = tape.read()
    assert seen.steps[1].action.point == (20, 20)
    (shown,) = seen.steps[0].frames[FrameRole.OBSERVED]
    assert shown.region is not None
    assert shown.region.as_list() == [0, 0, 64, 48]
    assert (shown.screen_width, shown.screen_height) == (128, 96)


def test_a_batch_result_is_shared_out_by_its_labels(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    actions = [{"action": "screenshot"}, {"action": "left_click"}, {"action": "type", "text": "x"}]
    block = {"type": "tool_use", "id": "b", "name": "computer_batch", "input": {"actions": actions}}
    tape.run.turn(request(FIRST), reply(block))
    shares = [text("[0:screenshot] (ok)"), image(5), text("[1:left_click] no such point"), text("batch stopped")]
    tape.run.turn(request(FIRST, said(block), user([result("b", *shares, is_error=True)])), reply(text("hm")))
    seen = tape.read()
    assert [s.call_index for s in seen.steps] == [0, 1, 2]
    assert [s.status for s in seen.steps] == [StepStatus.EXECUTED, StepStatus.FAILED, StepStatus.NOT_EXECUTED]
    assert seen.shade(0, FrameRole.OBSERVED) == [5]
    assert seen.steps[1].error == "[1:left_click] no such point\nbatch stopped"


def test_pictures_of_an_unlabelled_batch_go_to_its_actions_in_order(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    actions = [{"action": "screenshot"}, {"action": "screenshot"}]
    block = {"type": "tool_use", "id": "b", "name": "computer_batch", "input": {"actions": actions}}
    tape.run.turn(request(FIRST), reply(block))
    tape.run.turn(request(FIRST, said(block), user([result("b", image(1), image(2), text("ok"))])), reply(text("k")))
    seen = tape.read()
    assert [seen.shade(i, FrameRole.OBSERVED) for i in range(2)] == [[1], [2]]


def test_the_services_own_tools_are_steps_that_end_in_the_same_reply(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    asked = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    told = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]}
    failed = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    again = {**asked, "id": "s2"}
    answer = {"type": "web_search_tool_result", "tool_use_id": "s2", "content": failed}
    tape.run.turn(request(FIRST), reply(asked, told, again, answer, text("Found.")))
    assert [(s.action.title, s.status) for s in tape.read().steps] == [
        ("server:web_search", StepStatus.EXECUTED),
        ("server:web_search", StepStatus.FAILED),
    ]


def test_blocks_of_kinds_not_known_yet_are_kept_as_they_came(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    odd: JSON = {"type": "hologram", "rays": [1, 2, {"deep": True}]}
    tape.run.turn(request(user([odd])), reply(odd, text("ok")))
    seen = tape.read()
    assert seen.turns[0].content[0] == odd
    assert seen.requests[0] is not None
    assert seen.requests[0]["messages"][0]["content"] == [odd]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": None},
        {"messages": "hello", "tools": 5},
        {"model": 3, "messages": [None, 1, {"role": "user"}, {"content": [None, {"type": "tool_result"}]}]},
        {"messages": [user([{"type": "image", "source": {"type": "base64", "data": "!"}}])], "tools": [None]},
        {"messages": [], "thread": {"previous_message_id": ["x"]}},
    ],
)
@pytest.mark.parametrize("answer", [None, [], "text", {"content": "text"}, {"content": [None, {"type": None}]}])
def test_nonsense_on_the_wire_never_reaches_the_agent(tmp_path: Path, body: JSON, answer: object) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(body).reply(200, answer)
    after = tape.run.turn(request(FIRST), reply(call("a", action="screenshot")))
    assert after.turn == 1
    seen = tape.read()
    assert (len(seen.turns), len(seen.steps), seen.gaps) == (2, 1, [])
