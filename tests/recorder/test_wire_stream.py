from __future__ import annotations

import json
from pathlib import Path

import pytest

from footage.agent.standin.standin_replies import events_of
from footage.providers.anthropic.stream_reader import MessageBuilder
from footage.providers.streams.server_sent_events import EventReader
from footage.trajectory import JSON, StepStatus
from recording import Tape, call, reply, request, text, user

FIRST = user("Add two numbers")
BLOCKS = (
    {"type": "thinking", "thinking": "Where is it? Zażółć.", "signature": "sig"},
    text("I take a click at the button, then I type."),
    call("toolu_1", action="left_click", coordinate=[10, 20]),
    call("toolu_2", action="type", text="żółć ✓ — and more"),
)


def streamed(message: JSON, newline: str = "\n") -> bytes:
    lines = [f"event: {e['type']}{newline}data: {json.dumps(e)}{newline}{newline}" for e in events_of(message)]
    return "".join(lines).encode()


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 10**6])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_stream_makes_the_same_message_however_it_is_cut_into_chunks(size: int, newline: str) -> None:
    message = {**reply(*BLOCKS), "stop_sequence": None}
    data = streamed(message, newline)
    reader, builder = EventReader(), MessageBuilder()
    complete = [
        block
        for start in range(0, len(data), size)
        for event in reader.feed(data[start : start + size])
        if (block := builder.add(event))
    ]
    assert builder.finished
    assert {**builder.message, "content": builder.content()} == message
    assert complete == list(BLOCKS)


def test_steps_are_recorded_as_soon_as_their_tool_call_is_complete(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    exchange = tape.run.turn(request(FIRST))
    for event in events_of(reply(*BLOCKS)):
        exchange.feed(f"data: {json.dumps(event)}\n\n".encode())
        complete = event["type"] == "content_block_stop" and event["index"] >= 2
        assert len(tape.run.steps.of_call(f"toolu_{event.get('index', 0) - 1}")) == complete
    exchange.close()
    exchange.close()
    seen = tape.read()
    assert [s.action.name for s in seen.steps] == ["left_click", "type"]
    assert seen.turns[0].status == "completed"
    assert list(seen.turns[0].content) == list(BLOCKS)


def test_a_cut_stream_keeps_what_came_and_intends_only_what_was_complete(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    data = streamed(reply(*BLOCKS))
    cut = data.rindex(b"input_json_delta")
    exchange = tape.run.turn(request(FIRST))
    exchange.feed(data[:cut])
    exchange.close()
    tape.run.turn(request(FIRST), reply(call("toolu_3", action="screenshot"), message_id="msg_2"))
    seen = tape.read()
    (turn,) = seen.turns
    assert [a.error for a in turn.attempts] == ["The reply was cut off before its end.", ""]
    assert [(s.call_id, s.status) for s in seen.steps] == [
        ("toolu_1", StepStatus.NOT_EXECUTED),
        ("toolu_3", StepStatus.UNKNOWN),
    ]


def test_a_cut_stream_that_is_not_tried_again_shows_its_partial_input(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    events = list(events_of(reply(*BLOCKS)))
    last = max(i for i, e in enumerate(events) if e.get("delta", {}).get("type") == "input_json_delta")
    exchange = tape.run.turn(request(FIRST))
    for event in events[:last]:
        exchange.feed(f"data: {json.dumps(event)}\n\n".encode())
    exchange.fail("ConnectionError: reset")
    (turn,) = tape.read().turns
    assert turn.status == "streaming"
    assert turn.content[2]["input"] == {"action": "left_click", "coordinate": [10, 20]}
    assert turn.content[3]["input_partial"].startswith('{"action": "type"')


def test_an_error_in_mid_stream_is_told(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    exchange = tape.run.turn(request(FIRST))
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    exchange.feed(f"event: error\ndata: {json.dumps(error)}\n\n".encode())
    exchange.close()
    (turn,) = tape.read().turns
    assert turn.attempts[0].error == "overloaded_error: Overloaded"
    assert turn.status == "streaming"


def test_a_tool_call_whose_json_is_broken_is_kept_without_a_point(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    exchange = tape.run.turn(request(FIRST))
    start = {"type": "content_block_start", "index": 0, "content_block": call("t", x=1) | {"input": {}}}
    delta = {"type": "input_json_delta", "partial_json": '{"action": "left_click", "coordinate": [1'}
    broken = {"type": "content_block_delta", "index": 0, "delta": delta}
    for event in (start, broken, {"type": "content_block_stop", "index": 0}, {"type": "message_stop"}):
        exchange.feed(f"data: {json.dumps(event)}\n\n".encode())
    exchange.close()
    (step,) = tape.read().steps
    assert step.action.point is None
    assert step.action.raw == {"input_partial": delta["partial_json"]}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "message_start", "message": 3},
        {"type": "content_block_delta", "index": "x", "delta": {"type": "text_delta"}},
        {"type": "content_block_delta", "index": 5, "delta": {"type": "new_delta", "rays": 1}},
        {"type": "content_block_stop", "index": 99},
        {"type": "message_delta", "delta": None, "usage": 5},
    ],
)
def test_odd_events_are_survived(event: JSON) -> None:
    builder = MessageBuilder()
    assert builder.add(event) is None
    assert isinstance(builder.content(), list)


def test_deltas_not_known_yet_are_taken_over() -> None:
    builder = MessageBuilder()
    builder.add({"type": "content_block_start", "index": 0, "content_block": {"type": "hologram"}})
    for part in ("a", "b"):
        builder.add({"type": "content_block_delta", "index": 0, "delta": {"type": "ray_delta", "rays": part, "n": 1}})
    assert builder.add({"type": "content_block_stop", "index": 0}) == {"type": "hologram", "rays": "ab", "n": 1}


def test_data_that_is_no_json_object_is_passed_over() -> None:
    assert list(EventReader().feed(b': ping\n\ndata: nonsense\n\ndata: [1]\n\ndata: {"type":\ndata: "ping"}\n\n')) == [
        {"type": "ping"}
    ]
